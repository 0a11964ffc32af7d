"""Use a model file in NumPy in every way, and print the backend and what was imported of other ones: MODEL."""

import json
import sys
from pathlib import Path

from mnistcnn.data.sources import load_dataset
from mnistcnn.inference.evaluation import evaluate
from mnistcnn.inference.prediction import predict
from mnistcnn.model.model_file import load_model, model_info
from mnistcnn.pictures.finding import find_pictures
from mnistcnn.runtime.backend import start_backend


def main(model: Path) -> None:
    """Print one JSON list."""
    backend = start_backend(default="numpy")
    trained = load_model(model, backend)
    evaluate(trained, load_dataset("sample"))
    list(predict(trained, find_pictures(["none.png"], None)))
    model_info(model)
    print(json.dumps([backend, sorted({"jax", "keras", "tensorflow", "torch"} & set(sys.modules))]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
