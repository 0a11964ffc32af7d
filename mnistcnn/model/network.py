"""The network of the TensorFlow tutorial "A Guide to TF Layers: Building a Convolutional Neural Network", in Keras.

Out come Keras models, their logits, and the weights that training starts from. It knows neither data nor files.
"""

from collections.abc import Mapping
from types import MappingProxyType

import keras
import numpy as np
from keras import layers

from mnistcnn.config import CLASSES
from mnistcnn.model.inputs import IMAGE_SHAPE, model_inputs
from mnistcnn.results import Layer

# images: the largest batch that the compiled network is given
BATCH_SIZE = 500
# images: for fewer, compiling the network takes longer than it saves
MIN_COMPILED = 250


def build_model(
    *,
    dropout: float = 0.4,
    seed: int = 0,
    dtype: str = "float32",
    kinds: Mapping[str, type[layers.Layer]] = MappingProxyType({}),
) -> keras.Model:
    """Build the tutorial's network: two convolutions, 3,274,634 parameters.

    Args:
        dropout: the rate of the dropout layer, in [0, 1).
        seed: the seed of the dropout layer's random state.
        dtype: a Keras dtype policy: "float32", or "mixed_bfloat16" to compute the hidden layers in bfloat16 on float32
            weights. Logits and probabilities are float32 under either.
        kinds: classes to take in place of Keras's, by the layer's name, with the same arguments.

    Returns:
        A model with the input `image` (batch, 28, 28, 1) float32 in [0, 1] and the output `probabilities` (batch, 10)
        float32.

    """

    # Layers state their layout and dtype, so that a keras.json with other defaults cannot change the network.
    def conv(filters: int, name: str) -> layers.Layer:
        return layers.Conv2D(
            filters, 5, padding="same", activation="relu", data_format="channels_last", dtype=dtype, name=name
        )

    def pool(name: str) -> layers.Layer:
        return kinds.get(name, layers.MaxPooling2D)(2, strides=2, data_format="channels_last", dtype=dtype, name=name)

    image = keras.Input(IMAGE_SHAPE, dtype="float32", name="image")  # (batch, 28, 28, 1)
    x = pool("pool1")(conv(32, "conv1")(image))  # (batch, 14, 14, 32)
    x = pool("pool2")(conv(64, "conv2")(x))  # (batch, 7, 7, 64)
    x = layers.Flatten(data_format="channels_last", dtype=dtype, name="flatten")(x)  # (batch, 3136)
    x = kinds.get("dense", layers.Dense)(1024, activation="relu", dtype=dtype, name="dense")(x)  # (batch, 1024)
    x = kinds.get("dropout", layers.Dropout)(dropout, seed=seed, dtype=dtype, name="dropout")(x)
    logits = layers.Dense(CLASSES, dtype="float32", name="logits")(x)  # (batch, 10)
    probabilities = layers.Softmax(dtype="float32", name="probabilities")(logits)  # (batch, 10)
    return keras.Model(image, probabilities, name="mnistcnn")


def logits_model(model: keras.Model) -> keras.Model:
    """Return a model that shares another's weights and ends at its logits: (batch, 10) float32.

    Losses are computed from logits, because log-softmax is stable on every backend.
    """
    return keras.Model(model.input, model.get_layer("logits").output, name="mnistcnn_logits")


class KerasNetwork:
    """The forward pass of a Keras model, on the backend that Keras runs on; it shares the model's weights."""

    def __init__(self, model: keras.Model) -> None:
        self._network = logits_model(model)

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Return the logits (N, 10) float32 of images (N, 28, 28) uint8, in their order."""
        if len(images) < MIN_COMPILED:
            count = len(images)
            if keras.backend.backend() == "jax":  # which compiles each operation anew for every count
                images = np.resize(images, (1 << (count - 1).bit_length(), *images.shape[1:]))
            logits = keras.ops.convert_to_numpy(self._network(model_inputs(images), training=False))
            return np.asarray(logits[:count])
        batches = (images[first : first + BATCH_SIZE] for first in range(0, len(images), BATCH_SIZE))
        return np.concatenate([self._network.predict_on_batch(model_inputs(batch)) for batch in batches])


def describe_layers(model: keras.Model) -> tuple[Layer, ...]:
    """Describe a model whose layers follow one another."""
    before = [(), *((layer.name,) for layer in model.layers)]
    return tuple(
        Layer(
            name=layer.name,
            kind=type(layer).__name__,
            inputs=inputs,
            shape=tuple(layer.output.shape),
            parameters=layer.count_params(),
        )
        for layer, inputs in zip(model.layers, before, strict=False)
    )


def initial_weights(model: keras.Model, seed: int) -> list[np.ndarray]:
    """Draw the weights that training starts from: kernels Glorot uniform, biases zero, float32.

    NumPy draws them, because its RandomState never changes (NEP 19): one seed gives the same weights on every backend.
    The distribution is the default of tf.layers (Glorot and Bengio, "Understanding the difficulty of training deep
    feedforward neural networks", 2010). The order is that of `model.get_weights()`.
    """
    generator = np.random.RandomState(seed)

    def draw(shape: tuple[int, ...]) -> np.ndarray:
        if len(shape) == 1:
            return np.zeros(shape, np.float32)
        receptive_field = int(np.prod(shape[:-2]))  # 25 for the 5×5 convolutions, 1 for dense layers
        limit = np.sqrt(6 / (receptive_field * (shape[-2] + shape[-1])))
        return generator.uniform(-limit, limit, shape).astype(np.float32)

    return [draw(variable.shape) for variable in model.weights]
