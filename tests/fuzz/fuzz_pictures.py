"""Pictures of every kind, bombs among them, and their mutations."""

import io
import itertools
import random
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from mutations import Case, mutated
from PIL import Image

from mnistcnn.pictures.decoding import decode_picture
from mnistcnn.pictures.finding import Picture
from mnistcnn.pictures.pdf import is_pdf, page_count
from mnistcnn.pictures.preparing import read_digits


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    """The bytes of a picture file."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def stroke(width: int, height: int, mode: str) -> Image.Image:
    """A dark vertical stroke on light ground."""
    image = Image.new("L", (width, height), 255)
    image.paste(0, (width // 3, height // 5, max(width // 3 + 1, width // 2), max(height // 5 + 1, 4 * height // 5)))
    return image.convert(mode)


def has_heif() -> bool:
    """Tell whether the extra heif is installed; if so Pillow writes HEIC photos from now on."""
    if find_spec("pillow_heif") is None:
        return False
    from pillow_heif import register_heif_opener

    register_heif_opener()
    return True


def pictures() -> dict[str, bytes]:
    """Pictures of every format and mode that people have, by name."""
    made: dict[str, bytes] = {}
    for form, modes in {
        "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
        "JPEG": ("L", "RGB", "CMYK"),
        "GIF": ("L", "P"),
        "TIFF": ("1", "L", "P", "RGB", "RGBA", "CMYK", "LAB", "I;16", "I", "F"),
        "BMP": ("1", "L", "RGB"),
        "WEBP": ("RGB", "RGBA"),
        "PPM": ("1", "L", "RGB"),
        "TGA": ("L", "RGBA"),
        "AVIF": ("RGB",),
        "ICO": ("RGBA",),
        "JPEG2000": ("L", "RGB"),
        **({"HEIF": ("L", "RGB", "RGBA")} if has_heif() else {}),
        **({"PDF": ("1", "L", "RGB")} if find_spec("pypdfium2") else {}),
    }.items():
        for mode in modes:
            base = stroke(40, 60, "L" if mode in ("LAB", "I;16") else mode)
            if mode == "LAB":
                base = Image.merge("LAB", [base, base, base])
            elif mode == "I;16":
                base = Image.fromarray(np.asarray(base).astype(np.uint16) * 257)
            made[f"{mode.replace(';', '')}.{form.lower()}"] = encoded(base, form)
    palette = stroke(40, 60, "P")
    made["transparent.png"] = encoded(palette, "PNG", transparency=0)
    made["transparent.gif"] = encoded(palette, "GIF", transparency=0)
    frames = [stroke(size, 60, "P") for size in (40, 41, 42)]
    made["animated.gif"] = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    made["animated.png"] = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])
    made["animated.webp"] = encoded(frames[0].convert("RGB"), "WEBP", save_all=True, append_images=frames[:1])
    for compression in ("tiff_lzw", "tiff_deflate", "packbits", "group4"):
        mode = "1" if compression == "group4" else "L"
        made[f"{compression}.tiff"] = encoded(stroke(40, 60, mode), "TIFF", compression=compression)
    for orientation in (0, 3, 6, 8, 9, 65535):
        exif = Image.Exif()
        exif[0x0112] = orientation
        made[f"rotated{orientation}.jpeg"] = encoded(stroke(40, 60, "RGB"), "JPEG", exif=exif)
    for width, height in ((1, 1), (1, 5000), (5000, 1), (28, 28), (3, 2)):
        made[f"{width}x{height}.png"] = encoded(stroke(width, height, "L"), "PNG")
    for shade in (0, 127, 255):
        made[f"shade{shade}.png"] = encoded(Image.new("L", (50, 50), shade), "PNG")
    numbers = np.full((20, 20), np.nan, np.float32)
    made["nan.tiff"] = encoded(Image.fromarray(numbers), "TIFF")
    numbers[5:9] = np.inf
    numbers[9:12] = -3e38
    made["inf.tiff"] = encoded(Image.fromarray(numbers), "TIFF")
    return made


def blank_png(width: int, height: int, bits: int, color_type: int, channels: int) -> bytes:
    """A PNG of zeros, made piece by piece: a few hundred kilobytes however much it unpacks to."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, 0)
    packed = packed_zeros(height * (1 + (width * bits * channels + 7) // 8))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def packed_zeros(count: int) -> bytes:
    """So many zeros as a zlib stream, put together from one compressed piece, which takes no time."""
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    piece = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)  # refers to nothing before it
    whole, left = divmod(count, 1 << 20)
    adler32 = struct.pack(">HH", count % 65_521, 1)
    return b"\x78\xda" + piece * whole + packer.compress(bytes(left)) + packer.flush() + adler32


def bombs() -> Iterator[tuple[str, bytes]]:
    """Small files that promise, or unpack to, much; the last ones are just within what is read."""
    yield "bomb.png", blank_png(60_000, 60_000, 1, 0, 1)
    small = bytearray(encoded(Image.new("L", (8, 8)), "BMP"))
    small[18:26] = struct.pack("<ii", 2**31 - 1, 2**31 - 1)
    yield "promise.bmp", bytes(small)
    yield "promise.ppm", b"P5 99999 99999 255\n" + bytes(100)
    good = pictures()["L.png"]
    yield "promise.png", good.replace(struct.pack(">II", 40, 60), struct.pack(">II", 2**31 - 1, 2**31 - 1))
    yield "chunks.png", good[:33] + (b"\0\0\0\x0ctEXt" + b"a" * 12) * 100_000
    text = zlib.compress(bytes(1 << 28), 9)
    yield "text.png", good[:33] + struct.pack(">I", len(text) + 3) + b"zTXta\0\0" + text + bytes(4) + good[33:]
    for name, *form in (("grey", 8, 0, 1), ("rgba", 8, 6, 4), ("deep grey", 16, 0, 1), ("deep rgba", 16, 6, 4)):
        yield f"large {name}.png", blank_png(9_400, 9_400, *form)
    yield "long.png", blank_png(1, 88_000_000, 1, 0, 1)
    yield "narrow.png", blank_png(1_350, 65_535, 8, 2, 3)
    yield "wide.png", blank_png(88_000_000, 1, 1, 0, 1)


def picture_cases(count: int, folder: Path) -> Iterator[Case]:
    """Every picture as it is, from memory and from files of right and wrong names; then mutations."""
    good = pictures()
    odd = {
        "empty.png": b"",
        "text.png": b"hello",
        "html.jpeg": b"<html>",
        "zeros.gif": bytes(1000),
        "nul.tiff": b"II*\0",
    }
    for name, content in (good | odd).items():
        for suffix in (Path(name).suffix, ".jpg", ".webp", ".txt"):
            path = folder / f"picture{suffix}"
            yield f"{name} as {suffix}", lambda path=path, content=content: read_file(path, content)  # type: ignore[misc]
    for name, content in itertools.chain(good.items(), odd.items(), bombs()):
        yield name, lambda content=content: read(Picture("p", content))  # type: ignore[misc]
    for path in (folder, folder / "nowhere.png", folder / ("n" * 300), Path("/dev/null"), Path("/dev/zero")):
        yield str(path), lambda path=path: read(Picture("p", path))  # type: ignore[misc]
    for number in range(count):
        randomness = random.Random(number)
        name = randomness.choice(list(good))
        content = mutated(good[name], randomness)
        yield f"mutation {number} of {name}", lambda content=content: read(Picture("p", content))  # type: ignore[misc]


def read_file(path: Path, content: bytes) -> None:
    """Read a picture from a file of that content, whose name matters to the decoding alone."""
    path.write_bytes(content)
    decode_picture(str(path), path)


def read(picture: Picture) -> None:
    """Take a picture the whole way to what the network sees."""
    if is_pdf(picture) and not isinstance(picture.source, str):
        page_count(picture.source)
        picture = replace(picture, page=0)
    one = read_digits(picture)
    many = read_digits(picture, digits="many")
    for digit in one + many:
        assert digit.image.shape == (28, 28)
        assert digit.image.dtype == np.uint8
