"""Pictures as people take them, prepared for the network."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from drawn_pictures import CLEAN, Grey, difference, encoded, levels, read, seven
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mnistcnn.errors import NoDigitFoundError
from mnistcnn.pictures.decoding import GreyPicture
from mnistcnn.pictures.finding import Picture
from mnistcnn.pictures.mnist_style import looks_like_mnist
from mnistcnn.pictures.preparing import prepare, read_digits

Harm = Callable[[Grey, np.random.Generator], Grey]


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


@pytest.mark.parametrize("inverted", [False, True], ids=["dark on light", "light on dark"])
@pytest.mark.parametrize("side", [None, 20, 14], ids=["as it is", "20 pixels", "14 pixels"])
def test_a_picture_cut_around_its_digit_is_read_as_one_with_a_margin(side: int | None, inverted: bool) -> None:
    """A picture that ends where the ink of its digit ends gives the digit that the whole picture gives."""
    whole = seven()
    x, y, width, height = cv2.boundingRect((whole < 100).astype(np.uint8))
    crop = whole[y : y + height, x : x + width]
    if side is not None:
        size = (round(side * width / height), side)
        crop = cv2.resize(crop, size, interpolation=cv2.INTER_AREA)
    assert difference(read(255 - crop if inverted else crop), CLEAN) < 0.12


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
    """The same strokes give the same 28×28 digit within a pixel, whatever happens to their paper."""
    assert difference(read(harm(seven(), np.random.default_rng(0))), CLEAN) < 0.12


def test_all_at_once_does_not_change_the_digit() -> None:
    """A digit stays the same on ruled paper in a shadow and a gradient, out of focus, with grain, as a bad JPEG."""
    picture, rng = seven(), np.random.default_rng(0)
    for harm in (ruled, hard_shadow, light_gradient, grain, jpeg):
        picture = harm(picture, rng)
    assert difference(read(picture), CLEAN) < 0.15


@pytest.mark.parametrize("degrees", [-15, 15])
def test_a_turned_picture_gives_the_turned_digit(degrees: int) -> None:
    """The digit is turned if the picture is: it is not set upright."""
    turn = cv2.getRotationMatrix2D((150, 150), degrees, 1)
    corners = np.array([[90, 75, 1], [204, 75, 1], [135, 234, 1]]) @ turn.T
    expected = np.full((300, 300), 225, np.uint8)
    cv2.polylines(expected, [np.rint(corners).astype(np.int32)], False, 40, 16, cv2.LINE_AA)
    picture = np.asarray(cv2.warpAffine(seven(), turn, (300, 300), borderValue=(225,)))
    assert difference(read(picture), read(expected)) < 0.05


@pytest.mark.parametrize("side", [28, 60, 1200, 3000])
def test_any_size_of_picture_is_read(side: int) -> None:
    """The digit is the same whatever the picture's size, from a thumbnail to a photo."""
    picture = cv2.resize(seven(), (side, side), interpolation=cv2.INTER_AREA if side < 300 else cv2.INTER_CUBIC)
    assert difference(read(np.asarray(picture)), CLEAN) < 0.15


def test_an_image_as_mnist_draws_it_comes_out_bit_for_bit() -> None:
    """An image is not drawn again if it is in MNIST's style, whatever its polarity."""
    assert (read(CLEAN) == CLEAN).all()
    assert (read(255 - CLEAN) == CLEAN).all()
    assert (read(CLEAN, invert="no") == CLEAN).all()


def test_a_canvas_that_mnist_would_not_have_drawn_is_prepared() -> None:
    """A 28×28 image is drawn anew if its digit is off centre or does not fill the box."""
    corner = np.roll(CLEAN, (-4, -4), (0, 1))
    small = np.pad(np.asarray(cv2.resize(CLEAN, (14, 14), interpolation=cv2.INTER_AREA)), 7)
    assert not looks_like_mnist(corner)
    assert difference(read(corner), CLEAN) < 0.05
    assert difference(read(small), CLEAN) < 0.15


@pytest.mark.mnist
def test_every_image_of_mnist_comes_out_as_it_went_in(mnist_path: str) -> None:
    """All 70,000 images come out bit for bit if they are prepared."""
    from mnistcnn.data.sources import load_dataset

    dataset = load_dataset(mnist_path)
    for split in (dataset.training_images(), dataset.split("test")):
        assert all(read(image) is image for image in split.images)


def test_the_polarity_can_be_given() -> None:
    """The digit is found if `invert` gives its polarity."""
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
    """No digit is found, and one line says so, if a picture is blank, shaded, grainy, or has only a speck."""
    assert prepare(GreyPicture(blank)) == prepare(GreyPicture(blank), digits="many") == []
    with pytest.raises(NoDigitFoundError, match=r"^page\.png: no digit found; [^\n]*$"):
        read_digits(Picture("page.png", encoded(Image.fromarray(blank))))


def test_boxes_are_in_pixels_of_the_upright_picture() -> None:
    """Boxes are in the picture's pixels if a JPEG is decoded at a quarter or a transparent margin is cut off."""
    large = Image.fromarray(np.asarray(cv2.resize(seven(), (4800, 4800))))
    [digit] = read_digits(Picture("large", encoded(large, "JPEG")))
    assert np.abs(np.subtract(digit.box, np.array([82, 67, 212, 242]) * 16)).max() < 60
    canvas = Image.new("LA", (700, 600), (0, 0))
    canvas.paste(Image.fromarray(seven()).convert("LA"), (250, 120))
    [digit] = read_digits(Picture("margin", encoded(canvas)))
    assert np.abs(np.subtract(digit.box, (332, 187, 462, 362))).max() < 8


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 64), st.integers(1, 64), st.integers(0, 2**32 - 1))
def test_any_array_is_prepared_or_refused(height: int, width: int, seed: int) -> None:
    """Grey levels are prepared or refused whatever their size and values."""
    grey = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    for digit in prepare(GreyPicture(grey)):
        assert digit.image.shape == (28, 28)
        assert digit.image.max() > 0


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([2, 4, 9, 30]), st.sampled_from([9, 60, 512]), st.booleans(), st.integers(0, 2**32 - 1))
def test_any_rectangle_on_a_rectangle_is_prepared_or_refused(width: int, height: int, lies: bool, seed: int) -> None:
    """Rectangles on rectangles are prepared or refused whatever their proportions and places."""
    rng = np.random.default_rng(seed)
    grey = np.full((height, width), rng.integers(256), np.uint8)
    part = grey
    for _ in range(3):
        (top, bottom), (left, right) = (np.sort(rng.integers(0, side + 1, 2)) for side in part.shape)
        part = part[top:bottom, left:right]
        part[:] = rng.integers(256)
    for digit in prepare(GreyPicture(grey.T.copy() if lies else grey)):
        assert digit.image.shape == (28, 28)


def test_the_digits_of_a_page_have_their_places_on_a_drawing_of_it() -> None:
    """Where a digit's box lies on the drawing of the page, the drawing shows ink, and beside the boxes paper."""
    levels = np.full((900, 1400), 230, np.uint8)
    for left in (300, 600, 900):
        cv2.line(levels, (left, 300), (left + 60, 460), 20, 24)
    found = read_digits(Picture("page", encoded(Image.fromarray(levels))), digits="many")
    assert len(found) == 3
    page = found[0].page
    assert page is not None
    is_in_box = np.zeros(page.shape, bool)
    for digit in found:
        assert digit.page_box is not None
        left, top, right, bottom = digit.page_box
        assert page[top:bottom, left:right].min() < 60
        is_in_box[max(top - 1, 0) : bottom + 1, max(left - 1, 0) : right + 1] = True
    assert page[~is_in_box].min() > 200


def test_a_picture_of_eight_pixels_is_drawn_in_its_levels() -> None:
    """A picture whose pixels are as wide as strokes gives soft strokes where they were, in either polarity."""
    tiny = np.asarray(cv2.resize(seven(thick=24), (8, 8), interpolation=cv2.INTER_AREA))
    assert difference(read(tiny), CLEAN) < 0.3
    assert np.abs(read(255 - tiny).astype(int) - read(tiny)).max() < 30


@pytest.mark.parametrize("hole", [False, True], ids=["a 7", "a 0"])
def test_a_black_tile_on_a_white_page_is_a_sheet(hole: bool) -> None:
    """The digit on a black tile is read, and not the tile or the hole in it, if the tile has a white margin."""
    tile = np.asarray(
        cv2.ellipse(np.zeros((300, 300), np.uint8), (150, 150), (60, 90), 20, 0, 360, 255, 26, cv2.LINE_AA)
    )
    tile = tile if hole else 255 - seven(ink=0, paper=255)
    assert difference(read(np.pad(tile, 80, constant_values=255)), read(tile)) < 0.1


def test_a_small_digit_on_ruled_paper_is_looked_at_without_the_rules() -> None:
    """The closer look at a small 7 takes no rule for a stroke, though few rules lie in it: one digit is found."""
    levels = np.full((625, 1000), 255, np.uint8)
    for row in range(40, 625, 200):
        levels[row : row + 2] = 190
    cv2.polylines(levels, [np.array([[600, 310], [645, 310], [615, 380]])], False, 20, 7, cv2.LINE_AA)
    [digit] = prepare(GreyPicture(levels), digits="many")
    left, top, right, bottom = digit.box
    assert 590 < left < 605 < 640 < right < 655
    assert 300 < top < 312 < 375 < bottom < 390
