"""Write log.jsonl where no file may be longer than 500 bytes, and print the error."""

import resource
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from mnistcnn.config import TrainConfig
from mnistcnn.errors import MnistcnnError
from mnistcnn.events import TrainingRecord, TrainingStarted
from mnistcnn.report.training_log import TrainingLog
from mnistcnn.results import TrainingHistory

START = TrainingStarted(
    config=TrainConfig(),
    data="",
    train_images=1,
    start_step=0,
    history=TrainingHistory(records=(), validations=()),
    backend="",
    device="",
    precision="",
    layers=(),
)
RECORD = TrainingRecord(
    step=0, loss=1, accuracy=1, steps_per_second=1, labels=[1], probabilities=[[0.1] * 10], first_image=list
)


def main() -> None:
    """Log up to 99 records."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))
    try:
        with closing(TrainingLog(Path("log.jsonl"))) as log:
            log(START)
            for step in range(1, 100):
                log(replace(RECORD, step=step))
    except MnistcnnError as error:
        print(error)


if __name__ == "__main__":
    main()
