"""Draw the README's 5: blue ink on squared paper, under a lamp and a shadow, as a phone would take it.

    python tests/programs/draw_five.py docs/five.jpg docs/seen.jpg

writes the picture, and beside it the picture and the 28×28 image that the network saw of it.
"""

import sys
from pathlib import Path

import cv2
import numpy as np

from mnistcnn.pictures.finding import Picture
from mnistcnn.pictures.preparing import read_digits

HEIGHT, WIDTH = 480, 640
PAPER, RULES, INK = (214, 226, 232), (205, 190, 165), (120, 50, 30)  # blue, green, red


def squared_paper() -> np.ndarray:
    """Return paper with faint blue squares: (480, 640, 3) float32."""
    paper = np.full((HEIGHT, WIDTH, 3), PAPER, np.float32)
    for at in range(20, WIDTH, 44):
        cv2.line(paper, (at, 0), (at + 14, HEIGHT), RULES, 1, cv2.LINE_AA)
    for at in range(10, HEIGHT, 44):
        cv2.line(paper, (0, at), (WIDTH, at - 10), RULES, 1, cv2.LINE_AA)
    return paper


def pen_stroke(ink: np.ndarray, points: list[tuple[float, float]]) -> None:
    """Draw a smooth stroke through points into a mask (480, 640) float32."""
    along = np.linspace(0, len(points) - 1, 400)
    smooth = [
        np.convolve(np.pad(np.interp(along, range(len(points)), axis), 12, "edge"), np.ones(25) / 25, "valid")
        for axis in zip(*points, strict=True)
    ]
    widths = 7 + 1.6 * np.sin(np.linspace(0, 9, 400))
    for x, y, width in zip(*smooth, widths, strict=True):
        cv2.circle(ink, (int(x * 8), int(y * 8)), int(width * 8), (1.0,), -1, cv2.LINE_AA, 3)


def photo() -> np.ndarray:
    """Return the picture: (480, 640, 3) uint8, blue first."""
    noise = np.random.default_rng(3)
    ink: np.ndarray = np.zeros((HEIGHT, WIDTH), np.float32)
    pen_stroke(ink, [(410, 120), (350, 122), (290, 126)])
    turns = np.linspace(-1.9, 2.35, 60)
    bowl = [(330 + 72 * np.cos(turn) - 8 * np.sin(3 * turn), 286 + 78 * np.sin(turn)) for turn in turns]
    pen_stroke(ink, [(290, 126), (284, 180), (280, 226), (300, 214), *bowl])
    ink = cv2.GaussianBlur(ink, (0, 0), 1.2) * (0.88 + 0.12 * noise.random((HEIGHT, WIDTH)))
    picture = squared_paper() * (1 - ink[..., None]) + np.array(INK) * ink[..., None]
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    light = 1.05 - 0.55 * np.clip((0.7 * x + 0.5 * y) / WIDTH, 0, 1)
    light *= 1 - 0.25 / (1 + np.exp(-(x - 0.4 * y - 430) / 14))  # the shadow's edge
    picture = picture * light[..., None] + noise.normal(0, 4, (HEIGHT, WIDTH, 1))
    return np.asarray(np.clip(cv2.GaussianBlur(picture, (0, 0), 0.8), 0, 255), np.uint8)


def main(path: Path, pair: Path) -> None:
    """Write both pictures."""
    picture = photo()
    cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
    [digit] = read_digits(Picture(path.name, path))
    seen = cv2.cvtColor(cv2.resize(digit.image, (240, 240), interpolation=cv2.INTER_NEAREST), cv2.COLOR_GRAY2BGR)
    taken = cv2.resize(picture, (320, 240), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(pair), np.hstack([taken, np.full((240, 16, 3), 255, np.uint8), seen]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
