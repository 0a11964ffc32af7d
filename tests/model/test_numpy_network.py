"""The forward pass in NumPy, against Keras layer by layer and SciPy's correlation, and what it does without Keras."""

import json
import os
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import Run
from scipy.signal import correlate2d

from mnistcnn.errors import MnistcnnError
from mnistcnn.inference.measures import softmax
from mnistcnn.model.inputs import model_inputs
from mnistcnn.model.metadata import ModelMetadata
from mnistcnn.model.model_file import TrainedModel, load_model, save_model
from mnistcnn.model.network import build_model, initial_weights
from mnistcnn.model.numpy_network import BATCH_SIZE, CONVOLVED_AT_ONCE, NumpyNetwork, convolution, max_pool


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """A Keras model with random weights; biases too, so that a forgotten one shows."""
    model = build_model()
    random = np.random.RandomState(3)
    model.set_weights([w + 0.05 * random.standard_normal(w.shape) for w in initial_weights(model, 3)])
    return model


@pytest.fixture(scope="module")
def saved(model: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of that model."""
    path = tmp_path_factory.mktemp("saved") / "saved.keras"
    save_model(TrainedModel(model=model, metadata=ModelMetadata(step=3, calibration=0.5)), path)
    return path


def images(count: int) -> np.ndarray:
    """Random images (count, 28, 28) uint8."""
    return np.random.RandomState(5).randint(256, size=(count, 28, 28), dtype=np.uint8)


def test_convolution_is_scipys_correlation() -> None:
    """Convolution sums SciPy's correlations of each channel with its part of the kernel, padded with zeros."""
    random = np.random.RandomState(0)
    x, kernel = random.standard_normal((2, 6, 9, 3)), random.standard_normal((5, 5, 3, 4))
    expected = [
        [sum(correlate2d(image[..., c], kernel[..., c, f], mode="same") for c in range(3)) for f in range(4)]
        for image in x
    ]
    np.testing.assert_allclose(convolution(x, kernel), np.moveaxis(np.array(expected), 1, -1), atol=1e-12)


def test_max_pool_keeps_the_largest_of_each_square() -> None:
    """max_pool returns the maximum of every 2×2 square, channel by channel."""
    x = np.random.RandomState(0).standard_normal((2, 6, 8, 3))
    expected = [
        [[[x[n, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2, c].max() for c in range(3)] for j in range(4)] for i in range(3)]
        for n in range(2)
    ]
    np.testing.assert_array_equal(max_pool(x), expected)


def test_every_layer_equals_keras(model: keras.Model) -> None:
    """Each layer's output has Keras's shape and, to 1e-5, Keras's values, if it is given what Keras gave it."""
    inputs = model_inputs(images(3))
    outputs = keras.Model(model.input, {layer.name: layer.output for layer in model.layers[1:]}).predict_on_batch(
        inputs
    )
    kernel1, bias1, kernel2, bias2, kernel3, bias3, kernel4, bias4 = model.get_weights()
    found = {
        "conv1": np.maximum(convolution(inputs, kernel1) + bias1, 0),
        "pool1": max_pool(outputs["conv1"]),
        "conv2": np.maximum(convolution(outputs["pool1"], kernel2) + bias2, 0),
        "pool2": max_pool(outputs["conv2"]),
        "flatten": outputs["pool2"].reshape(3, -1),
        "dense": np.maximum(outputs["flatten"] @ kernel3 + bias3, 0),
        "dropout": outputs["dense"],
        "logits": outputs["dropout"] @ kernel4 + bias4,
        "probabilities": softmax(outputs["logits"]),
    }
    assert list(found) == [layer.name for layer in model.layers[1:]]
    for name, values in found.items():
        np.testing.assert_allclose(values, outputs[name], atol=1e-5, err_msg=name)


@pytest.mark.parametrize("count", [0, 1, CONVOLVED_AT_ONCE + 1, 2 * BATCH_SIZE + 3])
def test_logits_equal_keras_for_any_number_of_images(saved: Path, count: int) -> None:
    """One file loaded for NumPy and for Keras gives logits within 1e-5, whole blocks or not, and the same classes."""
    ours, theirs = (load_model(saved, backend).logits(images(count)) for backend in ("numpy", None))
    assert ours.dtype == np.float32
    assert ours.shape == (count, 10)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert (ours.argmax(axis=1) == theirs.argmax(axis=1)).all()


def test_weights_and_metadata_are_those_of_the_file(saved: Path, model: keras.Model) -> None:
    """A model loaded for NumPy has the file's weights, bit for bit, and its metadata."""
    loaded = load_model(saved, "numpy")
    assert loaded.metadata == ModelMetadata(step=3, calibration=0.5)
    for ours, theirs in zip(loaded.model.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_memory_is_flat(model: keras.Model) -> None:
    """Many images need no more memory than one batch for each core."""
    network, cores = NumpyNetwork(model.get_weights()), os.cpu_count() or 1
    peaks = []
    for batches in (1, 4 * cores):
        given = images(batches * BATCH_SIZE)
        tracemalloc.start()
        network.logits(given)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[0] < 10e6
    assert peaks[1] < 1.1 * cores * peaks[0]


@pytest.mark.parametrize(
    ("member", "change"),
    [
        ("config.json", lambda data: data.replace(b'"Dropout"', b'"Lambda"')),
        ("config.json", lambda data: b"[" * 200_000),
        ("mnistcnn.json", lambda data: b'{"step": [1]}'),
        ("model.weights.h5", lambda data: data.replace(b"conv2d_1", b"conv2d_9")),
        ("model.weights.h5", lambda data: data[: len(data) // 2]),
        ("model.weights.h5", lambda data: data[:6_000_000] + b"\xff" * 8 + data[6_000_008:]),
    ],
    ids=["lambda", "nested", "metadata", "renamed", "cut-off", "nan"],
)
def test_hostile_files_are_refused_as_for_keras(
    saved: Path, tmp_path: Path, member: str, change: Callable[[bytes], bytes]
) -> None:
    """A file that load_model refuses for Keras it refuses for NumPy, with the same message."""
    path = tmp_path / "hostile.keras"
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == member else old.read(name))
    messages = []
    for backend in ("numpy", None):
        with pytest.raises(MnistcnnError) as caught:
            load_model(path, backend)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert messages[0].isprintable()


def test_nothing_imports_keras(python: Run, saved: Path) -> None:
    """Loading, evaluating, predicting and describing a model in NumPy imports no backend of Keras."""
    assert json.loads(python("work_without_keras.py", str(saved), env={"KERAS_BACKEND": ""}).stdout) == ["numpy", []]
