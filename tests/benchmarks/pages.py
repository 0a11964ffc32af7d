"""How many numbers and pages are read right in full: real pictures, and made ones from MNIST's images.

    python tests/benchmarks/pages.py [FOLDER] --model mnistcnn.keras --data PATH [--split test] [--count N]

The FOLDER holds pictures and their labels.csv with the columns file and text; in a text "/" ends a line and a space
separates groups. Made numbers have four to eight digits in a line, made pages five to ten lines of five to twenty
digits, on plain, ruled and squared paper; sudokus are printed. All are seeded.
"""

import argparse
import csv
import statistics
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from pictures import Grey, levels, ruled
from PIL import Image, ImageDraw, ImageFont
from strangers import picture

from mnistcnn.data.dataset import Split
from mnistcnn.data.sources import load_dataset
from mnistcnn.inference.prediction import predict_numbers
from mnistcnn.model.model_file import TrainedModel, load_model
from mnistcnn.pictures.finding import Picture
from mnistcnn.results import text_of

HEIGHT = 40  # pixels: the usual height of a made digit
INK = 0.3  # share of full ink: fainter pixels do not touch
GIVEN = 0.4  # share of a sudoku's cells that hold a digit

Made = tuple[Grey, str]  # a picture, and its text


def digit(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the ink (h, w) float32 in [0, 1] of one of MNIST's images, slanted by ±10° and ±25 % in height."""
    slant = np.tan(np.radians(rng.uniform(-10, 10)))
    matrix = np.array([[3, -3 * slant, 42 * slant], [0, 3, 0]], np.float32)  # three times as large
    large = cv2.warpAffine(image, matrix, (84, 84), flags=cv2.INTER_CUBIC)
    x, y, width, height = cv2.boundingRect((large > 40).astype(np.uint8))
    tall = round(HEIGHT * rng.uniform(0.75, 1.25))
    size = (max(3, round(width * tall / height)), tall)
    return np.asarray(cv2.resize(large[y : y + height, x : x + width], size, interpolation=cv2.INTER_AREA) / 255)


def drawn(lines: list[list[np.ndarray]], rng: np.random.Generator, gaps: tuple[float, float]) -> tuple[Grey, bool]:
    """Draw lines of digits on a page: gaps × a digit's width, baselines that vary by ±10 % of its height.

    Return the page, and whether two digits touch.
    """
    width = max(sum(round(image.shape[1] * 1.65) + 4 for image in line) for line in lines) + 4 * HEIGHT
    page = np.zeros((round(HEIGHT * (2 * len(lines) + 2)), width), np.float32)
    touches = False
    for row, line in enumerate(lines):
        left, base = 2 * HEIGHT, round((2 * row + 2.2) * HEIGHT)
        for image in line:
            height, wide = image.shape
            top = base - height + round(HEIGHT * rng.uniform(-0.1, 0.1))
            there = np.s_[top : top + height, left : left + wide]
            around = page[top - 1 : top + height + 1, left - 1 : left + wide + 1]
            near = cv2.dilate(np.pad(image, 1), np.ones((3, 3), np.uint8))
            touches = touches or bool(((around > INK) & (near > INK)).any())
            page[there] = np.maximum(page[there], image)
            left += round(wide * (1 + rng.uniform(*gaps)))
    return levels(225 - 185 * np.clip(page, 0, 1) + rng.normal(0, 3, page.shape)), touches


def numbers(split: Split, count: int) -> tuple[list[Made], list[Made]]:
    """Return pictures of numbers with their texts: those in which no digits touch, and those in which some do."""
    rng = np.random.default_rng(0)
    apart: list[Made] = []
    touching: list[Made] = []
    for _ in range(count):
        places = rng.integers(0, len(split), rng.integers(4, 9))
        line = [digit(split.images[place], rng) for place in places]
        picture, touches = drawn([line], rng, (-0.15, 0.6))
        text = "".join(str(split.labels[place]) for place in places)
        (touching if touches else apart).append((picture, text))
    return apart, touching


def pages(split: Split, count: int, paper: str) -> Iterator[Made]:
    """Yield pictures of pages on plain, ruled or squared paper, and their texts."""
    rng = np.random.default_rng(1)
    for _ in range(count):
        across = int(rng.integers(5, 21))
        places = rng.integers(0, len(split), (int(rng.integers(5, 11)), across))
        page, _ = drawn([[digit(split.images[place], rng) for place in line] for line in places], rng, (0.2, 0.6))
        if paper != "plain":
            page = ruled(page, rng, squared=paper == "squared")
        yield page, "/".join("".join(str(split.labels[place]) for place in line) for line in places)


def sudokus(count: int) -> Iterator[Made]:
    """Yield pictures of sudokus in print, in uneven light, and their texts, row by row."""
    rng, font, cell = np.random.default_rng(3), ImageFont.load_default(64), 100
    for _ in range(count):
        page = Image.new("L", (10 * cell, 10 * cell), 240)
        pen, rows = ImageDraw.Draw(page), []
        for line in range(10):
            at, wide = cell * (line + 0.5), 2 if line % 3 else 6
            pen.line((at, cell / 2, at, 9.5 * cell), fill=30, width=wide)
            pen.line((cell / 2, at, 9.5 * cell, at), fill=30, width=wide)
        for row in range(1, 10):
            given = {column: str(rng.integers(1, 10)) for column in range(1, 10) if rng.random() < GIVEN}
            rows.append("".join(given.values()))
            for column, character in given.items():
                pen.text((cell * column, cell * row), character, fill=30, font=font, anchor="mm")
        grey = np.asarray(page) * np.linspace(0.7, 1, 10 * cell)
        yield levels(grey + rng.normal(0, 4, grey.shape)), "/".join(filter(None, rows))


def texts(trained: TrainedModel, pictures: Iterable[Picture]) -> Iterator[tuple[str, bool]]:
    """Yield what is read of each picture, with "/" between lines, and whether all of it is sure."""
    for found in predict_numbers(trained, pictures):
        yield text_of(found).replace("\n", "/"), all(digit.sure for digit in found)


def print_row(what: str, trained: TrainedModel, made: list[Made], *, has_groups: bool = True) -> None:
    """Print how many texts and digits are right, how many texts are wrong and sure, and the first that are wrong.

    Without groups it does not count where gaps are read.
    """
    read = list(texts(trained, (picture(what, grey) for grey, _ in made)))
    read = read if has_groups else [(found.replace(" ", ""), sure) for found, sure in read]
    wrong = [(text, found, sure) for (_, text), (found, sure) in zip(made, read, strict=True) if found != text]
    right, sure = len(made) - len(wrong), sum(sure for *_, sure in wrong)
    digits = sum(len(text.replace("/", "")) for _, text in made)
    share = 1 - sum(distance(text, found) for text, found, _ in wrong) / max(digits, 1)
    misses = "; ".join(f"{text[:40]} → {found[:40]}" for text, found, _ in wrong[:2])
    print(f"| {what} | {right} of {len(made)} | {share:.2%} | {sure} | {misses} |", flush=True)


def distance(text: str, found: str) -> int:
    """Return the fewest characters to insert, delete or replace in one text to have the other (Levenshtein, 1965)."""
    row = list(range(len(found) + 1))
    for place, character in enumerate(text, start=1):
        before, row[0] = row[0], place
        for other, candidate in enumerate(found, start=1):
            before, row[other] = row[other], min(before + (character != candidate), row[other] + 1, row[other - 1] + 1)
    return row[-1]


def print_time(trained: TrainedModel, split: Split) -> None:
    """Print how long a photo of 12 megapixels with 50 digits takes, from its file's bytes to its text."""
    rng = np.random.default_rng(2)
    places = rng.integers(0, len(split), (5, 10))
    page, _ = drawn([[digit(split.images[place], rng) for place in line] for line in places], rng, (0.2, 0.6))
    large = cv2.resize(page, (4000, 3000), interpolation=cv2.INTER_CUBIC)
    jpeg = cv2.imencode(".jpg", cv2.merge([large] * 3), [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
    seconds = []
    for _ in range(9):
        start = time.perf_counter()
        [found] = predict_numbers(trained, [Picture("12 megapixels", jpeg)])
        seconds.append(time.perf_counter() - start)
    print(
        f"\n12 megapixels (JPEG, {len(jpeg) / 1e6:.1f} MB), {len(found)} digits found of {places.size}: median of "
        f"{len(seconds)} {statistics.median(seconds):.2f} s, fastest {min(seconds):.2f} s"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", required=True, help="as for mnistcnn train")
    parser.add_argument("--split", default="test")
    parser.add_argument("--count", type=int, default=1000, help="made numbers; a tenth as many pages")
    options = parser.parse_args()
    trained = load_model(options.model, "numpy")
    print("| what | right in full | digits right | wrong and sure | wrong |\n|---|---|---|---|---|")
    if options.folder:
        rows = list(csv.DictReader((options.folder / "labels.csv").open(newline="")))
        files = [Picture(row["file"], options.folder / row["file"]) for row in rows]
        for row, (text, is_sure) in zip(rows, texts(trained, files), strict=True):
            is_right = text == row["text"]
            print(f"| {row['file']} | {int(is_right)} | | {int(is_sure and not is_right)} | {text[:60]} |")
    split = load_dataset(options.data).split(options.split)
    apart, touching = numbers(split, options.count)
    print_row("numbers, no digits touch", trained, apart)
    print_row("numbers, some digits touch", trained, touching)
    for paper in ("plain", "ruled", "squared"):
        print_row(f"pages, {paper} paper", trained, list(pages(split, options.count // 10, paper)))
    print_row("sudokus, printed", trained, list(sudokus(options.count // 20)), has_groups=False)
    print_time(trained, split)


if __name__ == "__main__":
    main()
