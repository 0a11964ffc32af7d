"""Where a model comes from, and how far to believe it: the `mnistcnn.json` inside the model file."""

import dataclasses
import json
from typing import Any

from mnistcnn.errors import printable
from mnistcnn.model.archive import parse_json, shown

# The layout of the JSON text that this version writes and reads.
_SCHEMA = 1
# characters: what is kept of a text
_MAX_TEXT = 200
# The largest number of versions that a file may name.
_MAX_VERSIONS = 16


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelMetadata:
    """Where a model comes from. None means unknown; in a file that Keras alone wrote, every field is unknown.

    Raises ValueError for a value of another type or range.
    """

    schema: int = _SCHEMA  # the layout of the JSON text
    recipe: str | None = None
    step: int | None = None  # the number of training steps
    data: str | None = None  # the name of the dataset that the model was trained on
    accuracy: float | None = None  # the share of that dataset's test split that it reads right, in [0, 1]
    versions: dict[str, str] = dataclasses.field(default_factory=dict)  # of mnistcnn, python, keras and the backend
    calibration: float | None = None  # the temperature that the logits are divided by, in [0.01, 100]
    evidence: float | None = None  # the least evidence of an answer to rely on, in [-1000, 1000]

    def __post_init__(self) -> None:
        checks = {
            "schema": type(self.schema) is int and self.schema == _SCHEMA,
            "recipe": isinstance(self.recipe, str | None),
            "step": self.step is None or (type(self.step) is int and 0 <= self.step < 1 << 63),
            "data": isinstance(self.data, str | None),
            "accuracy": _is_number(self.accuracy, 0, 1),
            "versions": isinstance(self.versions, dict)
            and len(self.versions) <= _MAX_VERSIONS
            and all(isinstance(text, str) for pair in self.versions.items() for text in pair),
            "calibration": _is_number(self.calibration, 0.01, 100),
            "evidence": _is_number(self.evidence, -1000, 1000),
        }
        for field, good in checks.items():
            if not good:
                raise ValueError(f"{field} cannot be {shown(getattr(self, field))}")


def encode_metadata(metadata: ModelMetadata) -> bytes:
    """Return the metadata as the JSON text that is stored in the model file."""
    return json.dumps(dataclasses.asdict(metadata), indent=1).encode()


def decode_metadata(data: bytes) -> ModelMetadata:
    """Return the metadata in an untrusted JSON text, with every text made short and printable.

    Absent fields are unknown, and fields that this version does not know are ignored. Raises ValueError for a text that
    is not a JSON object, for values of the wrong type or range, and for a newer schema.
    """
    values = parse_json(data)
    if not isinstance(values, dict):
        raise ValueError(f"{shown(values)} is not an object")
    metadata = ModelMetadata(
        **{field.name: values[field.name] for field in dataclasses.fields(ModelMetadata) if field.name in values}
    )
    return dataclasses.replace(
        metadata,
        recipe=metadata.recipe and _shortened(metadata.recipe),
        data=metadata.data and _shortened(metadata.data),
        versions={_shortened(name): _shortened(version) for name, version in metadata.versions.items()},
    )


def _shortened(text: str) -> str:
    """Return a stranger's text printable and in at most _MAX_TEXT characters."""
    safe = printable(text)
    return safe if len(safe) <= _MAX_TEXT else f"{safe[: _MAX_TEXT - 1]}…"


def _is_number(value: Any, low: float, high: float) -> bool:
    return value is None or (type(value) in (int, float) and low <= value <= high)
