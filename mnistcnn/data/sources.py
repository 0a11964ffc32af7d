"""Labelled images and where they come from: MNIST, the sample in the package, a person's own files and folders."""

import os
import zipfile
from dataclasses import replace
from pathlib import Path

from mnistcnn.data import folders, named_files
from mnistcnn.data.dataset import Dataset, Split
from mnistcnn.data.download import OnBytes, fetch_mnist, is_mnist_content, keras_datasets_folder
from mnistcnn.data.idx import encode_idx
from mnistcnn.data.named_files import read_images
from mnistcnn.data.npz import read_npz_array
from mnistcnn.data.splits import as_in_tutorial, checked
from mnistcnn.errors import MnistcnnError, parameter, printable
from mnistcnn.files import is_address
from mnistcnn.wording import counted

SAMPLE_FOLDER = Path(__file__).parent / "sample"
# folders and files: where Keras and torchvision keep MNIST and its like inside the folder that they are given
CACHES = ("datasets", "datasets/mnist", "mnist", "MNIST/raw", "QMNIST/raw", "EMNIST/raw", "raw")


def load_dataset(source: str | None = None, *, on_bytes: OnBytes = lambda count: None) -> Dataset:
    """Find a dataset: "mnist", "sample", or the path of a file or a folder.

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

    def verified(part: str, kind: str) -> Split:
        split = _read_npz(archive, part) if source == archive else read_images(folder / f"{kind}-images-idx3-ubyte.gz")
        for name, array in (("images-idx3-ubyte", split.images), ("labels-idx1-ubyte", split.labels)):
            if not is_mnist_content(f"{kind}-{name}", encode_idx(array)):
                raise MnistcnnError(f"{source} does not hold MNIST's {kind}-{name}: delete it, and run this again")
        return split

    return as_in_tutorial("mnist", lambda: verified("train", "train"), lambda: verified("test", "t10k"))


def bundled_sample(notice: str | None = None) -> Dataset:
    """Return the 5,000 MNIST training images in the package: 4,050 train, 450 validate, 500 are the test split."""
    return replace(from_path(SAMPLE_FOLDER), taken_from="mnist", notice=notice)


def from_path(path: Path) -> Dataset:
    """Return the dataset in a file or a folder, in any of the forms that docs/formats.md lists."""
    name = Path(os.path.realpath(path)).name  # Path.resolve raises if links form a loop
    if path.is_file():
        return named_files.from_file(path) if named_files.form_of(path) else _from_npz(path, name)
    if not path.is_dir():
        named = parameter("data", path)
        problem = "cannot be read from the web: download it" if is_address(str(path)) else "no such file or folder"
        raise MnistcnnError(f"{named}: {problem}; give mnist, sample, or a path that exists")
    for place in (path, *(path / inside for inside in CACHES)):
        dataset = _in_folder(place, name)
        if dataset is not None:
            return dataset
    raise MnistcnnError(
        f"{path} is not a dataset, it holds {_content(path)}: expected IDX files (train-images-idx3-ubyte, …), "
        "train.csv, mnist.npz, or pictures in folders named 0 to 9 or listed in a labels.csv"
    )


def _in_folder(folder: Path, name: str) -> Dataset | None:
    """Return the dataset whose files lie in a folder, or None."""
    if not folder.is_dir():
        return None
    if (folder / "mnist.npz").is_file():
        return _from_npz(folder / "mnist.npz", name)
    return (
        named_files.from_folder(folder, name, "idx")
        or folders.from_folder(folder, name)
        or named_files.from_folder(folder, name, "csv")
    )


def _from_npz(path: Path, name: str) -> Dataset:
    return as_in_tutorial(name, lambda: _read_npz(path, "train"), lambda: _read_npz(path, "test"))


def _read_npz(path: Path, part: str) -> Split:
    images, labels = (read_npz_array(path, f"{letter}_{part}") for letter in "xy")
    return checked(images, labels, f"{path} ({part})")


def _content(folder: Path) -> str:
    """Say what a folder holds."""
    entries = sorted(folder.iterdir())
    said = []
    for noun, kind in (("folder", Path.is_dir), ("file", Path.is_file)):
        names = [path.name for path in entries if kind(path)]
        if names:
            said.append(f"{counted(len(names), noun)} ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})")
    return printable(" and ".join(said)) or "nothing"
