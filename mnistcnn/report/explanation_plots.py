"""Sheets that explain: what the layers make of one digit and what speaks for its answer; the filters of a model.

Results go in; PNG, SVG or PDF files come out, in the style of `plots`. Blue speaks for an answer, orange against it.
"""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from mnistcnn.report.plots import BLUE, GREY, ORANGE, STYLE, save_figure
from mnistcnn.results import Explanation, Filters

SIGNED = LinearSegmentedColormap.from_list("signed", [ORANGE, "white", BLUE])
# share of the weights: the rest, the largest, has the colour of the largest of these
SHOWN_SHARE = 0.998


def save_explanation_sheet(explanation: Explanation, path: Path, why_not: int | None = None) -> None:
    """Draw what a network makes of a digit, in the format of the suffix.

    `why_not` is the digit that the answer is compared with; None is the second likeliest. Raises MnistcnnError if the
    file cannot be written.
    """
    prediction = explanation.prediction
    digit = prediction.digit or 0
    other = explanation.runner_up if why_not is None else why_not
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11, 6.7), layout=ConstrainedLayoutEngine(h_pad=0.06, w_pad=0.08))
        rows: Any = figure.subfigures(2, 1, height_ratios=[1, 1.45])
        upper, lower = rows
        picture, seen, answers, alone, beside = upper.subplots(1, 5)
        _grey(picture, explanation.picture if explanation.picture is not None else prediction.thumbnail, "The picture")
        _grey(seen, 255 - prediction.image, "What the network saw")
        _probabilities(answers, prediction.probabilities)
        _effects(alone, prediction.image, explanation.effects[..., digit], f"For {digit}, and against it")
        versus = explanation.effects[..., digit] - explanation.effects[..., other]
        _effects(beside, prediction.image, versus, f"For {digit} rather than {other}")
        first, second = lower.subplots(1, 2, width_ratios=[2, 1])
        _maps(first, explanation.activations["conv1"], "conv1: 32 maps of 28×28")
        _maps(second, explanation.activations["conv2"], "conv2: 64 maps of 14×14")
        doubt = "" if prediction.sure else ", not sure"
        title = f"{Path(prediction.file).name}: {digit}, {100 * (prediction.probability or 0):.1f} %{doubt}"
        figure.suptitle(title, x=0.01, ha="left", fontsize="large")
        side = explanation.square
        method = f"occlusion by squares of {side}×{side} pixels (Zeiler and Fergus, 2014)"
        note = f"Blue ink speaks for it, orange against it: {method}."
        figure.supxlabel(note, x=0.01, ha="left", color=GREY, fontsize=8)
        save_figure(figure, path)


def save_filter_sheet(filters: Filters, path: Path) -> None:
    """Draw the filters of a model's convolutions, in the format of the suffix.

    Raises MnistcnnError if the file cannot be written.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11, 8), layout=ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.08))
        first, second = figure.subplots(2, 1, height_ratios=[1, 4])
        _signed(first, _tiled(np.moveaxis(filters.conv1[:, :, 0], -1, 0), 16), "conv1: 32 filters of 5×5")
        planes = filters.conv2.transpose(2, 3, 0, 1).reshape(-1, 5, 5)  # by map of pool1, then by filter
        _signed(second, _tiled(planes, 64), "conv2: 64 filters, a column each, on the 32 maps of pool1, a row each")
        figure.suptitle(
            f"{filters.model}: blue weights are above zero, orange below", x=0.01, ha="left", fontsize="large"
        )
        save_figure(figure, path)


def _grey(axes: Axes, levels: Any, title: str) -> None:
    axes.imshow(levels, cmap="gray", vmin=0, vmax=255)
    axes.set_title(title)
    _frame(axes)


def _probabilities(axes: Axes, probabilities: tuple[float, ...]) -> None:
    best = max(probabilities)
    colors = [BLUE if share == best else "#B0B7BE" for share in probabilities]
    axes.barh(range(10), probabilities, color=colors, height=0.75)
    for digit, share in enumerate(probabilities):
        if share >= 0.005:
            inside = share > 0.6
            place, color = (share - 0.03, "white") if inside else (share + 0.03, "black")
            text = f"{100 * share:.1f} %"
            axes.text(place, digit, text, va="center", ha="right" if inside else "left", size=8, color=color)
    axes.set(title="Probabilities", xlim=(0, 1), yticks=range(10), xticks=[])
    axes.set_box_aspect(1)
    axes.set_anchor("N")
    axes.invert_yaxis()
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(length=0)


def _effects(axes: Axes, image: Any, effects: Any, title: str) -> None:
    """Draw the ink of a digit in the colour of its effect, on a ground of white."""
    doubled = effects.repeat(2, axis=0).repeat(2, axis=1)  # (28, 28)
    limit = max(float(np.abs(effects).max()), 1e-9)
    axes.imshow(np.full(image.shape, 0.45), cmap="gray", vmin=0, vmax=1, alpha=0.35 * image / 255)
    axes.imshow(doubled, cmap=SIGNED, vmin=-limit, vmax=limit, alpha=image / 255)
    axes.set_title(title)
    _frame(axes)


def _maps(axes: Axes, maps: Any, title: str) -> None:
    tiled = _tiled(np.moveaxis(maps, -1, 0), 8)
    axes.imshow(np.sqrt(tiled), cmap="Blues", vmin=0)  # the root lets faint places show beside strong ones
    axes.set_title(title)
    axes.set_anchor("NW")
    axes.axis("off")


def _signed(axes: Axes, tiled: Any, title: str) -> None:
    limit = float(np.nanquantile(np.abs(tiled), SHOWN_SHARE))
    axes.imshow(tiled, cmap=SIGNED, vmin=-limit, vmax=limit)
    axes.set_title(title)
    axes.set_anchor("NW")
    axes.axis("off")


def _tiled(images: Any, columns: int) -> Any:
    """Return images (N, h, w) side by side in rows, a pixel apart: NaN, which is drawn as the paper."""
    padded = np.pad(images.astype(np.float32), ((0, 0), (1, 0), (1, 0)), constant_values=np.nan)
    count, height, width = padded.shape
    return padded.reshape(count // columns, columns, height, width).swapaxes(1, 2).reshape(-1, columns * width)


def _frame(axes: Axes) -> None:
    axes.set(xticks=[], yticks=[], anchor="N")
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color("#DDDDDD")
