"""How many numbers and pages are read right in full: real pictures, and made ones from MNIST's images.

    python tests/benchmarks/pages.py [FOLDER] --model mnistcnn.keras --data PATH [--split test] [--count N]

The FOLDER holds pictures and their labels.csv with the columns file and text; in a text "/" ends a line and a space
separates groups. Made numbers have four to eight digits in a line, made pages five to ten lines of five to twenty
digits, on plain, ruled and squared paper; all are seeded.
"""

import argparse
import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from pictures import Grey, levels, ruled
from strangers import picture

from mnistcnn.data.dataset import Split
from mnistcnn.data.sources import load_dataset
from mnistcnn.inference.prediction import predict_numbers
from mnistcnn.model.model_file import TrainedModel, load_model
from mnistcnn.pictures.finding import Picture
from mnistcnn.results import text_of

HEIGHT = 40  # pixels: the usual height of a made digit


def digit(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the ink (h, w) float32 in [0, 1] of one of MNIST's images, slanted by ±10° and ±25 % in height."""
    slant = np.tan(np.radians(rng.uniform(-10, 10)))
    matrix = np.array([[3, -3 * slant, 42 * slant], [0, 3, 0]], np.float32)  # three times as large
    large = cv2.warpAffine(image, matrix, (84, 84), flags=cv2.INTER_CUBIC)
    x, y, width, height = cv2.boundingRect((large > 40).astype(np.uint8))
    tall = round(HEIGHT * rng.uniform(0.75, 1.25))
    size = (max(3, round(width * tall / height)), tall)
    return np.asarray(cv2.resize(large[y : y + height, x : x + width], size, interpolation=cv2.INTER_AREA) / 255)


def drawn(lines: list[list[np.ndarray]], rng: np.random.Generator, gaps: tuple[float, float]) -> Grey:
    """Draw lines of digits on a page: gaps × a digit's width, baselines that vary by ±10 % of its height."""
    width = max(sum(round(image.shape[1] * 1.65) + 4 for image in line) for line in lines) + 4 * HEIGHT
    page = np.zeros((round(HEIGHT * (2 * len(lines) + 2)), width), np.float32)
    for row, line in enumerate(lines):
        left, base = 2 * HEIGHT, round((2 * row + 2.2) * HEIGHT)
        for image in line:
            height, wide = image.shape
            top = base - height + round(HEIGHT * rng.uniform(-0.1, 0.1))
            there = np.s_[top : top + height, left : left + wide]
            page[there] = np.maximum(page[there], image)
            left += round(wide * (1 + rng.uniform(*gaps)))
    return levels(225 - 185 * np.clip(page, 0, 1) + rng.normal(0, 3, page.shape))


def numbers(split: Split, count: int, gaps: tuple[float, float]) -> Iterator[tuple[Grey, str]]:
    """Yield pictures of numbers, and their texts."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        places = rng.integers(0, len(split), rng.integers(4, 9))
        line = [digit(split.images[place], rng) for place in places]
        yield drawn([line], rng, gaps), "".join(str(split.labels[place]) for place in places)


def pages(split: Split, count: int, paper: str) -> Iterator[tuple[Grey, str]]:
    """Yield pictures of pages on plain, ruled or squared paper, and their texts."""
    rng = np.random.default_rng(1)
    for _ in range(count):
        across = int(rng.integers(5, 21))
        places = rng.integers(0, len(split), (int(rng.integers(5, 11)), across))
        page = drawn([[digit(split.images[place], rng) for place in line] for line in places], rng, (0.2, 0.6))
        if paper != "plain":
            page = ruled(page, rng, squared=paper == "squared")
        yield page, "/".join("".join(str(split.labels[place]) for place in line) for line in places)


def texts(trained: TrainedModel, pictures: Iterable[Picture]) -> Iterator[tuple[str, bool]]:
    """Yield what is read of each picture, with "/" between lines, and whether all of it is sure."""
    for found in predict_numbers(trained, pictures):
        yield text_of(found).replace("\n", "/"), all(digit.sure for digit in found)


def print_row(what: str, trained: TrainedModel, made: list[tuple[Grey, str]]) -> None:
    """Print how many texts are right in full, how many are wrong and sure, and the first that are wrong."""
    read = texts(trained, (picture(what, grey) for grey, _ in made))
    wrong = [(text, found, sure) for (_, text), (found, sure) in zip(made, read, strict=True) if found != text]
    right, sure = len(made) - len(wrong), sum(sure for *_, sure in wrong)
    misses = "; ".join(f"{text[:40]} → {found[:40]}" for text, found, _ in wrong[:2])
    print(f"| {what} | {right} of {len(made)} | {sure} | {misses} |", flush=True)


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
    print("| what | right in full | wrong and sure | wrong |\n|---|---|---|---|")
    if options.folder:
        rows = list(csv.DictReader((options.folder / "labels.csv").open(newline="")))
        files = [Picture(row["file"], options.folder / row["file"]) for row in rows]
        for row, (text, is_sure) in zip(rows, texts(trained, files), strict=True):
            print(
                f"| {row['file']} | {int(text == row['text'])} | {int(text != row['text'] and is_sure)} | {text[:60]} |"
            )
    split = load_dataset(options.data).split(options.split)
    print_row("numbers, gaps of 10 to 60 %", trained, list(numbers(split, options.count, (0.1, 0.6))))
    print_row("numbers, gaps of −15 to 60 %", trained, list(numbers(split, options.count, (-0.15, 0.6))))
    for paper in ("plain", "ruled", "squared"):
        print_row(f"pages, {paper} paper", trained, list(pages(split, options.count // 10, paper)))


if __name__ == "__main__":
    main()
