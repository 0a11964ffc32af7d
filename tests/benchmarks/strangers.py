"""Whether a network knows what is not a digit: pictures without one that are refused or marked unsure, by kind.

Each is read as as many digits as it shows; it is marked unsure if one of them is.

    python tests/benchmarks/strangers.py --model mnistcnn.keras [FOLDER...]

A FOLDER, as for pictures.py, holds digits: of those that are read right it says how many are marked unsure.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from pictures import Grey, levels, pictures_in
from PIL import Image, ImageDraw, ImageFont

from mnistcnn.pictures.finding import Picture
from mnistcnn.runtime.backend import start_keras

LETTERS = (
    "ABCDEFGHJKLMNPQRTUVWXYabdefhkmnprtuwxy"  # without those that are drawn as digits are: I, O, S, Z, g, l, o, q …
)
SCRIPTS = (cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_COMPLEX)


def letters(rng: np.random.Generator) -> Iterator[Grey]:
    """Draw each letter in print and in three of OpenCV's pen fonts."""
    font = ImageFont.load_default(190)
    for letter in LETTERS:
        page = Image.new("L", (300, 300), 235)
        ImageDraw.Draw(page).text((150, 150), letter, fill=30, font=font, anchor="mm")
        yield np.asarray(page)
        for script in SCRIPTS:
            thick = int(rng.integers(6, 16))
            yield cv2.putText(np.full((300, 300), 235, np.uint8), letter, (80, 210), script, 6, 40, thick, cv2.LINE_AA)


def noise(rng: np.random.Generator) -> Iterator[Grey]:
    """Draw Gaussian noise of every strength."""
    for _ in range(60):
        side = int(rng.choice([28, 200, 400]))
        yield levels(128 + rng.normal(0, rng.uniform(10, 80), (side, side)))


def blank(rng: np.random.Generator) -> Iterator[Grey]:
    """Draw empty paper of any shade in uneven light, with some grain."""
    for _ in range(60):
        light = rng.integers(20, 250) * np.linspace(rng.uniform(0.5, 1), 1, 300)
        yield levels(light + rng.normal(0, rng.uniform(0, 4), (400, 300)))


def text(rng: np.random.Generator) -> Iterator[Grey]:
    """Draw pages of text in sizes from fine print to a headline's."""
    for _ in range(60):
        page, size = Image.new("L", (600, 800), 245), int(rng.integers(12, 34))
        for y in range(30, 760, int(1.5 * size)):
            line = "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz     "), 60))
            ImageDraw.Draw(page).text((30, y), line, fill=40, font=ImageFont.load_default(size))
        yield np.asarray(page)


def textures(rng: np.random.Generator) -> Iterator[Grey]:
    """Draw clouds of any grain, half of them with ellipses in front: as near to photos as drawing comes."""
    for place in range(60):
        cloud = cv2.GaussianBlur(rng.normal(0, 1, (400, 400)), (0, 0), float(rng.choice([3, 8, 20, 40])))
        cloud = (cloud - cloud.min()) / np.ptp(cloud) * 255
        for _ in range(12 * (place % 2)):
            middle, axes = (tuple(rng.integers(*bounds, 2).tolist()) for bounds in ((0, 400), (10, 120)))
            cv2.ellipse(cloud, middle, axes, rng.uniform(0, 180), 0, 360, float(rng.integers(0, 255)), -1)
        yield levels(cloud)


def picture(name: str, grey: Grey, label: int | None = None) -> Picture:
    """Return grey levels as a PNG in memory."""
    return Picture(name, cv2.imencode(".png", grey)[1].tobytes(), label)


def main() -> None:
    """Print a row for each kind of stranger, and for each folder of digits."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("sets", nargs="*", help="folders of digits")
    arguments.add_argument("--model", type=Path, required=True)
    arguments.add_argument("--count", type=int, default=500, help="images of each dataset")
    options = arguments.parse_args()
    start_keras()
    from mnistcnn.inference.prediction import predict_numbers
    from mnistcnn.model.model_file import load_model

    trained = load_model(options.model)
    print(f"Model {options.model}\n\n| without a digit | pictures | refused | unsure | told |\n|---|---|---|---|---|")
    told = []
    for kind in (letters, noise, blank, text, textures):
        greys = list(kind(np.random.default_rng(0)))
        answers = list(predict_numbers(trained, (picture(kind.__name__, grey) for grey in greys)))
        refused = [found[0].error is not None for found in answers]
        unsure = [found[0].error is None and not all(digit.sure for digit in found) for found in answers]
        told += [a or b for a, b in zip(refused, unsure, strict=True)]
        share = (sum(refused) + sum(unsure)) / len(answers)
        print(f"| {kind.__name__} | {len(answers)} | {sum(refused)} | {sum(unsure)} | {share:.0%} |", flush=True)
    print(f"| all | {len(told)} | | | {sum(told) / len(told):.0%} |")
    for source in options.sets:
        digits = (picture(name, grey, label) for name, grey, label in pictures_in(source, options.count))
        read = predict_numbers(trained, digits)
        right = [found for found in read if [digit.digit for digit in found] == [found[0].label]]
        marked = [found[0].file for found in right if not found[0].sure]
        print(f"\n{source}: {len(right)} read right, of them {len(marked)} marked unsure: {', '.join(marked)}")


if __name__ == "__main__":
    main()
