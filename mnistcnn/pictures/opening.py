"""An opener of picture files: a file or its bytes → an image of Pillow's, upright, whatever its metadata holds.

Trouble in a picture's texts, colour profile or EXIF data never denies its pixels. Nothing here looks at the pixels.
"""

import struct
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, TypeVar

from PIL import Image, UnidentifiedImageError

from mnistcnn.errors import MnistcnnError
from mnistcnn.files import KIND_BYTES, is_heif, kind_of

# names in Pillow: the formats that are opened (none that runs a program, as EPS does)
# HEIC's comes with the extra `heif`
FORMATS = ("AVIF", "BMP", "GIF", "ICO", "JPEG", "PNG", "PPM", "TGA", "TIFF", "WEBP")
# names in Pillow: the formats whose writers may leave the bytes of opacity 0 where they mean that all is opaque
UNUSED_OPACITY = ("BMP", "TGA")

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# types of the chunks of a PNG file that say what its pixels are
PNG_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"eXIf", b"IDAT", b"IEND")

ORIENTATION = 274  # EXIF's tag that says how a picture is turned
# how to turn a picture upright, by its orientation (CIPA DC-008, "Exif 3.0", table 6)
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

Found = TypeVar("Found")


def with_opened(source: Path | bytes, use: Callable[[Image.Image], Found]) -> Found:
    """Open a picture, HEIC and HEIF with pillow-heif, and return what `use` makes of it.

    If a PNG file's texts or colour profile cannot be read, the file is opened again without them. Raises what Pillow
    and `use` raise, and MnistcnnError for a HEIC photo without pillow-heif.
    """
    try:
        with _opened(BytesIO(source) if isinstance(source, bytes) else source) as image:
            return use(image)
    except ValueError:
        data = source if isinstance(source, bytes) else source.read_bytes() if source.is_file() else b""
        if not data.startswith(PNG_SIGNATURE):
            raise
    with _opened(BytesIO(_pixels_of_png(data))) as image:
        return use(image)


def orientation(image: Image.Image) -> int:
    """Return a picture's EXIF orientation, from 1 to 8; 1, which is upright, if its EXIF data cannot be read."""
    value = None
    with suppress(Exception):  # Pillow raises all kinds of errors for damaged EXIF data
        value = image.getexif().get(ORIENTATION)
    return next((turn for turn in TURNS if turn == value), 1)


def turned_upright(image: Image.Image, orientation: int) -> Image.Image:
    """Return a picture turned as its orientation says."""
    return image.transpose(TURNS[orientation]) if orientation in TURNS else image


def without_unused_opacity(image: Image.Image) -> Image.Image:
    """Return a BMP or TGA picture as opaque if its opacity is 0 everywhere, and any other as it is."""
    if image.format in UNUSED_OPACITY and image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0):
        return image.convert("RGB")
    return image


def what_it_is(source: Path | bytes) -> str:
    """Return the end of a message that says what a file is; of a pipe, which is read by now, nothing is known."""
    if isinstance(source, Path):
        if not source.is_file():
            return ""
        source = _first_bytes(source)
    kind = kind_of(source[:KIND_BYTES])
    return f"; it is {kind}, damaged" if kind.endswith("picture") else f"; it is {kind}"


def _opened(file: Path | BinaryIO) -> Image.Image:
    """Open a picture; HEIC and HEIF, by which phones save photos, with pillow-heif."""
    try:
        return Image.open(file, formats=FORMATS)
    except UnidentifiedImageError:
        if not is_heif(_first_bytes(file)):
            raise
    try:
        import pillow_heif
    except ImportError as error:
        hint = "pip install 'mnistcnn[heif]' to read it, or save it as JPEG"
        raise MnistcnnError(f"it is a HEIC photo: {hint}") from error
    pillow_heif.register_heif_opener()
    return Image.open(file, formats=("HEIF",))


def _first_bytes(file: Path | BinaryIO) -> bytes:
    """Return the first bytes of a file, which is left at its beginning."""
    if isinstance(file, Path):
        with file.open("rb") as opened:
            return opened.read(KIND_BYTES)
    file.seek(0)
    data = file.read(KIND_BYTES)
    file.seek(0)
    return data


def _pixels_of_png(data: bytes) -> bytes:
    """Return a PNG file without the chunks that say nothing of its pixels."""
    kept, place = [PNG_SIGNATURE], len(PNG_SIGNATURE)
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + length + 12  # with its length, type and checksum
        if kind in PNG_PIXELS:
            kept.append(data[place:end])
        place = end
    return b"".join(kept)
