"""Plots as PNG, SVG or PDF files: the curves of a training run; an evaluation's matrix, calibration and mistakes.

Results go in. Only this module and `explanation_plots` know matplotlib, which is an extra. A sheet is white with dark
ink, in colours that colour-blind people can tell apart: lines in those of Okabe and Ito (2008), shades of one blue.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, PercentFormatter

from mnistcnn.files import written_whole
from mnistcnn.results import Comparison, Evaluation, TrainingHistory, TrainingResult
from mnistcnn.wording import counted, loss_and_accuracy_text

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"
# colours of models, in their order
COLORS = (BLUE, ORANGE, "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
# characters: the longest name of a model
LONGEST_NAME = 24
# images: how many mistakes are drawn at most, in two rows
MISTAKES_DRAWN = 20
# windows: the line through the records is a running mean over one of so many equal parts of them
WINDOWS = 20
# matplotlib settings of every sheet (Any, because matplotlib's own type lists the names of all settings)
STYLE: Any = {
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": "medium",
    "axes.titleweight": "bold",
    "figure.facecolor": "white",
    "font.size": 9.0,
    "legend.frameon": False,
    "image.interpolation": "none",  # pixels stay pixels
    "pdf.fonttype": 42,  # text stays text
    "svg.fonttype": "none",
    "svg.hashsalt": "mnistcnn",  # the same result makes the same file
}


def save_training_sheet(result: TrainingResult, path: Path) -> None:
    """Draw the loss and accuracy of logged batches, validations and test against steps, in the format of the suffix.

    Raises MnistcnnError if the file cannot be written.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 6.6), layout=ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.08))
        loss, accuracy = figure.subplots(2, 1, sharex=True)
        _curves(loss, result.history, "loss")
        _curves(accuracy, result.history, "accuracy")
        if result.test is not None:
            test = result.test
            _mark_test(loss, test.loss, f"{test.data} test split {test.loss:.4f}")
            _mark_test(accuracy, test.accuracy, f"{test.data} test split {100 * test.accuracy:.2f} %")
        loss.set(title="Loss", ylabel="cross-entropy, nats", xlim=(0, 1.02 * result.step))
        loss.set_ylim(bottom=0)  # last, because it also fixes the other end
        accuracy.set(title="Accuracy", xlabel="steps", ylabel="read right")
        accuracy.set_ylim(top=1)
        accuracy.yaxis.set_major_formatter(PercentFormatter(1, decimals=None, symbol=" %"))
        loss.legend(loc="upper right")
        accuracy.legend(loc="lower right")
        recipe = f"{result.test.recipe} recipe, " if result.test is not None else ""
        figure.suptitle(f"{recipe}{counted(result.step, 'step')}", x=0.01, ha="left", fontsize="large")
        save_figure(figure, path)


def save_evaluation_sheet(evaluation: Evaluation, path: Path) -> None:
    """Draw the confusion matrix, the calibration and the worst mistakes, in the format of the suffix.

    Raises MnistcnnError if the file cannot be written.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10.5, 8.4), layout=ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.08))
        rows: Any = figure.subfigures(2, 1, height_ratios=[1.75, 1])
        upper, lower = rows
        matrix, calibration = upper.subplots(1, 2)
        _confusion(matrix, evaluation)
        _calibration(calibration, evaluation)
        _mistakes(lower, evaluation)
        low, high = evaluation.accuracy_interval
        figure.suptitle(
            f"{evaluation.subject}: "
            f"{loss_and_accuracy_text(evaluation.loss, evaluation.accuracy)} "
            f"(95 % interval {100 * low:.2f} to {100 * high:.2f})",
            x=0.01,
            ha="left",
            fontsize="large",
        )
        save_figure(figure, path)


def save_comparison_sheet(comparison: Comparison, path: Path) -> None:
    """Draw the models' accuracies with their intervals, their recalls by digit, and the most telling differences.

    The format is that of the suffix. Raises MnistcnnError if the file cannot be written.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10.5, 7.2), layout=ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.08))
        rows: Any = figure.subfigures(2, 1, height_ratios=[1, 1])
        upper, lower = rows
        accuracies, recalls = upper.subplots(1, 2, width_ratios=[1, 1.3])
        _accuracies(accuracies, comparison)
        _recalls(recalls, comparison)
        shown = comparison.most_telling[:MISTAKES_DRAWN]
        heading = f"The most telling of {counted(len(comparison.differences), 'image')} not read alike: label → answers"
        titles = [f"{one.label} → {' '.join(map(str, one.digits))}\n{_cut(one.name)}" for one in shown]
        _images(lower, heading if shown else "Every image is read alike", [one.image for one in shown], titles)
        figure.suptitle(comparison.evaluations[0].subject, x=0.01, ha="left", fontsize="large")
        save_figure(figure, path)


def _accuracies(axes: Axes, comparison: Comparison) -> None:
    """Draw each model's accuracy as a dot in its interval, the first on top."""
    for place, found in enumerate(comparison.evaluations):
        low, high = found.accuracy_interval
        axes.plot([low, high], [place, place], color=COLORS[place % len(COLORS)], linewidth=2)
        axes.plot([found.accuracy], [place], "o", color=COLORS[place % len(COLORS)])
        axes.annotate(f"{100 * found.accuracy:.2f} %", (high, place), (4, 0), textcoords="offset points", va="center")
    names = [_cut(model, LONGEST_NAME) for model in comparison.models]
    axes.set(title="Accuracy and its 95 % interval", yticks=range(len(names)), yticklabels=names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.margins(x=0.2)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.grid(visible=True, axis="x", color="#DDDDDD", linewidth=0.6)


def _recalls(axes: Axes, comparison: Comparison) -> None:
    """Draw each model's recall of each digit as a dot; a digit without images has none."""
    count = len(comparison.models)
    for place, (model, found) in enumerate(zip(comparison.models, comparison.evaluations, strict=True)):
        recalls = [np.nan if each.recall is None else each.recall for each in found.classes]
        across = np.arange(len(recalls)) + (place - (count - 1) / 2) * 0.6 / count
        axes.plot(across, recalls, "o", color=COLORS[place % len(COLORS)], label=_cut(model, LONGEST_NAME))
    axes.set(title="Recall by digit", xlabel="label", xticks=range(10))
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.grid(visible=True, axis="y", color="#DDDDDD", linewidth=0.6)
    axes.legend(loc="lower left", bbox_to_anchor=(1, 0))


def _curves(axes: Axes, history: TrainingHistory, name: str) -> None:
    """Draw records as dots with their running mean as a line, and validations as diamonds."""
    steps = np.array([point.step for point in history.records])
    values = np.array([getattr(point, name) for point in history.records])
    if history.records:
        (dots,) = axes.plot(steps, values, ".", color=BLUE, alpha=0.4, markersize=5, label="each logged batch")
        dots.set(markeredgewidth=0, clip_on=False)
    window = max(1, len(values) // WINDOWS)
    if window > 1:
        mean = np.convolve(values, np.full(window, 1 / window), "valid")
        first = (window - 1) // 2
        axes.plot(steps[first : first + len(mean)], mean, color=BLUE, linewidth=1.8, label=f"mean of {window} of them")
    if history.validations:
        validated = [getattr(point, name) for point in history.validations]
        axes.plot(
            [point.step for point in history.validations],
            validated,
            "D--",
            color=ORANGE,
            markersize=4,
            linewidth=1.2,
            label="validation split",
        )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(visible=True, color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)


def _mark_test(axes: Axes, value: float, label: str) -> None:
    axes.axhline(value, color=GREY, linewidth=1, linestyle=":", label=label)


def _confusion(axes: Axes, evaluation: Evaluation) -> None:
    """Draw the counts, each mistake on a shade of blue that shows its share of the label's images.

    The diagonal is grey; zeros are white.
    """
    counts = np.array(evaluation.confusion)  # (10, 10)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    np.fill_diagonal(shares, 0)
    shades = np.sqrt(shares / max(shares.max(), 0.01))  # the root lets rare mistakes show beside frequent ones
    axes.imshow(np.where(counts > 0, 0.08 + 0.92 * shades, 0), cmap="Blues", vmin=0, vmax=1)
    for label, row in enumerate(counts.tolist()):
        axes.add_patch(Rectangle((label - 0.5, label - 0.5), 1, 1, facecolor="#DDDDDD"))
        for answer, count in enumerate(row):
            if count:
                color = "white" if shades[label, answer] > 0.6 else "black"
                weight = "bold" if label == answer else "normal"
                axes.text(answer, label, f"{count:,}", ha="center", va="center", color=color, size=8, weight=weight)
    axes.set(title="What was read as what", xlabel="read as", ylabel="label", xticks=range(10), yticks=range(10))
    axes.set_xticks(np.arange(9) + 0.5, minor=True)
    axes.set_yticks(np.arange(9) + 0.5, minor=True)
    axes.grid(visible=True, which="minor", color="#DDDDDD", linewidth=0.6)
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color("#DDDDDD")
    axes.tick_params(which="both", length=0)


def _calibration(axes: Axes, evaluation: Evaluation) -> None:
    """Draw the accuracy of each bin against its confidence; a larger dot stands for more images."""
    bins = evaluation.calibration
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":", label="as sure as right")
    shares = np.array([b.images for b in bins]) / evaluation.images
    axes.scatter([b.confidence for b in bins], [b.accuracy for b in bins], 12 + 300 * np.sqrt(shares), BLUE, zorder=3)
    axes.set(
        title=f"Calibration: expected error {100 * evaluation.calibration_error:.2f} %",
        xlabel="probability of the answer (larger dots: more images)",
        ylabel="read right",
        xlim=(0, 1.03),
        ylim=(0, 1.03),
        aspect="equal",
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.grid(visible=True, color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(loc="upper left")


def _mistakes(figure: Any, evaluation: Evaluation) -> None:
    shown = evaluation.worst_mistakes[:MISTAKES_DRAWN]
    heading = f"The surest of {evaluation.mistakes:,} mistakes: label → answer, its probability"
    titles = [f"{one.label} → {one.digit}\n{100 * one.probability:.1f} %\n{_cut(one.name)}" for one in shown]
    _images(figure, heading if shown else "No image was misread", [one.image for one in shown], titles)


def _images(figure: Any, heading: str, images: Sequence[Any], titles: Sequence[str]) -> None:
    """Draw images (28, 28) uint8 in two rows, each under its title."""
    figure.suptitle(heading, x=0.01, ha="left", fontsize="medium", fontweight="bold")
    if not images:
        return
    places = list(figure.subplots(2, MISTAKES_DRAWN // 2).flat)
    for axes in places:
        axes.axis("off")
    for axes, image, title in zip(places, images, titles, strict=False):
        axes.imshow(image, cmap="gray_r", vmin=0, vmax=255)
        axes.set_title(title, loc="center", fontsize=9, fontweight="normal")


def _cut(name: str, longest: int = 12) -> str:
    """Return a name in at most so many characters; a long one is cut at its beginning."""
    return name if len(name) <= longest else f"…{name[1 - longest :]}"


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure in the format of the suffix, without a date, so that equal results make equal files."""
    form = path.suffix[1:].lower()
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(form)
    with written_whole(path) as file:
        figure.savefig(file, format=form, dpi=200, metadata=metadata)
