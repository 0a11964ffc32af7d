"""Train several seeds of recipes and print what each run came to, with mean and spread, hardware and versions.

python tests/benchmarks/seeds.py fast best --data FOLDER --seeds 0 1 2
"""

import argparse
import hashlib
import statistics
from pathlib import Path

from table import setting

from mnistcnn import train
from mnistcnn.config import RECIPES
from mnistcnn.results import TrainingResult


def weights_hash(result: TrainingResult) -> str:
    """Return the first 12 digits of the SHA-256 of all weights: equal for bit-equal models."""
    assert result.model is not None
    digest = hashlib.sha256()
    for weight in result.model.model.get_weights():
        digest.update(weight.tobytes())
    return digest.hexdigest()[:12]


def main() -> None:
    """Run the benchmark named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="*", default=list(RECIPES))
    parser.add_argument("--data", default=None, help="as for mnistcnn train")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--models", type=Path, metavar="FOLDER", help="where to keep the models, as best-0.keras")
    options = parser.parse_args()
    if options.models:
        options.models.mkdir(parents=True, exist_ok=True)

    print(f"{setting()} {len(options.seeds)} seeds each.\n")
    print("| recipe | seed | test accuracy | seconds | steps/s | weights |")
    print("|---|---|---|---|---|---|")
    for recipe in options.recipes:
        accuracies, seconds = [], []
        for seed in options.seeds:
            model = options.models / f"{recipe}-{seed}.keras" if options.models else None
            result = train(recipe, options.data, model=model, seed=seed, quiet=True)
            assert result.test is not None
            accuracies.append(100 * result.test.accuracy)
            seconds.append(result.seconds)
            measured = f"{accuracies[-1]:.2f} % | {result.seconds:.1f} | {result.steps_per_second:.1f}"
            print(f"| {recipe} | {seed} | {measured} | {weights_hash(result)} |", flush=True)
        spread = statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0
        mean = f"{statistics.mean(accuracies):.3f} ± {spread:.3f} % | {statistics.median(seconds):.1f} (median)"
        print(f"| **{recipe}** | all | {mean} | | |", flush=True)


if __name__ == "__main__":
    main()
