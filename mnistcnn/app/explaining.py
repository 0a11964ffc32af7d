"""The calls behind `explain`, for library and commands: a model and a picture → an explanation, and its sheet."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from mnistcnn.app.reading import Reading
from mnistcnn.app.wiring import Process, load_models, load_named_models
from mnistcnn.config import CLASSES
from mnistcnn.errors import MnistcnnError, UsageError
from mnistcnn.results import Explanation
from mnistcnn.runtime.outputs import require_plot_path

if TYPE_CHECKING:
    from mnistcnn.app.wiring import AnyModel


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """The file that an explanation is drawn into, and the digit that it compares the answer with.

    Raises UsageError for a `why_not` that is not a digit.
    """

    plot: Path
    why_not: int | None = None  # None is the second likeliest
    force: bool = False  # whether the file may be replaced

    def __post_init__(self) -> None:
        if self.why_not is not None and self.why_not not in range(CLASSES):
            raise UsageError("why_not", "a digit", self.why_not)


def explain_picture(
    model: "AnyModel", name: str, reading: Reading, process: Process, sheet: Sheet | None, *, stdin: BinaryIO | None
) -> Explanation:
    """Explain what a model makes of the one digit of a picture, and draw that if there is a sheet.

    Raises MnistcnnError for a name of several pictures, if the picture or the model cannot be read, or if the sheet
    cannot be drawn.
    """
    if sheet is not None:
        require_plot_path(sheet.plot, force=sheet.force)
    from mnistcnn.pictures.finding import find_pictures

    pictures = list(find_pictures([name], stdin))
    if len(pictures) != 1:
        raise MnistcnnError(f"{name} holds {len(pictures)} pictures: name one of them")
    [trained] = load_models([model], process, 1)  # before NumPy is imported, which it sets up
    from mnistcnn.inference.explanation import explain
    from mnistcnn.inference.prediction import predict
    from mnistcnn.pictures.decoding import decode_picture

    [picture] = pictures
    [prediction] = predict(trained, pictures, invert=reading.invert)
    explanation = explain(trained, prediction)
    explanation = replace(explanation, picture=decode_picture(picture.name, picture.source, picture.page).levels)
    if sheet is not None:
        from mnistcnn.report.explanation_plots import save_explanation_sheet

        save_explanation_sheet(explanation, sheet.plot, sheet.why_not)
    return explanation


def draw_filters(model: "AnyModel", process: Process, sheet: Sheet) -> None:
    """Draw the filters of a model. Raises MnistcnnError if it cannot be read, or the sheet cannot be drawn."""
    require_plot_path(sheet.plot, force=sheet.force)
    [(name, trained)] = load_named_models([model], process, 1).items()
    from mnistcnn.inference.explanation import filters
    from mnistcnn.report.explanation_plots import save_filter_sheet

    save_filter_sheet(filters(trained, name), sheet.plot)
