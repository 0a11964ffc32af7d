"""Picture files of every kind, whole and damaged."""

import struct
import sys
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from drawn_pictures import CLEAN, difference, encoded, levels, read, seven
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mnistcnn.errors import MnistcnnError
from mnistcnn.pictures.finding import Picture
from mnistcnn.pictures.preparing import PreparedDigit, read_digits


def modes() -> dict[str, bytes]:
    """Encode the same 7 in every mode there is."""
    grey = seven()
    image = Image.fromarray(grey)
    return {
        "RGB JPEG": encoded(image.convert("RGB"), "JPEG", quality=95),
        "CMYK JPEG": encoded(image.convert("CMYK"), "JPEG", quality=95),
        "palette": encoded(image.convert("P")),
        "bilevel": encoded(image.convert("1", dither=Image.Dither.NONE)),
        "16 bits": encoded(Image.fromarray(grey.astype(np.uint16) * 257)),
        "12 of 16 bits": encoded(Image.fromarray(grey.astype(np.uint16) * 16)),
        "float TIFF": encoded(Image.fromarray((grey / 255).astype(np.float32)), "TIFF"),
        "WebP": encoded(image, "WEBP"),
        "PGM": encoded(image, "PPM"),
        "BMP": encoded(image, "BMP"),
    }


@pytest.mark.parametrize("mode", modes())
def test_every_mode_of_picture_is_read_alike(mode: str) -> None:
    """The digit is the same whatever the mode: sixteen bits, CMYK, palettes, floats, bilevel."""
    assert difference(read(levels(modes()[mode])), CLEAN) < 0.05


def test_levels_that_are_no_number_are_no_crash() -> None:
    """NaN and infinity become the lowest level if a float TIFF holds them."""
    values = np.full((40, 40), 0.5, np.float32)
    values[0, :2] = np.nan, np.inf
    found = levels(encoded(Image.fromarray(values), "TIFF"))
    assert found.dtype == np.uint8
    assert (int(found[0, 0]), int(found[0, 1]), int(found[5, 5])) == (0, 0, 255)


def test_sixteen_bits_are_scaled_exactly() -> None:
    """Sixteen-bit levels give eight-bit levels exactly if they are 257 times these."""
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert (levels(encoded(Image.fromarray(grey.astype(np.uint16) * 257))) == grey).all()


@pytest.mark.parametrize("ink", [(0, 0, 0), (255, 255, 255), (200, 30, 30), (240, 240, 0)])
def test_ink_on_a_transparent_background_is_read(ink: tuple[int, int, int]) -> None:
    """Dark ink is put on white, and light ink on black, if the background is transparent."""
    image = Image.new("RGBA", (300, 300), (*ink, 0))
    image.putalpha(Image.fromarray(255 - seven(ink=0, paper=255)))
    assert difference(read(levels(encoded(image))), CLEAN) < 0.05


@pytest.mark.parametrize(("ink", "paper"), [((255, 235, 0), (255, 255, 255)), ((255, 0, 0), (0, 129, 0))])
def test_ink_that_differs_in_colour_only_is_read(ink: tuple[int, int, int], paper: tuple[int, int, int]) -> None:
    """Ink is found by its colour if grey levels hardly show it: yellow on white, red on green."""
    share = seven(ink=255, paper=0)[..., None] / 255
    picture = np.rint(share * ink + (1 - share) * np.array(paper)).astype(np.uint8)
    assert difference(read(levels(encoded(Image.fromarray(picture)))), CLEAN) < 0.1


def test_a_photo_is_turned_upright() -> None:
    """A photo is turned upright if its EXIF orientation says so."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90° clockwise to show
    turned = Image.fromarray(np.rot90(seven()).copy())
    assert difference(read(levels(encoded(turned, "JPEG", quality=90, exif=exif))), CLEAN) < 0.05


def test_of_an_animation_the_first_frame_counts() -> None:
    """The first frame alone is read if the picture is an animation."""
    first, second = Image.fromarray(seven()), Image.new("L", (300, 300), 255)
    assert difference(read(levels(encoded(first, "GIF", save_all=True, append_images=[second]))), CLEAN) < 0.05


def bomb(width: int, height: int) -> bytes:
    """Write by hand a PNG file whose header promises width×height pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(b"\0" * 99)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


PNG = encoded(Image.fromarray(seven()))


DAMAGED = {
    "nothing": (b"", "is not a picture that can be read; expected PNG, JPEG, or the like; it is an empty file"),
    "text": (b"seven\n" * 20, "is not a picture .* it is a text file"),
    "a pointer": (
        b"version https://git-lfs.github.com/spec/v1\n",
        "is not a picture .* it is a pointer of Git LFS",
    ),
    "a page": (b"<!DOCTYPE html><html>", "is not a picture .* it is a web page, perhaps in the place of a download"),
    "HEIC": (
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        "(is not|cannot be read as) a picture.* it is a HEIC photo",
    ),
    "PDF": (b"%PDF-1.7\n", "is not a picture .* it is a PDF document"),
    "truncated PNG": (PNG[: len(PNG) // 2], "cannot be read as a picture: "),
    "truncated JPEG": (encoded(Image.fromarray(seven()), "JPEG")[:900], "cannot be read as a picture: "),
    "a header alone": (PNG[:33], "is not a picture .* it is a PNG picture, damaged"),
    "a bomb": (bomb(20_000, 20_000), "is too large: save it with at most 89,000,000 pixels, 65,535 a side"),
    "a little too large": (bomb(10_000, 8_901), "is too large: save it with at most 89,000,000 pixels"),
    "PostScript": (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n",
        "is not a picture that can be read",
    ),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_file_that_is_no_picture_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    """A file is refused in one line, with its name and the reason, if it is not a whole picture."""
    content, message = DAMAGED[name]
    (tmp_path / "mine.png").write_bytes(content)
    with pytest.raises(MnistcnnError, match=f"^[^\n]*mine.png {message}[^\n]*$"):
        read_digits(Picture(str(tmp_path / "mine.png"), tmp_path / "mine.png"))


@pytest.mark.parametrize("suffix", ["heic", "jpg"])
def test_a_photo_of_a_phone_is_read_whatever_its_name_says(suffix: str, tmp_path: Path) -> None:
    """A HEIC photo gives the digit that the PNG gives, also under another format's suffix, and from memory."""
    pytest.importorskip("pillow_heif", reason="the extra heif is not installed").register_heif_opener()
    content = encoded(Image.fromarray(seven()).convert("RGB"), "HEIF", quality=95)
    (tmp_path / f"mine.{suffix}").write_bytes(content)
    [digit] = read_digits(Picture("mine", tmp_path / f"mine.{suffix}"))
    [same] = read_digits(Picture("mine", content))
    assert difference(digit.image, CLEAN) < 0.1
    assert np.array_equal(digit.image, same.image)


def test_a_heic_photo_names_the_extra_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pillow-heif is absent the error says how to install it."""
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(MnistcnnError, match=r"^mine.heic cannot .* pip install 'mnistcnn\[heif\]' to read it, or save"):
        read_digits(Picture("mine.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(PNG) - 1), st.integers(0, 255))
def test_no_damaged_byte_crashes(position: int, value: int) -> None:
    """A picture is read or refused, without a traceback, if any one byte of it is replaced."""
    damaged = bytearray(PNG)
    damaged[position] = value
    found: list[PreparedDigit] = []
    with suppress(MnistcnnError):
        found = read_digits(Picture("damaged", bytes(damaged)))
    assert all(digit.image.shape == (28, 28) for digit in found)
