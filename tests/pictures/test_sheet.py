"""Sheets that lie on something else, and digits that resemble sheets."""

import cv2
import numpy as np
import pytest
from drawn_pictures import CLEAN, SQUARE_STROKES, Grey, difference, read, seven

from mnistcnn.pictures.decoding import GreyPicture
from mnistcnn.pictures.preparing import prepare
from mnistcnn.pictures.sheet import find_sheet

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
    """A sheet's digit is found as it is if the desk has the sheet's shade."""
    sheet = seven(ink=ink, paper=paper)
    wood = cv2.GaussianBlur(np.random.default_rng(0).normal(desk, 60, (600, 600)), (0, 0), 4)
    [on_wood] = prepare(GreyPicture(lay(sheet, corners, np.asarray(np.rint(wood), np.uint8))))
    [on_paper] = prepare(GreyPicture(lay(sheet, corners, np.full((600, 600), paper, np.uint8))))
    assert difference(on_wood.image, on_paper.image) < 0.12
    assert np.allclose(on_wood.box, on_paper.box, atol=5)


def test_a_number_plate_gives_its_digits() -> None:
    """A number plate gives its digits, and no more, if it hangs on a wall."""
    wall = np.full((400, 1000), 130, np.uint8)
    wall[100:280, 300:660] = np.hstack([seven(180, 12, ink=230, paper=40)] * 2)
    assert [difference(digit.image, CLEAN) < 0.15 for digit in prepare(GreyPicture(wall), digits="many")] == [
        True,
        True,
    ]


@pytest.mark.parametrize("thick", [1, 2, 3])
@pytest.mark.parametrize("name", [*SQUARE_STROKES, "1", "0 with a dot", "8 on a rule"])
def test_a_digit_with_corners_is_no_sheet(name: str, thick: int) -> None:
    """A digit is not taken for a sheet if nothing is written on it or on what it encloses."""
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
    """An 8 is not taken for a sheet if its waist is open: what reaches in is wider and lower than a digit."""
    picture = np.full((400, 400), 225, np.uint8)
    cv2.polylines(picture, [np.array([(140, 60), (275, 65), (280, 340), (135, 335)])], True, 40, 14, cv2.LINE_AA)
    cv2.line(picture, (138, 198), (276 - gap, 200), 40, 14, cv2.LINE_AA)
    assert find_sheet(picture) is None


def test_a_round_0_with_a_slash_is_no_sheet() -> None:
    """A 0 is not taken for a sheet if it is round: what it encloses does not have four sides."""
    picture = np.full((400, 400), 225, np.uint8)
    cv2.ellipse(picture, (200, 200), (85, 130), 0, 0, 360, 40, 20, cv2.LINE_AA)
    cv2.line(picture, (175, 245), (225, 155), 40, 14, cv2.LINE_AA)
    assert find_sheet(picture) is None


def test_a_hair_in_an_angular_0_is_not_written_on_a_sheet() -> None:
    """A hair does not make a sheet of an angular 0 if it is too short for a digit on what the 0 encloses."""
    picture = np.full((400, 400), 225, np.uint8)
    cv2.rectangle(picture, (80, 50), (320, 350), 40, 16)
    zero = read(picture)
    cv2.line(picture, (180, 220), (184, 236), 40, 1, cv2.LINE_AA)
    assert difference(read(picture), zero) < 0.05


@pytest.mark.parametrize("side", [520, 800])
def test_a_bold_5_is_no_sheet(side: int) -> None:
    """A 5 is not taken for a sheet if it is bold: what reaches in between its strokes is not written on it."""
    bowl = cv2.ellipse2Poly((180, 235), (60, 55), 0, 230, 510, 6)
    five = np.vstack([[(240, 100), (130, 100), (130, 195)], bowl]).astype(np.int32) + side // 2 - 200
    bold, thin = (np.full((side, side), 225, np.uint8) for _ in range(2))
    cv2.polylines(bold, [five], False, 40, 60, cv2.LINE_AA)
    cv2.polylines(thin, [five], False, 40, 20, cv2.LINE_AA)
    assert difference(read(bold), read(thin)) < 0.12


def test_a_bent_1_is_no_sheet() -> None:
    """A 1 is not taken for a sheet if it is bent: what lies along much of its outline is its own edge."""
    picture = np.full((280, 280), 225, np.uint8)
    cv2.polylines(picture, [np.array([(195, 30), (172, 100), (85, 250)])], False, 40, 24, cv2.LINE_AA)
    assert difference(read(picture), read(picture, invert="yes")) < 0.05


@pytest.mark.parametrize("seed", range(10))
def test_a_bold_stroke_of_uneven_ink_is_no_sheet(seed: int) -> None:
    """A bold stroke is not taken for a sheet if its ink is uneven: blotches are weaker than writing."""
    blotches = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=(400, 400)), (0, 0), 8)
    picture = np.full((400, 400), 225.0)
    picture[40:360, 155:245] = 60
    picture += 8 / blotches.std() * blotches
    assert find_sheet(np.clip(np.rint(picture), 0, 255).astype(np.uint8)) is None


def test_one_of_several_boxes_is_no_sheet() -> None:
    """A box is not taken for a sheet if other boxes or digits lie beside it."""
    boxes = np.full((300, 600), 225, np.uint8)
    for left in (40, 220, 400):
        cv2.rectangle(boxes, (left, 70), (left + 120, 230), 40, 4)
        boxes[80:220, left + 10 : left + 110] = cv2.resize(seven(), (100, 140), interpolation=cv2.INTER_AREA)
    assert find_sheet(boxes) is None
    box = np.pad(boxes[60:240, 30:170], ((60, 60), (20, 20)), constant_values=225)
    beside = np.hstack([seven(), box])
    assert find_sheet(beside) is None


def test_a_frame_drawn_in_waves_leaves_nothing_on_the_sheet() -> None:
    """A frame's strokes are not taken for writing if they curve inwards."""
    frame = [(60, 60), (280, 60), (370, 84), (430, 60), (460, 60), (460, 450), (50, 452)]
    field = np.full((520, 520), 225, np.uint8)
    field[70:370, 110:410] = seven()
    cv2.polylines(field, [np.array(frame)], True, 40, 26, cv2.LINE_AA)
    assert find_sheet(field) is not None
    assert difference(read(field), CLEAN) < 0.05


def test_a_turned_sheet_in_uneven_light_gives_its_digit() -> None:
    """A turned sheet gives its digit if the light is uneven: the paper put beside it is lit as it is."""
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
    """A picture is prepared, or refused, if it has too few columns for a sheet with an edge."""
    picture = np.full((512, 4), desk, np.uint8)
    for top, bottom, left, right, level in marks:
        picture[top:bottom, left:right] = level
    assert find_sheet(picture) is None
    prepare(GreyPicture(picture))


def test_a_given_polarity_is_that_of_the_ink_on_the_sheet() -> None:
    """A sheet is found only if its ink has the polarity that is given, if any."""
    sheet = lay(seven(), SHEETS["straight"], np.full((600, 600), 20, np.uint8))
    assert [find_sheet(sheet, polarity) is not None for polarity in (None, False, True)] == [True, True, False]


@pytest.mark.slow
@pytest.mark.mnist
def test_no_digit_of_mnist_is_taken_for_a_sheet(mnist_path: str) -> None:
    """MNIST's test images, enlarged to a working copy's size, are not taken for sheets, nor is what they enclose."""
    from mnistcnn.data.sources import load_dataset

    for image in load_dataset(mnist_path).split("test").images:
        assert find_sheet(cv2.resize(image, (512, 512), interpolation=cv2.INTER_CUBIC)) is None
