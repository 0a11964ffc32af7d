"""A training run: what it logs, what it computes, and how it goes on after a stop."""

import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import Run
from helpers import DIGITS, Events, result_hash, short_config, weights_hash

from mnistcnn.config import RECIPES, TrainConfig
from mnistcnn.errors import MnistcnnError
from mnistcnn.events import Listener, TrainingEvent, TrainingProgress, TrainingRecord, TrainingStarted
from mnistcnn.model.model_file import load_model
from mnistcnn.runtime.outputs import Outputs, checkpoint_files
from mnistcnn.training.batches import training_batches
from mnistcnn.training.checkpoint_file import Checkpoint, read_latest_checkpoint, write_checkpoint
from mnistcnn.training.fitting import steps_per_execution
from mnistcnn.training.kernels import Dense
from mnistcnn.training.optimizer import make_optimizer
from mnistcnn.training.run import train


def test_where_no_validation_image_has_ink_nothing_is_calibrated() -> None:
    """A run ends with a model without calibration if none of its validation images has ink."""
    blank = replace(DIGITS.split("validation"), images=np.zeros((450, 28, 28), np.uint8))
    result = train(short_config(5), replace(DIGITS, readers={**DIGITS.readers, "validation": lambda: blank}))
    assert result.model is not None
    assert (result.model.metadata.calibration, result.model.metadata.evidence) == (None, None)


def test_the_logged_probabilities_are_those_of_the_training_step(python: Run, backend: str) -> None:
    """Step 50 logs, to 1e-5, the forward pass in training mode with step 49's weights, step 50's batch and dropout."""
    found = json.loads(python("logged_step.py", backend=backend).stdout)
    assert found["backend"] == backend
    assert found["step"] == 50
    assert found["difference"] < 1e-5
    assert found["difference_without_dropout"] > 1e-3
    assert found["loss_difference"] < 1e-5
    assert found["labels_equal"]
    assert found["accuracy_equal"]


def test_records_come_at_their_steps_and_are_whole() -> None:
    """A run logs labels (8,) and probabilities (8, 10) that add up to one at every fifth step."""
    events = Events()
    train(short_config(12), DIGITS, listeners=[events])
    assert [record.step for record in events.records] == [5, 10]
    for record in events.records:
        assert len(record.labels) == 8
        assert np.shape(record.probabilities) == (8, 10)
        np.testing.assert_allclose(np.sum(record.probabilities, axis=1), 1, atol=1e-6)
        hits = np.argmax(record.probabilities, axis=1) == record.labels
        assert record.accuracy == hits.mean()
        chosen = np.array(record.probabilities)[np.arange(8), record.labels]
        assert record.loss == pytest.approx(-np.log(chosen).mean(), rel=1e-5)
        assert record.steps_per_second > 0
    assert isinstance(events[0], TrainingStarted)
    assert [event.step for event in events if isinstance(event, TrainingProgress)] == [5, 10, 12]


def test_a_record_is_of_digits_only() -> None:
    """A record of `best` leaves out the images that show no digit after distortion."""
    events = Events()
    config = replace(RECIPES["best"], steps=5, batch_size=240, log_every=5, checkpoint_every=0)
    train(config, DIGITS, listeners=[events])
    [record] = events.records
    *_, (_, labels) = training_batches(DIGITS.training_images(), config).as_numpy_iterator()
    digits = labels[labels.max(axis=1) == 1]
    assert 200 < len(digits) < 240
    assert record.labels == digits.argmax(axis=1).tolist()
    assert len(record.probabilities) == len(digits)


def test_the_last_loss_and_the_test_split_are_reported() -> None:
    """The result holds the last batch's loss, logged or not, and the measures of the whole test split."""
    events = Events()
    result = train(short_config(10), DIGITS, listeners=[events])
    silent = train(short_config(10, log_every=0), DIGITS)
    assert result.loss == silent.loss == events.records[-1].loss
    assert result.test is not None
    assert (result.test.images, result.test.split, result.test.data) == (500, "test", "sample")
    assert (result.step, result.steps) == (10, 10)


def test_a_run_is_a_function_of_its_seed() -> None:
    """A run ends with the same bytes if its seed is the same, however the steps are grouped, and with others if not."""
    results = [
        train(short_config(20), DIGITS),
        train(short_config(20, log_every=10), DIGITS),
        train(short_config(20, log_every=0, checkpoint_every=0), DIGITS),
        train(short_config(20, seed=4), DIGITS),
    ]
    hashes = [result_hash(result) for result in results]
    assert hashes[0] == hashes[1] == hashes[2] != hashes[3]


@pytest.mark.parametrize(
    ("precision", "optimizer"),
    [
        ("float32", "sgd"),
        ("bfloat16", "adam"),
        pytest.param("float32", "adam", marks=pytest.mark.slow),
        pytest.param("bfloat16", "sgd", marks=pytest.mark.slow),
    ],
)
def test_a_stopped_run_goes_on_bit_for_bit(tmp_path: Path, optimizer: str, precision: str) -> None:
    """A run stopped at a checkpoint and resumed, across epochs, ends with the bytes of one that never stopped."""
    whole = DIGITS.split("train")
    few = replace(whole, images=whole.images[:150], labels=whole.labels[:150])
    config = short_config(20, optimizer=optimizer, precision=precision, batch_size=20)
    digits = replace(DIGITS, readers={**DIGITS.readers, "train": lambda: few})  # an epoch is seven and a half steps
    straight = Events()
    expected = train(config, digits, listeners=[straight])

    outputs = Outputs(model=tmp_path / "m.keras", resume=True)
    before, after = Events(), Events()
    stopped = train(config, digits, outputs=outputs, listeners=[before], should_stop=lambda: len(before.records) == 2)
    assert (stopped.model, stopped.step) == (None, 10)
    assert not outputs.model.exists()

    resumed = train(config, digits, outputs=outputs, listeners=[after])
    assert isinstance(after[0], TrainingStarted)
    assert after[0].start_step == 10
    assert result_hash(resumed) == result_hash(expected)
    losses = [(record.step, record.loss, record.probabilities) for record in before.records + after.records]
    assert losses == [(record.step, record.loss, record.probabilities) for record in straight.records]
    saved = load_model(outputs.model).model.get_weights()
    assert expected.model is not None
    assert all(np.array_equal(a, b) for a, b in zip(saved, expected.model.model.get_weights(), strict=True))


def test_a_stopped_run_without_files_returns_its_model() -> None:
    """What was trained so far is the result, measured, as a checkpoint to go on from is missing."""
    events = Events()
    stopped = train(short_config(20), DIGITS, listeners=[events], should_stop=lambda: len(events.records) == 2)
    assert (stopped.step, stopped.steps, stopped.kept_step) == (10, 20, 10)
    assert stopped.model is not None
    assert stopped.test is not None
    assert stopped.model.metadata.accuracy == stopped.test.accuracy


@pytest.mark.parametrize("recipe", ["fast", pytest.param("best", marks=pytest.mark.slow)])
def test_a_run_with_a_schedule_and_distortions_goes_on_bit_for_bit(tmp_path: Path, recipe: str) -> None:
    """A stopped and resumed run of `fast` or `best` ends with the bytes of one that never stopped."""
    config = replace(RECIPES[recipe], steps=20, batch_size=20, log_every=5, checkpoint_every=10)
    expected = train(config, DIGITS)
    outputs = Outputs(model=tmp_path / "m.keras", resume=True)
    events = Events()
    train(config, DIGITS, outputs=outputs, listeners=[events], should_stop=lambda: len(events.records) == 2)
    assert result_hash(train(config, DIGITS, outputs=outputs)) == result_hash(expected)


def test_a_schedule_depends_on_its_length(tmp_path: Path) -> None:
    """A run with a schedule is another run if its number of steps changes."""
    config = replace(RECIPES["fast"], steps=10, batch_size=20, log_every=5, checkpoint_every=10)
    outputs = Outputs(model=tmp_path / "m.keras", resume=True)
    train(config, DIGITS, outputs=outputs)
    with pytest.raises(MnistcnnError, match="is of another run: steps was 10 and is now 20"):
        train(replace(config, steps=20), DIGITS, outputs=outputs)


def test_the_rate_rises_in_a_line_and_falls_as_a_cosine() -> None:
    """The rate has the values of the paper's formula at the corners of the schedule."""
    config = replace(RECIPES["fast"], steps=100, warmup=0.2, learning_rate=0.004)
    optimizer, rates = make_optimizer(config), []
    for step in (0, 10, 20, 60, 100):
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    assert rates == pytest.approx([0, 0.002, 0.004, 0.002, 0], abs=1e-8)


def test_adam_moves_weights_as_its_paper_says() -> None:
    """Adam's first three updates, with weight decay, are those of Kingma and Ba's formulas in double precision."""
    rate, decay = 0.01, 0.3
    optimizer = make_optimizer(TrainConfig(optimizer="adam", learning_rate=rate, weight_decay=decay))
    rng = np.random.default_rng(0)
    weights, m, v = rng.normal(size=(5, 3)), 0.0, 0.0
    variable = keras.Variable(weights, dtype="float32")
    optimizer.build([variable])
    for t, gradient in enumerate(rng.normal(size=(3, 5, 3)), start=1):
        optimizer.apply([keras.ops.convert_to_tensor(gradient, "float32")])
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        weights = weights * (1 - rate * decay)
        weights = weights - rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-7)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(variable), weights, atol=1e-5)


def test_sgd_moves_weights_against_the_gradient() -> None:
    """SGD's first three updates, with weight decay, are w (1 - λ r) - r g in double precision."""
    rate, decay = 0.1, 0.3
    optimizer = make_optimizer(TrainConfig(optimizer="sgd", learning_rate=rate, weight_decay=decay))
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(5, 3))
    variable = keras.Variable(weights, dtype="float32")
    optimizer.build([variable])
    for gradient in rng.normal(size=(3, 5, 3)):
        optimizer.apply([keras.ops.convert_to_tensor(gradient, "float32")])
        weights = weights * (1 - rate * decay) - rate * gradient
    np.testing.assert_allclose(keras.ops.convert_to_numpy(variable), weights, atol=1e-6)


def test_the_dense_layer_of_training_has_the_gradients_of_calculus() -> None:
    """Dense has the gradients of ReLU(x W + b) that are written out here in double precision."""
    rng = np.random.default_rng(0)
    x, kernel, bias, outer = (rng.normal(size=shape) for shape in ((7, 30), (30, 20), 20, (7, 20)))
    layer = Dense(20, activation="relu")
    layer.build((None, 30))
    layer.set_weights([kernel.astype(np.float32), bias.astype(np.float32)])
    inputs = tf.constant(x, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs)
    found = tape.gradient(outputs, [inputs, layer.kernel.value, layer.bias.value], tf.constant(outer, tf.float32))
    passed = outer * (x @ kernel + bias > 0)
    np.testing.assert_allclose(outputs, np.maximum(x @ kernel + bias, 0), rtol=1e-5, atol=1e-5)
    for gradient, expected in zip(found, (passed @ kernel.T, x.T @ passed, passed.sum(axis=0)), strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-4)


def test_a_recipe_without_held_out_images_trains_on_them_too() -> None:
    """`best` trains on the train and validation splits as one."""
    events = Events()
    train(replace(RECIPES["best"], steps=1, log_every=0, checkpoint_every=0), DIGITS, listeners=[events])
    assert isinstance(events[0], TrainingStarted)
    assert events[0].train_images == 4050 + 450


def test_a_finished_run_is_extended(tmp_path: Path) -> None:
    """A finished run that is resumed with more steps ends with the weights of a run that had them from the start."""
    outputs, events = Outputs(model=tmp_path / "m.keras", resume=True), Events()
    first = train(short_config(13), DIGITS, outputs=outputs)
    extended = train(short_config(20), DIGITS, outputs=outputs, listeners=[events])
    assert isinstance(events[0], TrainingStarted)
    assert events[0].history == first.history
    assert result_hash(extended) == result_hash(train(short_config(20), DIGITS))
    assert load_model(outputs.model).metadata.step == 20


def test_resuming_a_finished_run_trains_no_step(tmp_path: Path) -> None:
    """A finished run that is resumed measures and saves the model again, without a last loss."""
    outputs = Outputs(model=tmp_path / "m.keras", resume=True)
    first = train(short_config(10), DIGITS, outputs=outputs)
    again = train(short_config(10), DIGITS, outputs=outputs)
    assert (again.loss, again.step) == (None, 10)
    assert result_hash(again) == result_hash(first)


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    """The error names the settings that differ, or the step that is too late, and the ways out."""
    outputs = Outputs(model=tmp_path / "m.keras", resume=True)
    train(short_config(10), DIGITS, outputs=outputs)
    with pytest.raises(MnistcnnError) as raised:
        train(short_config(20, learning_rate=0.5, dropout=0.1), DIGITS, outputs=outputs)
    assert str(raised.value) == (
        f"{outputs.checkpoints} is of another run: learning_rate was 0.001 and is now 0.5; "
        "dropout was 0.4 and is now 0.1. Resume with the values it was started with, or start anew with force=True"
    )
    with pytest.raises(MnistcnnError, match="is at step 10 already: resume with steps of that or more, not 5"):
        train(short_config(5), DIGITS, outputs=outputs)


def test_nothing_to_resume_is_said(tmp_path: Path) -> None:
    """A resumed run without a checkpoint starts at step 0, and says so in a note."""
    events = Events()
    outputs = Outputs(model=tmp_path / "m.keras", resume=True)
    train(short_config(5), DIGITS, outputs=outputs, listeners=[events])
    assert isinstance(events[0], TrainingStarted)
    assert events[0].notes == (f"nothing to resume in {outputs.checkpoints}: starting at step 0",)


def test_a_change_of_precision_is_told(tmp_path: Path) -> None:
    """A run resumed in another precision goes on, and says that it is no longer bit-exact."""
    outputs = Outputs(model=tmp_path / "m.keras", resume=True)
    train(short_config(10), DIGITS, outputs=outputs)
    events = Events()
    train(short_config(15, precision="bfloat16"), DIGITS, outputs=outputs, listeners=[events])
    assert isinstance(events[0], TrainingStarted)
    assert events[0].notes == ("precision was float32 and is now bfloat16: the run goes on, but no longer bit for bit",)


def test_the_last_two_checkpoints_are_kept_and_a_torn_one_is_passed_over(tmp_path: Path) -> None:
    """The newest checkpoint but one is read if the newest is cut short or a bit in it flipped."""
    for step in (10, 20, 30):
        checkpoint = Checkpoint(step=step, determinants={"a": 1}, exactness={}, variables={"v.0": np.arange(step)})
        write_checkpoint(tmp_path, checkpoint)
    older, newest = checkpoint_files(tmp_path)
    assert (older.name, newest.name) == ("step-000000020.npz", "step-000000030.npz")
    latest = read_latest_checkpoint(tmp_path)
    assert latest is not None
    assert latest.step == 30
    assert latest.variables["v.0"].tolist() == list(range(30))

    content = newest.read_bytes()
    newest.write_bytes(content[:-40])
    latest = read_latest_checkpoint(tmp_path)
    assert latest is not None
    assert latest.step == 20

    flipped = bytearray(content)
    flipped[200] ^= 1  # a bit in an array: its CRC-32 no longer fits
    newest.write_bytes(flipped)
    latest = read_latest_checkpoint(tmp_path)
    assert latest is not None
    assert latest.step == 20

    older.write_bytes(b"")
    with pytest.raises(MnistcnnError, match="every checkpoint in .* is damaged: start anew with force=True"):
        read_latest_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("log_every", "checkpoint_every", "start_step", "expected"),
    [
        (50, 1000, 0, 50),
        (20, 1000, 0, 20),
        (70, 0, 0, 35),
        (1000, 1000, 0, 50),
        (97, 97, 0, 1),
        (0, 0, 0, 50),
        (50, 1000, 130, 10),
        (50, 1000, 20, 10),
        (0, 30, 0, 30),
        (0, 0, 7, 1),
    ],
)
def test_executions_never_cross_a_logged_step(
    log_every: int, checkpoint_every: int, start_step: int, expected: int
) -> None:
    """An execution has the most steps, up to 50, that never cross a logged or saved step, wherever the run starts."""
    config = TrainConfig(log_every=log_every, checkpoint_every=checkpoint_every)
    assert steps_per_execution(config, start_step) == expected


def test_a_listener_that_fails_ends_the_run(tmp_path: Path) -> None:
    """An error that a listener raises, such as one about a full disk, reaches the caller unchanged."""

    def fail(event: TrainingEvent) -> None:
        if isinstance(event, TrainingRecord):
            raise MnistcnnError("the disk is full")

    listeners: list[Listener] = [fail]
    with pytest.raises(MnistcnnError, match="the disk is full"):
        train(short_config(10), DIGITS, listeners=listeners)


SAME_START = """
import hashlib
from mnistcnn.config import RECIPES, TrainConfig
from mnistcnn.training.fitting import initial_model
model = initial_model(TrainConfig(seed=9), "float32")
print(hashlib.sha256(b"".join(weight.tobytes() for weight in model.get_weights())).hexdigest())
"""


def test_one_seed_starts_from_the_same_weights_on_every_backend(python: Run, backend: str) -> None:
    """A backend's initial weights are, bit for bit, those of this process's backend."""
    from mnistcnn.training.fitting import initial_model

    expected = weights_hash(initial_model(TrainConfig(seed=9), "float32"))
    assert python(SAME_START, backend=backend).stdout.strip() == expected
