"""Counts and measures in words."""

import pytest

from mnistcnn.wording import counted


@pytest.mark.parametrize(("count", "text"), [(0, "0 images"), (1, "1 image"), (2, "2 images"), (1000, "1,000 images")])
def test_a_count_has_its_noun_in_the_right_number(count: int, text: str) -> None:
    """One is singular; thousands have a comma."""
    assert counted(count, "image") == text
