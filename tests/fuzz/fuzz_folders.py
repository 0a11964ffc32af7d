"""Trees of class folders: odd names, links that loop, pipes, damaged pictures, and a great many entries."""

import io
import os
import random
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from fuzz_pictures import pictures, read
from mutations import Case, mutated

from mnistcnn.data.sources import load_dataset
from mnistcnn.errors import MnistcnnError
from mnistcnn.pictures.finding import find_pictures

ODD_NAMES = (
    *(b"a.png", b"10.png", b"2.PNG", b".hidden.png", b"n\new.png", b"\x1b[31mred\x1b[0m.png", b"\xff\xfe.png"),
    *("ünïcode ☃.png".encode(), b"-rf.png", b"*.png", b"[1].png", b"x" * 250 + b".png", b"..png", b"a.txt", b"noext"),
    *("٣.png".encode(), "²³.png".encode(), b"9" * 200 + b".png", "\u202egnp.png".encode()),
)

NAMES = ("0", "1", "2", "7", "9", "10", "x", "٣", "03", "digit_4", "Five", "val", "labels.csv")
LIST = b"file,label\n" + b"".join(b"%d/10.png,%d\n" % (digit, digit) for digit in range(10))


def folder_cases(count: int, folder: Path) -> Iterator[Case]:
    """A folder of 100,000 entries; then random trees of odd names, links, pipes, folders and bad pictures."""
    yield "100,000 entries", lambda: read_many(folder / "many")
    good = list(pictures().values())
    for number in range(count):
        yield f"tree {number}", lambda number=number: read_tree(folder / "tree", random.Random(number), good)  # type: ignore[misc]


def read_many(place: Path) -> None:
    """Read class folders with 100,000 entries, one picture among them."""
    (place / "0").mkdir(parents=True)
    for number in range(100_000):
        os.mknod(place / "0" / f"{number}.txt")
    (place / "0" / "1.png").write_bytes(pictures()["L.png"])
    assert len(load_dataset(str(place)).split("all")) == 1
    assert len(list(find_pictures([str(place / "0")], io.BytesIO()))) == 1


def read_tree(place: Path, randomness: random.Random, good: list[bytes]) -> None:
    """Make a random tree of class folders; read it as a dataset and as pictures to predict."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    roots = [place] if randomness.random() < 0.8 else [place / "train", place / "test"]
    for root in roots:
        root.mkdir(exist_ok=True)
        for digit in randomness.sample(NAMES, randomness.randint(0, 4)):
            _make(root / digit, randomness, good, kinds=("folder", "folder", "folder", "loop", "up", "file"))
    if randomness.random() < 0.2:
        with suppress(OSError):  # a folder of that name
            (place / "labels.csv").unlink(missing_ok=True)
            (place / "labels.csv").write_bytes(mutated(LIST, randomness))
    seen: set[str | bytes] = set()
    for path in (place, *place.iterdir()):
        for picture in find_pictures([str(path), str(path / "*"), str(path / "**" / "*.png")], io.BytesIO(b"")):
            file = picture.error or os.path.realpath(picture.source)
            if file in seen:  # links give a file many names
                continue
            seen.add(file)
            try:
                read(picture)
            except MnistcnnError:
                continue
    dataset = load_dataset(str(place))
    for name in dataset.readers:
        dataset.split(name)


def _make(path: Path, randomness: random.Random, good: list[bytes], kinds: tuple[str, ...]) -> None:
    match randomness.choice(kinds):
        case "folder":
            path.mkdir()
            for name in randomness.sample(ODD_NAMES, randomness.randint(0, 5)):
                inside = ("file", "file", "file", "file", "bad", "loop", "dangling", "up", "pipe", "folder")
                _make(path / os.fsdecode(name), randomness, good, inside)
        case "file":
            path.write_bytes(randomness.choice(good))
        case "bad":
            path.write_bytes(mutated(randomness.choice(good), randomness))
        case "loop":
            path.symlink_to(path.name)
        case "dangling":
            path.symlink_to("nowhere")
        case "up":
            path.symlink_to("..")
        case "pipe":
            os.mkfifo(path)
