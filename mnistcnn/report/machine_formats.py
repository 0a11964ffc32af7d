"""Results for programs on standard output: JSON, one object a line, and CSV. Fields are only ever added."""

import csv
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, TextIO

from mnistcnn.results import Comparison, Evaluation, Prediction

# the fields of an evaluation that come first: those of the first release
FIRST_FIELDS = ("loss", "accuracy", "step", "recipe", "data", "split", "images")


def prediction_fields(prediction: Prediction) -> dict[str, Any]:
    """Return the fields of one digit; all but `file` and `error` are None if no digit was read.

    The box is the digit's left, top, right and bottom edge in pixels; its line and group count from 0.
    """
    return {
        "file": prediction.file,
        "digit": prediction.digit,
        "probability": prediction.probability,
        "probabilities": list(prediction.probabilities) or None,
        "sure": prediction.sure,
        "error": prediction.error,
        "box": prediction.box,
        "line": prediction.line,
        "group": prediction.group,
        "unsure_because": prediction.unsure_because,
        "row": prediction.row,
    }


def evaluation_fields(evaluation: Evaluation) -> dict[str, Any]:
    """Return the fields of an evaluation, FIRST_FIELDS at the beginning. Images are left out: they have positions."""
    every = asdict(evaluation)
    fields = {name: every[name] for name in FIRST_FIELDS} | every
    fields["worst_mistakes"] = [_without_image(mistake) for mistake in fields["worst_mistakes"]]
    return fields


def comparison_fields(comparison: Comparison) -> dict[str, Any]:
    """Return the fields of each model, and of every image that the models do not all read alike."""
    pairs = zip(comparison.models, comparison.evaluations, strict=True)
    return {
        "models": [{"model": model, **evaluation_fields(evaluation)} for model, evaluation in pairs],
        "differences": [_without_image(asdict(difference)) for difference in comparison.differences],
    }


def _without_image(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name != "image"}


def write_json(fields: Mapping[str, Any], out: TextIO | None = None) -> None:
    """Print an object as a line of a file or standard output, flushed, so that a reader of a pipe need not wait."""
    out = out or sys.stdout
    out.write(json.dumps(fields) + "\n")
    out.flush()


def csv_writer(out: TextIO, *, has_header: bool) -> Callable[[Prediction], None]:
    """Return a function that prints predictions as CSV, with a header before the first unless there is one already.

    Rows of a CSV file are answered as Kaggle takes answers: `ImageId,Label`.
    """
    writer: Any = None

    def write(prediction: Prediction) -> None:
        nonlocal writer
        fields = _csv_fields(prediction) if prediction.row is None else _kaggle_fields(prediction)
        if writer is None:
            writer = csv.DictWriter(out, fields, lineterminator="\n")
            if not has_header:
                writer.writeheader()
        writer.writerow(fields)
        out.flush()

    return write


def _csv_fields(prediction: Prediction) -> dict[str, Any]:
    """Return the fields of a digit; several numbers in one field are separated by spaces."""
    fields = prediction_fields(prediction)
    for name in ("probabilities", "box"):
        fields[name] = " ".join(map(str, fields[name] or ()))
    fields["sure"] = {None: "", True: "true", False: "false"}[prediction.sure]
    return fields


def _kaggle_fields(prediction: Prediction) -> dict[str, Any]:
    return {"ImageId": prediction.row, "Label": prediction.digit}
