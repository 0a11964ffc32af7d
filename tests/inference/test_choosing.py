"""The choice among the digits that a picture's marks may be."""

from dataclasses import replace

import numpy as np
import pytest

from mnistcnn.inference.calibration import DOUBTFUL_CUT, DOUBTFUL_PAGE, TWO_LIKELY
from mnistcnn.inference.choosing import CLEAR_COST, Answer, costs, digits_shown, is_clear
from mnistcnn.pictures.prepared import PreparedDigit

IMAGE = np.zeros((28, 28), np.uint8)


def answer(
    digit: int, cost: float, *, mark: int = 0, cuts: tuple[int, int] = (0, 1), unsure: str | None = None
) -> Answer:
    """Return what a network says that is certain of a digit."""
    prepared = PreparedDigit(IMAGE, (0, 0, 10, 20), mark=mark, start=cuts[0], end=cuts[1])
    return Answer(prepared, tuple(np.eye(10)[digit].tolist()), unsure_because=unsure, cost=cost)


def shown(answers: list[Answer], alone: Answer | None = None) -> tuple[str, list[str | None]]:
    """Return the text that a picture shows, and why each of its digits is unsure."""
    found = digits_shown(answers, alone)
    return "".join(digit.text for digit in found), [digit.unsure_because for digit in found]


def test_the_cheapest_way_through_the_cuts_is_taken() -> None:
    """A mark of three pieces is 4 and 7, which cost 3; 9 costs 4, 8 and 1 cost 5, and 4, 1 and 1 cost 5.5."""
    one, two, three = (0, 1), (1, 2), (2, 3)
    mark = [answer(4, 1.5, cuts=one), answer(1, 2.0, cuts=two), answer(1, 2.0, cuts=three)]
    mark += [answer(7, 1.5, cuts=(1, 3)), answer(8, 3.0, cuts=(0, 2)), answer(9, 4.0, cuts=(0, 3))]
    assert shown(mark) == ("47", [None, None])


def test_a_text_that_costs_little_more_makes_the_digits_unsure() -> None:
    """Where 9 costs hardly more than 4 and 7 the cuts are in doubt; where the same text has other cuts they are not."""
    mark = [answer(4, 1.0, cuts=(0, 1)), answer(7, 1.0, cuts=(1, 3)), answer(9, 2.1, cuts=(0, 3))]
    assert shown(mark) == ("47", [DOUBTFUL_CUT, DOUBTFUL_CUT])
    mark = [answer(4, 1.0, cuts=(0, 1)), answer(7, 1.0, cuts=(1, 3)), answer(4, 1.1, cuts=(0, 2))]
    assert shown([*mark, answer(7, 1.0, cuts=(2, 3))]) == ("47", [None, None])


def test_a_mark_in_doubt_leaves_the_others_sure() -> None:
    """The digits of other marks of the picture stay as they are."""
    doubtful = [answer(4, 1.0, mark=3, cuts=(0, 1)), answer(1, 1.0, mark=3, cuts=(1, 2))]
    doubtful.append(answer(9, 2.1, mark=3, cuts=(0, 2)))
    assert shown([answer(1, 1.0, mark=0), answer(2, 1.0, mark=1), answer(3, 1.0, mark=2), *doubtful]) == (
        "12341",
        [None, None, None, DOUBTFUL_CUT, DOUBTFUL_CUT],
    )


def test_marks_that_the_network_does_not_believe_leave_the_one_digit() -> None:
    """A picture is its one digit if half of two marks, or three quarters of four, are doubtful, else a number."""
    alone = answer(5, 1.0)
    assert shown([answer(5, 1.0), answer(1, 1.0, mark=1, unsure=TWO_LIKELY)], alone) == ("5", [None])
    assert shown([answer(5, 1.0), answer(1, 1.0, mark=1)], alone) == ("51", [None, None])
    four = [answer(place, 1.0, mark=place, unsure=TWO_LIKELY if place else None) for place in range(4)]
    assert shown(four, alone) == ("5", [None])
    four = [answer(place, 1.0, mark=place, unsure=TWO_LIKELY if place > 1 else None) for place in range(4)]
    doubted = [DOUBTFUL_PAGE, DOUBTFUL_PAGE, TWO_LIKELY, TWO_LIKELY]  # too few of them to rely on any
    assert shown(four, alone) == ("0123", doubted)


def test_a_wide_mark_is_cut_unless_the_whole_of_it_is_clear() -> None:
    """A whole that is sure and cheap is clear, and one that is unsure or dear is not; a narrow mark is never cut."""
    wide = PreparedDigit(IMAGE, (0, 0, 30, 20), strokes=np.ones((20, 30), np.uint8))
    sure = Answer(wide, tuple(np.eye(10)[3].tolist()), unsure_because=None, cost=CLEAR_COST - 0.01)
    assert is_clear(sure)
    assert not is_clear(replace(sure, cost=CLEAR_COST))
    assert not is_clear(replace(sure, unsure_because=TWO_LIKELY))
    assert is_clear(answer(3, 9.0, unsure=TWO_LIKELY))


def test_what_looks_less_like_a_digit_costs_more() -> None:
    """A cost rises with a smaller probability, with less evidence, and with a width that digits do not have."""
    likely = np.array([[12.0, *[0.0] * 9]])
    second, weak = np.array([[12.0, 11.0, *[0.0] * 8]]), np.array([[4.0, *[0.0] * 9]])
    [base] = costs(likely, 1.0, 5.0, np.array([0.6]))
    assert costs(second, 1.0, 5.0, np.array([0.6]))[0] > base
    assert costs(weak, 1.0, 5.0, np.array([0.6]))[0] > base
    assert costs(likely, 1.0, 5.0, np.array([1.4]))[0] > base
    assert costs(weak, 1.0, None, np.array([0.6]))[0] == pytest.approx(base, abs=0.2)  # an old model knows no evidence
