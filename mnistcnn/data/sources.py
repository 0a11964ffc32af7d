"""Labelled images and where they come from: MNIST, the sample in the package, a person's own files and folders."""

import os
import zipfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from mnistcnn.config import CLASSES, SIZE
from mnistcnn.data.dataset import Dataset, Split
from mnistcnn.data.download import OnBytes, fetch_mnist, is_mnist_content, keras_datasets_folder
from mnistcnn.data.idx import encode_idx, read_idx
from mnistcnn.data.npz import read_npz_array
from mnistcnn.errors import MnistcnnError, NoDigitFoundError, parameter
from mnistcnn.files import is_address
from mnistcnn.pictures.finding import Picture, class_folders, labelled_pictures, skipped
from mnistcnn.pictures.preparing import read_digits
from mnistcnn.wording import counted

VALIDATION_IMAGES = 5_000  # images: the most that are held out to validate (the first 5,000, as in the tutorial)
SAMPLE_FOLDER = Path(__file__).parent / "sample"
LISTED = 5  # broken pictures: the most that a message lists
FOLDER_SPLIT_SEED = 0  # seed: the order in which pictures in class folders are split


def load_dataset(source: str | None = None, *, on_bytes: OnBytes = lambda count: None) -> Dataset:
    """Find a dataset: "mnist", "sample", or the path of a folder or an .npz file.

    None is MNIST or, if MNIST is out of reach, the sample in the package with a notice. `on_bytes` gets the size of
    each piece of a download. Raises MnistcnnError if the source is missing or is not a dataset.
    """
    if source == "sample":
        return bundled_sample()
    if source in (None, "mnist"):
        try:
            return mnist(on_bytes)
        except MnistcnnError as error:
            if source == "mnist":
                raise
            return bundled_sample(notice=f"{error}. Going on with the 5,000 MNIST images of the package instead.")
    return from_path(Path(source))


def mnist(on_bytes: OnBytes = lambda count: None) -> Dataset:
    """Return MNIST from Keras's cache, downloading it if it is missing. Its content is verified when it is read."""
    archive, folder = keras_datasets_folder() / "mnist.npz", keras_datasets_folder() / "mnist"
    is_whole = archive.is_file() and zipfile.is_zipfile(archive)  # a download of Keras's may have been cut off
    if not is_whole:
        try:
            fetch_mnist(folder, on_bytes=on_bytes)
        except MnistcnnError as error:
            if archive.is_file():
                raise MnistcnnError(f"{archive} is cut off or damaged, delete it. {error}") from error
            raise
    source = archive if is_whole else folder

    def verified(kind: str) -> Split:
        split = _read_pair(source, kind)
        for name, array in (("images-idx3-ubyte", split.images), ("labels-idx1-ubyte", split.labels)):
            if not is_mnist_content(f"{kind}-{name}", encode_idx(array)):
                raise MnistcnnError(f"{source} does not hold MNIST's {kind}-{name}: delete it, and run this again")
        return split

    return _with_validation("mnist", verified)


def bundled_sample(notice: str | None = None) -> Dataset:
    """Return the 5,000 MNIST training images in the package: 4,050 train, 450 validate, 500 are the test split."""
    return replace(from_path(SAMPLE_FOLDER), taken_from="mnist", notice=notice)


def from_path(path: Path) -> Dataset:
    """Return the dataset in a folder of IDX files, an .npz file with Keras's arrays, or a folder of class folders."""
    name = Path(os.path.realpath(path)).name  # Path.resolve raises if links form a loop
    if path.is_file():
        return _with_validation(name, lambda kind: _read_pair(path, kind))
    if not path.is_dir():
        named = parameter("data", path)
        problem = "cannot be read from the web: download it" if is_address(str(path)) else "no such file or folder"
        raise MnistcnnError(f"{named}: {problem}; give mnist, sample, or a path that exists")
    if any(_idx_path(path, f"{kind}-images-idx3-ubyte") for kind in ("train", "t10k")):
        return _with_validation(name, lambda kind: _read_pair(path, kind))
    if class_folders(path):
        return _from_class_folders(name, path)
    if class_folders(path / "train") or class_folders(path / "test"):
        return _from_class_folders(name, path / "train", path / "test")
    raise MnistcnnError(
        f"{path} is not a dataset: expected IDX files (train-images-idx3-ubyte, …) or folders of pictures named 0 to 9"
    )


def _with_validation(name: str, read: Callable[[str], Split]) -> Dataset:
    """Split as in the tutorial: the first 5,000 training images validate, or the first tenth if that is fewer."""
    training = cache(lambda: read("train"))

    def held_out() -> int:
        return min(VALIDATION_IMAGES, len(training()) // 10)

    readers: dict[str, Callable[[], Split]] = {
        "train": lambda: training()[held_out() :],
        "validation": lambda: training()[: held_out()],
        "test": cache(lambda: read("t10k")),
    }
    return Dataset(name, readers)


def _read_pair(source: Path, kind: str) -> Split:
    """Read the images and labels of "train" or "t10k" from a folder of IDX files or an .npz file."""
    if source.is_file():
        suffix = {"train": "train", "t10k": "test"}[kind]
        images, labels = (read_npz_array(source, f"{letter}_{suffix}") for letter in "xy")
    else:
        images, labels = (
            read_idx(_idx_path(source, name) or source / name, dimensions=dimensions)
            for name, dimensions in ((f"{kind}-images-idx3-ubyte", 3), (f"{kind}-labels-idx1-ubyte", 1))
        )
    return _checked(images, labels, f"{source} ({kind})")


def _idx_path(folder: Path, name: str) -> Path | None:
    """Return the path of an IDX file, gzip-compressed or not, "-idx" spelled ".idx" or not; None if there is none."""
    candidates = (name, f"{name}.gz", name.replace("-idx", ".idx"), name.replace("-idx", ".idx") + ".gz")
    return next((folder / candidate for candidate in candidates if (folder / candidate).is_file()), None)


def _checked(images: np.ndarray, labels: np.ndarray, source: str) -> Split:
    """Return images and labels as a split. Raises MnistcnnError, naming `source`, if they do not fit together."""
    if images.ndim != 3 or images.shape[1:] != (SIZE, SIZE) or labels.ndim != 1:
        raise MnistcnnError(
            f"{source}: expected images (N, 28, 28) and labels (N,), got {images.shape} and {labels.shape}"
        )
    if len(images) != len(labels):
        raise MnistcnnError(
            f"{source}: {counted(len(images), 'image')} but {counted(len(labels), 'label')}; do "
            "the two files belong together?"
        )
    if len(labels) and labels.max() >= CLASSES:
        position = int(labels.argmax())
        raise MnistcnnError(f"{source}: label {labels[position]} at position {position}; expected labels from 0 to 9")
    return Split(images, labels)


def _read_class_folders(folder: Path) -> Split:
    """Read all pictures in the folders 0 to 9 of a folder. One in which no digit is found becomes a black image."""
    found = labelled_pictures(folder)
    if not found:
        raise MnistcnnError(f"{folder} holds no pictures: expected some in its folders 0 to 9")
    images, problems = [], []
    for picture in found:
        try:
            images.append(_read_digit(picture))
        except MnistcnnError as error:
            problems.append(str(error))
    if problems:
        more = f"; and {len(problems) - LISTED:,} more" if len(problems) > LISTED else ""
        raise MnistcnnError(
            f"{counted(len(problems), 'picture')} of {len(found):,} cannot be used, mend or remove them: "
            f"{'; '.join(problems[:LISTED])}{more}"
        )
    return Split(
        images=np.stack(images),
        labels=np.array([picture.label for picture in found], np.uint8),
        files=np.array([picture.name for picture in found]),
    )


def _read_digit(picture: Picture) -> np.ndarray:
    try:
        return read_digits(picture)[0].image
    except NoDigitFoundError:
        return np.zeros((SIZE, SIZE), np.uint8)


def _from_class_folders(name: str, training: Path, testing: Path | None = None) -> Dataset:
    """Hold out a seeded tenth of the pictures for validation and, without a folder for testing, another for testing.

    Pictures in which no digit was found are not trained on. A notice says what is skipped.
    """
    everything = cache(lambda: _read_class_folders(training))
    folders = [folder for folder in (training, testing) if folder is not None and folder.is_dir()]
    notice = "; ".join(filter(None, map(skipped, folders))) or None

    def tenths(first: int, last: int) -> Split:
        order = np.random.RandomState(FOLDER_SPLIT_SEED).permutation(len(everything()))
        return everything()[order[first * len(order) // 10 : last * len(order) // 10]]

    readers: dict[str, Callable[[], Split]] = {
        "train": lambda: tenths(1 if testing else 2, 10).with_ink(),
        "validation": lambda: tenths(0, 1),
    }
    if testing:
        return Dataset(name, readers | {"test": cache(lambda: _read_class_folders(testing))}, notice=notice)
    readers |= {"test": lambda: tenths(1, 2), "all": everything}
    return Dataset(name, readers, default_split="all", notice=notice)
