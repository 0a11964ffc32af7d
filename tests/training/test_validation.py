"""Validation while training: what it measures, what it keeps, and that a run goes on from where it was."""

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import DIGITS, Events, result_hash, short_config

from mnistcnn.errors import MnistcnnError, UsageError
from mnistcnn.inference.evaluation import evaluate
from mnistcnn.model.model_file import load_model
from mnistcnn.report.training_log import TrainingLog
from mnistcnn.results import TrainingResult, TrainingValidation
from mnistcnn.runtime.outputs import Outputs, claimed_outputs
from mnistcnn.training.run import train

# A rate so high that the validation loss soon rises again.
RISING = {"learning_rate": 0.4, "validate_every": 5, "patience": 2}


def resumable(folder: Path) -> Outputs:
    """Return outputs of a run that goes on from its checkpoint if there is one."""
    return Outputs(model=folder / "m.keras", resume=True)


def validations(events: Events) -> list[TrainingValidation]:
    """Return the validations among the events."""
    return [event for event in events if isinstance(event, TrainingValidation)]


@pytest.fixture(scope="module")
def straight() -> TrainingResult:
    """A run whose patience ends it, and which nothing else stops."""
    return train(short_config(100, **RISING), DIGITS)


def test_a_validation_is_an_evaluation_of_that_step() -> None:
    """A validation finds, at every tenth step, what `evaluate` finds of a run that ends there."""
    events = Events()
    result = train(short_config(20, validate_every=10, learning_rate=0.1), DIGITS, listeners=[events])
    assert [event.step for event in validations(events)] == [10, 20]
    assert result.history.validations == tuple(validations(events))
    for event in validations(events):
        ended = train(short_config(event.step, learning_rate=0.1), DIGITS)
        assert ended.model is not None
        measured = evaluate(ended.model, DIGITS, "validation")
        assert (event.loss, event.accuracy) == pytest.approx((measured.loss, measured.accuracy), rel=1e-6)


def test_validating_changes_nothing_of_the_run() -> None:
    """A run ends with the same bytes whether it validates or not."""
    plain, validated = train(short_config(20), DIGITS), train(short_config(20, validate_every=5), DIGITS)
    assert result_hash(plain) == result_hash(validated)
    assert plain.history.records == validated.history.records


def test_the_run_stops_when_it_gets_no_better_and_the_best_is_kept(tmp_path: Path) -> None:
    """A run with patience keeps and saves the weights and step of its lowest validation loss, not of its last step."""
    config, outputs = short_config(100, **RISING), resumable(tmp_path)
    result = train(config, DIGITS, outputs=outputs)
    losses = {event.step: event.loss for event in result.history.validations}
    best_step = min(losses, key=losses.__getitem__)
    assert result.kept_step == best_step
    assert result.step == best_step + 10 < 100
    assert [event.step for event in result.history.validations if event.is_best][-1] == best_step
    assert result_hash(result) == result_hash(train(short_config(best_step, learning_rate=0.4), DIGITS))
    saved = load_model(outputs.model)
    assert saved.metadata.step == best_step
    assert evaluate(saved, DIGITS, "validation").loss == pytest.approx(losses[best_step], rel=1e-6)


@pytest.mark.parametrize("stop_after", [1, 2, 3])
def test_an_interrupted_run_keeps_what_it_knew_of_the_best(
    tmp_path: Path, straight: TrainingResult, stop_after: int
) -> None:
    """A run stopped after any validation and resumed ends with the bytes and history of one that never stopped."""
    config = short_config(100, **RISING)
    seen = Events()
    stopped = train(
        config,
        DIGITS,
        outputs=resumable(tmp_path),
        listeners=[seen],
        should_stop=lambda: len(validations(seen)) == stop_after,
    )
    assert stopped.step == 5 * stop_after
    resumed = train(config, DIGITS, outputs=resumable(tmp_path))
    assert result_hash(resumed) == result_hash(straight)
    assert (resumed.step, resumed.kept_step) == (straight.step, straight.kept_step)
    assert resumed.history == straight.history


def test_more_patience_takes_up_a_run_that_had_ended(tmp_path: Path) -> None:
    """A run that had ended goes on if resumed with more patience; with the same it trains no step and saves again."""
    first = train(short_config(100, **RISING), DIGITS, outputs=resumable(tmp_path))
    again = train(short_config(100, **RISING), DIGITS, outputs=resumable(tmp_path))
    assert (again.step, again.kept_step, again.loss) == (first.step, first.kept_step, None)
    assert result_hash(again) == result_hash(first)
    patient = short_config(first.step + 10, **RISING | {"patience": 50})
    longer = train(patient, DIGITS, outputs=resumable(tmp_path))
    assert longer.step == first.step + 10
    assert longer.history == train(patient, DIGITS).history


def test_other_validation_steps_are_another_run(tmp_path: Path) -> None:
    """A run refuses other validation steps if it has patience, which makes them decide what weights are kept."""
    train(short_config(10, validate_every=5, patience=1), DIGITS, outputs=resumable(tmp_path))
    with pytest.raises(MnistcnnError, match="validate_every with patience was 5 and is now 10"):
        train(short_config(20, validate_every=10, patience=1), DIGITS, outputs=resumable(tmp_path))
    assert train(short_config(20, validate_every=10), DIGITS, outputs=resumable(tmp_path)).kept_step == 20


def test_patience_that_was_not_there_is_what_makes_another_run(tmp_path: Path) -> None:
    """The error names patience if only patience differs, since the validation steps are the same."""
    train(short_config(10, validate_every=5), DIGITS, outputs=resumable(tmp_path))
    with pytest.raises(MnistcnnError, match="of another run: validate_every with patience was None and is now 5. "):
        train(short_config(20, validate_every=5, patience=3), DIGITS, outputs=resumable(tmp_path))


def test_the_log_tells_records_from_validations(tmp_path: Path) -> None:
    """The log gives a validation a line of its own with the step; a resumed run neither loses nor repeats one."""
    path, config = tmp_path / "log.jsonl", short_config(20, validate_every=10)
    seen = Events()
    with claimed_outputs(replace(resumable(tmp_path), log=path)) as outputs, closing(TrainingLog(path)) as log:
        train(config, DIGITS, outputs=outputs, listeners=[log, seen], should_stop=lambda: len(validations(seen)) == 1)
    with claimed_outputs(replace(resumable(tmp_path), log=path)) as outputs, closing(TrainingLog(path)) as log:
        result = train(config, DIGITS, outputs=outputs, listeners=[log])
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["step"] for line in lines] == [5, 10, 10, 15, 20, 20]
    found = [line for line in lines if "loss" not in line]
    assert found == [
        {"step": event.step, "validation_loss": event.loss, "validation_accuracy": event.accuracy}
        for event in result.history.validations
    ]
    logged = [(line["step"], line["loss"], line["accuracy"]) for line in lines if "loss" in line]
    assert logged == [(point.step, point.loss, point.accuracy) for point in result.history.records]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"validate_every": 7}, "validate_every must be a multiple of log_every, which is 5; received 7"),
        ({"validate_every": -5}, "validate_every must be a whole number from 0 on; received -5"),
        ({"patience": 2}, "patience must be 0 without validate_every; received 2"),
        ({"patience": -1}, "patience must be a whole number from 0 on; received -1"),
    ],
)
def test_wrong_intervals_are_refused(changes: dict[str, int], message: str) -> None:
    """TrainConfig refuses a wrong interval or patience by its name."""
    with pytest.raises(UsageError, match=message):
        short_config(10, **changes)
