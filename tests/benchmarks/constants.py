"""How many pictures are read right while one constant of `mnistcnn/pictures/` varies.

    python tests/benchmarks/constants.py FOLDER --model mnistcnn.keras strokes.MAX_GAP [--values 0.1 0.2]

The FOLDER holds pictures, as for pictures.py. The ranges in the comments beside the constants are such runs, in which
no other constant varied.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from pictures import pictures_in

from mnistcnn.model.model_file import TrainedModel, load_model
from mnistcnn.pictures.decoding import GreyPicture
from mnistcnn.pictures.preparing import prepare

FACTORS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)


def right(trained: TrainedModel, pictures: list[tuple[str, np.ndarray, int]]) -> int:
    """Return how many pictures are read right, each as one digit."""
    count = 0
    for _, grey, label in pictures:
        digits = prepare(GreyPicture(grey))
        count += bool(digits) and int(trained.logits(digits[0].image[np.newaxis]).argmax()) == label
    return count


def varied(name: str, values: list[float]) -> Iterator[float]:
    """Give a constant each value in turn, in every room that knows it, and its own value in the end."""
    modules = [module for place, module in sys.modules.items() if place.startswith("mnistcnn.pictures.")]
    rooms = [module for module in modules if hasattr(module, name)]
    own = getattr(rooms[0], name)
    for value in [*values, own]:
        for room in rooms:
            setattr(room, name, type(own)(value))
        if value is not own:
            yield value


def main() -> None:
    """Print a row for each value."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("constant", help="room.NAME, such as strokes.MAX_GAP")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument(
        "--factors", type=float, nargs="+", default=FACTORS, help="of its value; the default is 1/8 to 8"
    )
    parser.add_argument("--values", type=float, nargs="+", help="in place of factors")
    options = parser.parse_args()
    room, _, name = options.constant.partition(".")
    own = getattr(sys.modules[f"mnistcnn.pictures.{room}"], name)
    values = options.values or [factor * own for factor in options.factors]
    trained = load_model(options.model, "numpy")
    pictures = list(pictures_in(options.folder, 0))
    print(f"| {options.constant} (is {own}) | right of {len(pictures)} |\n|---|---|")
    for value in varied(name, values):
        print(f"| {value:g} | {right(trained, pictures)} |", flush=True)


if __name__ == "__main__":
    main()
