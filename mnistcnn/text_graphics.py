"""Pictures made of characters, and text that is safe to print: plain strings, without colour."""

from collections.abc import Sequence

EIGHTHS = " ▏▎▍▌▋▊▉█"
SHADES = " ░▒▓█"


def bar(share: float, width: int) -> str:
    """Return a bar of `width` columns, filled to `share` in [0, 1] by eighths of a column."""
    eighths = round(share * width * 8)
    full, rest = divmod(eighths, 8)
    return (EIGHTHS[8] * full + (EIGHTHS[rest] if rest else "")).ljust(width)


def shaded(image: Sequence[Sequence[int]]) -> list[str]:
    """Return an image (28, 28) of 0 to 255 as 14 lines of 28 shades, two rows of pixels to a line."""
    return [
        "".join(SHADES[(top + bottom) * len(SHADES) // 512] for top, bottom in zip(upper, lower, strict=True))
        for upper, lower in zip(image[0::2], image[1::2], strict=True)
    ]


def printable(text: str) -> str:
    """Return text, a file's name say, on one line and without what would drive a terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape", "replace").decode() for char in text)
