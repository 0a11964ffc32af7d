"""How many of MNIST's images are read right as other programs cut, shrink and store them.

python tests/benchmarks/stored.py --model mnistcnn.keras --data PATH [--split test] [--count 200] [--only NAME]
"""

from collections.abc import Callable
from io import BytesIO

import cv2
import numpy as np
from pictures import png
from PIL import Image
from surroundings import options_for, print_header, print_row

from mnistcnn.data.sources import load_dataset
from mnistcnn.model.model_file import load_model

Stored = Callable[[np.ndarray], np.ndarray]  # an image (28, 28) uint8 → levels (H, W)


def tight(image: np.ndarray) -> np.ndarray:
    """Cut an image to the box of its ink, as a contour's box cuts it."""
    x, y, width, height = cv2.boundingRect((image > 60).astype(np.uint8))
    return image[y : y + height, x : x + width]


def scaled(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """Scale an image to a size."""
    is_smaller = width * height < image.size
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if is_smaller else cv2.INTER_CUBIC)


def usps(image: np.ndarray) -> np.ndarray:
    """Scale what is cut out to a height or width of 16 pixels, and keep its aspect."""
    cut = tight(image)
    size = [max(1, round(16 * length / max(cut.shape))) for length in cut.shape[::-1]]
    return scaled(cut, size[0], size[1])


def white_margin(image: np.ndarray) -> np.ndarray:
    """Show an image eight times as large, a black tile on a white page."""
    return np.pad(scaled(image, 224, 224), 60, constant_values=255)


STORED: dict[str, Stored] = {
    "no margin": tight,
    "no margin, dark on light": lambda image: 255 - tight(image),
    "no margin, stretched to 28×28": lambda image: scaled(tight(image), 28, 28),
    "no margin, stretched to 16×16": lambda image: scaled(tight(image), 16, 16),
    "no margin, 16 pixels, aspect kept": usps,
    "20×20, the margin cut off": lambda image: image[4:24, 4:24],
    "14×14": lambda image: scaled(image, 14, 14),
    "8×8": lambda image: scaled(image, 8, 8),
    "a black tile with a white margin": white_margin,
    "0 and 1 of 8 bits": lambda image: (image > 127).astype(np.uint8),
    "floats, standardised, TIFF": lambda image: ((image / 255 - 0.1307) / 0.3081).astype(np.float32),
}


def encoded(levels: np.ndarray) -> bytes:
    """Return levels as a PNG, or as a TIFF if they are floats."""
    image = Image.fromarray(levels)
    if levels.dtype != np.float32:
        return png(image)
    file = BytesIO()
    image.save(file, "TIFF")
    return file.getvalue()


def main() -> None:
    """Print the table."""
    options = options_for(__doc__, 200)
    trained = load_model(options.model, "numpy")
    split = load_dataset(options.data).split(options.split)[: options.count]
    print_header()
    for way in options.only or STORED:
        made = [
            (encoded(STORED[way](image)), str(label)) for image, label in zip(split.images, split.labels, strict=True)
        ]
        print_row(way, trained, made, options.digits)


if __name__ == "__main__":
    main()
