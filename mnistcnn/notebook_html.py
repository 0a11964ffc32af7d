"""HTML for Jupyter, readable on light and dark pages: results as tables, images and curves.

Results go in; text comes out. Nothing here computes a figure.
"""

import base64
from collections.abc import Iterable, Sequence
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mnistcnn.results import Comparison, Evaluation, Prediction, TrainingResult

# style: an image at twice its 28×28 pixels
IMAGE_STYLE = "image-rendering: pixelated; width: 56px; height: 56px"
# pixels: the size of a curve
CURVE_WIDTH, CURVE_HEIGHT = 480, 120
# images: the most in a row
IMAGES_SHOWN = 10


def evaluation(found: "Evaluation") -> str:
    """Return the figures, the confusion matrix and the worst mistakes."""
    low, high = found.accuracy_interval
    figures = paragraph(
        f"{found.subject}: {found.figures} (95 % interval {100 * low:.2f} to {100 * high:.2f})",
        f"top-2 accuracy {100 * found.top2_accuracy:.2f} %, calibration error {100 * found.calibration_error:.2f} %",
    )
    rows = [
        [
            f"<th>{each.digit}</th>",
            *(cell(count or "·", count / max(each.images, 1)) for count in counts),
            *(cell(f"{100 * share:.1f}") for share in (each.precision, each.recall, each.f1)),
        ]
        for each, counts in zip(found.classes, found.confusion, strict=True)
    ]
    matrix = table(["label", *range(10), "precision", "recall", "F1"], rows)
    mistakes = [
        image_cell(mistake.image, f"{mistake.label}→{mistake.digit} {100 * mistake.probability:.1f} %")
        for mistake in found.worst_mistakes[:IMAGES_SHOWN]
    ]
    return figures + matrix + (table([f"{found.mistakes:,} misread"], [mistakes]) if mistakes else "")


def comparison(found: "Comparison") -> str:
    """Return the models' figures, a row each, and images that they read differently."""
    rows = [
        [f"<td>{escape(name)}</td>", cell(f"{each.loss:.4f}"), cell(f"{100 * each.accuracy:.2f} %")]
        for name, each in zip(found.models, found.evaluations, strict=True)
    ]
    apart = [
        image_cell(difference.image, f"{difference.label}→" + " ".join(map(str, difference.digits)))
        for difference in found.differences[:IMAGES_SHOWN]
    ]
    heading = f"{len(found.differences):,} not read alike"
    return table(["model", "loss", "accuracy"], rows) + (table([heading], [apart]) if apart else "")


def predictions(found: "Iterable[Prediction]") -> str:
    """Return a table with a row for each prediction: what the network saw, and the probabilities."""
    rows = [
        [f'<td colspan="12">{escape(each.error)}</td>']
        if each.error is not None
        else [
            f"<td>{escape(each.name)}</td>",
            image_cell(each.image, str(each.digit)),
            *(cell(f"{100 * probability:.1f}", probability) for probability in each.probabilities),
        ]
        for each in found
    ]
    return table(["file", "digit", *(f"{digit} in %" for digit in range(10))], rows)


def training(found: "TrainingResult") -> str:
    """Return the course of a run and its test."""
    steps = paragraph(f"step {found.step:,} of {found.steps:,} in {found.seconds:.0f} s")
    losses = [(point.step, point.loss) for point in found.history.records]
    return steps + curve(losses, "loss") + (evaluation(found.test) if found.test else "")


def paragraph(*lines: str) -> str:
    """Return lines of text, one below the other."""
    return f"<p>{'<br>'.join(map(escape, lines))}</p>"


def table(header: Sequence[object], rows: Sequence[Sequence[str]]) -> str:
    """Return a table from its header's texts and its rows' cells."""
    names = "".join(f"<th>{escape(str(name))}</th>" for name in header)
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f"<table><tr>{names}</tr>{body}</table>"


def cell(value: object, share: float = 0.0) -> str:
    """Return a table's cell, on a shade of blue that grows with a share in [0, 1]."""
    style = f"background: rgba(0, 114, 178, {share:.2f})" if share else ""
    return f'<td style="text-align: right; {style}">{escape(str(value))}</td>'


def image_cell(image: Any, caption: str) -> str:
    """Return a table's cell with an image (28, 28) uint8 above its caption."""
    from PIL import Image

    png = BytesIO()
    Image.fromarray(image).save(png, "PNG")
    data = base64.b64encode(png.getvalue()).decode()
    picture = f'<img style="{IMAGE_STYLE}" alt="{escape(caption)}" src="data:image/png;base64,{data}">'
    return f'<td style="text-align: center">{picture}<br>{escape(caption)}</td>'


def curve(points: Sequence[tuple[float, float]], caption: str) -> str:
    """Return points (x, y) as a line in the page's own colour, above the first and last value; "" for less than two."""
    if len(points) < 2:
        return ""
    across, up = [x for x, _ in points], [y for _, y in points]
    width, height = max(across) - min(across) or 1, max(up) - min(up) or 1
    path = " ".join(
        f"{(x - min(across)) / width * CURVE_WIDTH:.1f},{(max(up) - y) / height * CURVE_HEIGHT:.1f}" for x, y in points
    )
    return (
        f'<svg width="{CURVE_WIDTH}" height="{CURVE_HEIGHT + 4}" viewBox="0 -2 {CURVE_WIDTH} {CURVE_HEIGHT + 4}">'
        f'<polyline points="{path}" fill="none" stroke="currentColor" stroke-width="1.5"/></svg>'
        + paragraph(f"{caption}: {up[0]:.4f} at step {across[0]:,}, {up[-1]:.4f} at step {across[-1]:,}")
    )
