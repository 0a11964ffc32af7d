"""Measure what checkpoints cost: the time of writing one against that of the steps between two by default.

python tests/benchmarks/checkpoints.py FOLDER

FOLDER is on the disk to measure. Prints, for each optimizer, the median of each and the share.
"""

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

from mnistcnn.config import OPTIMIZERS, TrainConfig
from mnistcnn.data.sources import load_dataset
from mnistcnn.runtime.outputs import Outputs
from mnistcnn.training.fitting import initial_model
from mnistcnn.training.resuming import RunState
from mnistcnn.training.run import train

STEPS, TRIALS = 200, 9


def main(folder: Path) -> None:
    """Run the benchmark."""
    digits = load_dataset("sample")
    for optimizer in OPTIMIZERS:
        config = TrainConfig(optimizer=optimizer, checkpoint_every=0, steps=STEPS)
        train(replace(config, steps=50), digits)  # warms up
        step_seconds = 1 / median(train(config, digits).steps_per_second for _ in range(3))

        model, seconds = initial_model(config, "float32"), []
        with tempfile.TemporaryDirectory(dir=folder) as place:
            outputs = Outputs(model=Path(place) / "m.keras")
            state = RunState(outputs, [], determinants={}, exactness={})
            for trial in range(TRIALS):
                began = time.perf_counter()
                state.save(model, trial)
                seconds.append(time.perf_counter() - began)
        between = TrainConfig().checkpoint_every * step_seconds
        print(
            f"{optimizer}: a checkpoint takes {median(seconds):.3f} s, {TrainConfig().checkpoint_every:,} steps "
            f"{between:.1f} s at {1 / step_seconds:.1f} steps/s: {100 * median(seconds) / between:.2f} %"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
