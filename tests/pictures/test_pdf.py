"""The pages of PDF documents."""

import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from drawn_pictures import CLEAN, difference, encoded, seven
from PIL import Image

from mnistcnn.data.sources import load_dataset
from mnistcnn.errors import MnistcnnError
from mnistcnn.pictures.finding import Picture, find_pictures
from mnistcnn.pictures.pdf import MAX_PAGE_SIDE, MAX_PAGES, page_image
from mnistcnn.pictures.preparing import read_digits

pytest.importorskip("pypdfium2", reason="the extra `pdf` is not installed")


def document(*pages: np.ndarray) -> bytes:
    """Return a PDF document whose pages are pictures."""
    first, *further = map(Image.fromarray, pages)
    return encoded(first, "PDF", save_all=True, append_images=further, resolution=200)


def test_each_page_is_a_picture(tmp_path: Path) -> None:
    """A document of two 7s, the second of them light on dark, is two pictures, named by their pages."""
    (tmp_path / "sevens.PDF").write_bytes(document(seven(), 255 - seven()))
    pictures = list(find_pictures([str(tmp_path)], None))
    assert [picture.name for picture in pictures] == [f"{tmp_path / 'sevens.PDF'}#{page}" for page in (1, 2)]
    for picture in pictures:
        [digit] = read_digits(picture)
        assert difference(digit.image, CLEAN) < 0.15


def test_pages_in_class_folders_are_images_of_a_dataset(tmp_path: Path) -> None:
    """A scan of two pages in the folder 7 is two images with the label 7, called by their pages."""
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "scan.pdf").write_bytes(document(seven(), 255 - seven()))
    split = load_dataset(str(tmp_path)).split("all")
    assert split.labels.tolist() == [7, 7]
    assert split.files is not None
    assert [Path(file).name for file in split.files] == ["scan.pdf#1", "scan.pdf#2"]
    assert max(difference(image, CLEAN) for image in split.images) < 0.15


def test_one_page_can_be_named(tmp_path: Path) -> None:
    """file.pdf#2 is the second page; the error of a page that is not there says how many there are."""
    (tmp_path / "a.pdf").write_bytes(document(np.full((300, 300), 255, np.uint8), seven()))
    [second, absent] = find_pictures([f"{tmp_path}/a.pdf#2", f"{tmp_path}/a.pdf#3"], None)
    assert difference(read_digits(second)[0].image, CLEAN) < 0.15
    with pytest.raises(MnistcnnError, match=r"a.pdf#3 cannot be read as a picture: it has 2 pages$"):
        read_digits(absent)


def test_a_document_comes_through_a_pipe() -> None:
    """Standard input may hold a document."""
    found = find_pictures(["-"], BytesIO(document(seven(), seven())))
    assert [picture.name for picture in found] == ["-#1", "-#2"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"%PDF-1.7\n", "it is not a PDF document that can be read: it is damaged, or has a password"),
        (document(seven())[:400], "it is not a PDF document that can be read: it is damaged, or has a password"),
        (b"", "it is not a PDF document that can be read: it is damaged, or has a password"),
        (None, "no such file"),
    ],
    ids=["a header", "cut off", "nothing", "absent"],
)
def test_a_damaged_document_is_one_error(tmp_path: Path, content: bytes | None, message: str) -> None:
    """The error of a document that cannot be read is a picture's."""
    if content is not None:
        (tmp_path / "bad.pdf").write_bytes(content)
    [picture] = find_pictures([str(tmp_path / "bad.pdf")], None)
    assert picture.error == f"{tmp_path / 'bad.pdf'}: {message}"


def test_too_many_pages_are_refused() -> None:
    """A document of more than MAX_PAGES pages is one error that names the limit."""
    blank = np.full((2, 2), 255, np.uint8)
    [picture] = find_pictures(["-"], BytesIO(document(*[blank] * (MAX_PAGES + 1))))
    assert picture.error == "-: it has 1,001 pages: split it into documents of at most 1,000"


def test_a_vast_page_is_drawn_small() -> None:
    """A page of two hundred inches is drawn with at most MAX_PAGE_SIDE pixels."""
    vast = encoded(Image.new("L", (200, 100), 255), "PDF", resolution=1)
    assert max(page_image(vast, 0).size) == MAX_PAGE_SIDE


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pypdfium2 is absent the error says how to install it."""
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    [picture] = find_pictures(["-"], BytesIO(document(seven())))
    assert picture == Picture("-", picture.source, error=picture.error)
    assert picture.error == (
        "-: it is a PDF document: pip install 'mnistcnn[pdf]' to read its pages, or save them as PNG"
    )
