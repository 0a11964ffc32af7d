"""Data as people have it: each form is read from small files that the test makes."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from helpers import drawn_one
from PIL import Image

from mnistcnn.data.idx import encode_idx
from mnistcnn.data.sources import load_dataset
from mnistcnn.errors import MnistcnnError

IMAGES = np.random.RandomState(0).randint(0, 256, (40, 28, 28), np.uint8)
LABELS = (np.arange(40) % 10).astype(np.uint8)


def write_idx_pair(folder: Path, stem: str, count: int = 40, *, labels: str = "labels-idx1-ubyte") -> None:
    """Write the first images and labels as `{stem}images-idx3-ubyte` and its labels."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stem}images-idx3-ubyte").write_bytes(encode_idx(IMAGES[:count]))
    table = np.zeros((count, 8), ">i4")
    table[:, 0] = LABELS[:count]
    content = {
        "labels-idx1-ubyte": encode_idx(LABELS[:count]),
        "labels-idx2-int": struct.pack(">HBBII", 0, 0x0C, 2, count, 8) + table.tobytes(),
    }[labels]
    (folder / f"{stem}{labels}.gz").write_bytes(gzip.compress(content))


def write_csv(path: Path, count: int = 40, *, labels: bool = True) -> None:
    """Write the first images as rows of CSV, each behind its label if there are labels."""
    columns = np.column_stack([LABELS[:count], IMAGES[:count].reshape(count, -1)])
    np.savetxt(path, columns if labels else columns[:, 1:], fmt="%d", delimiter=",")


def write_picture(path: Path) -> None:
    """Write a picture of a one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(drawn_one()).save(path)


def sizes(folder: Path, *splits: str) -> list[int]:
    """Return the number of images in splits of the dataset in a folder."""
    dataset = load_dataset(str(folder))
    return [len(dataset.split(split)) for split in splits or ("train", "validation", "test")]


def test_qmnist_is_read(tmp_path: Path) -> None:
    """QMNIST's labels are the first of eight whole numbers, and its files have its name."""
    write_idx_pair(tmp_path, "qmnist-train-", labels="labels-idx2-int")
    write_idx_pair(tmp_path, "qmnist-test-", 20, labels="labels-idx2-int")
    dataset = load_dataset(str(tmp_path))
    assert (dataset.name, dataset.notice) == ("qmnist", None)
    test = dataset.split("test")
    assert np.array_equal(test.images, IMAGES[:20])
    assert np.array_equal(test.labels, LABELS[:20])
    assert test.labels.dtype == np.uint8


def test_a_table_of_labels_without_columns_is_refused(tmp_path: Path) -> None:
    """The error says what is missing."""
    write_idx_pair(tmp_path, "", 1)
    (tmp_path / "labels-idx1-ubyte.gz").unlink()
    (tmp_path / "labels-idx2-int").write_bytes(struct.pack(">HBBII", 0, 0x0C, 2, 1, 0))
    with pytest.raises(MnistcnnError, match="labels-idx2-int has no columns"):
        load_dataset(str(tmp_path)).split("all")


@pytest.mark.parametrize("value", [-1, 10, 2**31 - 1])
def test_a_label_of_qmnist_that_is_not_a_digit_is_refused(tmp_path: Path, value: int) -> None:
    """The error names the label; it is not taken modulo 256."""
    write_idx_pair(tmp_path, "", 1)
    (tmp_path / "labels-idx1-ubyte.gz").unlink()
    (tmp_path / "labels-idx2-int").write_bytes(struct.pack(">HBBIIi", 0, 0x0C, 2, 1, 1, value))
    with pytest.raises(MnistcnnError, match=f"label {value} at position 0; expected labels from 0 to 9"):
        load_dataset(str(tmp_path)).split("all")


def test_emnists_digits_are_turned_upright_and_it_is_said(tmp_path: Path) -> None:
    """A folder of several sets of EMNIST gives its digits, transposed, with a notice."""
    for name in ("emnist-digits", "emnist-letters"):
        write_idx_pair(tmp_path, f"{name}-train-")
        write_idx_pair(tmp_path, f"{name}-test-", 20)
    dataset = load_dataset(str(tmp_path))
    assert dataset.name == "emnist-digits"
    assert np.array_equal(dataset.split("test").images, IMAGES[:20].transpose(0, 2, 1))
    assert "emnist-digits is read, of the sets emnist-digits, emnist-letters" in (dataset.notice or "")
    assert "The images of emnist-digits are transposed as they are read" in (dataset.notice or "")


def test_several_sets_of_equal_rank_are_refused(tmp_path: Path) -> None:
    """The error lists the sets, and any file of them can be named."""
    for name in ("mine", "yours"):
        write_idx_pair(tmp_path, f"{name}-train-")
    with pytest.raises(MnistcnnError, match=r"holds several sets of images \(mine, yours\): name a file of one"):
        load_dataset(str(tmp_path))
    assert sizes(tmp_path / "mine-train-images-idx3-ubyte", "all") == [40]


@pytest.mark.parametrize("stem", ["", "mine-", "mine-train-"])
def test_one_pair_of_idx_files_is_a_dataset(tmp_path: Path, stem: str) -> None:
    """All images of any pair are measured by default; tenths of them are held out from training."""
    write_idx_pair(tmp_path, stem)
    assert load_dataset(str(tmp_path)).default_split == "all"
    assert sizes(tmp_path, "all", "train", "validation", "test") == [40, 32, 4, 4]
    assert sizes(tmp_path / f"{stem}images-idx3-ubyte", "all") == [40]


def test_images_without_labels_are_refused(tmp_path: Path) -> None:
    """The error says which files of labels were looked for."""
    (tmp_path / "a-images-idx3-ubyte").write_bytes(encode_idx(IMAGES))
    with pytest.raises(MnistcnnError, match="has no labels: expected a-labels-idx1-ubyte or a-labels-idx2-int beside"):
        load_dataset(str(tmp_path)).split("all")


def test_images_for_testing_alone_can_be_measured(tmp_path: Path) -> None:
    """Without training files, the test split is read, and training is refused."""
    write_idx_pair(tmp_path, "t10k-", 20)
    assert sizes(tmp_path, "test") == [20]
    with pytest.raises(MnistcnnError, match="has no images to train on"):
        load_dataset(str(tmp_path)).split("train")


@pytest.mark.parametrize("inside", ["MNIST/raw", "QMNIST/raw", "raw", "mnist", "datasets/mnist"], ids="in {}".format)
def test_a_cache_of_keras_or_torchvision_is_a_dataset(tmp_path: Path, inside: str) -> None:
    """The folder that Keras or torchvision was given is named, not the one that it made inside."""
    write_idx_pair(tmp_path / inside, "train-")
    write_idx_pair(tmp_path / inside, "t10k-", 20)
    assert load_dataset(str(tmp_path)).name == tmp_path.name
    assert sizes(tmp_path) == [36, 4, 20]


def test_kerass_archive_is_found_in_its_folder(tmp_path: Path) -> None:
    """`mnist.npz` is read where the folder around it, or Keras's home, is named."""
    (tmp_path / "datasets").mkdir()
    path = tmp_path / "datasets" / "mnist.npz"
    np.savez(path, x_train=IMAGES, y_train=LABELS, x_test=IMAGES[:20], y_test=LABELS[:20])
    assert sizes(tmp_path) == sizes(tmp_path / "datasets") == [36, 4, 20]


def test_a_csv_file_is_a_dataset(tmp_path: Path) -> None:
    """All rows are measured by default; tenths of them are held out from training."""
    write_csv(tmp_path / "train.csv")
    assert np.array_equal(load_dataset(str(tmp_path / "train.csv")).split("all").images, IMAGES)
    assert sizes(tmp_path / "train.csv", "all", "train", "validation", "test") == [40, 32, 4, 4]


@pytest.mark.parametrize("stem", ["", "mnist_"])
def test_csv_files_for_training_and_testing_are_a_dataset(tmp_path: Path, stem: str) -> None:
    """The first tenth of `train.csv` validates, and `test.csv` tests."""
    write_csv(tmp_path / f"{stem}train.csv")
    write_csv(tmp_path / f"{stem}test.csv", 20)
    (tmp_path / "sample_submission.csv").write_text("ImageId,Label\n1,0\n")
    assert sizes(tmp_path) == [36, 4, 20]
    assert np.array_equal(load_dataset(str(tmp_path)).split("test").images, IMAGES[:20])


def test_a_csv_file_without_labels_tests_nothing(tmp_path: Path) -> None:
    """Kaggle's `test.csv` is left out, and tenths of `train.csv` are held out; alone it is refused."""
    write_csv(tmp_path / "train.csv")
    write_csv(tmp_path / "test.csv", 20, labels=False)
    assert sizes(tmp_path, "all", "train", "validation", "test") == [40, 32, 4, 4]
    with pytest.raises(MnistcnnError, match="has pixels but no labels: expected a column of them"):
        load_dataset(str(tmp_path / "test.csv")).split("all")


@pytest.mark.parametrize("names", ["{}", "0{}", "digit_{}", "Class {}", "{word}", "{word_upper}"])
def test_class_folders_may_have_the_names_that_people_give(tmp_path: Path, names: str) -> None:
    """The folders 1 and 7 may be called digit_7, 07 or seven, with pictures in folders inside."""
    for digit, word in ((1, "one"), (7, "seven")):
        folder = tmp_path / names.format(digit, word=word, word_upper=word.upper())
        write_picture(folder / "a.png")
        write_picture(folder / "writer 1" / "b.png")
    assert load_dataset(str(tmp_path)).split("all").labels.tolist() == [1, 1, 7, 7]


@pytest.mark.parametrize("names", [("Sample001", "Sample002"), ("one", "photos"), ("digit_1", "digit_10")])
def test_folders_that_do_not_all_name_digits_are_not_class_folders(tmp_path: Path, names: tuple[str, str]) -> None:
    """The error says what the folder holds."""
    for name in names:
        write_picture(tmp_path / name / "a.png")
    with pytest.raises(MnistcnnError, match=rf"is not a dataset, it holds 2 folders \({', '.join(names)}\): expected"):
        load_dataset(str(tmp_path))


@pytest.mark.parametrize(
    ("folders", "expected", "default"),
    [
        (("training", "testing"), [18, 2, 10], "test"),
        (("train", "val"), [18, 20, 2], "validation"),
        (("Train", "valid", "Test"), [20, 10, 10], "test"),
        (("training",), [16, 2, 2], "all"),
    ],
)
def test_folders_for_splits_may_have_the_names_that_people_give(
    tmp_path: Path, folders: tuple[str, ...], expected: list[int], default: str
) -> None:
    """What has no folder is held out of the training folder; the default split is the user's own."""
    for name in folders:
        for digit in range(10):
            for number in range(2 if name in ("train", "Train", "training", "val") else 1):
                write_picture(tmp_path / name / str(digit) / f"{number}.png")
    assert sizes(tmp_path) == expected
    assert load_dataset(str(tmp_path)).default_split == default


@pytest.mark.parametrize("header", ["", "file,label\n"])
def test_a_list_labels_pictures(tmp_path: Path, header: str) -> None:
    """`labels.csv` names pictures beside it; how many it leaves out is said."""
    for name in ("a.png", "b.png", "more/c.png"):
        write_picture(tmp_path / name)
    (tmp_path / "labels.csv").write_text(f"{header}b.png,1\n\nmore/c.png,seven,anna\n")
    dataset = load_dataset(str(tmp_path))
    assert dataset.split("all").labels.tolist() == [1, 7]
    assert "1 picture of" in (dataset.notice or "")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a.png,1\na.png,10\n", "row 2 is 'a.png,10'; expected a file and a digit from 0 to 9"),
        ("a.png,1\nb.png,1\n", "row 2 names b.png, which is not a file beside it"),
        ("file,label\na.png\n", "row 2 is 'a.png'; expected a file and a digit"),
        ("a.png,1\na.png,2\n", "row 2 names a.png a second time"),
        ("file,label\n", "holds no pictures"),
    ],
)
def test_a_list_that_does_not_fit_is_refused(tmp_path: Path, rows: str, message: str) -> None:
    """The error names the row."""
    write_picture(tmp_path / "a.png")
    (tmp_path / "labels.csv").write_text(rows)
    with pytest.raises(MnistcnnError, match=message):
        load_dataset(str(tmp_path)).split("all")


@pytest.mark.parametrize(
    ("names", "scheme"),
    [
        (("7_0001.png", "1_0002.png"), "begins with the digit, as 7_0001 does"),
        (("0001_7.png", "0002_1.png"), "ends with the digit after a number"),
        (("anna digit7.png", "digit_1_b.png"), "names the digit, as digit_7_0001 does"),
    ],
)
def test_names_that_follow_one_scheme_label_pictures_and_it_is_said(
    tmp_path: Path, names: tuple[str, str], scheme: str
) -> None:
    """The notice tells how the labels were found."""
    for name in names:
        write_picture(tmp_path / name)
    dataset = load_dataset(str(tmp_path))
    assert sorted(dataset.split("all").labels) == [1, 7]
    assert scheme in (dataset.notice or "")


@pytest.mark.parametrize("names", [("IMG_1.png", "IMG_2.png"), ("7_01.png", "seven.png"), ("7_1.png", "1_7.png")])
def test_names_that_follow_no_scheme_or_several_are_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    """Nothing is guessed of a picture's digit."""
    for name in names:
        write_picture(tmp_path / name)
    with pytest.raises(MnistcnnError, match="is not a dataset, it holds"):
        load_dataset(str(tmp_path))


def test_pictures_beside_class_folders_are_counted(tmp_path: Path) -> None:
    """The notice says how many pictures lie in no class folder."""
    write_picture(tmp_path / "1" / "a.png")
    write_picture(tmp_path / "b.png")
    assert load_dataset(str(tmp_path)).notice == f"skipped in {tmp_path}: 1 picture beside the class folders."
