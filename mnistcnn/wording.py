"""Counts and measures in words, as every report says them: numbers in, text out."""

from pathlib import PurePath


def loss_and_accuracy_text(loss: float, accuracy: float, decimals: int = 2) -> str:
    """Return a loss in nats and an accuracy in [0, 1], shown in percent, as people read them."""
    return f"loss {loss:.4f}, accuracy {100 * accuracy:.{decimals}f} %"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun, whose plural has an s: "1 image", "1,000 images"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def percent(share: float | None) -> str:
    """Return a share in [0, 1] in percent, or a dash if there is none."""
    return "–" if share is None else f"{100 * share:.1f}"


def image_name(file: str | None, position: int) -> str:
    """Return what people call an image: its file's name without folders or, without a file, its position."""
    return f"image {position}" if file is None else PurePath(file).name
