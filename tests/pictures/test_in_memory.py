"""Arrays and Pillow's images as pictures."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_pictures import encoded, seven
from PIL import Image

from mnistcnn.data.sources import load_dataset
from mnistcnn.pictures.finding import Picture
from mnistcnn.pictures.in_memory import numbered, pictures_of
from mnistcnn.pictures.preparing import read_digits

GREY = seven()
MNIST_LIKE = load_dataset("sample").split("test").images[0]


def images_of(value: Any) -> list[np.ndarray]:
    """Return what the network gets of each picture of a value."""
    return [read_digits(picture)[0].image for picture in numbered(pictures_of(value), first=1)]


EXPECTED = read_digits(Picture("seven", encoded(Image.fromarray(GREY))))[0].image


def test_an_image_of_mnists_goes_in_as_it_is() -> None:
    """Nothing is changed in an image (28, 28) uint8, whether alone, among others or with a channel."""
    for array in (MNIST_LIKE, MNIST_LIKE[None], MNIST_LIKE[..., None], MNIST_LIKE[None, ..., None], MNIST_LIKE / 255):
        [image] = images_of(array)
        assert np.array_equal(image, MNIST_LIKE)


@pytest.mark.parametrize(
    "array",
    [
        GREY,
        GREY.astype(int),
        GREY.astype(np.float32),
        GREY / 255,
        GREY[..., None],
        np.stack([GREY] * 3, axis=-1),
        np.dstack([GREY, GREY, GREY, np.full_like(GREY, 255)]),
    ],
    ids=lambda array: f"{array.shape} {array.dtype}",
)
def test_an_array_is_read_as_its_file(array: np.ndarray) -> None:
    """Whatever the shape and the type of its levels are: the network sees the same."""
    [image] = images_of(array)
    assert np.array_equal(image, EXPECTED)


def test_an_array_of_several_pictures_is_several_pictures() -> None:
    """They have the names that their places give them."""
    pictures = list(numbered(pictures_of(np.stack([GREY, GREY])), first=4))
    assert [picture.name for picture in pictures] == ["picture 4", "picture 5"]
    assert all(np.array_equal(image, EXPECTED) for image in images_of(np.stack([GREY, GREY])))


def test_levels_of_bool_are_black_and_white() -> None:
    """They are what the file of a bilevel image is."""
    bilevel = GREY > 128
    [image] = images_of(bilevel)
    assert np.array_equal(image, images_of(Image.fromarray(bilevel))[0])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16", "F", "CMYK", "YCbCr", "RGBX", "HSV"])
def test_an_image_of_any_mode_is_read(mode: str) -> None:
    """Pillow's image is read in each mode."""
    image = Image.fromarray(GREY)
    [seen] = images_of(image.convert("RGB").convert(mode) if mode in ("RGBX", "HSV", "CMYK") else image.convert(mode))
    assert (np.abs(seen.astype(int) - EXPECTED) > 64).mean() < 0.03


def test_a_photo_is_turned_as_its_file_says(tmp_path: Path) -> None:
    """An image that Pillow opened is turned by its EXIF data, as the file is."""
    exif = Image.Exif()
    exif[274] = 6
    lying = BytesIO()
    Image.fromarray(np.rot90(GREY)).save(lying, "PNG", exif=exif)
    [image] = images_of(Image.open(lying))
    assert np.array_equal(image, read_digits(Picture("lying", lying.getvalue()))[0].image)
    assert np.array_equal(image, EXPECTED)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (3, "int"),
        (b"PNG", "bytes"),
        (None, "NoneType"),
        (np.zeros(784), r"an array \(784,\)"),
        (np.zeros((2, 2, 28, 28)), r"an array \(2, 2, 28, 28\)"),
        (np.zeros((0, 28, 28)), r"an array \(0, 28, 28\)"),
        (np.array([["a"]]), "an array of <U1"),
        (GREY.astype(int) - 300, "an array of levels from -260 to -75"),
        (GREY * np.nan, "an array of levels from nan to nan"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_is_not_a_picture_is_a_type_error(value: object, problem: str) -> None:
    """The error says what was received, and what an array can be."""
    with pytest.raises(
        TypeError, match=f"^not a picture: {problem}.*; expected paths, Pillow images, arrays, or lists"
    ):
        list(pictures_of(value))
