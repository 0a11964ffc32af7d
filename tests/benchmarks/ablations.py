"""What each part of the recipe `best` brings: trained without the validation images, and measured on them.

    python tests/benchmarks/ablations.py --data FOLDER [VARIANT...] [--steps N] [--seed N] [--pictures FOLDER]

The test set is never opened: the validation split stands in its place. With `--pictures`, a FOLDER as for pictures.py,
real pictures are read as well.
"""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pictures import pictures_in, prepared
from table import setting

from mnistcnn.config import RECIPES
from mnistcnn.datasets import load_dataset
from mnistcnn.runtime import start_keras

# By name: what of the recipe is other, and what of the constants of `augmentation`.
VARIANTS: Mapping[str, tuple[dict[str, Any], dict[str, float]]] = {
    "best": ({}, {}),
    "weight decay 0.5": ({"weight_decay": 0.5}, {}),
    "weight decay 0.2": ({"weight_decay": 0.2}, {}),
    "weight decay 0.05": ({"weight_decay": 0.05}, {}),
    "no weight decay": ({"weight_decay": 0.0}, {}),
    "no decay, no flags": ({"weight_decay": 0.0}, {"FLAGGED": 0.0}),
    "no decay, no flags, rotation 0.2, shear 0.15": (
        {"weight_decay": 0.0},
        {"FLAGGED": 0.0, "ROTATION": 0.2, "SHEAR": 0.15},
    ),
    "no decay, no flags, no elastic distortion": ({"weight_decay": 0.0}, {"FLAGGED": 0.0, "ELASTIC": 0.0}),
    "no decay, no flags, elastic distortion 0.6, scale 0.15": (
        {"weight_decay": 0.0},
        {"FLAGGED": 0.0, "ELASTIC": 0.6, "SCALE": 0.15},
    ),
    "no augmentation": ({"augmentation": False}, {}),
    "no label smoothing": ({"label_smoothing": 0.0}, {}),
    "label smoothing 0.1": ({"label_smoothing": 0.1}, {}),
    "dropout 0.5": ({"dropout": 0.5}, {}),
    "learning rate 0.001": ({"learning_rate": 0.001}, {}),
}


def main() -> None:
    """Train the variants named on the command line and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variants", nargs="*", metavar="VARIANT", help=f"{', '.join(VARIANTS)}; by default all")
    parser.add_argument("--data", required=True, help="as for mnistcnn train")
    parser.add_argument("--steps", type=int, default=RECIPES["best"].steps)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--models", type=Path, metavar="FOLDER", help="where to keep the models, by their variants' names"
    )
    parser.add_argument("--pictures", metavar="FOLDER", help="labelled pictures")
    options = parser.parse_args()
    start_keras("tensorflow", to_train=True)
    from mnistcnn import augmentation
    from mnistcnn.evaluation import loss_and_accuracy, predicted_logits
    from mnistcnn.model_file import save_model
    from mnistcnn.training import train

    source = load_dataset(options.data)
    dataset = replace(source, readers={**source.readers, "test": lambda: source.split("validation")})
    print(f"{setting()} {options.steps:,} steps, seed {options.seed}.\n")
    print("| variant | validation loss | validation accuracy | pictures: loss | accuracy | seconds |")
    print("|---|---|---|---|---|---|")
    pictures = list(pictures_in(options.pictures, 0)) if options.pictures else []
    inputs = [prepared("this", grey) for _, grey, _ in pictures]
    for name in options.variants or VARIANTS:
        changes, constants = VARIANTS[name]
        recipe = replace(RECIPES["best"], steps=options.steps, seed=options.seed, validation_held_out=True, **changes)
        usual = {constant: getattr(augmentation, constant) for constant in constants}
        vars(augmentation).update(constants)
        result = train(recipe, dataset)
        vars(augmentation).update(usual)
        assert result.test is not None
        measured = f"{result.test.loss:.4f} | {100 * result.test.accuracy:.2f} %"
        if pictures:
            logits = predicted_logits(result.model, np.stack(inputs))
            loss, accuracy = loss_and_accuracy(logits, np.array([label for *_, label in pictures]))
            measured += f" | {loss:.3f} | {100 * accuracy:.2f} %"
        else:
            measured += " | | "
        if options.models:
            save_model(result.model, options.models / f"{name}.keras")
        print(f"| {name} | {measured} | {result.seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
