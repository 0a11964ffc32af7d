"""Training steps on JAX: one compiled call each, without waiting for it.

A Keras model and batches go in; the model's variables change. Nothing here knows a run, its files or its log.
"""

from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np

from mnistcnn.training.batches import Batch


def steps_on_jax(model: keras.Model, loss: Callable[[Any, Any], Any]) -> Callable[[Iterable[Batch]], tuple[Any, Any]]:
    """Return a function that takes a step on each of some batches, from the step the model's optimizer is at.

    A call hands the variables' memory from step to step, and looks at none of them before its end. The step is compiled
    at the first call. Steps are not looped over inside of compiled code: XLA's convolutions on a CPU are many times
    slower there.

    Args:
        model: The model of `initial_model`. After a call its variables and its optimizer's are those of the last step.
        loss: The loss from labels (batch, 10) and logits (batch, 10), a scalar.

    Returns:
        A function of pairs of inputs (rows, 28, 28, 1) float32 and labels (rows, 10) float32, the rows of this process.
        It returns labels and logits of the last batch, both (batch, 10) float32, of all processes.

    """
    import jax

    groups = (model.trainable_variables, model.non_trainable_variables, model.optimizer.variables)

    def losses(weights: Any, others: Any, inputs: Any, labels: Any) -> Any:
        logits, others = model.stateless_call(weights, others, inputs, training=True)
        return loss(labels, logits), (logits, others)

    def step(state: Any, inputs: Any, labels: Any) -> Any:
        weights, others, optimizer = state
        (_, (logits, others)), gradients = jax.value_and_grad(losses, has_aux=True)(weights, others, inputs, labels)
        weights, optimizer = model.optimizer.stateless_apply(optimizer, gradients, weights)
        return (weights, others, optimizer), (labels, logits)

    distribution = keras.distribution.distribution()
    whole = None
    if distribution is not None:  # every process has all of every result
        whole = jax.sharding.NamedSharding(distribution.device_mesh.backend_mesh, jax.sharding.PartitionSpec())
    compiled = jax.jit(step, donate_argnums=0, out_shardings=whole)

    def placed(rows: np.ndarray) -> Any:
        if distribution is None:
            return rows
        layout = distribution.get_data_layout(rows.shape).backend_layout
        return jax.make_array_from_process_local_data(layout, rows)

    def take_steps(batches: Iterable[Batch]) -> tuple[Any, Any]:
        state = tuple([variable.value for variable in group] for group in groups)
        for rows, answers in batches:
            state, (labels, logits) = compiled(state, placed(rows), placed(answers))
        for group, values in zip(groups, state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        return labels, logits

    return take_steps
