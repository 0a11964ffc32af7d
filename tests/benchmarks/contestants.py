"""Programs that train the tutorial's network: this one, and what people would use instead.

python tests/benchmarks/contestants.py NAME FOLDER

Each trains in a process of its own, on real images in batches of 100, for as many steps as a line of its standard input
says, and answers on standard output with the seconds that they took.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, TextIO

import numpy as np
from roofline import compiled_steps

STEPS_PER_CALL = 50  # of the bare loop, as of this program
BATCH_SIZE = 100

Turns = Iterator[int]
Contestant = Callable[[Path, Turns], None]


def turns(answers: TextIO) -> Turns:
    """Yield the steps to train on whenever the parent asks for a turn, and answer with the seconds that it took."""
    print("ready", file=answers, flush=True)
    for steps in sys.stdin:
        began = perf_counter()
        yield int(steps)
        print(perf_counter() - began, file=answers, flush=True)
    sys.exit()


def arrays(data: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the training images (55000, 28, 28, 1) float32 in [0, 1] and their labels (55000,) int64."""
    from mnistcnn.data.sources import load_dataset

    split = load_dataset(str(data)).split("train")
    return split.images[..., None] / np.float32(255), split.labels.astype(np.int64)


def mnistcnn(
    data: Path, turns: Turns, *, backend: str = "tensorflow", precision: str = "auto", recipe: str = "tutorial"
) -> None:
    """`mnistcnn train`, with its live view on a terminal, its log file and its checkpoints; of 20,000 steps."""
    from mnistcnn.config import config_from_recipe
    from mnistcnn.data.sources import load_dataset
    from mnistcnn.events import Listener, TrainingEvent, TrainingProgress
    from mnistcnn.report.live_view import TrainingView
    from mnistcnn.report.training_log import TrainingLog
    from mnistcnn.runtime.backend import start_keras
    from mnistcnn.runtime.outputs import Outputs, claimed_outputs

    start_keras(backend, to_train=True)
    from mnistcnn.training.run import train

    goal = next(turns)

    def take_turns(event: TrainingEvent) -> None:
        nonlocal goal
        if isinstance(event, TrainingProgress) and event.step >= goal:
            goal += next(turns)

    config = config_from_recipe(recipe, steps=20_000, precision=precision)
    with tempfile.TemporaryDirectory() as folder:
        outputs = Outputs(model=Path(folder, "mnistcnn.keras"), log=Path(folder, "run.jsonl"))
        assert outputs.log is not None
        with claimed_outputs(outputs), TrainingView() as view:
            listeners: list[Listener] = [view, TrainingLog(outputs.log), take_turns]
            train(config, load_dataset(str(data)), outputs=outputs, listeners=listeners)


def keras_fit(data: Path, turns: Turns) -> None:
    """Keras as its examples have it: `Sequential`, `compile`, `fit`."""
    import keras
    from keras import layers

    images, labels = arrays(data)
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(1024, activation="relu"),
            layers.Dropout(0.4),
            layers.Dense(10, activation="softmax"),
        ]
    )

    class TakeTurns(keras.callbacks.Callback):  # type: ignore[misc]
        steps, goal = 0, 0

        def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
            if self.steps == self.goal:
                self.goal += next(turns)
            self.steps += 1

    model.compile(loss="categorical_crossentropy", optimizer=keras.optimizers.SGD(0.001), metrics=["accuracy"])
    model.fit(images, keras.utils.to_categorical(labels), batch_size=BATCH_SIZE, epochs=100, callbacks=[TakeTurns()])


def torch_loop(
    data: Path,
    turns: Turns,
    *,
    autocast: bool,
    channels_last: bool = False,
    compiled: bool = False,
    recipe: str = "tutorial",
) -> None:
    """PyTorch as its tutorials have it, a DataLoader and a loop; or as its tuning guide has it, with more said."""
    import torch
    from torch import nn

    model = nn.Sequential(
        nn.Conv2d(1, 32, 5, padding="same"),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5, padding="same"),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(3136, 1024),
        nn.ReLU(),
        nn.Dropout(0.4),
        nn.Linear(1024, 10),
    )
    layout = torch.channels_last if channels_last else torch.contiguous_format
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = model.to(device, memory_format=layout)
    if recipe == "tutorial":
        optimizer: Any = torch.optim.SGD(model.parameters(), lr=0.001)
        images, labels = arrays(data)
        tensors = torch.from_numpy(images.transpose(0, 3, 1, 2).copy()), torch.from_numpy(labels)
        dataset = torch.utils.data.TensorDataset(*tensors)
        loader = torch.utils.data.DataLoader(dataset, batch_size=BATCH_SIZE, shuffle=True)
        batches = (batch for _ in range(100) for batch in loader)
    else:
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.001, weight_decay=0.3, fused=True)
        batches = (tuple(map(torch.tensor, pair)) for pair in own_batches(data, recipe))
        batches = ((inputs.permute(0, 3, 1, 2), labels) for inputs, labels in batches)
    network = torch.compile(model) if compiled else model
    for steps in turns:
        for _ in range(steps):
            inputs, targets = (tensor.to(device) for tensor in next(batches))
            optimizer.zero_grad()
            with torch.autocast(device, torch.bfloat16, enabled=autocast):
                loss = nn.functional.cross_entropy(network(inputs.to(memory_format=layout)), targets)
            loss.backward()
            optimizer.step()
        loss.item()  # waits for a GPU


def own_batches(data: Path, recipe: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the batches of this program's recipe, distorted if it says so, for other programs to train on."""
    from mnistcnn.config import config_from_recipe
    from mnistcnn.data.sources import load_dataset
    from mnistcnn.training.batches import training_batches

    source = load_dataset(str(data))
    config = config_from_recipe(recipe, steps=20_000)
    split = source.split("train") if config.validation_held_out else source.training_images()
    yield from training_batches(split, config).as_numpy_iterator()


def jax_loop(data: Path, turns: Turns, *, recipe: str = "tutorial") -> None:
    """JAX as its tutorials have it: one compiled step, whose weights are donated, on float32 images."""
    import jax
    import jax.numpy as jnp

    def layer(inputs: Any, kernel: Any, bias: Any) -> Any:
        layout = ("NHWC", "HWIO", "NHWC")
        outputs = jax.nn.relu(
            jax.lax.conv_general_dilated(inputs, kernel, (1, 1), "SAME", dimension_numbers=layout) + bias
        )
        return jax.lax.reduce_window(outputs, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    def loss(weights: Any, key: Any, inputs: Any, targets: Any) -> Any:
        flat = layer(layer(inputs, *weights[:2]), *weights[2:4]).reshape(BATCH_SIZE, -1)
        dense = jax.nn.relu(flat @ weights[4] + weights[5])
        dense = jnp.where(jax.random.bernoulli(key, 0.6, dense.shape), dense / 0.6, 0)
        return -jnp.mean(jnp.sum(targets * jax.nn.log_softmax(dense @ weights[6] + weights[7]), axis=1))

    def sgd(weights: Any, moments: Any, gradients: Any, step: Any) -> Any:
        return [weight - 0.001 * gradient for weight, gradient in zip(weights, gradients, strict=True)], moments

    def adam(weights: Any, moments: Any, gradients: Any, step: Any) -> Any:
        first, second = moments
        first = [0.9 * m + 0.1 * g for m, g in zip(first, gradients, strict=True)]
        second = [0.999 * v + 0.001 * g * g for v, g in zip(second, gradients, strict=True)]
        rate = 0.001 * jnp.sqrt(1 - 0.999 ** (step + 1.0)) / (1 - 0.9 ** (step + 1.0))
        each = zip(weights, first, second, strict=True)
        return [0.9997 * w - rate * m / (jnp.sqrt(v) + 1e-7) for w, m, v in each], (first, second)

    update = sgd if recipe == "tutorial" else adam

    def take_step(state: Any, inputs: Any, targets: Any) -> Any:
        weights, moments, step = state
        gradients = jax.grad(loss)(weights, jax.random.fold_in(jax.random.key(0), step), inputs, targets)
        return *update(weights, moments, gradients, step), step + 1

    shapes = ((5, 5, 1, 32), (32,), (5, 5, 32, 64), (64,), (3136, 1024), (1024,), (1024, 10), (10,))
    random = np.random.default_rng(0)
    weights = [jnp.asarray(random.uniform(-0.05, 0.05, shape), jnp.float32) for shape in shapes]
    moments = () if recipe == "tutorial" else tuple([jnp.zeros(shape) for shape in shapes] for _ in range(2))
    state = (weights, moments, jnp.asarray(0))
    compiled = jax.jit(take_step, donate_argnums=0)
    batches = own_batches(data, recipe)
    for steps in turns:
        for _ in range(steps):
            state = compiled(state, *next(batches))
        jax.block_until_ready(state)


def tutorial_graph(data: Path, turns: Turns) -> None:
    """The tutorial's graph and session: a step a call, its probabilities fetched every 50."""
    import tensorflow.compat.v1 as tf

    tf.disable_eager_execution()
    images, labels = arrays(data)

    def weights(*shape: int) -> tf.Variable:
        return tf.Variable(tf.keras.initializers.GlorotUniform()(shape))

    def conv(x: tf.Tensor, inputs: int, filters: int) -> tf.Tensor:
        x = tf.nn.conv2d(x, weights(5, 5, inputs, filters), 1, "SAME")
        return tf.nn.max_pool2d(tf.nn.relu(tf.nn.bias_add(x, tf.Variable(tf.zeros(filters)))), 2, 2, "VALID")

    x, y = tf.placeholder(tf.float32, (None, 28, 28, 1)), tf.placeholder(tf.int64, (None,))
    flat = tf.reshape(conv(conv(x, 1, 32), 32, 64), (-1, 3136))
    dense = tf.nn.relu(flat @ weights(3136, 1024) + tf.Variable(tf.zeros(1024)))
    logits = tf.nn.dropout(dense, rate=0.4) @ weights(1024, 10) + tf.Variable(tf.zeros(10))
    loss = tf.losses.softmax_cross_entropy(tf.one_hot(y, 10), logits)
    train = tf.train.GradientDescentOptimizer(0.001).minimize(loss)
    probabilities = tf.nn.softmax(logits)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        random = np.random.default_rng(0)
        for steps in turns:
            for step in range(1, steps + 1):
                chosen = random.integers(0, len(images), BATCH_SIZE)
                wanted = [train, loss, probabilities] if step % 50 == 0 else [train, loss]
                session.run(wanted, {x: images[chosen], y: labels[chosen]})


def bare_loop(data: Path, turns: Turns) -> None:
    """Take steps on one constant batch, compiled, with nothing around them."""
    from mnistcnn.runtime.backend import start_keras

    start_keras("tensorflow", to_train=True)
    from mnistcnn.runtime.devices import chosen_precision

    run = compiled_steps(chosen_precision("auto", "tensorflow", "cpu"))
    for steps in turns:
        for _ in range(0, steps, STEPS_PER_CALL):
            run(STEPS_PER_CALL)


CONTESTANTS: dict[str, Contestant] = {
    "mnistcnn train": mnistcnn,
    "mnistcnn train --precision float32": partial(mnistcnn, precision="float32"),
    "plain Keras `fit`": keras_fit,
    "plain PyTorch": partial(torch_loop, autocast=False),
    "plain PyTorch, autocast": partial(torch_loop, autocast=True),
    "plain PyTorch, autocast, channels_last": partial(torch_loop, autocast=True, channels_last=True),
    "plain JAX": jax_loop,
    "the tutorial's graph": tutorial_graph,
    "a bare loop over the kernels": bare_loop,
}


def _on(framework: str, backend: str, loop: Callable[..., None]) -> dict[str, dict[str, Contestant]]:
    """Return this program's recipes on a backend, each with the plain programs that it is measured against."""
    return {
        recipe: {
            f"mnistcnn train --backend {backend} --recipe {recipe}": partial(mnistcnn, backend=backend, recipe=recipe),
            f"plain {framework}, {recipe}": partial(loop, recipe=recipe),
        }
        for recipe in ("tutorial", "fast", "best")
    }


# by backend and recipe: this program first, then the plain programs of that framework
BACKENDS = {
    "torch": _on("PyTorch, autocast, channels_last", "torch", partial(torch_loop, autocast=True, channels_last=True)),
    "jax": _on("JAX", "jax", jax_loop),
}
BACKENDS["torch"]["tutorial"] |= {
    "plain PyTorch, channels_last": partial(torch_loop, autocast=False, channels_last=True),
    "plain PyTorch, autocast, channels_last, compiled": partial(
        torch_loop, autocast=True, channels_last=True, compiled=True
    ),
}


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a contestant prints is not an answer
    groups = [CONTESTANTS, *(group for recipes in BACKENDS.values() for group in recipes.values())]
    known = {name: each for group in groups for name, each in group.items()}
    known[sys.argv[1]](Path(sys.argv[2]), turns(answers))
