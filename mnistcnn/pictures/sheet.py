"""A finder of sheets that lie on something else: a page on a desk, a number plate, the field within a frame.

In such a picture the sheet contrasts more than its ink, so it is cut out before ink is looked for: working copy → mask
of the sheet; picture and mask → picture of the sheet alone. Nothing here knows a digit from other ink.

Ranges in comments: `tests/benchmarks/constants.py` reads so many photos right while one value varies in its range.
"""

from dataclasses import replace

import cv2
import numpy as np

from mnistcnn.pictures.decoding import GreyPicture
from mnistcnn.pictures.ink import missing_light
from mnistcnn.pictures.masks import convex_hull, stroke_width, with_margin

# share of the picture's area: the smallest sheet (132 photos right from 0.005 to 0.08)
MIN_AREA = 0.02
# share of the nearest quadrilateral that a sheet covers at least; an ellipse covers 0.73 (132 photos right from 0.5
# to 0.96)
MIN_FOUR_SIDED = 0.9
# share of a sheet's area that is bare paper at least (132 photos right from 0.6 to 0.95, not at 0.5; at 0.7 some of
# MNIST's test images, enlarged, are taken for sheets)
MIN_PLAIN = 0.78
# × the sheet's shorter side: if anything longer lies beside it, it is not a lone sheet (132 photos right from 0.1 to
# 1.6)
MAX_BESIDE = 0.4
# × the sheet's shorter side: the edge that is cut off all around, with its shadow (132 photos right from 0.0075 to
# 0.12)
EDGE = 0.03

# × the shorter side of the sheet's box: wider things on it are not ink (132 photos right from 0.15 to 2.4)
INK_REACH = 0.6
# × the contrast of the sheet with what it lies on: weaker ink is a rule, or uneven paper (132 photos right from 0.1
# to 1)
MIN_INK_CONTRAST = 0.4
# × the shorter side of the sheet's box: the least height of what is written on it (132 photos right from 0.025 to 0.4)
MIN_WRITTEN_HEIGHT = 0.1
# × its own width: the least height of what is written on a sheet; a dash is not writing (132 photos right from 0.1 to
# 1.6)
MIN_WRITTEN_ASPECT = 0.4
# × the longer side of its box: the widest stroke of what is written on a sheet (132 photos right from 0.075 to 1)
MAX_WRITTEN_STROKE = 0.3
# stroke widths: what touches the outline for longer is a strip of what surrounds the sheet (132 photos right from
# 0.625 to 10)
MAX_CONTACT = 2.5
# stroke widths: if a strip reaches in farther, the sheet has a notch, as between strokes (132 photos right from 0.5
# to 8)
MAX_STRIP_DEPTH = 2.0
# share of a sheet's outline that has strips at most (132 photos right from 0.075 to 1)
MAX_STRIPS = 0.3

# count, about: the pixels from which the light on a sheet is measured (132 photos right from 64 to 16,384)
LIGHT_SAMPLES = 4096


def find_sheet(grey: np.ndarray, light_on_dark: bool | None = None) -> np.ndarray | None:
    """Return the mask (H, W) uint8 of 0 and 1 of the sheet in a working copy (H, W) uint8, or None if it shows none.

    A sheet has four sides, lies alone and within the picture, and has something written on it. `light_on_dark` is the
    polarity of the ink, None if it is not known.
    """
    _, light = cv2.threshold(grey, 0, 1, cv2.THRESH_OTSU)
    for is_dark in (False, True) if light_on_dark is None else (light_on_dark,):
        region, levels = (1 - light, 255 - grey) if is_dark else (light, grey)
        sheet = _lone_quadrilateral(region)
        if sheet is None:
            continue
        paper = max(1.0, float(np.median(levels[sheet > 0])))
        contrast = 1 - float(np.median(levels[region == 0])) / paper
        sheet = _without_strips(levels, sheet, MIN_INK_CONTRAST * contrast)
        if sheet is not None:
            return sheet
    return None


def cut_out(grey: GreyPicture, sheet: np.ndarray) -> GreyPicture:
    """Return the part of a picture that holds a sheet, given its mask in the working copy, with paper all around it."""
    covered = cv2.resize(sheet.astype(np.float32), grey.levels.shape[::-1], interpolation=cv2.INTER_AREA)
    mask = covered >= min(0.5, covered.max())  # a picture of few pixels may have none that the sheet covers by half
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    there = np.s_[y : y + height, x : x + width]
    levels = np.where(mask[there], grey.levels[there], _evenly_lit(grey.levels[there], mask[there]))
    return replace(grey, levels=levels, left=grey.left + x, top=grey.top + y)


def _evenly_lit(grey: np.ndarray, sheet: np.ndarray) -> np.ndarray:
    """Return the levels (H, W) uint8 that a sheet, given its mask, would have without ink: a least-squares plane."""
    places = np.argwhere(sheet)
    places = places[:: max(1, len(places) // LIGHT_SAMPLES)]
    rows, columns = places[:, 0], places[:, 1]
    measured = grey[rows, columns].astype(np.float64)
    plane = np.linalg.lstsq(np.stack([np.ones(len(rows)), rows, columns], axis=1), measured)[0]
    y, x = np.ogrid[: grey.shape[0], : grey.shape[1]]
    light = plane[0] + plane[1] * y + plane[2] * x
    light += np.median(measured - light[rows, columns])  # ink is rare and does not move the median
    return np.asarray(np.clip(np.rint(light), 0, 255), np.uint8)


def _lone_quadrilateral(region: np.ndarray) -> np.ndarray | None:
    """Return the mask of the largest part of a region (H, W) uint8 within the picture, filled and without its edge.

    Returns None if that part does not have four sides, is not plain, or has other things beside it.
    """
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(region, connectivity=4)
    x, y, width, height, area = boxes.T
    within = (x > 0) & (y > 0) & (x + width < region.shape[1]) & (y + height < region.shape[0])
    within[0] = False  # part 0 is all that is not the region
    largest = int(np.argmax(area * within))
    if area[largest] * within[largest] < MIN_AREA * region.size:
        return None
    left, top, right, bottom = x[largest], y[largest], (x + width)[largest], (y + height)[largest]
    box = region[top:bottom, left:right]
    if box.sum() < MIN_PLAIN * box.size / 2:  # as is checked below: a convex hull covers half of its box at least
        return None
    hull = convex_hull(labels == largest)
    filled = cv2.fillConvexPoly(np.zeros_like(region), hull, 1)
    side = min(cv2.minAreaRect(hull)[1])
    if (
        len(hull) < 4
        or cv2.contourArea(hull) < MIN_FOUR_SIDED * cv2.contourArea(cv2.approxPolyN(hull, 4))
        or (region * filled).sum() < MIN_PLAIN * filled.sum()
        or _length_beside(1 - region, filled) > MAX_BESIDE * side
    ):
        return None
    edge = 2 * max(1, round(EDGE * side)) + 1
    sheet = cv2.erode(filled, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (edge, edge)))
    return sheet if sheet.any() else None


def _length_beside(region: np.ndarray, sheet: np.ndarray) -> float:
    """Return the length of the longest part of a region (H, W) uint8 that neither touches a sheet nor surrounds it."""
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(region, connectivity=8)
    x, y, width, height = cv2.boundingRect(sheet)
    left, top, w, h, _ = boxes.T
    around = (left < x) & (top < y) & (left + w > x + width) & (top + h > y + height)
    around[labels[cv2.dilate(sheet, np.ones((5, 5), np.uint8)) > 0]] = True
    around[0] = True  # part 0 is all that is not the region
    return float(np.hypot(w, h)[~around].max(initial=0.0))


def _without_strips(grey: np.ndarray, sheet: np.ndarray, weakest: float) -> np.ndarray | None:
    """Return the mask of a light sheet in grey levels (H, W) uint8 without the dark strips along its outline.

    The strips belong to what surrounds the sheet. `weakest` is the least share of the light that ink takes. Returns
    None if nothing is written on the sheet, or if it has a notch, as between strokes.
    """
    x, y, width, height = cv2.boundingRect(sheet)
    there = np.s_[y : y + height, x : x + width]
    ink, _ = missing_light(cut_out(GreyPicture(grey), sheet).levels, INK_REACH)
    _, labels, boxes, _ = cv2.connectedComponentsWithStats((ink > weakest).astype(np.uint8), connectivity=8)
    depth = cv2.distanceTransform(sheet, cv2.DIST_L2, 5)[there]
    outline = (sheet - cv2.erode(sheet, np.ones((3, 3), np.uint8)))[there]
    strips = np.zeros(outline.shape, np.uint8)
    is_written_on = False
    for part, (left, top, w, h, _) in enumerate(boxes[1:], start=1):
        box = np.s_[top : top + h, left : left + w]
        stroke = (labels[box] == part).astype(np.uint8)
        contact = (stroke * outline[box]).sum()
        is_tall = h >= max(MIN_WRITTEN_HEIGHT * min(width, height), MIN_WRITTEN_ASPECT * w)
        if not (is_tall or contact):
            continue
        pen = stroke_width(with_margin(stroke, 1))
        if contact > MAX_CONTACT * pen:
            if (stroke * depth[box]).max() > MAX_STRIP_DEPTH * pen:
                return None
            strips[box] |= stroke
        elif is_tall and pen < MAX_WRITTEN_STROKE * max(w, h):
            is_written_on = True
    if not is_written_on or strips[outline > 0].mean() > MAX_STRIPS:
        return None
    sheet = sheet.copy()
    sheet[there] &= 1 - cv2.dilate(strips, np.ones((5, 5), np.uint8))
    return sheet
