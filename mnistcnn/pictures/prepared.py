"""A digit as the network gets it, where it lies in the picture, and the pieces that its mark may be cut into."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from mnistcnn.pictures.cutting import runs_of_pieces
from mnistcnn.pictures.mnist_style import render

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels of the upright picture, right and bottom excluded


@dataclass(frozen=True)
class Placement:
    """Where a copy of a part of the picture lies in it."""

    left: float  # pixels of the picture before the copy's first column
    top: float  # pixels of the picture above the copy's first row
    scale: float  # width of a pixel of the copy, in pixels of the picture

    def box_of(self, mask: np.ndarray) -> Box:
        """Return the box in the picture of a mask (H, W) on the copy."""
        x, y, width, height = cv2.boundingRect((mask > 0).astype(np.uint8))
        left, right = (round(self.scale * place + self.left) for place in (x, x + width))
        top, bottom = (round(self.scale * place + self.top) for place in (y, y + height))
        return left, top, right, bottom

    def on_copy(self, box: Box) -> Box:
        """Return the box on the copy of a box in the picture."""
        left, right = (round((place - self.left) / self.scale) for place in box[::2])
        top, bottom = (round((place - self.top) / self.scale) for place in box[1::2])
        return left, top, right, bottom

    def part(self, x: int, y: int) -> "Placement":
        """Return where the part of the copy lies that begins at a pixel."""
        return Placement(self.left + self.scale * x, self.top + self.scale * y, self.scale)


@dataclass(frozen=True)
class PreparedDigit:
    """A digit as the network gets it."""

    image: np.ndarray  # (28, 28) uint8, light on dark
    box: Box  # its place in the picture
    others: int = 0  # count of other things of its size; a page of text has many
    signs: int = 0  # count of commas, minuses and the like beside it, which are not read
    line: int = 0  # its line in the picture, from the top
    group: int = 0  # its group in the line, from the left
    mark: int = 0  # the mark that it is, or is a part of, in reading order
    start: int = 0  # the cut of the mark that it begins at, from the left
    end: int = 1  # the cut that it ends at
    strokes: np.ndarray | None = None  # (h, w) uint8: the mask of its mark, if that may be several digits
    place: Placement | None = None  # where those strokes lie
    thumbnail: np.ndarray | None = None  # (≤28, ≤28) uint8: the whole picture
    page: np.ndarray | None = None  # (≤76, ≤76) uint8: the written part of the picture, if it may show several digits
    page_place: Placement | None = None  # where that part lies
    alone: "PreparedDigit | None" = None  # on the first of several: the picture's one digit, should they be none

    @property
    def aspect(self) -> float:
        """Its width as a share of its height."""
        left, top, right, bottom = self.box
        return (right - left) / max(bottom - top, 1)

    @property
    def page_box(self) -> Box | None:
        """Its box in the written part of the picture."""
        return None if self.page_place is None else self.page_place.on_copy(self.box)

    def cut(self) -> list["PreparedDigit"]:
        """Return all that may be digits in its mark: first the whole of it, then runs of neighbouring pieces."""
        if self.strokes is None or self.place is None:
            return [self]
        whole, *runs = runs_of_pieces(self.strokes)
        return [
            replace(self, end=whole.end),
            *(
                replace(self, image=render(run.mask), box=self.place.box_of(run.mask), start=run.start, end=run.end)
                for run in runs
            ),
        ]
