"""HTML for Jupyter: tables, images and curves, readable on light and dark pages.

A leaf that takes plain values, so that results can show themselves without knowing how.
"""

import base64
from collections.abc import Sequence
from html import escape
from io import BytesIO
from typing import Any

IMAGE_STYLE = "image-rendering: pixelated; width: 56px; height: 56px"
CURVE_WIDTH, CURVE_HEIGHT = 480, 120


def paragraph(*lines: str) -> str:
    """Return lines of text, one under the other."""
    return f"<p>{'<br>'.join(map(escape, lines))}</p>"


def table(header: Sequence[object], rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose rows are made of cells."""
    names = "".join(f"<th>{escape(str(name))}</th>" for name in header)
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f"<table><tr>{names}</tr>{body}</table>"


def cell(value: object, share: float = 0.0) -> str:
    """Return a table's cell, on a shade of blue where a share in [0, 1] is given."""
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
    """Return points as a line in the page's own colour, its highest and lowest value beside it."""
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
