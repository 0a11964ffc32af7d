"""The network as training starts from it, its optimizer, and Keras's `fit` as it serves a run best."""

import math
import time
from collections.abc import Iterable
from typing import Any

import keras

from mnistcnn.config import TrainConfig
from mnistcnn.model.network import build_model, initial_weights, logits_model
from mnistcnn.training.callbacks import LastBatch

MAX_STEPS_PER_EXECUTION = 50  # a stop waits for no more than these


def make_optimizer(config: TrainConfig) -> keras.optimizers.Optimizer:
    """Return the optimizer that a configuration names, with its schedule.

    With `warmup` the rate rises from 0 in a line, then falls to 0 as half a cosine (Loshchilov and Hutter, "SGDR:
    Stochastic Gradient Descent with Warm Restarts", 2017). `weight_decay` is apart from the gradient (the same,
    "Decoupled Weight Decay Regularization", 2019).
    """
    if keras.backend.backend() == "tensorflow":
        optimizers = {"sgd": FusedSGD, "adam": FusedAdam}
    else:
        optimizers = {"sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam}
    rate: float | keras.optimizers.schedules.LearningRateSchedule = config.learning_rate
    if config.warmup is not None:
        warmup_steps = round(config.warmup * config.steps)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, decay_steps=config.steps - warmup_steps, warmup_target=rate, warmup_steps=warmup_steps
        )
    return optimizers[config.optimizer](
        learning_rate=rate, weight_decay=config.weight_decay or None, name=config.optimizer
    )


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


def steps_per_execution(config: TrainConfig, start_step: int = 0) -> int:
    """Return how many steps run between two looks from outside, at most 50.

    Executions never cross a step that is logged, checkpointed or validated, wherever the run starts.
    """
    interval = math.gcd(config.log_every, config.checkpoint_every, config.validate_every)
    aligned = math.gcd(interval or MAX_STEPS_PER_EXECUTION, start_step)
    return next(steps for steps in range(MAX_STEPS_PER_EXECUTION, 0, -1) if aligned % steps == 0)


def initial_model(config: TrainConfig, precision: str) -> keras.Model:
    """Build the network down to its logits, with its first weights and an optimizer, as step 0 finds it."""
    dtype = "mixed_bfloat16" if precision == "bfloat16" else "float32"
    dense = Dense if keras.backend.backend() == "tensorflow" and precision == "float32" else keras.layers.Dense
    model = logits_model(build_model(dropout=config.dropout, seed=config.seed, dtype=dtype, dense=dense))
    model.set_weights(initial_weights(model, config.seed))
    model.optimizer = make_optimizer(config)
    model.optimizer.build(model.trainable_variables)
    return model


def fit(
    model: keras.Model,
    config: TrainConfig,
    batches: Iterable[Any],
    start_step: int,
    metric: LastBatch,
    callbacks: list[keras.callbacks.Callback],
) -> float:
    """Train from `start_step` on and return the seconds that took."""
    backend = keras.backend.backend()
    began = time.perf_counter()
    model.compile(
        optimizer=model.optimizer,
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=config.label_smoothing),
        metrics=[metric],
        # Keras runs one step an execution on PyTorch; XLA more than halves the rate of TensorFlow on a CPU.
        steps_per_execution=1 if backend == "torch" else steps_per_execution(config, start_step),
        jit_compile=backend == "jax",
    )
    model.fit(batches, callbacks=callbacks, shuffle=False, verbose=0)
    return time.perf_counter() - began
