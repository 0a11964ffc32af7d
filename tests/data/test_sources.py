"""The sources of images: what splits each one has, and how a bad one is refused."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from helpers import drawn_one
from PIL import Image

from mnistcnn.data.dataset import Dataset, Split
from mnistcnn.data.idx import encode_idx
from mnistcnn.data.sources import load_dataset
from mnistcnn.errors import MnistcnnError, UsageError

RANDOM = np.random.RandomState(0)
IMAGES, LABELS = RANDOM.randint(0, 256, (40, 28, 28), np.uint8), (np.arange(40) % 10).astype(np.uint8)
TEST_IMAGES, TEST_LABELS = IMAGES[::-1][:7], LABELS[::-1][:7]


def write_idx_folder(folder: Path, **changes: np.ndarray) -> Path:
    """Write a folder of IDX files like MNIST's, with the given arrays in place of some."""
    arrays = {
        "train-images-idx3-ubyte": IMAGES,
        "train-labels-idx1-ubyte": LABELS,
        "t10k-images-idx3-ubyte": TEST_IMAGES,
        "t10k-labels-idx1-ubyte": TEST_LABELS,
    }
    folder.mkdir(exist_ok=True)
    for name, array in (arrays | {name.replace("_", "-"): array for name, array in changes.items()}).items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(encode_idx(array), 1))
    return folder


def write_class_folder(folder: Path, per_class: int) -> Path:
    """Write pictures that look like MNIST's into folders named 0 to 9; each has its number as a level in its middle."""
    for digit in range(10):
        (folder / str(digit)).mkdir(parents=True)
        for number in range(per_class):
            image = drawn_one()
            image[14, 14] = 10 * digit + number + 1
            Image.fromarray(image).save(folder / str(digit) / f"{number}.png")
    return folder


def assert_splits_are_the_tutorials(dataset: Dataset) -> None:
    """Check that the first tenth of the training images validates, the rest trains, and the test set tests."""
    train, validation, test = (dataset.split(name) for name in ("train", "validation", "test"))
    assert np.array_equal(validation.images, IMAGES[:4])
    assert np.array_equal(train.images, IMAGES[4:])
    assert np.array_equal(train.labels, LABELS[4:])
    assert np.array_equal(test.images, TEST_IMAGES)
    assert np.array_equal(test.labels, TEST_LABELS)


def test_a_folder_of_idx_files_is_a_dataset(tmp_path: Path) -> None:
    """load_dataset names the dataset after its folder and splits the images as the tutorial does."""
    dataset = load_dataset(str(write_idx_folder(tmp_path / "mine")))
    assert dataset.name == "mine"
    assert_splits_are_the_tutorials(dataset)


def test_an_npz_file_is_a_dataset(tmp_path: Path) -> None:
    """load_dataset reads Keras's four arrays, whatever whole-number type they have."""
    path = tmp_path / "mnist.npz"
    np.savez(path, x_train=IMAGES, y_train=LABELS.astype(np.int64), x_test=TEST_IMAGES, y_test=TEST_LABELS)
    assert_splits_are_the_tutorials(load_dataset(str(path)))


@pytest.mark.parametrize(
    "images",
    [IMAGES[..., None], IMAGES[:, None], IMAGES.reshape(40, 784), IMAGES.astype(np.float32), IMAGES / 255],
    ids=lambda images: f"{images.shape} {images.dtype}",
)
@pytest.mark.parametrize("labels", [LABELS[:, None], np.eye(10)[LABELS], LABELS.astype(float)], ids=lambda a: a.shape)
def test_arrays_as_other_programs_save_them_are_a_dataset(
    tmp_path: Path, images: np.ndarray, labels: np.ndarray
) -> None:
    """Channels, flat rows, floats, one-hot labels and MedMNIST's names say the same as Keras's arrays."""
    path = tmp_path / "d.npz"
    np.savez(path, train_images=images, train_labels=labels, test_images=TEST_IMAGES, test_labels=TEST_LABELS)
    assert_splits_are_the_tutorials(load_dataset(str(path)))


def test_class_folders_are_a_dataset(tmp_path: Path) -> None:
    """All pictures are measured by default; a seeded tenth validates, another tests, the rest trains."""
    dataset = load_dataset(str(write_class_folder(tmp_path / "pictures", 4)))
    assert dataset.default_split == "all"
    everything = dataset.split("all")
    assert everything.labels.tolist() == sorted([*range(10)] * 4)
    assert everything.images[:, 14, 14].tolist() == [10 * digit + n + 1 for digit in range(10) for n in range(4)]
    parts = [dataset.split(name) for name in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [32, 4, 4]
    seen = np.concatenate([part.images[:, 14, 14] for part in parts])
    assert sorted(seen) == sorted(everything.images[:, 14, 14])
    assert np.array_equal(parts[0].images, load_dataset(str(tmp_path / "pictures")).split("train").images)
    for split in (everything, *parts):
        for position, label in enumerate(split.labels):
            number = split.images[position, 14, 14] - 10 * int(label) - 1
            assert split.file(position) == str(tmp_path / "pictures" / str(label) / f"{number}.png")


def test_train_and_test_folders_are_honoured(tmp_path: Path) -> None:
    """Nothing is held out for testing if there is a folder "test"."""
    write_class_folder(tmp_path / "train", 2)
    write_class_folder(tmp_path / "test", 1)
    dataset = load_dataset(str(tmp_path))
    assert [len(dataset.split(name)) for name in ("train", "validation", "test")] == [18, 2, 10]
    assert dataset.default_split == "test"


def test_what_is_skipped_in_class_folders_is_counted(tmp_path: Path) -> None:
    """The notice of a dataset names pictures beside its class folders, and files that are not pictures."""
    folder = write_class_folder(tmp_path / "pictures", 1)
    assert load_dataset(str(folder)).notice is None
    for name in ("3/a.svg", "4/b.svg", "4/.hidden", "beside.png", "notes.txt", "more/c.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"")
    reasons = "1 picture beside the class folders, 1 folder, 2 files with .svg"
    assert load_dataset(str(folder)).notice == f"skipped in {folder}: {reasons}."


def test_all_broken_pictures_are_named_at_once(tmp_path: Path) -> None:
    """The error counts them and gives the reasons of the first; whoever mends them needs no second try."""
    folder = write_class_folder(tmp_path / "pictures", 1)
    for digit in range(7):
        (folder / str(digit) / "0.png").write_bytes(b"broken")
    with pytest.raises(
        MnistcnnError, match=r"^7 pictures of 10 cannot be used, mend or remove them: .*; and 2 more$"
    ) as e:
        load_dataset(str(folder)).split("all")
    assert str(e.value).count("0.png is not a picture") == 5


def test_a_download_of_kerass_that_was_cut_off_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    """MNIST is fetched instead; if it is out of reach, the error names the file, and unnamed data is the sample."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "keras-home" / "datasets").mkdir(parents=True)
    for content in (b"", b"<html>proxy</html>", b"PK\x03\x04 cut"):
        (tmp_path / "keras-home" / "datasets" / "mnist.npz").write_bytes(content)
        with pytest.raises(
            MnistcnnError, match=r"mnist\.npz is cut off or damaged, delete it\. MNIST could not be down"
        ):
            load_dataset("mnist")
    sample = load_dataset()
    assert sample.name == "sample"
    assert "delete it" in str(sample.notice)


def test_the_sample_holds_500_images_of_each_digit_drawn_as_mnist_draws_them() -> None:
    """The sample has 5,000 images, split as stated, each within a box of 20×20 and centred by mass."""
    dataset = load_dataset("sample")
    splits = [dataset.split(name) for name in ("train", "validation", "test")]
    assert [len(split) for split in splits] == [4050, 450, 500]
    images = np.concatenate([split.images for split in splits])
    for axis in (1, 2):
        used = np.asarray(images.any(axis=axis))
        extent = 28 - used.argmax(axis=1) - used[:, ::-1].argmax(axis=1)
        assert extent.max() <= 20
    mass = images.sum(axis=(1, 2), dtype=float)
    centre = (images.sum(axis=2) @ np.arange(28)) / mass, (images.sum(axis=1) @ np.arange(28)) / mass
    off_centre = np.abs(np.array(centre) - 14).max(axis=0)
    assert np.mean(off_centre < 0.75) > 0.99  # the mass of a few lies too far out for the box to be moved that far
    assert np.bincount(np.concatenate([split.labels for split in splits])).tolist() == [500] * 10


@pytest.mark.mnist
def test_every_image_of_the_sample_is_one_of_mnists_training_images(mnist_path: str) -> None:
    """The sample's images have the labels that they have in MNIST's training files."""
    mnist = load_dataset(mnist_path).training_images()
    labels = {image.tobytes(): label for image, label in zip(mnist.images, mnist.labels, strict=True)}
    sample = load_dataset("sample")
    for split in map(sample.split, ("train", "validation", "test")):
        assert [labels[image.tobytes()] for image in split.images] == split.labels.tolist()


@pytest.mark.mnist
def test_real_mnist_is_split_as_in_the_tutorial(mnist_path: str) -> None:
    """55,000 images train, the first 5,000 validate, and 10,000 test."""
    dataset = load_dataset(mnist_path)
    assert [len(dataset.split(name)) for name in ("train", "validation", "test")] == [55_000, 5_000, 10_000]
    assert dataset.split("validation").labels[:5].tolist() == [5, 0, 4, 1, 9]


@pytest.mark.mnist
@pytest.mark.parametrize("form", ["npz", "idx"])
def test_mnist_comes_from_kerass_cache_without_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mnist_path: str, form: str
) -> None:
    """load_dataset finds and verifies Keras's own mnist.npz, or an earlier download, under KERAS_HOME."""
    datasets = tmp_path / "datasets"
    datasets.mkdir()
    if form == "idx":
        (datasets / "mnist").symlink_to(Path(mnist_path).resolve())
    else:
        real = load_dataset(mnist_path)
        train, validation, test = (real.split(name) for name in ("train", "validation", "test"))
        np.savez(
            datasets / "mnist.npz",
            x_train=np.concatenate([validation.images, train.images]),
            y_train=np.concatenate([validation.labels, train.labels]),
            x_test=test.images,
            y_test=test.labels,
        )
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    dataset = load_dataset("mnist")
    assert (dataset.name, dataset.notice) == ("mnist", None)
    assert len(dataset.split("train")) == 55_000


def test_a_cached_file_with_other_content_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to do if the cache does not hold MNIST's content."""
    (tmp_path / "datasets").mkdir()
    path = tmp_path / "datasets" / "mnist.npz"
    np.savez(path, x_train=IMAGES, y_train=LABELS, x_test=TEST_IMAGES, y_test=TEST_LABELS)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(MnistcnnError, match="does not hold MNIST's t10k-images-idx3-ubyte: delete it, and run this"):
        load_dataset("mnist").split("test")


def test_equal_content_has_an_equal_fingerprint() -> None:
    """A fingerprint depends on images, labels and their order, and on nothing else."""
    split = Split(IMAGES, LABELS)
    assert split.fingerprint == Split(IMAGES.copy(), LABELS.copy()).fingerprint
    assert split.fingerprint != split[::-1].fingerprint
    assert split.fingerprint != Split(IMAGES, np.roll(LABELS, 1)).fingerprint


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_labels_idx1_ubyte": LABELS[:-1]}, r"ubyte.gz: 40 images but 39 labels; do the two files belong"),
        ({"train_labels_idx1_ubyte": LABELS + 5}, r"ubyte.gz: label 10 at position 5; expected labels from 0 to 9"),
        ({"train_images_idx3_ubyte": IMAGES[:, :20]}, r"expected images \(N, 28, 28\) and labels \(N,\), got \(40, 20"),
        ({"train_images_idx3_ubyte": LABELS}, r"holds labels \(1 dimension\): expected images \(3 dimensions\)"),
        ({"train_images_idx3_ubyte": IMAGES[:0], "train_labels_idx1_ubyte": LABELS[:0]}, "train split .* no images"),
    ],
)
def test_idx_files_that_do_not_fit_are_refused(tmp_path: Path, changes: dict[str, np.ndarray], message: str) -> None:
    """The error says which files, what was received, and what was expected."""
    dataset = load_dataset(str(write_idx_folder(tmp_path / "d", **changes)))
    with pytest.raises(MnistcnnError, match=message):
        dataset.split("train")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "has no array x_train: expected x_train, y_train, x_test and y_test"),
        (
            {"x_train": np.array([{}], dtype=object)},
            "x_train holds object values; expected whole numbers from 0 to 255",
        ),
        ({"x_train": IMAGES, "arr_0": LABELS}, "has no array y_train: expected x_train, y_train, x_test and y_test"),
        (
            {"x_train": IMAGES / 9.0, "y_train": LABELS},
            "x_train holds float64 values; expected whole numbers from 0 to",
        ),
        ({"x_train": IMAGES.astype(int) - 1, "y_train": LABELS}, "x_train holds int64 values; expected whole numbers"),
        ({"x_train": IMAGES[:, 1:], "y_train": LABELS}, r"x_train: expected images \(N, 28, 28\), got \(40, 27, 28\)"),
        ({"x_train": IMAGES, "y_train": np.zeros((40, 3))}, r"y_train: expected labels \(N,\), got \(40, 3\)"),
        ({"x_train": IMAGES, "y_train": LABELS + 0.5}, "y_train holds float64 values; expected whole numbers"),
    ],
)
def test_npz_files_that_do_not_fit_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    """The error names a missing array, a pickled object or values out of range; nothing is ever unpickled."""
    path = tmp_path / "d.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    with pytest.raises(MnistcnnError, match=message):
        load_dataset(str(path)).split("train")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "an empty file"),
        (b"not a zip", "a text file"),
        (b"PK\x03\x04 cut", "a damaged or cut-off zip file"),
        (b"\x93NUMPY\x01\x00", "a single NumPy array"),
        (b"<!DOCTYPE html>", "a web page, perhaps in the place of a download"),
        (b"version https://git-lfs.github.com/spec/v1", "a pointer of Git LFS, in whose place `git lfs pull` puts"),
    ],
)
def test_a_file_that_is_no_npz_is_refused(tmp_path: Path, content: bytes, kind: str) -> None:
    """The error says what the file is, and what was expected."""
    path = tmp_path / "d.npz"
    path.write_bytes(content)
    with pytest.raises(MnistcnnError, match=rf"d\.npz is {kind}.*, not an \.npz file: expected a zip"):
        load_dataset(str(path)).split("train")


def test_an_npz_file_of_unknown_length_is_refused(tmp_path: Path) -> None:
    """A ZIP64 file is refused: the directory whose size is checked need not be the one that is read."""
    path = tmp_path / "d.npz"
    path.write_bytes(b"PK\x06\x07" + bytes(16) + b"PK\x05\x06" + bytes(18))
    with pytest.raises(MnistcnnError, match=r"d\.npz is a zip file with too many entries"):
        load_dataset(str(path)).split("train")


def test_a_path_that_is_no_dataset_is_refused(tmp_path: Path) -> None:
    """The error says what is expected if a folder is empty or a path is missing."""
    with pytest.raises(
        MnistcnnError,
        match="is not a dataset, it holds nothing: expected IDX files .* in folders named 0 to 9",
    ):
        load_dataset(str(tmp_path))
    with pytest.raises(MnistcnnError, match="cannot be read from the web: download it; give mnist, sample, or a path"):
        load_dataset("https://example.org/mnist.npz")
    with pytest.raises(MnistcnnError, match="no such file or folder; give mnist, sample, or a path that exists"):
        load_dataset(str(tmp_path / "nowhere"))


def test_class_folders_without_pictures_are_refused(tmp_path: Path) -> None:
    """The error says that pictures are missing if there are only folders."""
    (tmp_path / "3").mkdir()
    with pytest.raises(MnistcnnError, match="holds no pictures: expected some in its folders 0 to 9"):
        load_dataset(str(tmp_path)).split("all")


def test_an_image_without_ink_is_not_trained_on(tmp_path: Path) -> None:
    """An image without ink is measured but never trained on, whether validation images are held out or not."""
    for path in write_class_folder(tmp_path / "pictures", 4).glob("[01]/*.png"):
        Image.new("L", (50, 50), 200).save(path)
    dataset = load_dataset(str(tmp_path / "pictures"))
    everything, validation = dataset.split("all"), dataset.split("validation")
    assert (len(everything), everything.has_ink.sum()) == (40, 32)
    assert not validation.has_ink.all()
    for images in (dataset.split("train"), dataset.training_images()):
        assert images.has_ink.all()


def test_links_in_a_loop_are_no_dataset(tmp_path: Path) -> None:
    """A link to itself is refused like a path that does not exist."""
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(MnistcnnError, match="loop: no such file or folder"):
        load_dataset(str(tmp_path / "loop"))


def test_an_unknown_split_is_a_usage_error() -> None:
    """The error lists the splits that exist if the name is unknown."""
    with pytest.raises(UsageError, match="split must be one of train, validation, test; received 'tset'"):
        load_dataset("sample").split("tset")


def test_an_unreadable_folder_is_refused(tmp_path: Path) -> None:
    """The error carries the system's reason if a folder may not be listed."""
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    write_class_folder(tmp_path / "pictures", 1)
    (tmp_path / "pictures" / "3").chmod(0)
    with pytest.raises(MnistcnnError, match="3 cannot be listed: Permission denied"):
        load_dataset(str(tmp_path / "pictures")).split("all")
