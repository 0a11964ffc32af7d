"""What each part of a recipe brings: trained without the validation images, and measured on them.

    python tests/benchmarks/ablations.py best|fast [VARIANT...] --data PATH [--steps N] [--seeds N] [--pictures PATH]

The test set is never opened: the validation split stands in its place, with `--held-out N` and the last images of the
train split besides, until there are N. The loss is that of the calibrated probabilities, which label smoothing leaves
comparable. With `--pictures`, a FOLDER as for pictures.py, real pictures are read as well. Figures are means over the
seeds.
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
from mnistcnn.data.dataset import Dataset, Split
from mnistcnn.data.sources import load_dataset
from mnistcnn.data.splits import VALIDATION_IMAGES
from mnistcnn.runtime.backend import start_keras

# By name: what of the recipe is other, and what of the constants of `augmentation`.
Variants = Mapping[str, tuple[dict[str, Any], dict[str, Any]]]
BEST: Variants = {
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
    "no outliers": ({}, {"OUTLIERS": 0.0}),
    "outliers 0.1": ({}, {"OUTLIERS": 0.1}),
    "outliers 0.4": ({}, {"OUTLIERS": 0.4}),
    "no digits that touch": ({}, {"TOUCHING": 0.0}),
    "whole digits that touch": ({}, {"TOUCHING_PART": (1.0, 1.0)}),
    "digits that touch 0.1": ({}, {"TOUCHING": 0.1}),
    "flags 0.25": ({}, {"FLAGGED": 0.25}),
    "short flags": ({}, {"FLAG_LENGTH": (0.25, 0.5), "MAX_FLAGGED_SLANT": 0.35}),
    "short flags, outliers 0.1": ({}, {"FLAG_LENGTH": (0.25, 0.5), "MAX_FLAGGED_SLANT": 0.35, "OUTLIERS": 0.1}),
    "flag angles to 1.2": ({}, {"FLAG_ANGLE": (0.6, 1.2)}),
    "shift 1": ({}, {"SHIFT": 1.0}),
    "no augmentation": ({"augmentation": False}, {}),
    "no label smoothing": ({"label_smoothing": 0.0}, {}),
    "label smoothing 0.1": ({"label_smoothing": 0.1}, {}),
    "dropout 0.5": ({"dropout": 0.5}, {}),
    "learning rate 0.002": ({"learning_rate": 0.002}, {}),
    "rate 0.002, decay 0.2": ({"learning_rate": 0.002, "weight_decay": 0.2}, {}),
}
FAST: Variants = {
    "fast": ({}, {}),
    "no label smoothing": ({"label_smoothing": 0.0}, {}),
    "label smoothing 0.2": ({"label_smoothing": 0.2}, {}),
    "dropout 0.4": ({"dropout": 0.4}, {}),
    "no dropout": ({"dropout": 0.0}, {}),
    "learning rate 0.003": ({"learning_rate": 0.003}, {}),
    "learning rate 0.008": ({"learning_rate": 0.008}, {}),
    "warm-up 0.1": ({"warmup": 0.1}, {}),
    "weight decay 0.5": ({"weight_decay": 0.5}, {}),
    "200 steps of 150": ({"steps": 200, "batch_size": 150}, {}),
    "470 steps of 64": ({"steps": 470, "batch_size": 64}, {}),
}
VARIANTS = {"best": BEST, "fast": FAST}


def held_out(source: Dataset, count: int) -> tuple[Split, Split]:
    """Return the validation split, made up to `count` images from the end of the train split, and what is left."""
    images, validating = source.training_images(), len(source.split("validation"))
    positions = np.arange(len(images))
    held = (positions < validating) | (positions >= len(images) + validating - count)
    return images[held], images[~held]


def main() -> None:
    """Train the variants named on the command line and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", choices=VARIANTS)
    parser.add_argument("variants", nargs="*", metavar="VARIANT", help="see this file; by default all")
    parser.add_argument("--data", required=True, help="as for mnistcnn train")
    parser.add_argument("--steps", type=int, help="in place of the recipe's")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--held-out", type=int, default=VALIDATION_IMAGES, metavar="N")
    parser.add_argument("--models", type=Path, metavar="FOLDER", help="where to keep the models, as NAME-0.keras")
    parser.add_argument("--pictures", metavar="FOLDER", help="labelled pictures")
    options = parser.parse_args()
    if options.models:
        options.models.mkdir(parents=True, exist_ok=True)
    start_keras("tensorflow", to_train=True)
    from mnistcnn.inference.measures import loss_and_accuracy
    from mnistcnn.model.model_file import save_model
    from mnistcnn.training import augmentation
    from mnistcnn.training.run import train

    source = load_dataset(options.data)
    validation, training = held_out(source, options.held_out)
    held = {"train": lambda: training, "validation": lambda: validation, "test": lambda: validation}
    dataset = replace(source, readers=held)
    pictures = list(pictures_in(options.pictures, 0)) if options.pictures else []
    inputs, labels = [prepared("this", grey) for _, grey, _ in pictures], [label for *_, label in pictures]
    usual = {name: getattr(augmentation, name) for _, constants in BEST.values() for name in constants}

    recipe = replace(RECIPES[options.recipe], validation_held_out=True)
    if options.steps:
        recipe = replace(recipe, steps=options.steps)
    print(f"{setting()} {recipe.steps:,} steps but where said, {options.seeds} seeds.\n")
    print("| variant | validation loss | accuracy | pictures: loss | accuracy | seconds |")
    print("|---|---|---|---|---|---|")
    for name in options.variants or VARIANTS[options.recipe]:
        changes, constants = VARIANTS[options.recipe][name]
        vars(augmentation).update(usual | constants)
        rows = []
        for seed in range(options.seeds):
            result = train(replace(recipe, seed=seed, **changes), dataset)
            trained = result.model
            assert trained is not None
            logits = trained.logits(validation.images) / trained.metadata.calibration
            row = [*loss_and_accuracy(logits, validation.labels)]
            if pictures:
                logits = trained.logits(np.stack(inputs)) / trained.metadata.calibration
                row += loss_and_accuracy(logits, np.array(labels))
            rows.append([*row, result.seconds])
            if options.models:
                save_model(trained, options.models / f"{name}-{seed}.keras")
        *measured, seconds = np.mean(rows, axis=0)
        cells = [
            f"{loss:.4f} | {100 * accuracy:.2f} %" for loss, accuracy in zip(measured[::2], measured[1::2], strict=True)
        ]
        print(f"| {name} | {' | '.join(cells)} | {'| ' * (not pictures)}{seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
