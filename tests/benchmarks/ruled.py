"""How many drawn digits are read right on ruled paper, by the make of the paper and of the pen.

    python tests/benchmarks/ruled.py --model mnistcnn.keras [--pages 10] [--save FOLDER]

A page has one digit in black, drawn with one pen. One property at a time varies; the others are drawn at random,
seeded. `--save` keeps the pages that are misread.
"""

import argparse
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from strangers import picture

from mnistcnn.inference.prediction import predict_numbers
from mnistcnn.model.model_file import load_model

WIDTH, HEIGHT = 1000, 625  # pixels of a page
PAPER, INK = 255, 20  # grey levels

Point = tuple[float, float]  # x and y, as shares of the digit's height


def arc(x: float, y: float, width: float, height: float, start: float, end: float) -> list[Point]:
    """Return points of an ellipse around (x, y), from an angle to another, in degrees, clockwise from the right."""
    angles = np.radians(np.linspace(start, end, 40))
    return [(x + width * float(np.cos(angle)), y + height * float(np.sin(angle))) for angle in angles]


# by digit: its strokes
STROKES: list[list[list[Point]]] = [
    [arc(0.35, 0.5, 0.33, 0.5, 0, 360)],
    [[(0.15, 0.2), (0.35, 0), (0.35, 1)]],
    [[*arc(0.35, 0.28, 0.32, 0.28, 190, 390), (0.03, 1), (0.7, 1)]],
    [[*arc(0.3, 0.25, 0.3, 0.25, 200, 450), *arc(0.3, 0.74, 0.36, 0.26, 270, 520)]],
    [[(0.5, 1), (0.5, 0), (0, 0.68), (0.7, 0.68)]],
    [[(0.62, 0), (0.1, 0), (0.08, 0.45), *arc(0.28, 0.68, 0.36, 0.32, 240, 500)]],
    [[(0.5, 0), *arc(0.34, 0.68, 0.32, 0.32, 190, 550)]],
    [[(0, 0), (0.65, 0), (0.25, 1)]],
    [[*arc(0.35, 0.24, 0.25, 0.24, 90, 450), *arc(0.35, 0.74, 0.32, 0.26, 270, 630)]],
    [[*arc(0.32, 0.3, 0.3, 0.3, 0, 360), (0.55, 1)]],
]


@dataclass(frozen=True)
class Make:
    """A page's paper and pen."""

    paper: str = "ruled"
    spacing: int = 78  # pixels
    thickness: int = 2  # pixels: of a printed line
    level: int = 200  # grey level: of a printed line
    lies: str = "under"  # where a printed line crosses the ink
    tilt: float = 0.0  # degrees
    height: int = 165  # pixels: of the digit
    pen: float = 0.1  # × the digit's height


VALUES: dict[str, list[Any]] = {
    "paper": ["ruled", "squared"],
    "spacing": [30, 45, 60, 78, 110],
    "thickness": [1, 2, 3, 5],
    "level": [235, 215, 200, 170, 120],
    "lies": ["under", "over"],
    "tilt": [0.0, 1.0, -2.5],
    "height": [80, 165, 300, 480],
    "pen": [0.04, 0.07, 0.1, 0.14],
}


def page(digit: int, make: Make, rng: np.random.Generator) -> np.ndarray:
    """Draw a digit on a page (HEIGHT, WIDTH) uint8."""
    pen = max(2, round(make.pen * make.height))
    room = np.array([WIDTH, HEIGHT]) - make.height - 2 * pen
    corner = rng.integers(pen, pen + np.maximum(room, 1))
    ink: np.ndarray = np.zeros((HEIGHT, WIDTH), np.uint8)
    for stroke in STROKES[digit]:
        points = np.rint(corner + np.array(stroke) * make.height).astype(np.int32)
        cv2.polylines(ink, [points], False, 255, pen, cv2.LINE_AA)
    lines: np.ndarray = np.zeros((3 * HEIGHT, 3 * WIDTH), np.uint8)
    lines[int(rng.integers(make.spacing)) :: make.spacing] = 1
    if make.paper == "squared":
        lines[:, int(rng.integers(make.spacing)) :: make.spacing] = 1
    lines = cv2.dilate(lines, np.ones((make.thickness, make.thickness), np.uint8)) * np.uint8(255)
    turn = cv2.getRotationMatrix2D((1.5 * WIDTH, 1.5 * HEIGHT), make.tilt, 1.0)
    turned = cv2.warpAffine(lines, turn, lines.shape[::-1])[HEIGHT : 2 * HEIGHT, WIDTH : 2 * WIDTH]
    layers = [(turned, make.level), (ink, INK)]
    grey: np.ndarray = np.full((HEIGHT, WIDTH), PAPER, np.float32)
    for cover, level in layers if make.lies == "under" else reversed(layers):
        share = cover.astype(np.float32) / 255
        grey = grey * (1 - share) + level * share
    return np.asarray(np.rint(grey), np.uint8)


def main() -> None:
    """Measure every value of every property."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--model", type=Path, required=True)
    arguments.add_argument("--pages", type=int, default=10, help="for each value; a multiple of ten")
    arguments.add_argument("--save", type=Path)
    options = arguments.parse_args()
    model = load_model(options.model, "numpy")
    rng = np.random.default_rng(0)
    print("| property | value | right | wrong and sure | misread |\n|---|---|---|---|---|")
    for field in fields(Make):
        for value in VALUES[field.name]:
            drawn = []
            for number in range(options.pages):
                others = {name: values[rng.integers(len(values))] for name, values in VALUES.items()}
                make = replace(Make(**others), **{field.name: value})
                drawn.append((number % 10, make, page(number % 10, make, rng)))
            pictures = [picture(f"{digit} {make}", grey) for digit, make, grey in drawn]
            right = sure = 0
            misread = []
            for (digit, _, grey), found in zip(drawn, predict_numbers(model, pictures), strict=True):
                text = "".join("∅" if each.error else str(each.digit) for each in found)
                if text == str(digit):
                    right += 1
                    continue
                sure += all(each.error is None and each.unsure_because is None for each in found)
                misread.append(f"{digit}→{text}")
                if options.save is not None:
                    options.save.mkdir(parents=True, exist_ok=True)
                    cv2.imwrite(str(options.save / f"{field.name}-{value}-{digit}-{text[:9]}.png"), grey)
            print(f"| {field.name} | {value} | {right} of {len(drawn)} | {sure} | {' '.join(misread)} |", flush=True)


if __name__ == "__main__":
    main()
