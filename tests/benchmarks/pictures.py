"""How many pictures are read right: preparation × set × perturbation, with the misses named, and the time for one.

    python tests/benchmarks/pictures.py FOLDER... --model mnistcnn.keras [--only NAME]... [--count N]

A FOLDER holds pictures and their labels.csv with the columns file and label, or folders 0 to 9 of pictures, or MNIST's
IDX files, of which the first N test images are taken; `sample` is the test split of the package's. Perturbations are
seeded by the picture's name, so that two runs see the same pictures. Pictures under 100 pixels are enlarged to 280
before what happens on paper (rules, shadows, noise): 28×28 pixels are too few for it.
"""

import argparse
import csv
import statistics
import time
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mnistcnn.data.sources import load_dataset
from mnistcnn.pictures.decoding import GreyPicture, decode_picture
from mnistcnn.pictures.finding import labelled_pictures
from mnistcnn.pictures.preparing import prepare
from mnistcnn.runtime.backend import start_keras

Grey = np.ndarray  # (H, W) uint8
Perturbation = Callable[[Grey, np.random.Generator], Grey | bytes]


def paper(grey: Grey) -> int:
    """Return the level of the background: the median of the border."""
    return int(np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])))


def enlarged(grey: Grey) -> Grey:
    """Enlarge what has no room for paper."""
    side = max(grey.shape)
    return grey if side >= 100 else cv2.resize(grey, None, fx=280 / side, fy=280 / side, interpolation=cv2.INTER_CUBIC)


def levels(values: np.ndarray) -> Grey:
    """Round to uint8."""
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)


def turned(grey: Grey, degrees: float) -> Grey:
    """Turn about the middle, on more of the same paper."""
    height, width = grey.shape
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1)
    return np.asarray(cv2.warpAffine(grey, matrix, (width, height), flags=cv2.INTER_LINEAR, borderValue=(paper(grey),)))


def light_gradient(grey: Grey, rng: np.random.Generator, strength: float = 1.0) -> Grey:
    """Let the light fall off to a third in one direction."""
    grey = enlarged(grey)
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-1 : 1 : grey.shape[0] * 1j, -1 : 1 : grey.shape[1] * 1j]
    return levels(grey * np.interp(x * np.cos(angle) + y * np.sin(angle), [-1.2, 1.2], [1 - 0.65 * strength, 1.0]))


def hard_shadow(grey: Grey, rng: np.random.Generator, strength: float = 1.0) -> Grey:
    """Halve the light on one side of a line."""
    grey = enlarged(grey)
    angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(-0.4, 0.4)
    y, x = np.mgrid[-1 : 1 : grey.shape[0] * 1j, -1 : 1 : grey.shape[1] * 1j]
    return levels(grey * np.where(x * np.cos(angle) + y * np.sin(angle) > offset, 1.0, 1 - 0.5 * strength))


def gaussian_noise(grey: Grey, rng: np.random.Generator, strength: float = 1.0) -> Grey:
    """Add noise of standard deviation 25."""
    grey = enlarged(grey)
    return levels(grey + rng.normal(0, 25 * strength, grey.shape))


def salt_noise(grey: Grey, rng: np.random.Generator, strength: float = 1.0) -> Grey:
    """Replace a twentieth of the pixels by black or white."""
    grey = enlarged(grey)
    return np.where(rng.random(grey.shape) < 0.05 * strength, rng.choice([0, 255], grey.shape), grey).astype(np.uint8)


def jpeg_15(grey: Grey, rng: np.random.Generator) -> Grey:
    """Save as a JPEG of quality 15."""
    file = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, 15])[1]
    return np.asarray(cv2.imdecode(file, cv2.IMREAD_GRAYSCALE))


def blurred(grey: Grey, rng: np.random.Generator, strength: float = 1.0) -> Grey:
    """Put it out of focus."""
    deviation = max(0.7, 0.012 * max(grey.shape)) * strength
    return cv2.GaussianBlur(grey, (0, 0), deviation, borderType=cv2.BORDER_REPLICATE)


def pale(grey: Grey, rng: np.random.Generator, strength: float = 1.0) -> Grey:
    """Leave a quarter of the contrast."""
    share = 0.25 / strength
    return levels(128 * (1 - share) + grey * share)


def in_a_corner(grey: Grey, rng: np.random.Generator) -> Grey:
    """Put it into a corner of nine times its area."""
    height, width = grey.shape
    canvas = np.full((3 * height, 3 * width), paper(grey), np.uint8)
    top, left = rng.choice([0, 2 * height]), rng.choice([0, 2 * width])
    canvas[top : top + height, left : left + width] = grey
    return canvas


def cut_around(grey: Grey, rng: np.random.Generator) -> Grey:
    """Cut it to the box that the program reports for its digit, without a margin."""
    [digit] = prepare(GreyPicture(grey))
    left, top, right, bottom = digit.box
    return grey[max(0, top) : bottom, max(0, left) : right]


def cut_to_28(grey: Grey, rng: np.random.Generator) -> Grey:
    """Cut it so, and shrink it to 28 pixels on its longer side."""
    grey = cut_around(grey, rng)
    size = [max(1, round(28 * length / max(grey.shape))) for length in grey.shape[::-1]]
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA)


def transparent(grey: Grey, rng: np.random.Generator) -> bytes:
    """Make all but the ink transparent, and that black: what stood on paper stands on nothing."""
    small = cv2.resize(grey, (64, 64), interpolation=cv2.INTER_AREA).astype(float)
    contrast = small - cv2.GaussianBlur(small, (0, 0), 16)
    dark = grey if np.mean(contrast**3) < 0 else 255 - grey  # ink is rarer than paper
    side = max(grey.shape) // 2 | 1
    ink = cv2.morphologyEx(dark, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8)) - dark.astype(float)
    alpha = levels(255 * np.clip((ink / max(ink.max(), 1) - 0.15) / 0.6, 0, 1))
    return png(Image.merge("LA", (Image.new("L", grey.shape[::-1], 0), Image.fromarray(alpha))))


def transparent_margin(grey: Grey, rng: np.random.Generator) -> bytes:
    """Put it on a larger transparent canvas."""
    height, width = grey.shape
    canvas = Image.new("LA", (2 * width, 2 * height), (0, 0))
    canvas.paste(Image.fromarray(grey).convert("LA"), (width // 3, height // 2))
    return png(canvas)


def png(image: Image.Image) -> bytes:
    """Encode as PNG."""
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def ruled(grey: Grey, rng: np.random.Generator, strength: float = 1.0, *, squared: bool = False) -> Grey:
    """Print rules: about nine a picture, pale, slightly tilted; stronger ones are darker, thicker and nearer."""
    grey = enlarged(grey)
    side = max(grey.shape)
    gap, thick = side * rng.uniform(0.09, 0.14) / strength**0.5, max(1.0, strength * side / 220)
    tilt = np.radians(rng.uniform(-3, 3))
    y, x = np.mgrid[: grey.shape[0], : grey.shape[1]]
    across = y * np.cos(tilt) + x * np.sin(tilt) + rng.uniform(0, gap)
    lines = np.clip(thick / 2 + 0.5 - np.abs(across % gap - gap / 2), 0, 1)
    if squared:
        along = x * np.cos(tilt) - y * np.sin(tilt) + rng.uniform(0, gap)
        lines = np.maximum(lines, np.clip(thick / 2 + 0.5 - np.abs(along % gap - gap / 2), 0, 1))
    printed = paper(grey) * (1 - 0.28 * strength) if paper(grey) > 127 else paper(grey) + 70 * strength
    layer = grey + lines * (printed - paper(grey))
    return levels(np.minimum(layer, grey) if paper(grey) > 127 else np.maximum(layer, grey))


def everything(grey: Grey, rng: np.random.Generator) -> Grey:
    """Rule, turn, shade, blur, flatten, and add noise, each a little weaker than alone."""
    grey = turned(ruled(grey, rng), rng.uniform(-15, 15))
    for step in (hard_shadow, light_gradient, blurred):
        grey = step(grey, rng)
    grey = levels(grey * 0.6 + 40 + rng.normal(0, 10, grey.shape))
    grey = np.where(rng.random(grey.shape) < 0.01, rng.choice([0, 255], grey.shape), grey).astype(np.uint8)
    return jpeg_15(grey, rng)


PERTURBATIONS: dict[str, Perturbation] = {
    "as it is": lambda grey, rng: grey,
    "rotated +15°": lambda grey, rng: turned(grey, 15),
    "rotated −15°": lambda grey, rng: turned(grey, -15),
    "light gradient": light_gradient,
    "hard shadow": hard_shadow,
    "Gaussian noise": gaussian_noise,
    "salt and pepper": salt_noise,
    "JPEG 15": jpeg_15,
    "blurred": blurred,
    "contrast ¼": pale,
    "inverted": lambda grey, rng: 255 - grey,
    "×¼": lambda grey, rng: (
        grey if max(grey.shape) < 100 else cv2.resize(grey, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    ),
    "×4": lambda grey, rng: cv2.resize(grey, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC),
    "in a corner": in_a_corner,
    "cut around the ink": cut_around,
    "cut, 28 pixels": cut_to_28,
    "transparent": transparent,
    "transparent margin": transparent_margin,
    "ruled paper": ruled,
    "squared paper": partial(ruled, squared=True),
    "all at once": everything,
}

# by name: what is done to a picture with half of the usual strength, and with one and a half of it
VARIED: dict[str, Callable[..., Grey]] = {
    "rotated +15°": lambda grey, rng, strength: turned(grey, 15 * strength),
    "rotated −15°": lambda grey, rng, strength: turned(grey, -15 * strength),
    "light gradient": light_gradient,
    "hard shadow": hard_shadow,
    "Gaussian noise": gaussian_noise,
    "salt and pepper": salt_noise,
    "blurred": blurred,
    "contrast ¼": pale,
    "ruled paper": ruled,
    "squared paper": partial(ruled, squared=True),
}
PERTURBATIONS |= {
    f"{name}, {strength} ×": partial(perturb, strength=strength)
    for name, perturb in VARIED.items()
    for strength in (0.5, 1.5)
}


NAIVE = ("naive", "inverted")  # greyed and resized, and inverted as well where the border is light


def naive(grey: Grey, *, invert: bool = False) -> np.ndarray:
    """Grey and resize, as tutorials do: (28, 28) uint8."""
    levels = 255 - grey if invert and paper(grey) > 127 else grey
    return np.asarray(cv2.resize(levels, (28, 28), interpolation=cv2.INTER_AREA))


def prepared(preparation: str, grey: Grey) -> np.ndarray:
    """Return what the network gets: (28, 28) uint8, all black where no digit was found."""
    if preparation in NAIVE:
        return naive(grey, invert=preparation == "inverted")
    found = prepare(GreyPicture(grey))
    return found[0].image if found else np.zeros((28, 28), np.uint8)


def pictures_in(source: str, count: int) -> Iterator[tuple[str, Grey, int]]:
    """Yield names, grey levels and labels of a set of pictures."""
    folder = Path(source)
    if (folder / "labels.csv").is_file():
        with (folder / "labels.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                yield Path(row["file"]).stem, grey_of(folder / row["file"]), int(row["label"])
    elif found := labelled_pictures(folder):
        for picture in found:
            assert isinstance(picture.source, Path)
            assert picture.label is not None
            yield f"{picture.label}/{picture.source.stem}", grey_of(picture.source), picture.label
    else:
        split = load_dataset(source).split("test")[:count]
        for place, (image, label) in enumerate(zip(split.images, split.labels, strict=True)):
            yield f"t{place}", image, int(label)


def grey_of(source: Path | bytes) -> Grey:
    """Decode a picture."""
    return decode_picture(str(source) if isinstance(source, Path) else "picture", source).levels


def perturbed(name: str, grey: Grey, perturbation: str) -> Grey:
    """Return the picture as a perturbation leaves it."""
    rng = np.random.default_rng(zlib.crc32(f"{name} {perturbation}".encode()))
    result = PERTURBATIONS[perturbation](grey, rng)
    return grey_of(result) if isinstance(result, bytes) else result


def twelve_megapixels() -> bytes:
    """Draw a JPEG photo of 4000×3000 pixels: a 3 on uneven, noisy paper."""
    rng = np.random.default_rng(0)
    picture = np.full((750, 1000), 205.0)
    cv2.ellipse(picture, (480, 260), (120, 110), 0, -170, 90, 50, 16, cv2.LINE_AA)
    cv2.ellipse(picture, (480, 500), (140, 130), 0, -90, 160, 50, 16, cv2.LINE_AA)
    picture = picture * np.linspace(0.6, 1, 1000) + rng.normal(0, 6, picture.shape)
    large = cv2.resize(levels(picture), (4000, 3000), interpolation=cv2.INTER_CUBIC)
    return cv2.imencode(".jpg", cv2.merge([large] * 3), [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()


def print_time() -> None:
    """Print how long a picture of 12 megapixels takes from its file's bytes to 28×28."""
    jpeg, seconds = twelve_megapixels(), []
    for _ in range(15):
        start = time.perf_counter()
        prepare(decode_picture("12 megapixels", jpeg))
        seconds.append(time.perf_counter() - start)
    print(
        f"\n12 megapixels (JPEG, {len(jpeg) / 1e6:.1f} MB): median of 15 {statistics.median(seconds) * 1000:.0f} ms, "
        f"fastest {min(seconds) * 1000:.0f} ms"
    )


def main() -> None:
    """Print the table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("sets", nargs="+", help="folders of pictures, or sample")
    arguments.add_argument("--model", type=Path, required=True)
    arguments.add_argument("--count", type=int, default=500, help="images of each dataset")
    arguments.add_argument("--only", action="append", help="a perturbation's name; more than once for several")
    arguments.add_argument("--this-only", action="store_true", help="leave out the naive preparations")
    options = arguments.parse_args()
    start_keras()
    from mnistcnn.model.model_file import load_model

    trained = load_model(options.model)
    preparations = ["this"] if options.this_only else [*NAIVE, "this"]
    for source in options.sets:
        pictures = list(pictures_in(source, options.count))
        print(f"\n{source}: {len(pictures)} pictures, read right with each preparation, model {options.model}\n")
        print(
            f"{'perturbation':20}", *(f"{name:>9}" for name in preparations), "  misread with this (∅: no digit found)"
        )
        for perturbation in options.only or PERTURBATIONS:
            greys = [perturbed(name, grey, perturbation) for name, grey, _ in pictures]
            right, missed = [], []
            for preparation in preparations:
                inputs = np.stack([prepared(preparation, grey) for grey in greys])
                answers = trained.logits(inputs).argmax(axis=1)
                found = [bool(image.any()) for image in inputs]
                missed = [
                    f"{name}({label}→{answer if there else '∅'})"
                    for (name, _, label), answer, there in zip(pictures, answers, found, strict=True)
                    if answer != label or not there
                ]
                right.append(len(pictures) - len(missed))
            print(f"{perturbation:20}", *(f"{count:9}" for count in right), " ", *missed, flush=True)
    print_time()


if __name__ == "__main__":
    main()
