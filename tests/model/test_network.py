"""The network, against the tutorial's table and a forward pass in plain NumPy."""

import json

import keras
import numpy as np
import pytest

from mnistcnn.model.architecture import LAYERS, config_facts, expected_facts, known_layers
from mnistcnn.model.network import (
    MIN_COMPILED,
    KerasNetwork,
    build_model,
    describe_layers,
    initial_weights,
    logits_model,
)


@pytest.fixture
def model() -> keras.Model:
    """The network with small random biases, so that a forgotten one shows."""
    model = build_model()
    random = np.random.RandomState(1)
    model.set_weights([w + 0.05 * random.standard_normal(w.shape) for w in initial_weights(model, 0)])
    return model


def test_layers_are_those_of_the_tutorial(model: keras.Model) -> None:
    """Names, output shapes and the count of parameters are the design's."""
    shapes = {layer.name: tuple(layer.output.shape[1:]) for layer in model.layers}
    assert shapes == {
        "image": (28, 28, 1),
        "conv1": (28, 28, 32),
        "pool1": (14, 14, 32),
        "conv2": (14, 14, 64),
        "pool2": (7, 7, 64),
        "flatten": (3136,),
        "dense": (1024,),
        "dropout": (1024,),
        "logits": (10,),
        "probabilities": (10,),
    }
    assert model.count_params() == 3_274_634
    assert model.get_layer("dropout").rate == 0.4


def test_the_architecture_known_without_keras_is_the_networks(model: keras.Model) -> None:
    """The table holds every fact of the network's configuration, its layers and the shapes of its weights."""
    assert list(expected_facts()) == list(config_facts(json.loads(model.to_json())))
    assert known_layers() == describe_layers(model)
    shapes = [shape for layer in LAYERS.values() for shape in layer.weights]
    assert shapes == [weight.shape for weight in model.get_weights()]


def test_few_images_get_the_logits_of_many(model: keras.Model) -> None:
    """KerasNetwork answers alike with and without compiling, batch by batch in order."""
    images = np.random.RandomState(4).randint(256, size=(2 * MIN_COMPILED + 7, 28, 28), dtype=np.uint8)
    network = KerasNetwork(model)
    few = [network.logits(images[first : first + 100]) for first in range(0, len(images), 100)]
    np.testing.assert_allclose(network.logits(images), np.concatenate(few), atol=1e-5)


def test_forward_pass_equals_a_plain_numpy_one(model: keras.Model) -> None:
    """Convolution, ReLU, pooling, dense and softmax written out give the same probabilities."""
    images = np.random.RandomState(2).uniform(size=(3, 28, 28, 1)).astype(np.float32)
    conv1, bias1, conv2, bias2, dense, bias3, output, bias4 = (w.astype(np.float64) for w in model.get_weights())

    def convolution(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
        padded = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))
        rows, columns = x.shape[1:3]
        terms = (
            padded[:, i : i + rows, j : j + columns] @ kernel[i, j] for i in range(5) for j in range(5)
        )  # each (N, rows, columns, filters)
        return np.asarray(np.maximum(sum(terms) + bias, 0))

    def pooled(x: np.ndarray) -> np.ndarray:
        return np.max([x[:, i::2, j::2] for i in range(2) for j in range(2)], axis=0)  # type: ignore[no-any-return]

    x = pooled(convolution(images.astype(np.float64), conv1, bias1))
    x = pooled(convolution(x, conv2, bias2)).reshape(3, -1)
    logits = np.maximum(x @ dense + bias3, 0) @ output + bias4
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)

    np.testing.assert_allclose(model.predict(images, verbose=0), expected, atol=1e-6)
    np.testing.assert_allclose(logits_model(model).predict(images, verbose=0), logits, atol=1e-5)


def test_initial_kernels_are_glorot_uniform_and_biases_zero() -> None:
    """Each kernel fills its interval evenly: bounds, mean and variance are those of the distribution."""
    weights = initial_weights(build_model(), 7)
    fans = [(25, 25 * 32), (25 * 32, 25 * 64), (3136, 1024), (1024, 10)]
    for (fan_in, fan_out), kernel in zip(fans, weights[0::2], strict=True):
        limit = np.sqrt(6 / (fan_in + fan_out))
        assert np.abs(kernel).max() <= limit
        assert np.abs(kernel).max() > 0.98 * limit
        assert abs(kernel.mean()) < 4 * limit / np.sqrt(3 * kernel.size)
        assert kernel.var() == pytest.approx(limit**2 / 3, rel=0.15)
    assert not any(bias.any() for bias in weights[1::2])


def test_one_seed_always_draws_the_same_weights() -> None:
    """The numbers are fixed for good; another seed gives others."""
    model = build_model()
    first, again, other = (initial_weights(model, seed) for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])
    # The Mersenne Twister's first doubles under seed 0, spread over the interval.
    uniform = np.array([0.5488135039273248, 0.7151893663724195, 0.6027633760716439])
    assert first[0].ravel()[:3] == pytest.approx((2 * uniform - 1) * np.sqrt(6 / 825), rel=1e-6)


def test_mixed_precision_keeps_weights_and_outputs_in_float32() -> None:
    """Under mixed_bfloat16 only the hidden layers compute in bfloat16."""
    model = build_model(dtype="mixed_bfloat16")
    assert {str(keras.backend.standardize_dtype(weight.dtype)) for weight in model.weights} == {"float32"}
    assert [layer.compute_dtype for layer in model.layers[1:]] == ["bfloat16"] * 7 + ["float32"] * 2


def test_dropout_is_active_in_training_only(model: keras.Model) -> None:
    """Two passes in training differ, two in inference do not."""
    images = np.ones((1, 28, 28, 1), np.float32)

    def passes(training: bool) -> list[np.ndarray]:
        return [keras.ops.convert_to_numpy(model(images, training=training)) for _ in range(2)]

    first, second = passes(training=True)
    assert not np.array_equal(first, second)
    first, second = passes(training=False)
    assert np.array_equal(first, second)


def test_a_users_keras_settings_do_not_change_the_network() -> None:
    """Under channels_first and float16 as Keras's defaults the network is the same."""
    settings = keras.config.image_data_format(), keras.config.floatx()
    keras.config.set_image_data_format("channels_first")
    keras.config.set_floatx("float16")
    try:
        model = build_model()
    finally:
        keras.config.set_image_data_format(settings[0])
        keras.config.set_floatx(settings[1])
    reference = build_model()
    assert [layer.output.shape for layer in model.layers] == [layer.output.shape for layer in reference.layers]
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
