"""Read a model file and images (N, 28, 28, 1) with Keras alone, and write the probabilities: MODEL IMAGES OUTPUT."""

import sys

import keras
import numpy as np


def main(model: str, images: str, output: str) -> None:
    """Predict, and fail if anything of mnistcnn was imported."""
    np.save(output, keras.saving.load_model(model).predict(np.load(images), verbose=0))
    assert not any(name.partition(".")[0] == "mnistcnn" for name in sys.modules)


if __name__ == "__main__":
    main(*sys.argv[1:])
