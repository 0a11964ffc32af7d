"""Runs that are killed at any moment, and what they end with once they are resumed."""

import random
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import StartTraining
from helpers import (
    UNFINISHED_CHECKPOINT,
    UNFINISHED_MODEL,
    TrainingProcess,
    logged_records,
    timeless,
    weights_hash,
)

from mnistcnn.model.model_file import load_model


@dataclass(frozen=True)
class Kill:
    """A moment to kill a run at: the first one from `step` on at which `reached` holds."""

    step: int
    reached: Callable[[TrainingProcess], bool]


def kills(count: int, steps: int, seed: int) -> Iterator[Kill]:
    """Choose moments spread over a run: its start, its steps, its checkpoints, and at last the writing of its model."""
    randomness = random.Random(seed)
    yield Kill(0, lambda run: run.started)
    for step in sorted(randomness.sample(range(1, steps - 10), count - 2)):
        share = randomness.random()
        moments: list[Callable[[TrainingProcess], bool]] = [
            lambda run: True,
            lambda run, share=share: run.is_writing(UNFINISHED_CHECKPOINT, share),  # type: ignore[misc]
        ]
        yield Kill(step, randomness.choice(moments))
    yield Kill(steps, lambda run: run.is_writing(UNFINISHED_MODEL))


@pytest.mark.parametrize(
    ("count", "steps", "options"),
    [
        pytest.param(4, 60, [], id="a few"),
        pytest.param(22, 300, ["--optimizer", "adam"], id="many", marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_ends_as_one_that_never_stopped(
    tmp_path: Path, start_training: StartTraining, count: int, steps: int, options: list[str]
) -> None:
    """A run killed at seeded moments and resumed ends with the weights and log of one that never stopped."""
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    straight.mkdir()
    killed.mkdir()
    options = [*options, "--steps", str(steps)]
    uninterrupted = start_training(*options, folder=straight)

    died, while_writing = 0, 0
    for kill in kills(count, steps, seed=1):
        run = start_training(*options, "--resume", folder=killed)
        run.until(lambda run=run, kill=kill: run.logged_step >= kill.step and kill.reached(run))  # type: ignore[misc]
        run.send(signal.SIGKILL)
        assert run.end() == -signal.SIGKILL
        died += 1
        while_writing += any(killed.glob(UNFINISHED_CHECKPOINT)) or any(killed.glob(UNFINISHED_MODEL))
        assert not (killed / "run.keras").exists()
    last = start_training(*options, "--resume", folder=killed)
    assert last.end() == 0, last.stderr
    assert uninterrupted.end() == 0, uninterrupted.stderr

    assert died == count
    assert while_writing >= count // 4  # a kill that came as the file got its name is none of these
    ours, theirs = (load_model(folder / "run.keras").model for folder in (killed, straight))
    assert weights_hash(ours) == weights_hash(theirs)
    records = logged_records(killed)
    assert [record["step"] for record in records] == list(range(5, steps + 1, 5))
    assert timeless(records) == timeless(logged_records(straight))
    left = [path.name for folder in (killed, killed / "run.keras.checkpoint") for path in folder.iterdir()]
    assert sorted(left) == sorted(
        ["stderr", "stdout", "run.jsonl", "run.keras", "run.keras.checkpoint", "outputs.json", f"step-{steps:09d}.npz"]
    )
