"""Train m.keras for 50 steps without dropout, or with the argument `start` only begin it, and print what was logged."""

import json
import sys
from pathlib import Path

from mnistcnn.config import TrainConfig
from mnistcnn.data.sources import load_dataset
from mnistcnn.events import TrainingEvent, TrainingRecord, TrainingStarted
from mnistcnn.runtime.backend import start_keras
from mnistcnn.runtime.outputs import Outputs

CONFIG = TrainConfig(
    steps=50,
    batch_size=50,
    dropout=0.0,
    seed=11,
    learning_rate=0.01,
    log_every=1,
    precision="float32",
    checkpoint_every=0,
)


def main(only_start: bool) -> None:
    """Print the labels and losses of the records, and the notes that the run started with, as one JSON object."""
    start_keras(to_train=True)
    from mnistcnn.training.run import train

    events: list[TrainingEvent] = []
    outputs = Outputs(model=Path("m.keras"), resume=True)
    train(CONFIG, load_dataset("sample"), outputs=outputs, listeners=[events.append], should_stop=lambda: only_start)
    records = [(event.labels, event.loss) for event in events if isinstance(event, TrainingRecord)]
    [notes] = [event.notes for event in events if isinstance(event, TrainingStarted)]
    print(json.dumps({"records": records, "notes": notes}))


if __name__ == "__main__":
    main(sys.argv[1:] == ["start"])
