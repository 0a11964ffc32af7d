"""Print where the variables of a model and its optimizer lie: BACKEND DEVICE."""

import sys

from mnistcnn.config import TrainConfig
from mnistcnn.runtime.backend import start_keras


def main(backend: str, device: str) -> None:
    """Print the list of the places, each once."""
    start_keras(backend, device)
    from mnistcnn.training.fitting import initial_model

    model = initial_model(TrainConfig(), "float32")
    print(sorted({str(variable.value.device) for variable in model.variables + model.optimizer.variables}))


if __name__ == "__main__":
    main(*sys.argv[1:])
