"""How results say what they are about."""

import pytest

from mnistcnn.results import Evaluation


@pytest.mark.parametrize(
    ("split", "images", "subject"),
    [("test", 1, "mine, 1 image of the test split"), ("all", 60, "mine, all 60 images")],
)
def test_an_evaluation_says_what_was_measured(split: str, images: int, subject: str) -> None:
    """All pictures of class folders are not called a split."""
    figures = dict.fromkeys(Evaluation.__dataclass_fields__)
    evaluation = Evaluation(**figures | {"data": "mine", "split": split, "images": images})  # type: ignore[arg-type]
    assert evaluation.subject == subject
