"""Classes that replace Keras's own where a backend computes the same faster."""

from typing import Any

import keras


class FusedSGD(keras.optimizers.SGD):
    """Keras's SGD, without momentum, with one kernel of TensorFlow for the update of a variable, in place of two.

    The product of rate and gradient, as large as the weights, is never written. The rule is the same.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Move a `tf.Variable` of float32 against the gradient of its shape, by the rate, a scalar.

        Raises AttributeError on another backend than TensorFlow.
        """
        import tensorflow as tf

        rate = tf.cast(learning_rate, tf.float32)
        tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=rate, delta=gradient)


class FusedAdam(keras.optimizers.Adam):
    """Keras's Adam with one kernel of TensorFlow for the update of a variable, in place of a dozen.

    Each of a dozen reads and writes all weights, and that is a tenth of a training step. The rule is the same
    (Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, section 2, last paragraph).
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Move a `tf.Variable` of float32 and its two moments, from the gradient of its shape and the rate, a scalar.

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
    """Keras's Dense, with bias and activation, whose inputs (batch, n) get their gradient as TensorFlow is fast at it.

    Of the gradients g (batch, m) of its outputs it is g Wᵀ; as (W gᵀ)ᵀ, the same but for rounding, no kernel has to
    walk the largest matrix of a step against its rows.
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
