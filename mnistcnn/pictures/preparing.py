"""The way of a picture to the network: a picture → its digits, each 28×28 as MNIST draws it.

`decoding` turns a file into grey levels, `sheet` cuts out the sheet that is written on, `strokes` finds the digits in
its ink, and `mnist_style` draws them. What touches comes as one digit, which `PreparedDigit.cut` takes apart. Nothing
here knows the network.
"""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from mnistcnn.config import SIZE, Digits, Invert
from mnistcnn.errors import MnistcnnError, NoDigitFoundError
from mnistcnn.pictures.annotations import without_annotations
from mnistcnn.pictures.cutting import may_be_several
from mnistcnn.pictures.decoding import GreyPicture, decode_picture
from mnistcnn.pictures.finding import Picture
from mnistcnn.pictures.ink import WORKING_SIDE, working_copy
from mnistcnn.pictures.lines import Page, page_of
from mnistcnn.pictures.mnist_style import looks_like_mnist, render, render_levels
from mnistcnn.pictures.prepared import Placement, PreparedDigit
from mnistcnn.pictures.sheet import cut_out, find_sheet
from mnistcnn.pictures.strokes import Parts, find_parts, one_digit, other_marks

# share of the picture's width or height: a digit that takes more and reaches the border may have been cut out
MIN_FILLING = 0.6
# × its height: a picture of a width in between may be cut around a 1
MIN_NARROW, MAX_NARROW = 0.05, 0.5
# pixels: in a picture whose longer side is no longer, strokes are thinner than a pixel (not swept; of 200 of MNIST's
# images at 8×8 159 are right if they are drawn as strokes, 179 as they are; at 14×14 199 and 196)
MAX_TINY_SIDE = 10
# pixels of the working copy: if digits of a page are lower in the median, a closer look is taken
MIN_PAGE_HEIGHT = 48
# × the usual height: the margin of that closer look around all digits
PAGE_MARGIN = 2
# pixels: the longest side of that closer look
MAX_PAGE_SIDE = 2048
# pixels: the longer side of the drawing that shows where digits stand
PAGE_SIDE = 76
# × the longer side: the margin of paper that is put around such a picture
MARGIN = 0.25

LIGHT_ON_DARK: dict[Invert, bool | None] = {"auto": None, "no": True, "yes": False}


def read_digits(picture: Picture, *, invert: Invert = "auto", digits: Digits = "one") -> list[PreparedDigit]:
    """Read a picture as one digit, or as all digits of a number or a page, in reading order.

    `invert` says whether the strokes are dark on light, and so to be inverted ("auto": find out). Raises MnistcnnError
    if the picture cannot be read, NoDigitFoundError if it holds no stroke.
    """
    if picture.error is not None:
        raise MnistcnnError(picture.error)
    grey = decode_picture(picture.name, picture.source, picture.page)
    found = prepare(grey, invert=invert, digits=digits)
    if not found:
        remark = f"{grey.remark}; " if grey.remark else ""
        raise NoDigitFoundError(f"{picture.name}: no digit found; {remark}draw it large, in one colour, on plain paper")
    thumbnail = _shrunk(grey.levels, SIZE)
    if len(found) == 1 and found[0].strokes is None:
        return [replace(found[0], thumbnail=thumbnail)]
    page, place = _page(found, grey)
    return [replace(digit, thumbnail=thumbnail, page=page, page_place=place) for digit in found]


def prepare(grey: GreyPicture, *, invert: Invert = "auto", digits: Digits = "one") -> list[PreparedDigit]:
    """Draw the digits of a picture as MNIST would have drawn them; return none without a stroke.

    An image in MNIST's style comes out bit for bit as it went in, or inverted. Digits that touch come as one.
    """
    if (drawn := _drawn_as_mnist(grey, invert)) is not None:
        return [drawn]
    light_on_dark = LIGHT_ON_DARK[invert]
    copy = working_copy(grey.levels)
    if (sheet := find_sheet(copy, light_on_dark)) is not None:
        grey = cut_out(grey, sheet)
        copy = working_copy(grey.levels)  # of the picture's own pixels: the first copy has too few on a small sheet
    view = _view(grey, copy, light_on_dark)
    if view.fills_picture if view else _is_narrow(grey):
        framed = _with_margin(grey)
        wider = _view(framed, working_copy(framed.levels), light_on_dark, view)
        view = max((each for each in (view, wider) if each), key=lambda each: each.quality, default=None)
    if view is None:
        return []
    if max(grey.levels.shape) <= MAX_TINY_SIDE:
        return [view.tiny_digit()]
    if digits == "many":
        return _digits_of_page(view, page_of(view.parts), light_on_dark)
    digit = one_digit(view.parts)
    others = other_marks(view.parts, digit)
    mask = view.parts.mask(digit)
    page = None if digits == "one" else page_of(view.parts)
    if page is not None and not others and not page.splits(digit):
        x, y, width, height = cv2.boundingRect(mask)
        return [_digit_of(mask[y : y + height, x : x + width], view.place.part(x, y))]
    alone = PreparedDigit(render(mask), view.place.box_of(mask), others)
    if page is None:
        return [alone]
    first, *further = _digits_of_page(view, page, light_on_dark)
    return [replace(first, alone=alone), *further] if further else [alone]


@dataclass(frozen=True)
class _View:
    """A picture as it is looked at: its working copy, and the parts of the ink in it."""

    grey: GreyPicture
    copy: np.ndarray  # (H, W) uint8
    parts: Parts

    @property
    def place(self) -> Placement:
        """Where the copy lies in the picture."""
        return _placement(self.grey, self.copy)

    @property
    def quality(self) -> float:
        """How much the best digit looks like one, whatever the copy's scale."""
        return float(self.parts.best_quality() * max(self.grey.levels.shape))

    def tiny_digit(self) -> PreparedDigit:
        """Return all of a picture whose pixels are as wide as strokes as one digit, drawn in the levels that it has."""
        dark = 255 - self.parts.grey.astype(np.float32)
        strength = np.clip((dark - np.median(dark)) / max(1.0, float(dark.max() - np.median(dark))), 0, 1)
        mask = self.parts.mask(one_digit(self.parts))
        return PreparedDigit(render_levels(strength), self.place.box_of(mask))

    def printed_on(self, grey: GreyPicture, copy: np.ndarray) -> np.ndarray:
        """Return the mask, on another working copy, of what is printed: a copy of a part of the picture, or of more."""
        pixel = max(self.grey.levels.shape) / max(self.copy.shape)  # width of a pixel of the copy, in the levels
        scale = max(grey.levels.shape) / max(copy.shape) / pixel
        left, top = (grey.left - self.grey.left) / pixel, (grey.top - self.grey.top) / pixel
        place = np.array([[scale, 0, left], [0, scale, top]])
        return cv2.warpAffine(
            self.parts.printed(), place, copy.shape[::-1], flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        )

    @property
    def fills_picture(self) -> bool:
        """Whether the best digit is large and reaches the picture's border: the picture may be cut around it."""
        mask = self.parts.mask(one_digit(self.parts))
        x, y, width, height = cv2.boundingRect(mask)
        is_large = max(width / mask.shape[1], height / mask.shape[0]) > MIN_FILLING
        return is_large and (x <= 1 or y <= 1 or x + width >= mask.shape[1] - 1 or y + height >= mask.shape[0] - 1)


def _digits_of_page(view: _View, page: Page, light_on_dark: bool | None) -> list[PreparedDigit]:
    """Return the digits of a page in reading order, looked at closer if they are small."""
    if page.height < MIN_PAGE_HEIGHT and (closer := _closer(view, page, light_on_dark)) is not None:
        view, page = closer, page_of(closer.parts)
    return [
        replace(
            _digit_of(placed.mask(view.parts), view.place.part(*placed.box[:2])),
            line=placed.line,
            group=placed.group,
            mark=number,
            signs=placed.signs,
        )
        for number, placed in enumerate(page.digits)
    ]


def _digit_of(mark: np.ndarray, place: Placement) -> PreparedDigit:
    """Return a mark, given its mask (h, w) uint8 of 0 and 1 and where that lies, as one digit, which may be cut."""
    strokes = mark if may_be_several(mark) else None
    return PreparedDigit(render(mark), place.box_of(mark), strokes=strokes, place=place)


def _closer(view: _View, page: Page, light_on_dark: bool | None) -> _View | None:
    """Return a closer view of the written part of a picture, or None if it shows no stroke."""
    boxes = np.array([placed.box for placed in page.digits])  # (digits, 4)
    grey = view.grey
    scale = max(grey.levels.shape) / max(view.copy.shape)  # width of a pixel of the copy in pixels of the levels
    margin = PAGE_MARGIN * page.height
    left, top = np.maximum((boxes[:, :2].min(axis=0) - margin) * scale, 0).astype(int)
    right, bottom = np.ceil((boxes[:, 2:].max(axis=0) + margin) * scale).astype(int)
    levels = np.ascontiguousarray(grey.levels[top:bottom, left:right])
    closer = replace(grey, levels=levels, left=grey.left + int(left), top=grey.top + int(top))
    side = max(levels.shape) / (page.height * scale) * MIN_PAGE_HEIGHT
    copy = working_copy(levels, min(MAX_PAGE_SIDE, max(WORKING_SIDE, round(side))))
    return _view(closer, copy, light_on_dark, view)


def _view(grey: GreyPicture, copy: np.ndarray, light_on_dark: bool | None, first: _View | None = None) -> _View | None:
    """Return how a picture, given with its working copy, is looked at, or None if it shows no stroke.

    `first` is an earlier look at the same picture: it shows better which lines are rules than a part of the picture
    does, or the picture in a margin, in which no line reaches from side to side.
    """
    printed = None if first is None else first.printed_on(grey, copy)
    parts = find_parts(copy, light_on_dark, printed)
    return None if parts is None else _View(grey, copy, without_annotations(parts))


def _is_narrow(grey: GreyPicture) -> bool:
    """Tell whether a picture may be cut so closely around a 1 that nothing else is left in it."""
    height, width = grey.levels.shape
    return bool(MIN_NARROW < width / height < MAX_NARROW)


def _with_margin(grey: GreyPicture) -> GreyPicture:
    """Return a picture with a margin all around it, in the level of its border's median."""
    levels = grey.levels
    paper = float(np.median(np.concatenate([levels[0], levels[-1], levels[:, 0], levels[:, -1]])))
    margin = math.ceil(MARGIN * max(levels.shape))
    wider = cv2.copyMakeBorder(levels, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=(paper,))
    return replace(grey, levels=wider, left=grey.left - margin, top=grey.top - margin)


def _drawn_as_mnist(grey: GreyPicture, invert: Invert) -> PreparedDigit | None:
    """Return the picture itself if it is in MNIST's style, in either polarity, else None."""
    if grey.levels.shape != (SIZE, SIZE):
        return None
    for levels, inverts in ((grey.levels, "no"), (255 - grey.levels, "yes")):
        if invert in ("auto", inverts) and looks_like_mnist(levels):
            return PreparedDigit(levels, _placement(grey, levels).box_of(levels))
    return None


def _shrunk(levels: np.ndarray, side: int) -> np.ndarray:
    """Return grey levels (H, W) uint8 with a longer side in pixels."""
    if max(levels.shape) == side:
        return levels
    scale = side / max(levels.shape)
    size = [max(1, round(length * scale)) for length in levels.shape[::-1]]
    return np.asarray(cv2.resize(levels, size, interpolation=cv2.INTER_AREA))


def _page(digits: list[PreparedDigit], grey: GreyPicture) -> tuple[np.ndarray, Placement]:
    """Return the written part of a picture, its longer side PAGE_SIDE, and where it lies."""
    boxes = np.array([digit.box for digit in digits])  # (digits, 4)
    places = boxes / grey.scale - [grey.left, grey.top] * 2  # in pixels of the levels
    margin = float(np.median(places[:, 3] - places[:, 1])) / 2
    left, top = np.maximum(places[:, :2].min(axis=0) - margin, 0).astype(int).tolist()
    right, bottom = np.ceil(places[:, 2:].max(axis=0) + margin).astype(int)
    written = replace(grey, levels=grey.levels[top:bottom, left:right], left=grey.left + left, top=grey.top + top)
    page = _shrunk(written.levels, PAGE_SIDE)
    return page, _placement(written, page)


def _placement(grey: GreyPicture, copy: np.ndarray) -> Placement:
    """Return where a copy of grey levels, of any size, lies in the upright picture."""
    scale = grey.scale * max(grey.levels.shape) / max(copy.shape)
    return Placement(grey.scale * grey.left, grey.scale * grey.top, scale)
