"""Save a model where no file may be longer than 1 MiB, and end with the error: PATH."""

import resource
import sys
from pathlib import Path

from mnistcnn.errors import MnistcnnError
from mnistcnn.model.metadata import ModelMetadata
from mnistcnn.model.model_file import TrainedModel, save_model
from mnistcnn.model.network import build_model


def main(path: Path) -> None:
    """Save a fresh network."""
    trained = TrainedModel(model=build_model(), metadata=ModelMetadata())
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    try:
        save_model(trained, path)
    except MnistcnnError as error:
        sys.exit(f"refused: {error}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
