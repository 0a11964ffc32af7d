"""Steps per second of the tutorial's recipe: this program, and what people would use instead.

Each contestant trains in a process of its own, on real images in batches of 100. All are started, and then run in
turns of a few hundred steps, so that a machine that is slow for a minute is slow for all of them.
"""

import os
import pty
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import TextIO

import numpy as np
from roofline import compiled_steps
from table import Row, ratio

STEPS = 200  # a turn
STEPS_PER_CALL = 50  # of the bare loop, as of this program
BATCH_SIZE = 100

Turns = Iterator[int]
Contestant = Callable[[Path, Turns], None]


def turns(answers: TextIO) -> Turns:
    """Yield the steps to train on whenever the parent asks for a turn, and answer with the seconds that it took."""
    print("ready", file=answers, flush=True)
    for _ in sys.stdin:
        began = perf_counter()
        yield STEPS
        print(perf_counter() - began, file=answers, flush=True)
    sys.exit()


def arrays(data: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the training images (55000, 28, 28, 1) float32 in [0, 1] and their labels (55000,) int64."""
    from mnistcnn.data.sources import load_dataset

    split = load_dataset(str(data)).split("train")
    return split.images[..., None] / np.float32(255), split.labels.astype(np.int64)


def mnistcnn(data: Path, turns: Turns, *, precision: str) -> None:
    """`mnistcnn train`, with its live view on a terminal, its log file and its checkpoints."""
    from mnistcnn.config import TrainConfig
    from mnistcnn.data.sources import load_dataset
    from mnistcnn.events import Listener, TrainingEvent, TrainingProgress
    from mnistcnn.report.live_view import TrainingView
    from mnistcnn.report.training_log import TrainingLog
    from mnistcnn.runtime.backend import start_keras
    from mnistcnn.runtime.outputs import Outputs, claimed_outputs

    start_keras("tensorflow", to_train=True)
    from mnistcnn.training.run import train

    def take_turns(event: TrainingEvent) -> None:
        if isinstance(event, TrainingProgress) and event.step % STEPS == 0:
            next(turns)

    next(turns)
    with tempfile.TemporaryDirectory() as folder:
        outputs = Outputs(model=Path(folder, "mnistcnn.keras"), log=Path(folder, "run.jsonl"))
        assert outputs.log is not None
        with claimed_outputs(outputs), TrainingView() as view:
            listeners: list[Listener] = [view, TrainingLog(outputs.log), take_turns]
            train(TrainConfig(precision=precision), load_dataset(str(data)), outputs=outputs, listeners=listeners)


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
        steps = 0

        def on_train_batch_end(self, batch: int, logs: object = None) -> None:
            self.steps += 1
            if self.steps % STEPS == 0:
                next(turns)

    model.compile(loss="categorical_crossentropy", optimizer=keras.optimizers.SGD(0.001), metrics=["accuracy"])
    next(turns)
    model.fit(images, keras.utils.to_categorical(labels), batch_size=BATCH_SIZE, epochs=100, callbacks=[TakeTurns()])


def torch_loop(data: Path, turns: Turns, *, autocast: bool) -> None:
    """PyTorch as its tutorials have it: a DataLoader and a loop."""
    import torch
    from torch import nn

    images, labels = arrays(data)
    dataset = torch.utils.data.TensorDataset(
        torch.from_numpy(images.transpose(0, 3, 1, 2).copy()), torch.from_numpy(labels)
    )
    loader = torch.utils.data.DataLoader(dataset, batch_size=BATCH_SIZE, shuffle=True)
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
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
    batches = (batch for _ in range(100) for batch in loader)
    for steps in turns:
        for _ in range(steps):
            inputs, targets = next(batches)
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                loss = nn.functional.cross_entropy(model(inputs), targets)
            loss.backward()
            optimizer.step()


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
    "mnistcnn train": partial(mnistcnn, precision="auto"),
    "mnistcnn train --precision float32": partial(mnistcnn, precision="float32"),
    "plain Keras `fit`": keras_fit,
    "plain PyTorch": partial(torch_loop, autocast=False),
    "plain PyTorch, autocast": partial(torch_loop, autocast=True),
    "the tutorial's graph": tutorial_graph,
    "a bare loop over the kernels": bare_loop,
}


class Opponent:
    """A contestant's process, which trains when it is told to."""

    def __init__(self, name: str, data: Path) -> None:
        self._terminal, terminal = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, __file__, name, str(data)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=terminal,
            text=True,
            env=os.environ | {"KERAS_BACKEND": "tensorflow", "TERM": "xterm-256color"},
        )
        os.close(terminal)
        self._said = bytearray()
        threading.Thread(target=self._listen, daemon=True).start()
        self._answer()

    def _listen(self) -> None:
        try:
            while said := os.read(self._terminal, 1 << 16):
                self._said = (self._said + said)[-5_000:]
        except OSError:  # its end of the terminal is closed
            return

    def _answer(self) -> str:
        assert self._process.stdout is not None
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"a contestant ended: {self._said.decode(errors='replace')}")
        return answer

    def turn(self) -> float:
        """Let it train for a turn and return its steps per second."""
        assert self._process.stdin is not None
        print("go", file=self._process.stdin, flush=True)
        return STEPS / float(self._answer())

    def end(self) -> None:
        """Let it go."""
        self._process.kill()
        self._process.communicate()


def measure(data: Path, rounds: int) -> list[Row]:
    """Return a row for each contestant; its ratio is that of this program's rate to its own."""
    missing = [name for name in CONTESTANTS if "PyTorch" in name and find_spec("torch") is None]
    opponents = {name: Opponent(name, data) for name in CONTESTANTS if name not in missing}
    rates: dict[str, list[float]] = {name: [] for name in opponents}
    for number in range(rounds + 1):
        for name, opponent in opponents.items():
            rate = opponent.turn()
            if number > 0:  # the first warms up
                rates[name].append(rate)
                print(f"{name}: {rate:.1f} steps/s", file=sys.stderr, flush=True)
    for opponent in opponents.values():
        opponent.end()
    ours, ours32, *others = rates
    rows = [
        Row(ours, "steps/s", rates[ours]),
        Row(ours32, "steps/s", rates[ours32], f"{ratio(rates[ours], rates[ours32]):.2f}"),
    ]
    for name in others:
        both = [ratio(rates[own], rates[name]) for own in (ours, ours32)]
        rows.append(Row(name, "steps/s", rates[name], f"{both[0]:.2f}; float32 {both[1]:.2f}"))
    return rows + [Row(name, "steps/s", [], "skipped: torch is not installed") for name in missing]


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a contestant prints is not an answer
    CONTESTANTS[sys.argv[1]](Path(sys.argv[2]), turns(answers))
