"""Pictures found by name."""

from io import BytesIO
from pathlib import Path

import pytest
from drawn_pictures import encoded, seven
from PIL import Image

from mnistcnn.errors import MnistcnnError
from mnistcnn.pictures.finding import find_pictures
from mnistcnn.pictures.folders import skipped


def test_class_folders_are_found_with_their_labels(tmp_path: Path) -> None:
    """Class folders give their pictures in order of digit and number, and nothing that lies beside them."""
    for name in ("7/10.png", "7/9.png", "0/a.png", "beside.png", "9/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(encoded(Image.fromarray(seven())))
    found = list(find_pictures([str(tmp_path)], BytesIO()))
    assert [(picture.label, Path(picture.name).name) for picture in found] == [
        (0, "a.png"),
        (7, "9.png"),
        (7, "10.png"),
    ]


def test_an_address_is_not_a_file() -> None:
    """The error says to download the picture, and shows the address as it was given."""
    [picture] = find_pictures(["https://example.org/7.png"], BytesIO())
    assert picture.error == "https://example.org/7.png is an address: download the picture, and name its file"


def test_what_is_not_read_in_a_folder_is_counted(tmp_path: Path) -> None:
    """Files that are not pictures and folders are skipped, hidden ones aside; a folder of pictures alone skips none."""
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / ".DS_Store").write_bytes(b"")
    assert skipped(tmp_path) is None
    for name in ("b.svg", "c.SVG", "README", "more/d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert skipped(tmp_path) == f"skipped in {tmp_path}: 1 folder, 2 files with .svg, 1 file with no suffix"


def test_a_list_of_names_stands_for_its_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files, folders and patterns in the list are found in its order, whatever ends its lines."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "photos/2.png", "photos/10.png", "@b.png"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    Path("names.txt").write_bytes(b"photos\r\n\na.png\nno*.png")
    found = list(find_pictures(["@names.txt", "@b.png"], BytesIO()))
    assert [picture.name for picture in found] == ["photos/2.png", "photos/10.png", "a.png", "no*.png", "@b.png"]
    assert found[3].error == "no*.png matches no file: check the pattern"


def test_a_missing_list_is_refused(tmp_path: Path) -> None:
    """The error names the list as it was typed."""
    with pytest.raises(MnistcnnError, match="nowhere.txt is not a list of names: No such file or directory"):
        list(find_pictures([f"@{tmp_path}/nowhere.txt"], BytesIO()))
