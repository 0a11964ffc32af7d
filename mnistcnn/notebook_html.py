"""HTML for Jupyter, readable on light and dark pages: results as tables, images and curves.

Results go in; text comes out. Nothing here computes a figure.
"""

import base64
import math
from collections.abc import Sequence
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any

from mnistcnn.wording import counted, percent

if TYPE_CHECKING:
    from mnistcnn.results import (
        Comparison,
        Evaluation,
        HistoryPoint,
        Prediction,
        TrainingResult,
        TrainingValidation,
    )

# colours that stand out on white and on black
BLUE, ORANGE = "#2a8fd8", "#e07020"
# attributes of a drawing's text: the page's own colour
TEXT = 'fill="currentColor" font-size="11" font-family="sans-serif"'
# pixels: the area of a chart, and what is left of and above it
CHART_WIDTH, CHART_HEIGHT, LEFT, TOP = 300, 130, 40, 22
# points: the most of a curve
MAX_POINTS = 150
# images: the most in a row
IMAGES_SHOWN = 10
# predictions: the most in a table, so that a saved notebook stays small
ROWS_SHOWN = 50


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
            *(cell(percent(share)) for share in (each.precision, each.recall, each.f1)),
        ]
        for each, counts in zip(found.classes, found.confusion, strict=True)
    ]
    matrix = table(["label", *range(10), "precision", "recall", "F1"], rows)
    mistakes = [
        image_figure(mistake.image, f"{mistake.label}→{mistake.digit} {100 * mistake.probability:.1f} %", mistake.name)
        for mistake in found.worst_mistakes[:IMAGES_SHOWN]
    ]
    return figures + matrix + row_of_figures(f"{counted(found.mistakes, 'image')} misread, the surest first", mistakes)


def comparison(found: "Comparison") -> str:
    """Return the models' figures, a row each, and images that they read differently."""
    rows = [
        [f"<td>{escape(name)}</td>", cell(f"{each.loss:.4f}"), cell(f"{100 * each.accuracy:.2f} %")]
        for name, each in zip(found.models, found.evaluations, strict=True)
    ]
    apart = [
        image_figure(difference.image, f"{difference.label}→" + " ".join(map(str, difference.digits)), difference.name)
        for difference in found.most_telling[:IMAGES_SHOWN]
    ]
    heading = f"{counted(len(found.differences), 'image')} not read alike, the most telling first"
    return table(["model", "loss", "accuracy"], rows) + row_of_figures(heading, apart)


def predictions(found: "Sequence[Prediction]") -> str:
    """Return a table with a row for each prediction, up to ROWS_SHOWN: what the network saw, and the probabilities."""
    rows = [
        [f'<td colspan="12" style="text-align: left">{escape(each.error)}</td>']
        if each.error is not None
        else [
            f"<td>{escape(each.name)}</td>",
            f'<td style="text-align: center">{image_figure(each.image, *answer(each))}</td>',
            *(cell(f"{100 * probability:.1f}", probability) for probability in each.probabilities),
        ]
        for each in found[:ROWS_SHOWN]
    ]
    shown = paragraph("the probability of each digit, in %") + table(["file", "digit", *range(10)], rows)
    return shown + (paragraph(f"… and {len(found) - ROWS_SHOWN:,} more") if len(found) > ROWS_SHOWN else "")


def training(found: "TrainingResult") -> str:
    """Return the course of a run and its test."""
    steps = paragraph(f"step {found.step:,} of {found.steps:,} in {found.seconds:.0f} s")
    records, validations = found.history.records, found.history.validations
    losses = chart("loss", records, validations, found.steps)
    return steps + losses + (evaluation(found.test) if found.test else "")


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
    style = f"background: rgba(0, 114, 178, {0.75 * share:.2f})" if share else ""
    return f'<td style="text-align: right; {style}">{escape(str(value))}</td>'


def answer(prediction: "Prediction") -> list[str]:
    """Return what stands under the image of a prediction: its digit, and what to know of it."""
    lines = [str(prediction.digit)]
    if prediction.unsure_because is not None:
        lines.append(f"unsure: {prediction.unsure_because}")
    if prediction.label is not None and not prediction.is_right:
        lines.append(f"misread: it is {prediction.label}")
    return lines


def image_figure(image: Any, *captions: str) -> str:
    """Return an image (28, 28) uint8 at twice its size above its captions, each on a line that does not wrap."""
    lines = "".join(f"<br>{escape(caption)}" for caption in captions)
    shown = image_tag(image, 2 * 28, captions[0])
    return f'<div style="text-align: center; white-space: nowrap">{shown}{lines}</div>'


def row_of_figures(heading: str, figures: Sequence[str]) -> str:
    """Return figures side by side under a heading, or nothing without any."""
    if not figures:
        return ""
    return paragraph(heading) + f'<div style="display: flex; flex-wrap: wrap; gap: 12px">{"".join(figures)}</div>'


def image_tag(image: Any, size: int, description: str) -> str:
    """Return an image (28, 28) uint8 as an element of so many pixels a side."""
    from PIL import Image

    png = BytesIO()
    Image.fromarray(image).save(png, "PNG")
    data = base64.b64encode(png.getvalue()).decode()
    style = f"image-rendering: pixelated; width: {size}px; height: {size}px"
    return f'<img style="{style}" alt="{escape(description)}" src="data:image/png;base64,{data}">'


def progress(done: int, total: int, state: str) -> str:
    """Return a bar of the steps that are done, above the count and what else there is to say."""
    bar = f'<progress value="{done}" max="{total}" style="width: 100%; accent-color: {BLUE}"></progress>'
    return bar + paragraph(f"step {done:,} of {total:,}; {state}" if state else f"step {done:,} of {total:,}")


def read_image(image: Any, probabilities: Sequence[float], label: int) -> str:
    """Return an image (28, 28) uint8 beside its ten probabilities as bars; that of its label is orange."""
    bars = "".join(
        f'<rect x="18" y="{16 * digit + 2}" width="{max(160 * share, 0.5):.1f}" height="12" '
        f'fill="{ORANGE if digit == label else BLUE}"/>'
        f'<text x="4" y="{16 * digit + 12}">{digit}</text>'
        f'<text x="{22 + 160 * share:.1f}" y="{16 * digit + 12}">{100 * share:.1f} %</text>'
        for digit, share in enumerate(probabilities)
    )
    svg = f'<svg width="240" height="160" viewBox="0 0 240 160" {TEXT}>{bars}</svg>'
    shown = image_tag(image, 4 * 28, f"a {label}")
    return f'<div style="display: flex; align-items: center; gap: 16px">{shown}{svg}</div>'


def chart(name: str, records: "Sequence[HistoryPoint]", validations: "Sequence[TrainingValidation]", steps: int) -> str:
    """Return the figure `name` of records as a line with axes, and of validations as dots.

    `steps` is where the axis of steps ends. Less than two records have no line: "".
    """
    points = thinned([(point.step, getattr(point, name)) for point in records])
    if len(points) < 2:
        return ""
    dots = [(point.step, getattr(point, name)) for point in validations]
    values = [value for _, value in [*points, *dots]]
    rows = ticks(min(values), 1.0) if name == "accuracy" else ticks(0.0, max(values))
    columns = ticks(0, steps)
    low, high = rows[0], rows[-1]

    def place(step: float, value: float) -> tuple[float, float]:
        return LEFT + step / columns[-1] * CHART_WIDTH, TOP + (high - value) / (high - low) * CHART_HEIGHT

    right, bottom = place(columns[-1], low)
    legend = f' <tspan fill="{ORANGE}">● validation split</tspan>' if dots else ""
    drawing = [f'<text x="{LEFT}" y="12"><tspan font-weight="bold">{name}</tspan> by step{legend}</text>']
    for value in rows:
        y = place(0, value)[1]
        drawing.append(f'<path d="M{LEFT} {y:.1f}H{right:.1f}" stroke="currentColor" stroke-opacity="0.2"/>')
        drawing.append(f'<text x="{LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    drawing += [
        f'<text x="{place(step, low)[0]:.1f}" y="{bottom + 15:.1f}" text-anchor="middle">{step:,.0f}</text>'
        for step in columns
    ]
    line = " ".join("{:.1f},{:.1f}".format(*place(*point)) for point in points)
    drawing.append(f'<polyline points="{line}" fill="none" stroke="{BLUE}" stroke-width="1.5"/>')
    for point in dots:
        x, y = place(*point)
        drawing.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{ORANGE}"/>')
    width, height = right + 20, bottom + 22
    return f'<svg width="{width:.0f}" height="{height:.0f}" {TEXT}>{"".join(drawing)}</svg>'


def thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return at most MAX_POINTS points: neighbours are replaced by their mean, so that a saved notebook stays small."""
    group = -(-len(points) // MAX_POINTS) or 1
    parts = [points[first : first + group] for first in range(0, len(points), group)]
    return [(sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part)) for part in parts]


def ticks(low: float, high: float) -> list[float]:
    """Return three to six round numbers that enclose low and high, all the same distance apart."""
    span = (high - low) or abs(high) or 1.0
    scale = 10 ** math.floor(math.log10(span / 5))
    step = next(factor * scale for factor in (1, 2, 5, 10) if span / (factor * scale) <= 5)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 12) for number in range(first, max(last, first + 1) + 1)]
