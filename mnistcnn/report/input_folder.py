"""What the network saw of each picture, as PNG files in a folder."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mnistcnn.errors import MnistcnnError, parameter
from mnistcnn.files import written_whole
from mnistcnn.results import Prediction

LONGEST_STEM = 200  # bytes of a name that leave room for a number, a suffix, and what a file has while it is written


class InputFolder:
    """Saves what the network saw as PNG files in a folder, which must be new or empty unless `force`d.

    A file has its picture's name, cut where that is long, with a number behind it for each further digit or picture of
    that name; what lay in class folders comes into class folders. Raises MnistcnnError where the folder is not empty or
    cannot be written.
    """

    def __init__(self, folder: Path, *, force: bool) -> None:
        self._folder, self._used = folder, set[Path]()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not force and any(folder.iterdir()):
                raise MnistcnnError(
                    f"{folder} already holds files: replace those of the same name with {parameter('force', True)}, "
                    f"or name another folder with {parameter('save_inputs')}"
                )
        except OSError as error:
            raise MnistcnnError(f"{folder} cannot be made: {error.strerror or error}; name another folder") from error

    def __call__(self, predictions: Sequence[Prediction]) -> None:
        """Save the digits of one picture; of one that could not be read there is nothing to save."""
        for prediction in predictions:
            if prediction.image is not None:
                path = self._free_path(prediction)
                self._used.add(path)
                with written_whole(path) as file:
                    _write_png(prediction.image, file)

    def _free_path(self, prediction: Prediction) -> Path:
        folder = self._folder if prediction.label is None else self._folder / str(prediction.label)
        folder.mkdir(exist_ok=True)
        stem = "stdin" if prediction.file == "-" else Path(prediction.file).stem
        while len(os.fsencode(stem)) > LONGEST_STEM:
            stem = stem[:-1]
        path, number = folder / f"{stem}.png", 1
        while path in self._used:
            number += 1
            path = folder / f"{stem}-{number}.png"
        return path


def _write_png(image: Any, file: Any) -> None:
    from PIL import Image

    Image.fromarray(image).save(file, "PNG")
