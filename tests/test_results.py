"""How results say what they are about."""

from dataclasses import replace

import pytest

from mnistcnn.results import Comparison, Difference, Evaluation, Mistake


@pytest.mark.parametrize(
    ("split", "images", "subject"),
    [("test", 1, "mine, 1 image of the test split"), ("all", 60, "mine, all 60 images")],
)
def test_an_evaluation_says_what_was_measured(split: str, images: int, subject: str) -> None:
    """All pictures of class folders are not called a split."""
    figures = dict.fromkeys(Evaluation.__dataclass_fields__)
    evaluation = Evaluation(**figures | {"data": "mine", "split": split, "images": images})  # type: ignore[arg-type]
    assert evaluation.subject == subject


def difference(label: int, *answers: tuple[int, float]) -> Difference:
    """An image that models read as digits with probabilities."""
    digits, probabilities = zip(*answers, strict=True)
    return Difference(position=0, label=label, digits=digits, probabilities=probabilities, image=None)


def test_the_most_telling_differences_are_right_and_wrong_with_confidence() -> None:
    """First those that one model reads right and another wrong, both surely; last those that no model reads right."""
    neither = difference(3, (5, 0.99), (8, 0.99))
    weak = difference(3, (3, 0.4), (5, 0.99))
    strong = difference(3, (5, 0.9), (3, 0.8), (5, 0.3))
    comparison = Comparison(models=("a", "b"), evaluations=(), differences=(neither, weak, strong))
    assert comparison.most_telling == (strong, weak, neither)


def test_an_image_is_called_by_its_file_if_it_has_one() -> None:
    """Else it is called by its position in its split."""
    mistake = Mistake(position=7, label=1, digit=2, probability=0.9, label_probability=0.1, image=None)
    assert mistake.name == "image 7"
    assert replace(mistake, file="pictures/1/scan 3.png").name == "scan 3.png"
