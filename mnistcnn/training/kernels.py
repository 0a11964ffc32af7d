"""Faster versions of some of Keras's optimizers and layers for training, each for one backend.

Each computes what Keras's own class computes, up to rounding. FusedAdam and moments_of use private attributes of Keras:
no public attribute leads from a variable to its two moments. With FusedAdam `fast` takes 1.11 times as many steps a
second, `best` 1.17 times (tests/benchmarks/README.md, "What was tried for speed"). tests/training/test_kernels.py names
the attributes, and fails if a new Keras renames them.
"""

from typing import Any

import keras


def faster_layers(backend: str, precision: str) -> dict[str, type[keras.layers.Layer]]:
    """Return the classes of layers that train faster than Keras's on a backend, by the name of the layer."""
    if backend == "jax":
        return {"pool1": MaxPooling2D, "pool2": MaxPooling2D}
    if backend == "torch":
        return {"dropout": Dropout}
    return {"dense": Dense} if precision == "float32" else {}


def moments_of(adam: keras.optimizers.Adam) -> tuple[list[keras.Variable], list[keras.Variable]]:
    """Return the first and the second moments of a built Adam, each in the order of the variables it was built for."""
    return adam._momentums, adam._velocities


class FusedSGD(keras.optimizers.SGD):
    """Keras's SGD without momentum, whose update of a variable is one kernel of TensorFlow in place of two.

    The product of rate and gradient, as large as the weights, is never written to memory. The update rule is the same.
    Training takes 1.01 times as many steps a second in bfloat16, 1.06 times in float32.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Subtract rate × gradient from a `tf.Variable` of float32.

        Raises AttributeError on another backend than TensorFlow.
        """
        import tensorflow as tf

        rate = tf.cast(learning_rate, tf.float32)
        tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=rate, delta=gradient)


class FusedAdam(keras.optimizers.Adam):
    """Keras's Adam, whose update of a variable is one kernel of TensorFlow in place of a dozen.

    Each of the dozen reads and writes all weights, which takes a tenth of a training step. The update rule is the same
    (Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, section 2, last paragraph).
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update a `tf.Variable` of float32 and its two moments.

        Raises AttributeError on another backend than TensorFlow.
        """
        import tensorflow as tf

        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=self.beta_1**step,
            beta2_power=self.beta_2**step,
            lr=tf.cast(learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


class Dense(keras.layers.Dense):
    """Keras's Dense with bias and activation, which computes the gradient of its inputs (batch, n) float32 faster.

    From the gradient g (batch, m) of its outputs it computes (W gᵀ)ᵀ in place of g Wᵀ, equal up to rounding, so that
    no product reads W, the largest matrix of a step, across its rows. Training takes 1.12 times as many steps a second
    in float32; in bfloat16 it gains nothing.
    """

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the outputs (batch, m) float32 of inputs (batch, n) float32; only on TensorFlow."""
        import tensorflow as tf

        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def product(x: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Any]:
            def gradients(g: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
                return tf.transpose(tf.matmul(kernel, g, transpose_b=True)), tf.matmul(x, g, transpose_a=True)

            return tf.matmul(x, kernel), gradients

        return self.activation(tf.nn.bias_add(product(inputs, self.kernel.value), self.bias.value))


class MaxPooling2D(keras.layers.MaxPooling2D):
    """Keras's pooling of 2×2 pixels, whose gradient XLA computes faster on a CPU.

    It compares pixels two by two. A window that XLA reduces has a gradient that looks for the maximum again, one value
    at a time. Where values tie, the gradient goes to the first of them in either way.
    """

    def call(self, inputs: Any) -> Any:
        """Return the outputs (batch, height / 2, width / 2, channels) of inputs (batch, height, width, channels)."""
        from jax import numpy as jnp

        *_, height, width, channels = inputs.shape
        pairs = inputs.reshape(-1, height, width // 2, 2, channels)
        left, right = pairs[:, :, :, 0], pairs[:, :, :, 1]
        pairs = jnp.where(left >= right, left, right).reshape(-1, height // 2, 2, width // 2, channels)
        upper, lower = pairs[:, :, 0], pairs[:, :, 1]
        return jnp.where(upper >= lower, upper, lower)


class Dropout(keras.layers.Dropout):
    """Keras's dropout on PyTorch, which compares a random number a unit with the rate.

    A Bernoulli draw a unit, as in Keras, takes four times as long. The mask depends on the layer's random state alone.
    """

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return inputs of any shape, in training with a share of `rate` set to 0 and the rest scaled up."""
        import torch

        if not training or self.rate == 0:
            return inputs
        generator = torch.Generator(inputs.device)
        generator.manual_seed(int(self.seed_generator.next().sum()))
        kept = torch.rand(inputs.shape, generator=generator, device=inputs.device) >= self.rate
        return inputs * (kept / (1 - self.rate)).to(inputs.dtype)
