"""Pictures made of characters, and text that is safe to print: plain strings, without colour."""

import math
from collections.abc import Sequence
from itertools import pairwise

EIGHTHS = " ▏▎▍▌▋▊▉█"
LEVELS = "▁▂▃▄▅▆▇█"
INK = 64  # of 255: thin strokes stay
BRAILLE = 0x2800  # the character without dots; each dot adds its bit
DOTS = {(0, 0): 1, (1, 0): 2, (2, 0): 4, (0, 1): 8, (1, 1): 16, (2, 1): 32, (3, 0): 64, (3, 1): 128}
SHADES = " ░▒▓█"


def bar(share: float, width: int) -> str:
    """Return a bar of `width` columns, filled to `share` in [0, 1] by eighths of a column."""
    eighths = round(share * width * 8)
    full, rest = divmod(eighths, 8)
    return (EIGHTHS[8] * full + (EIGHTHS[rest] if rest else "")).ljust(width)


def sparkline(values: Sequence[float], width: int) -> str:
    """Return values as at most `width` vertical bars, each the mean of its share of them, the lowest to the highest.

    What is not finite is left out; the return is empty where nothing is left.
    """
    finite = [value for value in values if math.isfinite(value)]
    columns = min(width, len(finite))
    edges = [len(finite) * column // columns for column in range(columns + 1)] if columns else []
    means = [sum(finite[first:last]) / (last - first) for first, last in pairwise(edges)]
    low, high = min(means, default=0.0), max(means, default=0.0)
    steps = len(LEVELS) - 1
    return "".join(LEVELS[round(steps * (mean - low) / (high - low)) if high > low else 0] for mean in means)


def dotted(image: Sequence[Sequence[int]]) -> list[str]:
    """Return an image (28, 28) of 0 to 255 as 7 lines of 14 braille characters, a dot for each pixel with ink."""
    return [
        "".join(
            chr(BRAILLE + sum(bit for (row, column), bit in DOTS.items() if image[top + row][left + column] >= INK))
            for left in range(0, len(image[0]), 2)
        )
        for top in range(0, len(image), 4)
    ]


def shaded(image: Sequence[Sequence[int]]) -> list[str]:
    """Return an image (28, 28) of 0 to 255 as 14 lines of 28 shades, two rows of pixels to a line."""
    return [
        "".join(SHADES[(top + bottom) * len(SHADES) // 512] for top, bottom in zip(upper, lower, strict=True))
        for upper, lower in zip(image[0::2], image[1::2], strict=True)
    ]


def printable(text: str) -> str:
    """Return text, a file's name say, on one line and without what would drive a terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape", "replace").decode() for char in text)
