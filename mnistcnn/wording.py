"""Counts and measures in words, as every report says them: numbers in, text out."""


def loss_and_accuracy_text(loss: float, accuracy: float, decimals: int = 2) -> str:
    """Return a loss in nats and an accuracy in [0, 1], shown in percent, as people read them."""
    return f"loss {loss:.4f}, accuracy {100 * accuracy:.{decimals}f} %"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun, whose plural has an s: "1 image", "1,000 images"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
