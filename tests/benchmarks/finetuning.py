"""What `finetune` brings: a model taught the pictures of half the sources, and measured on those of the others.

    python tests/benchmarks/finetuning.py FOLDER --data PATH [-m pretrained] [-m fast.keras]

The FOLDER holds pictures and their labels.csv with the columns file, label and source, whose first word names where a
picture is from. Every second source is taught, in the order of the file.
"""

import argparse
import csv
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from table import setting

from mnistcnn import evaluate, load_model, predict, train
from mnistcnn.model.model_file import TrainedModel

Labelled = list[tuple[Path, int]]  # pictures with the digits they show


def halves(folder: Path) -> tuple[Labelled, Labelled]:
    """Return the pictures of every second source, and those of the others."""
    with (folder / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    sources = list(dict.fromkeys(row["source"].split()[0] for row in rows))
    found: tuple[Labelled, Labelled] = ([], [])
    for row in rows:
        half = found[sources.index(row["source"].split()[0]) % 2]
        half.append((folder / row["file"], int(row["label"])))
    return found


def read_right(trained: TrainedModel, pictures: Labelled) -> int:
    """Return how many pictures are read right, as one digit each."""
    found = predict(trained, [path for path, _ in pictures], digits="one")
    return sum(prediction.digit == label for prediction, (_, label) in zip(found, pictures, strict=True))


def print_row(what: str, trained: TrainedModel, sets: Iterable[Labelled], data: str) -> None:
    """Print how many pictures of each set, and what share of MNIST's test images, a model reads right."""
    counts = " | ".join(str(read_right(trained, pictures)) for pictures in sets)
    print(f"| {what} | {counts} | {evaluate(trained, data).accuracy:.2%} |", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", required=True, help="as for mnistcnn train")
    parser.add_argument("-m", "--model", action="append", metavar="FILE", help="by default the pretrained one")
    options = parser.parse_args()
    taught, others = halves(options.folder)
    print(f"{setting()}\n\n| model | the {len(taught)}, taught | the {len(others)}, of others | MNIST's test images |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for path, label in taught:
            place = Path(folder, str(label))
            place.mkdir(exist_ok=True)
            shutil.copy(path, place)
        for model in options.model or ["pretrained"]:
            print_row(f"{model}, before", load_model(model), (taught, others), options.data)
            result = train(data=folder, init=model, quiet=True)
            assert result.model is not None
            print_row(f"{model}, after `finetune`", result.model, (taught, others), options.data)


if __name__ == "__main__":
    main()
