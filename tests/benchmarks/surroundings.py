"""How many digits are read right with things beside, around or below them, on other grounds, and by broad pens.

    python tests/benchmarks/surroundings.py --model mnistcnn.keras --data PATH [--split test] [--count 80] [--only NAME]

Each picture is a page with one digit of MNIST, written in ink on shaded, grainy paper. What is drawn beside it varies
in place, size and pen; all is seeded. An answer is right if it is that digit and no other.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
from pictures import png
from PIL import Image, ImageDraw, ImageFont

from mnistcnn.config import Digits
from mnistcnn.data.dataset import Split
from mnistcnn.data.sources import load_dataset
from mnistcnn.inference.prediction import predict_numbers
from mnistcnn.model.model_file import TrainedModel, load_model
from mnistcnn.pictures.finding import Picture
from mnistcnn.results import text_of

SIZE = (480, 400)  # pixels: the height and width of a page
HEIGHT = 155  # pixels: the usual height of the digit
MAX_WIDTH = 250  # pixels: a digit that would be wider is drawn lower
PAPER, INK, RED = (226, 226, 226), (40, 40, 40), (210, 40, 40)  # red, green, blue

Colour = tuple[int, int, int]
Box = tuple[int, int, int, int]  # left, top, right, bottom
Made = tuple[bytes, str]  # a picture's file, and the digit that it shows


@dataclass
class Page:
    """A page with a digit in its middle, on which more is drawn."""

    rng: np.random.Generator
    colours: np.ndarray  # (H, W, 3) float32
    box: Box  # of the digit
    ink: Colour = INK

    @property
    def height(self) -> int:
        """The digit's height."""
        return self.box[3] - self.box[1]

    def line(
        self,
        points: np.ndarray,
        thick: float,
        at: tuple[float, float] = (0, 0),
        *,
        closed: bool = False,
        colour: Colour | None = None,
    ) -> None:
        """Draw a line through points (n, 2), x and y, counted from a place."""
        mask = np.zeros(self.colours.shape[:2], np.uint8)
        fixed = np.rint((points + np.array(at)) * 16).astype(np.int32)
        cv2.polylines(mask, [fixed], closed, 255, max(1, round(thick)), cv2.LINE_AA, 4)
        self.cover(mask / 255, self.ink if colour is None else colour)

    def cover(self, share: np.ndarray, colour: Colour) -> None:
        """Lay a colour on the page where a share (H, W) in [0, 1] is more than 0."""
        self.colours = self.colours + share[..., None] * (np.array(colour, np.float32) - self.colours)

    def pen(self) -> float:
        """Return a pen's width in pixels, finer than the digit's usual stroke."""
        return float(self.rng.uniform(3, 10))


def enlarged(image: np.ndarray, height: int) -> np.ndarray:
    """Return the ink (h, w) in [0, 1] of one of MNIST's images, sharpened, at a height in pixels."""
    x, y, width, tall = cv2.boundingRect((image > 60).astype(np.uint8))
    scale = min(height / tall, MAX_WIDTH / width)
    around = np.pad(image[y : y + tall, x : x + width], 2)
    large = cv2.resize(around, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC) / 255
    return np.asarray(np.clip((cv2.GaussianBlur(large, (0, 0), 0.02 * height) - 0.4) / 0.2, 0, 1))


def page(image: np.ndarray, rng: np.random.Generator, paper: Colour = PAPER, ink: Colour = INK) -> Page:
    """Write a digit on a page: within ±25 % of its usual height, near to the middle."""
    digit = enlarged(image, round(HEIGHT * rng.uniform(0.75, 1.25)))
    height, width = digit.shape
    top, left = (
        (side - length) // 2 + int(rng.integers(-20, 21)) for side, length in zip(SIZE, digit.shape, strict=True)
    )
    share = np.zeros(SIZE, np.float32)
    share[top : top + height, left : left + width] = digit
    x, y, w, h = cv2.boundingRect((share > 0.5).astype(np.uint8))
    written = Page(rng, np.full((*SIZE, 3), paper, np.float32), (x, y, x + w, y + h), ink)
    written.cover(share, ink)
    return written


def framed(page: Page, gaps: tuple[float, float]) -> None:
    """Draw a rectangle around the digit, so many digit's heights away from its box on each side."""
    left, top, right, bottom = page.box
    gap = page.rng.uniform(*gaps, 4) * page.height
    corners = np.array(
        [
            (left - gap[0], top - gap[1]),
            (right + gap[2], top - gap[1]),
            (right + gap[2], bottom + gap[3]),
            (left - gap[0], bottom + gap[3]),
        ]
    )
    page.line(corners + page.rng.normal(0, 0.7, corners.shape), page.rng.uniform(3, 8), closed=True)


def tick(page: Page) -> None:
    """Draw a teacher's tick at the digit's right."""
    _, top, right, bottom = page.box
    size, gap = page.height * page.rng.uniform(0.5, 0.9), page.height * page.rng.uniform(0.08, 0.3)
    shape = np.array([(0, 0.6), (0.28, 1), (0.28 + page.rng.uniform(0.35, 0.6), 0)]) * size
    corner = (right + gap, (top + bottom) / 2 - size * page.rng.uniform(0.3, 0.6))
    page.line(shape, page.rng.uniform(4, 8), corner, colour=RED)


def arc(height: float, depth: float) -> np.ndarray:
    """Return points (n, 2) of a parenthesis ")" of a height, and a depth in its middle, in pixels."""
    turn = np.linspace(-1, 1, 40)
    return np.stack([depth * (1 - turn**2), height * turn / 2], axis=1)


def parenthesis(page: Page) -> None:
    """Write a parenthesis at the digit's right, as after a question's number."""
    _, top, right, bottom = page.box
    height = page.height * page.rng.uniform(1.15, 1.6)
    shape = arc(height, height * page.rng.uniform(0.09, 0.22))
    middle = (top + bottom) / 2 + page.height * page.rng.uniform(-0.1, 0.15)
    page.line(shape, page.pen(), (right + page.height * page.rng.uniform(0.1, 0.35), middle))


def parentheses(page: Page) -> None:
    """Write the digit in parentheses."""
    left, top, right, bottom = page.box
    height = page.height * page.rng.uniform(1.15, 1.5)
    shape, gap = arc(height, height * page.rng.uniform(0.09, 0.22)), page.height * page.rng.uniform(0.1, 0.35)
    pen, middle = page.pen(), (top + bottom) / 2
    page.line(shape, pen, (right + gap, middle))
    page.line(shape * (-1, 1), pen, (left - gap, middle))


def underline(page: Page) -> None:
    """Draw a line below the digit, wider than it."""
    left, _, right, bottom = page.box
    beyond = page.height * page.rng.uniform(0.05, 0.4, 2)
    below = bottom + page.height * page.rng.uniform(0.08, 0.35) + page.rng.normal(0, 3, 2)
    ends = np.array([(left - beyond[0], below[0]), (right + beyond[1], below[1])])
    page.line(ends, page.pen())


def circle(page: Page) -> None:
    """Draw a circle around the digit by hand."""
    left, top, right, bottom = page.box
    angle = np.linspace(0, 2 * np.pi * page.rng.uniform(0.93, 1.05), 80) + page.rng.uniform(0, 6)
    radii = np.array([right - left, bottom - top]) / 2 * page.rng.uniform(1.5, 1.8) + 12
    around = np.stack([np.cos(angle), np.sin(angle)], axis=1) * np.maximum(radii, 0.7 * radii.max())
    page.line(around, page.rng.uniform(3, 8), ((left + right) / 2, (top + bottom) / 2))


def caption(page: Page) -> None:
    """Print a word above the digit and one below it."""
    layer = Image.new("L", SIZE[::-1], 0)
    for y, text in ((page.rng.integers(8, 40), "Aufgabe"), (page.rng.integers(430, 450), "Name, Datum")):
        font = ImageFont.load_default(float(page.rng.uniform(14, 24)))
        ImageDraw.Draw(layer).text((int(page.rng.integers(10, 200)), int(y)), text, fill=255, font=font)
    page.cover(np.asarray(layer) / 255, page.ink)


def spiral_holes(page: Page) -> None:
    """Let the page have a column of round, dark holes at its left edge."""
    radius, step = page.rng.uniform(5, 10), page.rng.uniform(28, 44)
    mask = np.zeros(SIZE, np.uint8)
    for y in np.arange(step / 2, SIZE[0], step):
        cv2.circle(mask, (18, round(y)), round(radius), 255, -1, cv2.LINE_AA)
    page.cover(mask / 255, (70, 60, 50))


def sticky_note(page: Page) -> None:
    """Let the digit stand on a yellow note on a grey desk."""
    rows, columns = np.indices(SIZE)
    angle = np.radians(page.rng.uniform(-6, 6))
    x, y = columns - SIZE[1] / 2, rows - SIZE[0] / 2
    across, down = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    note = np.maximum(np.abs(across), np.abs(down)) < 165
    ink = (PAPER[0] - page.colours[..., :1]) / (PAPER[0] - INK[0])
    written = np.array([250, 235, 120]) + ink * (np.array(INK) - [250, 235, 120])
    page.colours = np.where(note[..., None], written, np.array([120, 115, 110])).astype(np.float32)


def glare(page: Page) -> None:
    """Let a lamp bleach a round part of the page."""
    y, x = np.indices(SIZE)
    middle = page.rng.uniform(0.2, 0.8, 2) * SIZE
    far = np.hypot(y - middle[0], x - middle[1]) / page.rng.uniform(50, 110)
    page.cover(0.75 * np.exp(-(far**2)), (255, 255, 255))


def nothing(page: Page) -> None:
    """Draw nothing more."""


# x and y of the points of each digit's strokes, in a box of 1 × 1; curves are given by many points
TURN = np.linspace(0, 2 * np.pi, 60)
STROKES: dict[int, list[np.ndarray]] = {
    0: [np.stack([0.5 + 0.5 * np.sin(TURN), 0.5 - 0.5 * np.cos(TURN)], axis=1)],
    1: [np.array([(0.5, 0), (0.5, 1)])],
    2: [np.array([*((0.5 - 0.45 * np.cos(a), 0.3 - 0.3 * np.sin(a)) for a in TURN[:35]), (0, 1), (1, 1)])],
    3: [
        np.array(
            [
                *((0.45 - 0.4 * np.cos(a), 0.24 - 0.24 * np.sin(a)) for a in TURN[5:44]),
                *((0.45 + 0.5 * np.sin(a), 0.74 - 0.26 * np.cos(a)) for a in TURN[:45]),
            ]
        )
    ],
    4: [np.array([(0.3, 0), (0, 0.6), (1, 0.6)]), np.array([(0.75, 0.2), (0.75, 1)])],
    5: [
        np.array(
            [(0.9, 0), (0.15, 0), (0.1, 0.45), *((0.4 + 0.55 * np.sin(a), 0.69 - 0.31 * np.cos(a)) for a in TURN[:42])]
        )
    ],
    6: [
        np.array(
            [(0.6, 0), (0.2, 0.3), *((0.5 - 0.48 * np.cos(a), 0.72 + 0.28 * np.sin(a)) for a in TURN)],
        )
    ],
    7: [np.array([(0, 0), (1, 0), (0.35, 1)])],
    8: [
        np.stack([0.5 + 0.45 * np.sin(TURN), 0.25 - 0.25 * np.cos(TURN)], axis=1),
        np.stack([0.5 + 0.5 * np.sin(TURN), 0.75 - 0.25 * np.cos(TURN)], axis=1),
    ],
    9: [
        np.array([*((0.5 + 0.48 * np.cos(a), 0.28 - 0.28 * np.sin(a)) for a in TURN), (0.95, 0.6), (0.7, 1)]),
    ],
}


def broad_pen(image: np.ndarray, rng: np.random.Generator, digit: int) -> Page:
    """Draw a digit with a round pen that is 20 to 33 % of its height wide, as a marker's or a finger's."""
    height = HEIGHT * rng.uniform(0.8, 1.5)
    pen = height * rng.uniform(0.20, 0.33)
    size = np.array([height * rng.uniform(0.75, 0.95), height]) - pen
    slant = np.array([[1, 0], [rng.uniform(-0.25, 0.1), 1]])
    corner = (np.array(SIZE[::-1]) - size) / 2
    written = Page(rng, np.full((*SIZE, 3), PAPER, np.float32), (0, 0, 0, 0))
    for stroke in STROKES[digit]:
        points = stroke + rng.normal(0, 0.015, 2)
        written.line((points - (0, 0.5)) @ slant * size + corner + (0, size[1] / 2), pen)
    return written


Kind = Callable[[np.ndarray, np.random.Generator, int], Page]


def with_more(draw: Callable[[Page], None], paper: Colour = PAPER, ink: Colour = INK) -> Kind:
    """Return what writes a digit on a page, and draws more on it."""

    def drawn(image: np.ndarray, rng: np.random.Generator, digit: int) -> Page:
        written = page(image, rng, paper, ink)
        draw(written)
        return written

    return drawn


KINDS: dict[str, Kind] = {
    "alone": with_more(nothing),
    "a frame that touches it": with_more(lambda page: framed(page, (-0.02, 0.02))),
    "a frame close by": with_more(lambda page: framed(page, (0.05, 0.12))),
    "a frame": with_more(lambda page: framed(page, (0.2, 0.4))),
    "a red tick": with_more(tick),
    "a parenthesis": with_more(parenthesis),
    "parentheses": with_more(parentheses),
    "underlined": with_more(underline),
    "a circle": with_more(circle),
    "captions": with_more(caption),
    "spiral holes": with_more(spiral_holes),
    "a sticky note": with_more(sticky_note),
    "chalk": with_more(nothing, (45, 60, 50), (225, 228, 222)),
    "glare": with_more(glare),
    "a dark app": with_more(nothing, (18, 18, 22), (250, 250, 250)),
    "a broad pen": broad_pen,
}


def photo(page: Page) -> np.ndarray:
    """Return a page as a camera sees it, (H, W, 3) uint8: in light that falls off, with grain."""
    light = np.linspace(page.rng.uniform(0.85, 1), 1, SIZE[1])[:, None]
    values = page.colours * light + page.rng.normal(0, 2, (*SIZE, 1))
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)


def pictures(kind: str, split: Split, count: int) -> Iterator[Made]:
    """Yield pages of a kind as PNG files, and the digit on each; of each digit as many."""
    rng = np.random.default_rng(list(KINDS).index(kind))
    of_digit = [np.flatnonzero(split.labels == digit) for digit in range(10)]
    for number in range(count):
        place = rng.choice(of_digit[number % 10])
        page = Image.fromarray(photo(KINDS[kind](split.images[place], rng, number % 10)))
        yield png(page), str(split.labels[place])


def print_row(kind: str, trained: TrainedModel, made: list[Made], digits: Digits) -> None:
    """Print how many pictures are read right, how many of these are unsure, and how many are wrong and sure."""
    files = (Picture(str(number), file) for number, (file, _) in enumerate(made))
    found = list(predict_numbers(trained, files, digits=digits))
    read = ["" if row[0].error else text_of(row) for row in found]
    wrong = [number for number, (_, label) in enumerate(made) if read[number] != label]
    sure = sum(all(digit.sure for digit in found[number]) for number in wrong)
    unsure = sum(not row[0].sure for number, row in enumerate(found) if number not in wrong)
    misses = "; ".join(f"{number}: {made[number][1]} → {read[number] or '∅'}" for number in wrong[:12]).replace(
        "\n", "/"
    )
    print(f"| {kind} | {len(made) - len(wrong)} of {len(made)} | {unsure} | {sure} | {misses} |", flush=True)


def options_for(description: str | None, count: int) -> argparse.Namespace:
    """Return the options of a command line: the model, the data, how many pictures of each row, and which rows."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", required=True, help="as for mnistcnn train")
    parser.add_argument("--split", default="test")
    parser.add_argument("--count", type=int, default=count, help="pictures of each row")
    parser.add_argument("--digits", choices=get_args(Digits), default="auto")
    parser.add_argument("--only", action="append", help="a row's name; more than once for several")
    return parser.parse_args()


def print_header() -> None:
    """Print the header of the table, whose rows `print_row` prints."""
    print("| what | right | of them unsure | wrong and sure | wrong |\n|---|---|---|---|---|")


def main() -> None:
    """Print the table."""
    options = options_for(__doc__, 80)
    trained = load_model(options.model, "numpy")
    split = load_dataset(options.data).split(options.split)
    print_header()
    for kind in options.only or KINDS:
        print_row(kind, trained, list(pictures(kind, split, options.count)), options.digits)


if __name__ == "__main__":
    main()
