"""The choice of what a picture shows, among the digits that its marks and pieces of them may be.

Candidates with the network's answers go in; those that the picture shows come out, in reading order. Digits that touch
are one mark, whose pieces are chosen as in LeCun et al., "Gradient-Based Learning Applied to Document Recognition",
1998, section VII: by the way of the lowest cost through its cuts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from mnistcnn.inference.calibration import DOUBTFUL_CUT, DOUBTFUL_PAGE, OTHER_MARKS, evidence
from mnistcnn.inference.measures import log_softmax
from mnistcnn.pictures.prepared import PreparedDigit

# The costs are chosen by the made numbers of `tests/benchmarks/pages.py --split validation` in which digits touch.

# cost of each digit: two pieces must be likelier than the one digit that they might be (of 276 numbers 218 are right at
# 0.5, 223 at 0.8 and 1.0, 219 at 1.5; of 25 pages 99.2 % of the digits at 1.0, 99.4 % at 1.5)
DIGIT_COST = 1.0
# cost of lacking evidence, as a share of the least of a sure answer; it is lacking below ENOUGH_EVIDENCE × that
EVIDENCE_COST = 2.0
ENOUGH_EVIDENCE = 1.1
# cost of an aspect that is 1 over MAX_ASPECT, beyond which digits are rare
ASPECT_COST = 2.0
MAX_ASPECT = 0.9
# cost: a mark that is read surely for less is not cut (of 800 numbers the same 726 are right at 1.02 and here; 475 of
# them are sure there, 485 here, and 10 others wrong and sure at both)
CLEAR_COST = 1.05
# cost: if another text costs less more than this, the cuts are in doubt, and the digits unsure (of 800 numbers 485 are
# right and sure and 10 wrong and sure here, 338 and 6 at 1.5, 275 and 5 at 2)
MIN_MARGIN = 1.0

# share of a picture's digits: if fewer are sure by themselves, it shows letters or drawings, and no answer is sure
MIN_SURE_SHARE = 0.75
# share of a picture's few marks: if no more are sure by themselves, what stands beside the one digit is not a digit
MAX_DOUBTED_SHARE = 0.5
# share of a picture's many marks: the same
MAX_DOUBTED_SHARE_OF_MANY = 0.25
# count: so many marks are many
MANY = 4


@dataclass(frozen=True)
class Answer:
    """What the network says of a candidate."""

    digit: PreparedDigit
    probabilities: tuple[float, ...]  # (10,), by digit
    unsure_because: str | None  # why it cannot be relied on; None if it can be
    cost: float  # how little it looks like a digit: 0 or more, the sum of several is comparable with one

    def doubted(self, reason: str) -> "Answer":
        """Return the same answer, unsure for a reason if it has none of its own."""
        return self if self.unsure_because else replace(self, unsure_because=reason)

    @property
    def text(self) -> str:
        """The likeliest digit."""
        return str(max(range(len(self.probabilities)), key=self.probabilities.__getitem__))


def is_clear(whole: Answer) -> bool:
    """Tell whether a mark need not be cut, given the answer to the whole of it: it cannot be, or is surely a digit."""
    return whole.digit.strokes is None or (whole.unsure_because is None and whole.cost < CLEAR_COST)


def costs(logits: np.ndarray, temperature: float | None, least: float | None, aspects: np.ndarray) -> np.ndarray:
    """Return what it costs to take candidates for digits (N,), from their logits (N, 10) and aspects (N,).

    The cost rises as the likeliest digit is less probable, as evidence is lacking, and as the candidate is wider than
    digits are. `temperature` and `least` are those of `calibration.doubts`.
    """
    improbable = -log_softmax(logits / (temperature or 1.0)).max(axis=1)
    lacking = np.zeros(len(logits)) if least is None else ENOUGH_EVIDENCE - evidence(logits) / least
    wide = np.maximum(aspects - MAX_ASPECT, 0)
    return np.asarray(DIGIT_COST + improbable + EVIDENCE_COST * np.maximum(lacking, 0) + ASPECT_COST * wide)


def digits_shown(answers: Sequence[Answer], alone: Answer | None) -> list[Answer]:
    """Return the answers for the digits that a picture shows, in reading order, with why they are unsure.

    `alone` is that for the picture's one digit, should its marks not be digits. Several marks are digits if the network
    believes most of them. Where many are doubtful none is to be relied on: letters, too, stand beside each other.
    """
    ways = [_way(list(mark)) for _, mark in groupby(answers, key=lambda answer: answer.digit.mark)]
    digits = [answer for way, _ in ways for answer in way]
    share = sum(answer.unsure_because is None for answer in digits) / len(digits)
    if alone is not None and share <= (MAX_DOUBTED_SHARE if len(digits) < MANY else MAX_DOUBTED_SHARE_OF_MANY):
        return [alone]
    if share < MIN_SURE_SHARE:
        return [answer.doubted(DOUBTFUL_PAGE) for answer in digits]
    found = [answer if is_far_ahead else answer.doubted(DOUBTFUL_CUT) for way, is_far_ahead in ways for answer in way]
    return [answer.doubted(OTHER_MARKS) if answer.digit.signs else answer for answer in found]


def _way(mark: list[Answer]) -> tuple[list[Answer], bool]:
    """Return the digits of one mark, the cheapest way through its cuts, and whether any other text costs much more."""
    last = max(answer.digit.end for answer in mark)
    # by cut: the cost, text and digits of the cheapest way to it, and of the cheapest with another text
    ways: dict[int, list[tuple[float, str, list[Answer]]]] = {0: [(0.0, "", [])]}
    for end in range(1, last + 1):
        found: dict[str, tuple[float, str, list[Answer]]] = {}
        for answer in mark:
            if answer.digit.end == end:
                for cost, text, way in ways.get(answer.digit.start, []):
                    longer = (cost + answer.cost, text + answer.text, [*way, answer])
                    found[longer[1]] = min(found.get(longer[1], longer), longer, key=lambda way: way[0])
        ways[end] = sorted(found.values(), key=lambda way: way[0])[:2]
    best, *others = ways[last]
    return best[2], all(other[0] - best[0] >= MIN_MARGIN for other in others)
