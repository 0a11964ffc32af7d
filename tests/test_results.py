"""How results name what they count."""

import pytest

from mnistcnn.results import Evaluation, counted


@pytest.mark.parametrize(("count", "text"), [(0, "0 images"), (1, "1 image"), (2, "2 images"), (1000, "1,000 images")])
def test_a_count_has_its_noun_in_the_right_number(count: int, text: str) -> None:
    """One is singular; thousands have a comma."""
    assert counted(count, "image") == text


@pytest.mark.parametrize(
    ("split", "images", "subject"),
    [("test", 1, "mine, 1 image of the test split"), ("all", 60, "mine, all 60 images")],
)
def test_an_evaluation_says_what_was_measured(split: str, images: int, subject: str) -> None:
    """All pictures of class folders are not called a split."""
    figures = dict.fromkeys(Evaluation.__dataclass_fields__)
    evaluation = Evaluation(**figures | {"data": "mine", "split": split, "images": images})  # type: ignore[arg-type]
    assert evaluation.subject == subject
