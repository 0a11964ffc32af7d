"""Pictures as people take them, drawn by the tests themselves: what is read of them is known."""

import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mnistcnn.errors import MnistcnnError, NoDigitFoundError
from mnistcnn.pictures.decoding import GreyPicture, decode_picture
from mnistcnn.pictures.finding import Picture, find_pictures
from mnistcnn.pictures.frame import erase_frame
from mnistcnn.pictures.masks import stroke_width
from mnistcnn.pictures.mnist_style import looks_like_mnist, render
from mnistcnn.pictures.preparing import Invert, PreparedDigit, prepare, prepare_many, read_digits
from mnistcnn.pictures.ruled_paper import erase_rules
from mnistcnn.pictures.sheet import find_sheet

Grey = np.ndarray
Harm = Callable[[Grey, np.random.Generator], Grey]


def seven(side: int = 300, thick: int = 16, ink: int = 40, paper: int = 225) -> Grey:
    """Draw a 7 with a round pen: (side, side) uint8."""
    picture = np.full((side, side), paper, np.uint8)
    corners = (np.array([[0.3, 0.25], [0.68, 0.25], [0.45, 0.78]]) * side).astype(np.int32)
    cv2.polylines(picture, [corners], False, ink, thick, cv2.LINE_AA)
    return picture


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """Encode an image in a format."""
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def levels(file: bytes) -> Grey:
    """Decode a picture's bytes into grey levels."""
    return decode_picture("picture", file).levels


def read(grey: Grey, invert: Invert = "auto") -> Grey:
    """Prepare grey levels that hold a digit: (28, 28) uint8."""
    [digit] = prepare(GreyPicture(grey), invert=invert)
    return digit.image


def difference(one: Grey, other: Grey) -> float:
    """Of two 28×28 images, return the share of ink that stands elsewhere by more than a pixel."""
    a, b = one > 100, other > 100
    near_a, near_b = (cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0 for mask in (a, b))
    return float((a & ~near_b).sum() + (b & ~near_a).sum()) / max(1, int(a.sum() + b.sum()))


CLEAN = read(seven())


def light_gradient(grey: Grey, rng: np.random.Generator) -> Grey:
    """Let the light fall off to the left."""
    return np.asarray(np.rint(grey * np.linspace(0.35, 1, grey.shape[1])), np.uint8)


def hard_shadow(grey: Grey, rng: np.random.Generator) -> Grey:
    """Halve the light on one side of a slanted line."""
    y, x = np.indices(grey.shape)
    return np.asarray(np.rint(grey * np.where(x + 0.5 * y > 200, 1, 0.5)), np.uint8)


def grain(grey: Grey, rng: np.random.Generator) -> Grey:
    """Add the noise of a small sensor."""
    return np.clip(grey + rng.normal(0, 20, grey.shape), 0, 255).astype(np.uint8)


def salt_and_pepper(grey: Grey, rng: np.random.Generator) -> Grey:
    """Blacken and whiten pixels here and there."""
    return np.where(rng.random(grey.shape) < 0.03, rng.choice([0, 255], grey.shape), grey).astype(np.uint8)


def ruled(grey: Grey, rng: np.random.Generator) -> Grey:
    """Print pale lines across."""
    lines = grey.copy()
    for row in (10, 11):
        lines[row::30] = np.minimum(lines[row::30], 150)
    return lines


def squared(grey: Grey, rng: np.random.Generator) -> Grey:
    """Print pale lines across and down."""
    return ruled(ruled(grey, rng).T, rng).T.copy()


def jpeg(grey: Grey, rng: np.random.Generator) -> Grey:
    """Save it as badly as JPEG can."""
    return levels(encoded(Image.fromarray(grey), "JPEG", quality=15))


def blurred(grey: Grey, rng: np.random.Generator) -> Grey:
    """Put it out of focus."""
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), 4))


def faint(grey: Grey, rng: np.random.Generator) -> Grey:
    """Take away three quarters of the contrast."""
    return (150 + grey // 4).astype(np.uint8)


def inverted(grey: Grey, rng: np.random.Generator) -> Grey:
    """Write light on dark."""
    return 255 - grey


def in_a_corner(grey: Grey, rng: np.random.Generator) -> Grey:
    """Put it into a corner of a large sheet."""
    return np.pad(grey, ((600, 0), (0, 600)), constant_values=225)


def framed(grey: Grey, rng: np.random.Generator) -> Grey:
    """Draw a rectangle around it."""
    return np.asarray(cv2.rectangle(grey.copy(), (30, 30), (270, 270), 40, 12))


def framed_and_touching(grey: Grey, rng: np.random.Generator) -> Grey:
    """Draw a rectangle that its strokes run into."""
    return np.asarray(cv2.rectangle(grey.copy(), (40, 40), (260, 234), 40, 12))


def framed_out_of_the_picture(grey: Grey, rng: np.random.Generator) -> Grey:
    """Draw a slanting rectangle of which two corners run out of the picture."""
    corners = np.array([[48, 10], [325, 42], [262, 290], [-20, 265]], np.int32)
    return np.asarray(cv2.polylines(grey.copy(), [corners], True, 40, 12, cv2.LINE_AA))


def framed_with_gaps(grey: Grey, rng: np.random.Generator) -> Grey:
    """Draw a rectangle in four strokes that do not meet."""
    picture = grey.copy()
    for start, end in (((45, 28), (240, 32)), ((270, 45), (265, 255)), ((240, 272), (50, 268)), ((30, 250), (34, 50))):
        cv2.line(picture, start, end, 40, 12, cv2.LINE_AA)
    return picture


def circled(grey: Grey, rng: np.random.Generator) -> Grey:
    """Draw a circle around it."""
    return np.asarray(cv2.circle(grey.copy(), (148, 155), 138, 40, 8, cv2.LINE_AA))


def dotted(grey: Grey, rng: np.random.Generator) -> Grey:
    """Sprinkle ink."""
    picture = grey.copy()
    for x, y in rng.integers(10, 290, (12, 2)).tolist():
        cv2.circle(picture, (x, y), 2, 40, -1)
    return picture


def beside_a_dark_thing(grey: Grey, rng: np.random.Generator) -> Grey:
    """Let something dark reach into the picture."""
    return np.asarray(cv2.circle(grey.copy(), (0, 0), 70, 15, -1))


HARMS: list[Harm] = [
    light_gradient,
    hard_shadow,
    grain,
    salt_and_pepper,
    ruled,
    squared,
    jpeg,
    blurred,
    faint,
    inverted,
    in_a_corner,
    framed,
    framed_and_touching,
    framed_out_of_the_picture,
    framed_with_gaps,
    circled,
    dotted,
    beside_a_dark_thing,
]


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_what_happens_to_the_paper_does_not_change_the_digit(harm: Harm) -> None:
    """Under any light, on any paper, the same strokes give the same 28×28 digit within a pixel."""
    assert difference(read(harm(seven(), np.random.default_rng(0))), CLEAN) < 0.12


def test_all_at_once_does_not_change_the_digit() -> None:
    """Ruled paper under a shadow and a gradient, out of focus, with grain, as a bad JPEG."""
    picture, rng = seven(), np.random.default_rng(0)
    for harm in (ruled, hard_shadow, light_gradient, grain, jpeg):
        picture = harm(picture, rng)
    assert difference(read(picture), CLEAN) < 0.15


def test_a_number_in_a_frame_is_read_as_its_digits() -> None:
    """The frame of a form's field is no digit, and ties none together."""
    field = np.hstack([seven(), seven()])
    cv2.rectangle(field, (25, 30), (575, 270), 40, 8)
    assert [difference(digit.image, CLEAN) < 0.12 for digit in prepare_many(GreyPicture(field))] == [True, True]


SQUARE_STROKES = {
    "0 with a slash": [[(0, 0), (10, 0), (10, 16), (0, 16), (0, 0)], [(0, 16), (10, 0)]],
    "3": [[(0, 0), (10, 0), (10, 16), (0, 16)], [(1, 8), (10, 8)]],
    "8": [[(0, 0), (10, 0), (10, 16), (0, 16), (0, 0)], [(0, 8), (10, 8)]],
    "9": [[(10, 7), (0, 7), (0, 0), (10, 0), (10, 16), (0, 16)]],
    "4": [[(0, 0), (0, 9), (10, 9)], [(10, 0), (10, 16)]],
}


@pytest.mark.parametrize("name", SQUARE_STROKES)
@pytest.mark.parametrize("thick", [1, 2, 3])
def test_a_digit_with_corners_is_no_frame(name: str, thick: int) -> None:
    """Its strokes fill a rectangle too, but what is inside is tied to them."""
    mask = np.zeros((400, 400), np.uint8)
    for stroke in SQUARE_STROKES[name]:
        cv2.polylines(mask, [np.array(stroke, np.int32) * 15 + 80], False, 1, 15 * thick)
    assert np.array_equal(erase_frame(mask), mask)


def test_strokes_from_corner_to_corner_are_no_frame() -> None:
    """Their outline is the picture's border, of which nothing is drawn."""
    mask = np.zeros((300, 300), np.uint8)
    for start, end in (((0, 0), (299, 299)), ((0, 299), (299, 0))):
        cv2.line(mask, start, end, 1, 9)
    assert np.array_equal(erase_frame(mask), mask)


@pytest.mark.slow
@pytest.mark.mnist
def test_no_digit_of_mnist_is_taken_for_a_frame(mnist_path: str) -> None:
    """Enlarged to a working copy's size, none of the test images loses anything."""
    from mnistcnn.data.sources import load_dataset

    for image in load_dataset(mnist_path).split("test").images:
        mask = (cv2.resize(image, (512, 512), interpolation=cv2.INTER_CUBIC) > 110).astype(np.uint8)
        assert np.array_equal(erase_frame(mask), mask)


SHEETS = {  # its corners, clockwise from the upper left
    "straight": [(150, 120), (450, 120), (450, 420), (150, 420)],
    "turned": [(190, 110), (480, 170), (420, 460), (130, 400)],
    "in perspective": [(200, 150), (410, 150), (490, 430), (120, 430)],
    "small": [(250, 250), (370, 250), (370, 370), (250, 370)],
}


def lay(sheet: Grey, corners: list[tuple[int, int]], desk: Grey) -> Grey:
    """Photograph a sheet by its corners on a desk."""
    height, width = sheet.shape
    flat = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    view = cv2.getPerspectiveTransform(flat, np.array(corners, np.float32))
    return cv2.warpPerspective(sheet, view, desk.shape[::-1], desk.copy(), borderMode=cv2.BORDER_TRANSPARENT)


@pytest.mark.parametrize(("paper", "ink", "desk"), [(225, 40, 20), (225, 40, 110), (225, 130, 60), (30, 220, 130)])
@pytest.mark.parametrize("corners", SHEETS.values(), ids=SHEETS.keys())
def test_a_sheet_on_a_desk_gives_the_digit_on_it(
    paper: int, ink: int, desk: int, corners: list[tuple[int, int]]
) -> None:
    """It is read, and found, as it would be if the desk were of the same paper."""
    sheet = seven(ink=ink, paper=paper)
    wood = cv2.GaussianBlur(np.random.default_rng(0).normal(desk, 60, (600, 600)), (0, 0), 4)
    [on_wood] = prepare(GreyPicture(lay(sheet, corners, np.asarray(np.rint(wood), np.uint8))))
    [on_paper] = prepare(GreyPicture(lay(sheet, corners, np.full((600, 600), paper, np.uint8))))
    assert difference(on_wood.image, on_paper.image) < 0.12
    assert np.allclose(on_wood.box, on_paper.box, atol=5)


def test_a_number_plate_gives_its_digits() -> None:
    """All that stands on the plate is looked at, and no more."""
    wall = np.full((400, 1000), 130, np.uint8)
    wall[100:280, 300:660] = np.hstack([seven(180, 12, ink=230, paper=40)] * 2)
    assert [difference(digit.image, CLEAN) < 0.15 for digit in prepare_many(GreyPicture(wall))] == [True, True]


@pytest.mark.parametrize("thick", [1, 2, 3])
@pytest.mark.parametrize("name", [*SQUARE_STROKES, "1", "0 with a dot", "8 on a rule"])
def test_a_digit_with_corners_is_no_sheet(name: str, thick: int) -> None:
    """Nothing is written on it, nor on what it encloses."""
    strokes = SQUARE_STROKES | {
        "1": [[(5, 0), (5, 16)]],
        "0 with a dot": [[(0, 0), (10, 0), (10, 16), (0, 16), (0, 0)], [(5, 8), (5, 8)]],
        "8 on a rule": SQUARE_STROKES["8"],
    }
    picture = np.full((400, 400), 225, np.uint8)
    picture[240:243] = 150 if name == "8 on a rule" else 225
    for stroke in strokes[name]:
        cv2.polylines(picture, [np.array(stroke, np.int32) * 15 + 80], False, 40, 15 * thick)
    for polarity in (None, True, False):
        assert find_sheet(picture, polarity) is None


@pytest.mark.parametrize("gap", [0, 6, 10, 20])
def test_an_8_whose_waist_is_open_is_no_sheet(gap: int) -> None:
    """What reaches in from its outline is wide and low, as no digit is that stands on a sheet."""
    picture = np.full((400, 400), 225, np.uint8)
    cv2.polylines(picture, [np.array([(140, 60), (275, 65), (280, 340), (135, 335)])], True, 40, 14, cv2.LINE_AA)
    cv2.line(picture, (138, 198), (276 - gap, 200), 40, 14, cv2.LINE_AA)
    assert find_sheet(picture) is None


def test_a_round_0_with_a_slash_is_no_sheet() -> None:
    """What it encloses has not four sides."""
    picture = np.full((400, 400), 225, np.uint8)
    cv2.ellipse(picture, (200, 200), (85, 130), 0, 0, 360, 40, 20, cv2.LINE_AA)
    cv2.line(picture, (175, 245), (225, 155), 40, 14, cv2.LINE_AA)
    assert find_sheet(picture) is None


def test_a_hair_in_an_angular_0_is_not_written_on_a_sheet() -> None:
    """It is too short for a digit on what the 0 encloses."""
    picture = np.full((400, 400), 225, np.uint8)
    cv2.rectangle(picture, (80, 50), (320, 350), 40, 16)
    zero = read(picture)
    cv2.line(picture, (180, 220), (184, 236), 40, 1, cv2.LINE_AA)
    assert difference(read(picture), zero) < 0.05


@pytest.mark.parametrize("side", [520, 800])
def test_a_bold_5_is_no_sheet(side: int) -> None:
    """What reaches in between its strokes is not written on it."""
    bowl = cv2.ellipse2Poly((180, 235), (60, 55), 0, 230, 510, 6)
    five = np.vstack([[(240, 100), (130, 100), (130, 195)], bowl]).astype(np.int32) + side // 2 - 200
    bold, thin = (np.full((side, side), 225, np.uint8) for _ in range(2))
    cv2.polylines(bold, [five], False, 40, 60, cv2.LINE_AA)
    cv2.polylines(thin, [five], False, 40, 20, cv2.LINE_AA)
    assert difference(read(bold), read(thin)) < 0.12


def test_a_bent_1_is_no_sheet() -> None:
    """What lies along much of its outline is its own edge, not what surrounds it."""
    picture = np.full((280, 280), 225, np.uint8)
    cv2.polylines(picture, [np.array([(195, 30), (172, 100), (85, 250)])], False, 40, 24, cv2.LINE_AA)
    assert difference(read(picture), read(picture, invert="yes")) < 0.05


@pytest.mark.parametrize("seed", range(10))
def test_a_bold_stroke_of_uneven_ink_is_no_sheet(seed: int) -> None:
    """Blotches are much weaker than what sets a sheet apart from what it lies on."""
    blotches = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=(400, 400)), (0, 0), 8)
    picture = np.full((400, 400), 225.0)
    picture[40:360, 155:245] = 60
    picture += 8 / blotches.std() * blotches
    assert find_sheet(np.clip(np.rint(picture), 0, 255).astype(np.uint8)) is None


def test_one_of_several_boxes_is_no_sheet() -> None:
    """A number is not cut down to one digit of it, nor a page to what stands in its smallest box."""
    boxes = np.full((300, 600), 225, np.uint8)
    for left in (40, 220, 400):
        cv2.rectangle(boxes, (left, 70), (left + 120, 230), 40, 4)
        boxes[80:220, left + 10 : left + 110] = cv2.resize(seven(), (100, 140), interpolation=cv2.INTER_AREA)
    assert find_sheet(boxes) is None
    box = np.pad(boxes[60:240, 30:170], ((60, 60), (20, 20)), constant_values=225)
    beside = np.hstack([seven(), box])
    assert find_sheet(beside) is None


def test_a_frame_drawn_in_waves_leaves_nothing_on_the_sheet() -> None:
    """Where its strokes curve inwards they are not written on what it encloses."""
    frame = [(60, 60), (280, 60), (370, 84), (430, 60), (460, 60), (460, 450), (50, 452)]
    field = np.full((520, 520), 225, np.uint8)
    field[70:370, 110:410] = seven()
    cv2.polylines(field, [np.array(frame)], True, 40, 26, cv2.LINE_AA)
    assert find_sheet(field) is not None
    assert difference(read(field), CLEAN) < 0.05


def test_a_turned_sheet_in_uneven_light_gives_its_digit() -> None:
    """What is put beside it, where it is cut out, is lit as it is, and no ink."""
    sheet, light = seven(thick=7, ink=140), np.linspace(0.25, 1, 600)
    on_desk, on_paper = (
        np.rint(lay(sheet, SHEETS["turned"], np.full((600, 600), level, np.uint8)) * light).astype(np.uint8)
        for level in (20, 225)
    )
    assert find_sheet(on_desk) is not None
    assert difference(read(on_desk), read(on_paper)) < 0.12


@pytest.mark.parametrize(
    ("desk", "marks"),
    [(20, [(100, 400, 1, 3, 230), (200, 240, 1, 3, 20)]), (59, [(1, 36, 2, 4, 243), (206, 440, 1, 3, 218)])],
)
def test_a_sheet_too_thin_for_an_edge_is_none(desk: int, marks: list[tuple[int, int, int, int, int]]) -> None:
    """A picture of a few columns is prepared, or refused, whatever it shows."""
    picture = np.full((512, 4), desk, np.uint8)
    for top, bottom, left, right, level in marks:
        picture[top:bottom, left:right] = level
    assert find_sheet(picture) is None
    prepare(GreyPicture(picture))


def test_a_given_polarity_is_that_of_the_ink_on_the_sheet() -> None:
    """So a light thing that looks like a sheet can be read as the light stroke that it is."""
    sheet = lay(seven(), SHEETS["straight"], np.full((600, 600), 20, np.uint8))
    assert [find_sheet(sheet, polarity) is not None for polarity in (None, False, True)] == [True, True, False]


@pytest.mark.slow
@pytest.mark.mnist
def test_no_digit_of_mnist_is_taken_for_a_sheet(mnist_path: str) -> None:
    """Nor is what it encloses, when the test images are enlarged to a working copy's size."""
    from mnistcnn.data.sources import load_dataset

    for image in load_dataset(mnist_path).split("test").images:
        assert find_sheet(cv2.resize(image, (512, 512), interpolation=cv2.INTER_CUBIC)) is None


@pytest.mark.parametrize("edge", [120, 180], ids=lambda edge: f"from row {edge}")
def test_chalk_that_lies_half_in_shadow_is_one_digit(edge: int) -> None:
    """Light strokes, unlike dark ones, lose half of their contrast where a shadow falls on them."""
    board = np.full((300, 300), 18, np.uint8)
    for middle, radius in ((95, 45), (200, 60)):
        cv2.circle(board, (150, middle), radius, 235, 9, cv2.LINE_AA)
    in_shadow = np.where(np.arange(300)[:, None] < edge, board, board // 2)
    assert difference(read(in_shadow), read(board)) < 0.12


def test_what_lies_in_the_light_is_not_taken_for_the_whole() -> None:
    """Of a 1 of chalk the base is in the light, and the stem in shadow, weaker and much longer."""
    board = np.full((300, 300), 10, np.uint8)
    for start, end in (((150, 20), (150, 270)), ((95, 270), (205, 270))):
        cv2.line(board, start, end, 250, 12, cv2.LINE_AA)
    in_shadow = np.where(np.arange(300)[:, None] < 245, board // 2, board)
    assert difference(read(in_shadow), read(board)) < 0.12


def test_what_light_rules_cut_to_pieces_is_one_digit() -> None:
    """A dark loop under a white grid is many arcs, of which each is close to the next ones only."""
    loop = np.full((300, 300), 110, np.uint8)
    cv2.circle(loop, (150, 150), 100, 20, 14, cv2.LINE_AA)
    cut = loop.copy()
    for line in (110, 190):
        cut[line : line + 6] = cut[:, line : line + 6] = 180
    assert difference(read(cut), read(loop)) < 0.12


def test_grain_in_a_shadow_is_no_ink() -> None:
    """Where there is less light, the same grain is more of it."""
    y, x = np.indices((300, 300))
    picture = seven(ink=60) * np.where(x - 0.6 * y > 115, 0.35, 1.0)
    picture = cv2.GaussianBlur(picture, (0, 0), 2) * 0.6 + 40 + np.random.default_rng(0).normal(0, 12, picture.shape)
    assert difference(read(picture.clip(0, 255).astype(np.uint8)), CLEAN) < 0.12


@pytest.mark.parametrize("width", [3, 5, 9, 20])
def test_strokes_stronger_than_the_rules_lose_nothing_to_them(width: int) -> None:
    """Rules at a third of its strength vanish, and a loop as broad or thin as any pen's stays whole."""
    loop, rules = np.zeros((512, 512), np.float32), np.zeros((512, 512), np.float32)
    cv2.ellipse(loop, (256, 256), (150, 200), 0, 0, 360, 1.0, width)
    for row in range(30, 512, 50):
        cv2.line(rules, (0, row), (511, row + 8), 0.33, 3)
    ink = np.maximum(loop, rules)
    assert np.array_equal(erase_rules(ink, (ink > 0.2).astype(np.uint8)), loop > 0)


@pytest.mark.parametrize("slope", [0.0, 0.015, 0.03, 0.045, 0.06])
def test_rules_as_strong_as_a_pencil_vanish_at_any_slant(slope: float) -> None:
    """Antialiased hairlines, whose middle no whole pixel meets, go whole; what crosses them at a slant stays whole."""
    pencil, squares = np.zeros((512, 512), np.uint8), np.zeros((512, 512), np.uint8)
    cv2.ellipse(pencil, (256, 256), (90, 130), 25, 0, 360, 80, 4, cv2.LINE_AA)
    for middle in range(-15, 530, 43):
        there = [round(16 * (middle + slope * along)) for along in (256, -256)]
        cv2.line(squares, (0, there[0]), (16 * 512, there[1]), 70, 2, cv2.LINE_AA, shift=4)
        cv2.line(squares, (there[1], 0), (there[0], 16 * 512), 70, 2, cv2.LINE_AA, shift=4)
    ink = np.maximum(pencil, squares).astype(np.float32) / 255
    left = erase_rules(ink, (ink > 0.1).astype(np.uint8))
    off_the_loop = cv2.dilate(pencil, np.ones((15, 15), np.uint8)) == 0
    assert not (left & off_the_loop)[16:-16, 16:-16].any()  # of a rule across a corner there is too little to tell
    assert left[pencil > 25].mean() > 0.75  # where the loop runs along a rule, nothing tells them apart


@pytest.mark.parametrize("degrees", [-15, 15])
def test_a_turned_picture_gives_the_turned_digit(degrees: int) -> None:
    """The digit is not set upright: a slanted 7 and a straight one are told apart by the network alone."""
    turn = cv2.getRotationMatrix2D((150, 150), degrees, 1)
    corners = np.array([[90, 75, 1], [204, 75, 1], [135, 234, 1]]) @ turn.T
    expected = np.full((300, 300), 225, np.uint8)
    cv2.polylines(expected, [np.rint(corners).astype(np.int32)], False, 40, 16, cv2.LINE_AA)
    picture = np.asarray(cv2.warpAffine(seven(), turn, (300, 300), borderValue=(225,)))
    assert difference(read(picture), read(expected)) < 0.05


@pytest.mark.parametrize("thick", [3, 8, 30, 44])
def test_any_pen_gives_strokes_as_wide_as_mnist(thick: int) -> None:
    """A fineliner and a marker end between MNIST's 5th and 95th percentile of stroke width."""
    large = np.asarray(cv2.resize(read(seven(thick=thick)), (448, 448), interpolation=cv2.INTER_CUBIC))
    assert 1.78 < stroke_width((large > 127).astype(np.uint8)) / 16 < 4.1


@pytest.mark.parametrize("thick", [3, 8, 30, 44])
def test_strokes_are_drawn_as_soft_as_mnists(thick: int) -> None:
    """Of the ink, the share that is grey is within one standard deviation of that of MNIST's training images."""
    levels = read(seven(thick=thick)) / 255
    softness = (4 * levels * (1 - levels)).sum() / levels.sum()
    assert abs(softness - 0.61) < 0.16


@pytest.mark.parametrize("side", [28, 60, 1200, 3000])
def test_any_size_of_picture_is_read(side: int) -> None:
    """From a thumbnail to a photo the digit is the same."""
    picture = cv2.resize(seven(), (side, side), interpolation=cv2.INTER_AREA if side < 300 else cv2.INTER_CUBIC)
    assert difference(read(np.asarray(picture)), CLEAN) < 0.15


@settings(max_examples=25, deadline=None)
@given(st.integers(20, 200), st.integers(20, 200), st.integers(0, 2**32 - 1))
def test_drawing_keeps_mnists_rules(height: int, width: int, seed: int) -> None:
    """Any strokes fill a box of 20×20 in one direction, their centre of mass within a pixel of (14, 14)."""
    points = np.random.default_rng(seed).integers(0, [width, height], (5, 2)).astype(np.int32)
    mask = np.asarray(cv2.polylines(np.zeros((height, width), np.uint8), [points], False, 1, 5))
    image = render(mask)
    assert image.shape == (28, 28)
    assert image.dtype == np.uint8
    moments, (_, _, w, h) = cv2.moments(image), cv2.boundingRect(image)
    assert max(w, h) == 20
    clear = min(np.argwhere(image).min(), 27 - np.argwhere(image).max()) > 0  # else it was kept inside the picture
    assert not clear or max(abs(moments[m] / moments["m00"] - 14) for m in ("m10", "m01")) <= 0.75


def test_an_image_as_mnist_draws_it_comes_out_bit_for_bit() -> None:
    """What is drawn once is not drawn again, whichever way round its levels are."""
    assert (read(CLEAN) == CLEAN).all()
    assert (read(255 - CLEAN) == CLEAN).all()
    assert (read(CLEAN, invert="no") == CLEAN).all()


def test_a_canvas_that_mnist_would_not_have_drawn_is_prepared() -> None:
    """A digit of 28×28 pixels that stands in a corner, or does not fill the box, comes into the middle."""
    corner = np.roll(CLEAN, (-4, -4), (0, 1))
    small = np.pad(np.asarray(cv2.resize(CLEAN, (14, 14), interpolation=cv2.INTER_AREA)), 7)
    assert not looks_like_mnist(corner)
    assert difference(read(corner), CLEAN) < 0.05
    assert difference(read(small), CLEAN) < 0.15


@pytest.mark.mnist
def test_every_image_of_mnist_comes_out_as_it_went_in(mnist_path: str) -> None:
    """All 70,000, bit for bit."""
    from mnistcnn.data.sources import load_dataset

    dataset = load_dataset(mnist_path)
    for split in (dataset.training_images(), dataset.split("test")):
        assert all(read(image) is image for image in split.images)


def test_the_polarity_can_be_given() -> None:
    """`invert` decides where a picture can be seen in two ways."""
    assert difference(read(seven(), invert="yes"), CLEAN) < 0.1
    assert difference(read(255 - seven(), invert="no"), CLEAN) < 0.1


BLANKS = {
    "black": np.full((200, 300), 0, np.uint8),
    "white": np.full((28, 28), 255, np.uint8),
    "one pixel": np.full((1, 1), 7, np.uint8),
    "a line of pixels": np.zeros((1, 5000), np.uint8),
    "gradient": np.tile(np.linspace(60, 230, 400), (300, 1)).astype(np.uint8),
    "paper grain": np.clip(np.random.default_rng(0).normal(220, 5, (600, 800)), 0, 255).astype(np.uint8),
    "a speck": np.asarray(cv2.circle(np.full((400, 400), 230, np.uint8), (90, 60), 3, 20, -1)),
}


@pytest.mark.parametrize("blank", BLANKS.values(), ids=BLANKS.keys())
def test_a_picture_without_a_stroke_has_no_digit(blank: Grey) -> None:
    """Blank, shaded, grainy, or with a speck: said in one line."""
    assert prepare(GreyPicture(blank)) == prepare_many(GreyPicture(blank)) == []
    with pytest.raises(NoDigitFoundError, match=r"^page\.png: no digit found; [^\n]*$"):
        read_digits(Picture("page.png", encoded(Image.fromarray(blank))))


def test_a_number_is_read_as_its_digits_left_to_right() -> None:
    """Each digit comes with its box in the picture; a loose bar belongs to the digit under it."""
    picture = np.hstack([seven(), seven(), seven()])
    cv2.line(picture, (395, 40), (500, 40), 40, 12)
    found = prepare_many(GreyPicture(picture))
    assert [digit.box[0] // 300 for digit in found] == [0, 1, 2]
    assert difference(found[0].image, CLEAN) < 0.1
    assert found[1].box[1] < 50
    assert np.abs(np.subtract(found[2].box, (682, 67, 812, 242))).max() < 8


def test_boxes_are_in_pixels_of_the_upright_picture() -> None:
    """Though a large JPEG is decoded at a quarter, and an opaque picture is cut out of a transparent margin."""
    large = Image.fromarray(np.asarray(cv2.resize(seven(), (4800, 4800))))
    [digit] = read_digits(Picture("large", encoded(large, "JPEG")))
    assert np.abs(np.subtract(digit.box, np.array([82, 67, 212, 242]) * 16)).max() < 60
    canvas = Image.new("LA", (700, 600), (0, 0))
    canvas.paste(Image.fromarray(seven()).convert("LA"), (250, 120))
    [digit] = read_digits(Picture("margin", encoded(canvas)))
    assert np.abs(np.subtract(digit.box, (332, 187, 462, 362))).max() < 8


def test_a_page_of_text_holds_many_other_things() -> None:
    """Which is how it is told from a digit; a digit alone has none beside it."""
    text = np.full((600, 600), 240, np.uint8)
    for row in range(60, 600, 70):
        cv2.putText(text, "the quick brown fox", (20, row), cv2.FONT_HERSHEY_SIMPLEX, 1.5, 30, 3)
    assert prepare(GreyPicture(text))[0].others >= 5
    assert prepare(GreyPicture(seven()))[0].others == 0


def modes() -> dict[str, bytes]:
    """Encode the same 7 in every mode there is."""
    grey = seven()
    image = Image.fromarray(grey)
    return {
        "RGB JPEG": encoded(image.convert("RGB"), "JPEG", quality=95),
        "CMYK JPEG": encoded(image.convert("CMYK"), "JPEG", quality=95),
        "palette": encoded(image.convert("P")),
        "bilevel": encoded(image.convert("1", dither=Image.Dither.NONE)),
        "16 bits": encoded(Image.fromarray(grey.astype(np.uint16) * 257)),
        "12 of 16 bits": encoded(Image.fromarray(grey.astype(np.uint16) * 16)),
        "float TIFF": encoded(Image.fromarray((grey / 255).astype(np.float32)), "TIFF"),
        "WebP": encoded(image, "WEBP"),
        "PGM": encoded(image, "PPM"),
        "BMP": encoded(image, "BMP"),
    }


@pytest.mark.parametrize("mode", modes())
def test_every_mode_of_picture_is_read_alike(mode: str) -> None:
    """Sixteen bits, CMYK, palettes, floats and bilevel images hold the same digit."""
    assert difference(read(levels(modes()[mode])), CLEAN) < 0.05


def test_levels_that_are_no_number_are_no_crash() -> None:
    """NaN and infinity in a float TIFF count as the least level."""
    values = np.full((40, 40), 0.5, np.float32)
    values[0, :2] = np.nan, np.inf
    found = levels(encoded(Image.fromarray(values), "TIFF"))
    assert found.dtype == np.uint8
    assert (int(found[0, 0]), int(found[0, 1]), int(found[5, 5])) == (0, 0, 255)


def test_sixteen_bits_are_scaled_exactly() -> None:
    """Sixteen-bit levels that are eight-bit levels times 257 come back as these."""
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert (levels(encoded(Image.fromarray(grey.astype(np.uint16) * 257))) == grey).all()


@pytest.mark.parametrize("ink", [(0, 0, 0), (255, 255, 255), (200, 30, 30), (240, 240, 0)])
def test_ink_on_a_transparent_background_is_read(ink: tuple[int, int, int]) -> None:
    """Dark ink is put on white, light ink on black."""
    image = Image.new("RGBA", (300, 300), (*ink, 0))
    image.putalpha(Image.fromarray(255 - seven(ink=0, paper=255)))
    assert difference(read(levels(encoded(image))), CLEAN) < 0.05


@pytest.mark.parametrize(("ink", "paper"), [((255, 235, 0), (255, 255, 255)), ((255, 0, 0), (0, 129, 0))])
def test_ink_that_differs_in_colour_only_is_read(ink: tuple[int, int, int], paper: tuple[int, int, int]) -> None:
    """Yellow on white and red on green, which grey levels hardly tell apart."""
    share = seven(ink=255, paper=0)[..., None] / 255
    picture = np.rint(share * ink + (1 - share) * np.array(paper)).astype(np.uint8)
    assert difference(read(levels(encoded(Image.fromarray(picture)))), CLEAN) < 0.1


def test_a_photo_is_turned_upright() -> None:
    """The EXIF orientation is heeded."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90° clockwise to show
    turned = Image.fromarray(np.rot90(seven()).copy())
    assert difference(read(levels(encoded(turned, "JPEG", quality=90, exif=exif))), CLEAN) < 0.05


def test_of_an_animation_the_first_frame_counts() -> None:
    """Later frames are not looked at."""
    first, second = Image.fromarray(seven()), Image.new("L", (300, 300), 255)
    assert difference(read(levels(encoded(first, "GIF", save_all=True, append_images=[second]))), CLEAN) < 0.05


def bomb(width: int, height: int) -> bytes:
    """Write by hand a PNG file whose header promises width×height pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(b"\0" * 99)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


PNG = encoded(Image.fromarray(seven()))
DAMAGED = {
    "nothing": (b"", "is no picture that can be read; expected PNG, JPEG, or the like"),
    "text": (b"seven\n" * 20, "is no picture that can be read"),
    "truncated PNG": (PNG[: len(PNG) // 2], "cannot be read as a picture: "),
    "truncated JPEG": (encoded(Image.fromarray(seven()), "JPEG")[:900], "cannot be read as a picture: "),
    "a header alone": (PNG[:33], "is no picture that can be read"),
    "a bomb": (bomb(20_000, 20_000), "is too large: save it with at most 89,000,000 pixels, 65,535 a side"),
    "a little too large": (bomb(10_000, 8_901), "is too large: save it with at most 89,000,000 pixels"),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n", "is no picture that can be read"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_file_that_is_no_picture_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    """The line names the file and what is wrong with it."""
    content, message = DAMAGED[name]
    (tmp_path / "mine.png").write_bytes(content)
    with pytest.raises(MnistcnnError, match=f"^[^\n]*mine.png {message}[^\n]*$"):
        read_digits(Picture(str(tmp_path / "mine.png"), tmp_path / "mine.png"))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(PNG) - 1), st.integers(0, 255))
def test_no_damaged_byte_crashes(position: int, value: int) -> None:
    """A file with any byte replaced is read or refused, never a traceback."""
    damaged = bytearray(PNG)
    damaged[position] = value
    found: list[PreparedDigit] = []
    with suppress(MnistcnnError):
        found = read_digits(Picture("damaged", bytes(damaged)))
    assert all(digit.image.shape == (28, 28) for digit in found)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 64), st.integers(1, 64), st.integers(0, 2**32 - 1))
def test_any_array_is_prepared_or_refused(height: int, width: int, seed: int) -> None:
    """Whatever the size and the levels."""
    grey = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    for digit in prepare(GreyPicture(grey)):
        assert digit.image.shape == (28, 28)
        assert digit.image.max() > 0


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([2, 4, 9, 30]), st.sampled_from([9, 60, 512]), st.booleans(), st.integers(0, 2**32 - 1))
def test_any_rectangle_on_a_rectangle_is_prepared_or_refused(width: int, height: int, lies: bool, seed: int) -> None:
    """Sheets and strokes of any proportion, at any place."""
    rng = np.random.default_rng(seed)
    grey = np.full((height, width), rng.integers(256), np.uint8)
    part = grey
    for _ in range(3):
        (top, bottom), (left, right) = (np.sort(rng.integers(0, side + 1, 2)) for side in part.shape)
        part = part[top:bottom, left:right]
        part[:] = rng.integers(256)
    for digit in prepare(GreyPicture(grey.T.copy() if lies else grey)):
        assert digit.image.shape == (28, 28)


def test_class_folders_are_found_with_their_labels(tmp_path: Path) -> None:
    """In order of digit and number; what lies beside them is not taken."""
    for name in ("7/10.png", "7/9.png", "0/a.png", "beside.png", "9/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(PNG)
    found = list(find_pictures([str(tmp_path)], BytesIO()))
    assert [(picture.label, Path(picture.name).name) for picture in found] == [
        (0, "a.png"),
        (7, "9.png"),
        (7, "10.png"),
    ]
