"""The images that the network saw, 28×28 pixels, saved as PNG files in a folder.

Predictions go in; the folder decides only on file names. Nothing is read or printed here.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mnistcnn.errors import MnistcnnError, parameter
from mnistcnn.files import written_whole
from mnistcnn.results import Prediction

# bytes: the longest file name without suffix (of the 255 that file systems allow, the rest is for a number, the suffix
# and what `written_whole` adds)
LONGEST_STEM = 200


class InputFolder:
    """A callback that saves what the network saw as PNG files in a folder, which must be new or empty unless `force`.

    A file gets its picture's name, shortened if it is too long, and a number if that name is taken. The name of a digit
    of a number or page ends with its line and its place in it: `page-2-5`. The digits of pictures that lay in class
    folders go to class folders. Raises MnistcnnError if the folder is not empty or cannot be written, and calls it the
    parameter `named`.
    """

    def __init__(self, folder: Path, *, force: bool, named: str = "save_inputs") -> None:
        self._folder, self._used = folder, set[Path]()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not force and any(folder.iterdir()):
                raise MnistcnnError(
                    f"{folder} already holds files: replace those of the same name with {parameter('force', True)}, "
                    f"or name another folder with {parameter(named)}"
                )
        except OSError as error:
            raise MnistcnnError(f"{folder} cannot be made: {error.strerror or error}; name another folder") from error

    def __call__(self, predictions: Sequence[Prediction]) -> None:
        """Save the digits of one picture; a picture that could not be read has none."""
        for prediction, place in zip(predictions, _places(predictions), strict=True):
            if prediction.image is not None:
                path = self._free_path(prediction, place)
                self._used.add(path)
                with written_whole(path) as file:
                    _write_png(prediction.image, file)

    def _free_path(self, prediction: Prediction, place: str) -> Path:
        folder = self._folder if prediction.label is None else self._folder / str(prediction.label)
        folder.mkdir(exist_ok=True)
        stem = "stdin" if prediction.file == "-" else Path(prediction.file).stem
        stem = stem if prediction.row is None else f"{stem}-{prediction.row}"
        while len(os.fsencode(stem)) > LONGEST_STEM:
            stem = stem[:-1]
        path, number = folder / f"{stem}{place}.png", 1
        while path in self._used:
            number += 1
            path = folder / f"{stem}-{number}{place}.png"
        return path


def _places(predictions: Sequence[Prediction]) -> list[str]:
    """Return what the names of a picture's digits end with, if it has several: the line, and the place in it."""
    if len(predictions) == 1:
        return [""]
    lines = [prediction.line or 0 for prediction in predictions]
    return [f"-{line + 1}-{lines[:place].count(line) + 1}" for place, line in enumerate(lines)]


def _write_png(image: Any, file: Any) -> None:
    from PIL import Image

    Image.fromarray(image).save(file, "PNG")
