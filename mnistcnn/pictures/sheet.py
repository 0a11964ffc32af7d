"""A sheet that lies on something else: a page on a desk, a number plate, the field within a frame.

What contrasts most in such a picture is the sheet, and not its ink; so it is cut out before ink is looked for.
"""

from dataclasses import replace

import cv2
import numpy as np

from mnistcnn.pictures.decoding import GreyPicture
from mnistcnn.pictures.ink import missing_light
from mnistcnn.pictures.masks import stroke_width

LEAST = 0.02  # of the picture's area, at least, is a sheet
FOUR_SIDED = 0.9  # of the quadrilateral nearest to its outline, at least, it covers; an ellipse covers 0.73
PLAIN = 0.78  # of it, at least, is plain
BESIDE = 0.4  # of its shorter side is the length of things beside it that make it one of several
EDGE = 0.03  # of its shorter side it loses along its outline
REACH = 0.6  # of its shorter side: wider things on it are no ink
INK = 0.4  # of the difference between it and what it lies on: weaker ink is a rule, or uneven paper
WRITTEN = 0.1  # of its shorter side is at least the height of what is written on it, ...
UPRIGHT = 0.4  # ... so much of its width, at least, that height, ...
PEN = 0.3  # ... so much of its length, at most, the width of its strokes, ...
TOUCHING = 2.5  # ... and so many times that width, at most, lies on the sheet's outline
SHALLOW = 2.0  # times its width, at most, a strip along the outline reaches in
STRIPS = 0.3  # of the outline, at most, has such strips
SAMPLES = 4096  # pixels at which the light on it is measured


def find_sheet(grey: np.ndarray, light_on_dark: bool | None = None) -> np.ndarray | None:
    """Return the mask (H, W) uint8 of 0 and 1 of the sheet in a working copy (H, W) uint8, or None.

    A sheet has four sides, lies within the picture, alone, and has something written on it. `light_on_dark` is the
    polarity of the ink, None where it is not known.
    """
    _, light = cv2.threshold(grey, 0, 1, cv2.THRESH_OTSU)
    for is_dark in (False, True) if light_on_dark is None else (light_on_dark,):
        region, levels = (1 - light, 255 - grey) if is_dark else (light, grey)
        sheet = _lone_quadrilateral(region)
        if sheet is None:
            continue
        paper = max(1.0, float(np.median(levels[sheet > 0])))
        contrast = 1 - float(np.median(levels[region == 0])) / paper
        sheet = _without_strips(levels, sheet, INK * contrast)
        if sheet is not None:
            return sheet
    return None


def cut_out(grey: GreyPicture, sheet: np.ndarray) -> GreyPicture:
    """Return the part of a picture with a sheet, by its mask in the working copy; beside the sheet it becomes paper."""
    covered = cv2.resize(sheet.astype(np.float32), grey.levels.shape[::-1], interpolation=cv2.INTER_AREA)
    mask = covered >= min(0.5, covered.max())  # of few pixels, none may lie within the sheet
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    there = np.s_[y : y + height, x : x + width]
    levels = np.where(mask[there], grey.levels[there], _evenly_lit(grey.levels[there], mask[there]))
    return replace(grey, levels=levels, left=grey.left + x, top=grey.top + y)


def _evenly_lit(grey: np.ndarray, sheet: np.ndarray) -> np.ndarray:
    """Return the levels (H, W) uint8 of a sheet, its mask given, with nothing on it: their plane of least squares."""
    places = np.argwhere(sheet)
    places = places[:: max(1, len(places) // SAMPLES)]
    rows, columns = places[:, 0], places[:, 1]
    measured = grey[rows, columns].astype(np.float64)
    plane = np.linalg.lstsq(np.stack([np.ones(len(rows)), rows, columns], axis=1), measured)[0]
    y, x = np.ogrid[: grey.shape[0], : grey.shape[1]]
    light = plane[0] + plane[1] * y + plane[2] * x
    light += np.median(measured - light[rows, columns])  # ink is rare, and moves no median
    return np.asarray(np.clip(np.rint(light), 0, 255), np.uint8)


def _lone_quadrilateral(region: np.ndarray) -> np.ndarray | None:
    """Return the mask of a region's largest part within (H, W) uint8, filled and without its edge.

    None where it has not four sides, is not plain, or where there are other things beside it.
    """
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(region, connectivity=4)
    x, y, width, height, area = boxes.T
    within = (x > 0) & (y > 0) & (x + width < region.shape[1]) & (y + height < region.shape[0])
    within[0] = False  # all that is not the region
    largest = int(np.argmax(area * within))
    if area[largest] * within[largest] < LEAST * region.size:
        return None
    hull = cv2.convexHull(cv2.findNonZero((labels == largest).astype(np.uint8)))
    filled = cv2.fillConvexPoly(np.zeros_like(region), hull, 1)
    side = min(cv2.minAreaRect(hull)[1])
    if (
        len(hull) < 4
        or cv2.contourArea(hull) < FOUR_SIDED * cv2.contourArea(cv2.approxPolyN(hull, 4))
        or area[largest] < PLAIN * filled.sum()
        or _length_beside(1 - region, filled) > BESIDE * side
    ):
        return None
    edge = 2 * max(1, round(EDGE * side)) + 1
    sheet = cv2.erode(filled, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (edge, edge)))
    return sheet if sheet.any() else None


def _length_beside(region: np.ndarray, sheet: np.ndarray) -> float:
    """Return the length of a region's longest part (H, W) uint8 that neither touches a sheet nor lies around it."""
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(region, connectivity=8)
    x, y, width, height = cv2.boundingRect(sheet)
    left, top, w, h, _ = boxes.T
    around = (left < x) & (top < y) & (left + w > x + width) & (top + h > y + height)
    around[labels[cv2.dilate(sheet, np.ones((5, 5), np.uint8)) > 0]] = True
    around[0] = True  # all that is not the region
    return float(np.hypot(w, h)[~around].max(initial=0.0))


def _without_strips(grey: np.ndarray, sheet: np.ndarray, weakest: float) -> np.ndarray | None:
    """Return the mask of a light sheet in grey levels (H, W) uint8 without dark strips along its outline.

    Those are of what surrounds it. `weakest` is the least share of the light that ink takes. None where nothing is
    written on the sheet, and where it has a notch, as between strokes.
    """
    x, y, width, height = cv2.boundingRect(sheet)
    there = np.s_[y : y + height, x : x + width]
    ink, _ = missing_light(cut_out(GreyPicture(grey), sheet).levels, REACH)
    _, labels, boxes, _ = cv2.connectedComponentsWithStats((ink > weakest).astype(np.uint8), connectivity=8)
    depth = cv2.distanceTransform(sheet, cv2.DIST_L2, 5)[there]
    outline = (sheet - cv2.erode(sheet, np.ones((3, 3), np.uint8)))[there]
    strips = np.zeros(outline.shape, np.uint8)
    is_written_on = False
    for part, (left, top, w, h, _) in enumerate(boxes[1:], start=1):
        box = np.s_[top : top + h, left : left + w]
        stroke = (labels[box] == part).astype(np.uint8)
        contact = (stroke * outline[box]).sum()
        is_upright = h >= max(WRITTEN * min(width, height), UPRIGHT * w)
        if not (is_upright or contact):
            continue
        pen = stroke_width(np.pad(stroke, 1))
        if contact > TOUCHING * pen:
            if (stroke * depth[box]).max() > SHALLOW * pen:
                return None
            strips[box] |= stroke
        elif is_upright and pen < PEN * max(w, h):
            is_written_on = True
    if not is_written_on or strips[outline > 0].mean() > STRIPS:
        return None
    sheet = sheet.copy()
    sheet[there] &= 1 - cv2.dilate(strips, np.ones((5, 5), np.uint8))
    return sheet
