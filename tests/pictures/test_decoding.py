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

from mnistcnn.errors import MnistcnnError, NoDigitFoundError
from mnistcnn.pictures.finding import Picture
from mnistcnn.pictures.preparing import read_digits


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


SHARES = seven(ink=0, paper=255) / 255  # (300, 300) in [0, 1]: the 7 with soft edges
HARD = (seven() > 128).astype(np.uint8)  # (300, 300): the 7 in 0 and 1

NARROW = {
    "0 and 1": Image.fromarray(HARD),
    "254 and 255": Image.fromarray(254 + HARD),
    "1 and 0, light on dark": Image.fromarray(1 - HARD),
    "0 to 16": Image.fromarray(np.rint(16 * SHARES).astype(np.uint8)),
    "0 and 1, in colour": Image.fromarray(HARD).convert("RGB"),
    "0 and 1 of 16 bits": Image.fromarray(HARD.astype(np.uint16)),
    "1000 to 1200 of 16 bits": Image.fromarray(np.rint(1000 + 200 * SHARES).astype(np.uint16)),
    "floats, standardised": Image.fromarray(((1 - SHARES - 0.1307) / 0.3081).astype(np.float32)),
    "floats from -1 to 1": Image.fromarray((2 * SHARES - 1).astype(np.float32)),
    "floats from 0 to 2.8": Image.fromarray((2.8 * SHARES).astype(np.float32)),
}


@pytest.mark.parametrize("name", NARROW)
def test_a_picture_that_spans_little_of_the_range_is_stretched(name: str) -> None:
    """The digit is the same if a program stored the levels as 0 and 1, or as floats of another range."""
    image = NARROW[name]
    assert difference(read(levels(encoded(image, "TIFF" if image.mode == "F" else "PNG"))), CLEAN) < 0.05


def test_the_few_levels_of_a_blank_page_are_left_as_they_are() -> None:
    """A dark page in uneven light is not a drawing: its levels, which span little, would be stripes if stretched."""
    page = np.tile(np.linspace(10, 24, 300).astype(np.uint8), (400, 1))
    assert np.array_equal(levels(encoded(Image.fromarray(page))), page)


def test_a_picture_without_a_digit_says_what_it_holds() -> None:
    """The error of a picture without a digit says that it has one level, few levels, or is transparent."""
    speck = np.zeros((300, 300), np.uint8)
    speck[150, 150] = 1
    for image, found in (
        (Image.new("L", (30, 30), 255), "all of it has one grey level, 255 of 0 to 255"),
        (Image.fromarray(speck), "its grey levels are 0 to 1 of 0 to 255"),
        (Image.new("RGBA", (30, 30), (0, 0, 0, 0)), "all of it is transparent"),
    ):
        with pytest.raises(NoDigitFoundError, match=f"^mine: no digit found; {found}; draw it large"):
            read_digits(Picture("mine", encoded(image)))


@pytest.mark.parametrize("kind", ["BMP", "TGA"])
def test_opacity_that_is_zero_everywhere_is_not_believed(kind: str) -> None:
    """A BMP or TGA picture is opaque if its opacity is 0 everywhere, as old writers and the clipboard leave it."""
    image = Image.fromarray(seven()).convert("RGBA")
    image.putalpha(0)
    content = encoded(image, kind)
    if kind == "BMP":  # Pillow writes no opacity; the header of version 3 with its masks has one
        content = bitmap(np.asarray(image))
    assert difference(read(levels(content)), CLEAN) < 0.05


def bitmap(pixels: np.ndarray) -> bytes:
    """Write by hand a BMP file of pixels (H, W, 4) uint8 whose header names the bytes of opacity."""
    height, width, _ = pixels.shape
    body = pixels[::-1, :, [2, 1, 0, 3]].tobytes()
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 56, width, height, 1, 32, 3, len(body), 0, 0, 0, 0) + masks
    return b"BM" + struct.pack("<IHHI", 14 + 56 + len(body), 0, 0, 14 + 56) + header + body


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


def tiff_directory(entries: list[tuple[int, int, int, bytes]]) -> bytes:
    """Write by hand EXIF data of entries (tag, type, count, value), whose values have 4 bytes or 8."""
    place, rest = 8 + 2 + 12 * len(entries) + 4, b""
    head = struct.pack("<2sHIH", b"II", 42, 8, len(entries))
    for tag, kind, count, value in entries:
        there = value if len(value) == 4 else struct.pack("<I", place + len(rest))
        rest += value if len(value) > 4 else b""
        head += struct.pack("<HHI", tag, kind, count) + there
    return b"Exif\0\0" + head + struct.pack("<I", 0) + rest


ORIENTATION_6 = (0x0112, 3, 1, struct.pack("<HH", 6, 0))
ODD_TAGS = {
    "a date that is a float": [ORIENTATION_6, (0x0132, 12, 1, struct.pack("<d", 1.5))],
    "a description that is a number": [(0x010E, 4, 1, struct.pack("<I", 7)), ORIENTATION_6],
    "a resolution that is text": [ORIENTATION_6, (0x011A, 2, 4, b"abc\0")],
    "a place that is bytes": [ORIENTATION_6, (0x8825, 7, 4, b"\xff\xff\xff\xff")],
}


@pytest.mark.parametrize("name", ODD_TAGS)
def test_odd_exif_tags_do_not_deny_the_pixels(name: str) -> None:
    """A photo is read, and turned upright, if its EXIF data holds tags of a wrong type."""
    turned = Image.fromarray(np.rot90(seven()).copy())
    content = encoded(turned, "JPEG", quality=90, exif=tiff_directory(ODD_TAGS[name]))
    assert difference(read(levels(content)), CLEAN) < 0.05


@pytest.mark.parametrize("value", [b"\x09\0\0\0", b"\0\0\0\0"])
def test_an_orientation_that_does_not_exist_turns_nothing(value: bytes) -> None:
    """A photo is left as it is if its EXIF orientation is none of the eight."""
    content = encoded(Image.fromarray(seven()), "JPEG", quality=90, exif=tiff_directory([(0x0112, 3, 1, value)]))
    assert difference(read(levels(content)), CLEAN) < 0.05


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """Write a chunk of a PNG file."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


LARGE = zlib.compress(b"a" * 5_000_000)
METADATA = {
    "a text": png_chunk(b"zTXt", b"Comment\0\0" + LARGE),
    "an XMP packet": png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + LARGE),
    "a colour profile": png_chunk(b"iCCP", b"ICC\0\0" + LARGE),
}


@pytest.mark.parametrize("at_the_end", [False, True], ids=["before the pixels", "behind the pixels"])
@pytest.mark.parametrize("name", METADATA)
def test_large_metadata_does_not_deny_the_pixels(name: str, at_the_end: bool, tmp_path: Path) -> None:
    """A PNG file is read if it holds more text than Pillow takes, wherever it stands; its orientation counts."""
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(Image.fromarray(np.rot90(seven()).copy()), exif=exif)
    place = len(content) - 12 if at_the_end else 33  # before the last chunk, or behind the first
    (tmp_path / "large.png").write_bytes(content[:place] + METADATA[name] + content[place:])
    [digit] = read_digits(Picture("large", tmp_path / "large.png"))
    assert difference(digit.image, CLEAN) < 0.05


def test_of_an_animation_the_first_frame_counts() -> None:
    """The first frame alone is read if the picture is an animation."""
    first, second = Image.fromarray(seven()), Image.new("L", (300, 300), 255)
    assert difference(read(levels(encoded(first, "GIF", save_all=True, append_images=[second]))), CLEAN) < 0.05


def bomb(width: int, height: int) -> bytes:
    """Write by hand a PNG file whose header promises width×height pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(b"\0" * 99)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")


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
    found = []
    with suppress(MnistcnnError):
        found = read_digits(Picture("damaged", bytes(damaged)))
    assert all(digit.image.shape == (28, 28) for digit in found)
