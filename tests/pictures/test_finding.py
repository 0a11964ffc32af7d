"""Pictures found by name."""

from io import BytesIO
from pathlib import Path

from drawn_pictures import encoded, seven
from PIL import Image

from mnistcnn.pictures.finding import find_pictures


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
