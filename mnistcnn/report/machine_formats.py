"""What programs read on standard output: JSON, one object a line, and CSV."""

import csv
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from mnistcnn.results import Comparison, Evaluation, Prediction

FIRST_FIELDS = ("loss", "accuracy", "step", "recipe", "data", "split", "images")


def prediction_fields(prediction: Prediction, *, box: bool = False) -> dict[str, Any]:
    """Return what the machine formats say of a digit; all but `file` and `error` are null where none was read.

    `box` adds where it stands: left, top, right and bottom.
    """
    fields = {
        "file": prediction.file,
        "digit": prediction.digit,
        "probability": prediction.probability,
        "probabilities": list(prediction.probabilities) or None,
        "sure": prediction.sure,
        "error": prediction.error,
    }
    return fields | ({"box": prediction.box} if box else {})


def evaluation_fields(evaluation: Evaluation) -> dict[str, Any]:
    """Return all that is known of how well a model reads a split; images are named by their position.

    First come the fields that scripts have read since the first release.
    """
    every = asdict(evaluation)
    fields = {name: every[name] for name in FIRST_FIELDS} | every
    fields["worst_mistakes"] = [_without_image(mistake) for mistake in fields["worst_mistakes"]]
    return fields


def comparison_fields(comparison: Comparison) -> dict[str, Any]:
    """Return what is known of each model, and every image that they do not all read alike."""
    pairs = zip(comparison.models, comparison.evaluations, strict=True)
    return {
        "models": [{"model": model, **evaluation_fields(evaluation)} for model, evaluation in pairs],
        "differences": [_without_image(asdict(difference)) for difference in comparison.differences],
    }


def _without_image(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name != "image"}


def write_json(fields: Mapping[str, Any]) -> None:
    """Print an object on a line of standard output, at once, so that a reader of a pipe need not wait."""
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def csv_writer(*, box: bool = False) -> Callable[[Prediction], None]:
    """Return what prints predictions as CSV, under a line of names; numbers in one field are separated by spaces."""
    writer: Any = None

    def write(prediction: Prediction) -> None:
        nonlocal writer
        fields = prediction_fields(prediction, box=box)
        for name in {"probabilities", "box"} & set(fields):
            fields[name] = " ".join(map(str, fields[name] or ()))
        fields["sure"] = {None: "", True: "true", False: "false"}[prediction.sure]
        if writer is None:
            writer = csv.DictWriter(sys.stdout, fields, lineterminator="\n")
            writer.writeheader()
        writer.writerow(fields)
        sys.stdout.flush()

    return write
