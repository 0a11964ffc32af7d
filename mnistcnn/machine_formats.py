"""What programs read on standard output: JSON, one object a line, and CSV."""

import csv
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from mnistcnn.results import Prediction


def prediction_fields(prediction: Prediction) -> dict[str, Any]:
    """Return what the machine formats say of a picture; `sure` is null for a model that was not calibrated."""
    return {
        "file": prediction.file,
        "digit": prediction.digit,
        "probability": prediction.probability,
        "probabilities": list(prediction.probabilities) or None,
        "sure": None,
        "error": prediction.error,
    }


def write_json(fields: Mapping[str, Any]) -> None:
    """Print an object on a line of standard output, at once, so that a reader of a pipe need not wait."""
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def csv_writer() -> Callable[[Prediction], None]:
    """Return what prints predictions as CSV, under a line of names."""
    writer: Any = None

    def write(prediction: Prediction) -> None:
        nonlocal writer
        fields = prediction_fields(prediction)
        fields["probabilities"] = " ".join(map(str, prediction.probabilities))
        if writer is None:
            writer = csv.DictWriter(sys.stdout, fields, lineterminator="\n")
            writer.writeheader()
        writer.writerow(fields)
        sys.stdout.flush()

    return write
