"""Bars, sparklines and images drawn with characters.

Numbers and images (28, 28) of 0 to 255 go in; strings come out, in colour with their Rich styles. Nothing is printed
here.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

# characters: blocks 0 to 8 eighths of a column wide
EIGHTHS = " ▏▎▍▌▋▊▉█"
# characters: blocks 1 to 8 eighths of a line high
LEVELS = "▁▂▃▄▅▆▇█"
# level of 255: a pixel at least as bright is drawn as a dot (low, so that thin strokes stay)
INK = 64
# code point: the braille character without dots, to which each dot adds its bit
BRAILLE = 0x2800
# bit of each dot of a braille character, by row and column
DOTS = {(0, 0): 1, (1, 0): 2, (2, 0): 4, (0, 1): 8, (1, 1): 16, (2, 1): 32, (3, 0): 64, (3, 1): 128}
# shares of red, green and blue: without a tint
PLAIN = (1.0, 1.0, 1.0)
# shares of red, green and blue: boxes are tinted orange and blue, which the colour-blind tell apart
BOX_TINTS = ((1.0, 0.75, 0.35), (0.55, 0.8, 1.0))
# Rich's style: of a box's number
NUMBER_STYLE = "black on white"
# characters: from no ink to full ink
SHADES = " ░▒▓█"


def bar(share: float, width: int) -> str:
    """Return a bar of `width` columns, of which `share`, in [0, 1], is filled, to an eighth of a column."""
    eighths = round(share * width * 8)
    full, rest = divmod(eighths, 8)
    return (EIGHTHS[8] * full + (EIGHTHS[rest] if rest else "")).ljust(width)


def sparkline(values: Sequence[float], width: int) -> str:
    """Return values as a row of at most `width` vertical bars, scaled from the lowest bar to the highest.

    Neighbouring values share a bar, which shows their mean. Values that are not finite are left out.
    """
    finite = [value for value in values if math.isfinite(value)]
    columns = min(width, len(finite))
    edges = [len(finite) * column // columns for column in range(columns + 1)] if columns else []
    means = [sum(finite[first:last]) / (last - first) for first, last in pairwise(edges)]
    low, high = min(means, default=0.0), max(means, default=0.0)
    steps = len(LEVELS) - 1
    return "".join(LEVELS[round(steps * (mean - low) / (high - low)) if high > low else 0] for mean in means)


def dotted(image: Sequence[Sequence[int]]) -> list[str]:
    """Return an image (28, 28) of 0 to 255 as 7 lines of 14 braille characters: a dot is a pixel with ink."""
    return [
        "".join(
            chr(BRAILLE + sum(bit for (row, column), bit in DOTS.items() if image[top + row][left + column] >= INK))
            for left in range(0, len(image[0]), 2)
        )
        for top in range(0, len(image), 4)
    ]


def shaded(image: Sequence[Sequence[int]]) -> list[str]:
    """Return an image (28, 28) of 0 to 255 as 14 lines of 28 shade characters, each the mean of two pixels."""
    return [
        "".join(SHADES[(top + bottom) * len(SHADES) // 512] for top, bottom in zip(upper, lower, strict=True))
        for upper, lower in zip(image[0::2], image[1::2], strict=True)
    ]


def drawn(image: Sequence[Sequence[int]], *, color: bool) -> list[list[tuple[str, str]]]:
    """Return an image (28, 28) of 0 to 255 as 14 lines of 28 columns, each in pieces of text and Rich style.

    With `color` a half block shows two pixels in their greys; without, a shade character shows their mean.
    """
    if not color:
        return [[(line, "")] for line in shaded(image)]
    return _half_blocks([[_rgb(level) for level in row] for row in image])


def marked(
    picture: Sequence[Sequence[int]], boxes: Sequence[tuple[int, int, int, int]], *, color: bool
) -> list[list[tuple[str, str]]]:
    """Return a picture (h, w) of 0 to 255 as lines of w columns, each in pieces of text and Rich style.

    Each box (left, top, right, bottom), in pixels, has its number, from 1, above its left end. With `color` boxes are
    tinted, neighbours differently.
    """
    rows = [list(row) for row in picture] + [list(picture[-1])] * (len(picture) % 2)
    if color:
        tints = [[PLAIN] * len(row) for row in rows]
        for number, (left, top, right, bottom) in enumerate(boxes):
            for tinted in tints[max(top, 0) : bottom]:
                tinted[max(left, 0) : right] = [BOX_TINTS[number % 2]] * len(tinted[max(left, 0) : right])
        lines = _half_blocks([list(map(_rgb, *row)) for row in zip(rows, tints, strict=True)])
    else:
        lines = [[(shade, "") for shade in line] for line in shaded(rows)]
    for number, (left, top, _, _) in enumerate(boxes, start=1):
        line, column = lines[max(top // 2 - 1, 0)], max(left, 0)
        for place, digit in enumerate(str(number)[: len(line) - column], start=column):
            line[place] = (digit, NUMBER_STYLE if color else "")
    return lines


def _half_blocks(colours: Sequence[Sequence[str]]) -> list[list[tuple[str, str]]]:
    """Return colours (h, w), of an even h, as h / 2 lines of half blocks, each of which shows two of them."""
    return [
        [("▀", f"{top} on {bottom}") for top, bottom in zip(upper, lower, strict=True)]
        for upper, lower in zip(colours[0::2], colours[1::2], strict=True)
    ]


def _rgb(level: int, tint: tuple[float, float, float] = PLAIN) -> str:
    """Return Rich's name of a grey level from 0 to 255 under a tint."""
    return f"rgb({','.join(str(round(level * share)) for share in tint)})"
