"""`mnistcnn predict --ray` on a cluster of two nodes of one core each on the loopback."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from helpers import PATIENCE, default_signals, until
from PIL import Image

if sys.platform == "win32":
    pytest.skip("its process groups are POSIX's", allow_module_level=True)

from ray_nodes import Nodes, others_with, ray_nodes

from mnistcnn.data.sources import load_dataset
from mnistcnn.inference.prediction import batches
from mnistcnn.pictures.finding import Picture

MAX_DEATHS = 3  # of processes that read a batch, and then of those that read one picture of it
PICTURES = 85 + 4 * 250  # in the first four batches, and in four whole ones
OPTIONS = ("-m", "pretrained", "--backend", "numpy", "--format", "jsonl")


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    """A cluster of two nodes."""
    with ray_nodes(os.environ) as started:
        yield started


@pytest.fixture
def names(tmp_path: Path) -> str:
    """Write a list of pictures, of which one in 25 takes long, and a file that is none; return its argument."""
    for number, image in enumerate(load_dataset("sample").split("test").images[:25]):
        levels = image if number else np.kron(255 - image, np.ones((2, 2), np.uint8))
        Image.fromarray(levels).save(tmp_path / f"{number}.png")
    (tmp_path / "bad.png").write_text("nothing")
    pictures = [f"{number % 25}.png" for number in range(PICTURES - 1)]
    (tmp_path / "names.txt").write_text("\n".join(["bad.png", *pictures]))
    return "@names.txt"


@pytest.fixture
def expected(mnistcnn: Run, names: str) -> str:
    """What one process answers."""
    done = mnistcnn("predict", names, *OPTIONS)
    assert (done.returncode, done.stdout.count("\n")) == (1, PICTURES)
    return done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["1.png", "--ray", "ray://host"], "--ray must be auto or HOST:PORT; received 'ray://host'"),
        (
            ["a.csv", "--ray", "auto"],
            "--ray must be left out for CSV files, whose rows one process reads; received 'auto'",
        ),
        (
            ["1.png", "--ray", "auto", "--device", "gpu"],
            "--device must be cpu with --ray, whose processes have a core each; received 'gpu'",
        ),
    ],
)
def test_what_a_cluster_does_not_do_is_refused(command: Run, arguments: list[str], said: str) -> None:
    """One line says what is wrong, before anything is read."""
    done = command("predict", *arguments)
    assert (done.returncode, done.stderr) == (2, f"error: {said}\n")


def test_batches_follow_from_the_place_of_a_picture() -> None:
    """They grow to 250, and whoever goes on at the end of one gets the same ones as before."""
    pictures = [Picture(f"{number}.png") for number in range(1000)]
    every = list(batches(pictures))
    assert [len(batch) for batch in every] == [1, 4, 16, 64, 250, 250, 250, 165]
    start = 0
    for number, batch in enumerate(every):
        assert list(batches(pictures[start:], start)) == every[number:]
        start += len(batch)


def test_ray_is_named_where_it_is_missing(python: Run) -> None:
    """The one line says how to install it."""
    done = python("command_without_modules.py", "ray", "predict", "1.png", "--ray", "auto")
    assert (done.stdout, done.stderr) == ("1\n", "error: ray is not installed: pip install 'mnistcnn[ray]'\n")


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed")
class TestCluster:
    """What needs Ray."""

    def test_there_is_no_cluster(self, mnistcnn: Run) -> None:
        """One line says so, long before Ray itself would."""
        done = mnistcnn("predict", "1.png", *OPTIONS, "--ray", "127.0.0.1:9", timeout=60)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("error: no Ray cluster can be joined at 127.0.0.1:9, ")
        assert done.stderr.count("\n") == 1

    def test_it_answers_as_one_process_does(self, nodes: Nodes, mnistcnn: Run, names: str, expected: str) -> None:
        """The same bytes, the error of the bad picture among them, and the same exit status."""
        done = mnistcnn("predict", names, *OPTIONS, "--ray", nodes.address)
        assert (done.stdout, done.stderr, done.returncode) == (expected, "", 1)

    def test_a_node_dies(
        self, nodes: Nodes, environment: dict[str, str], tmp_path: Path, names: str, expected: str
    ) -> None:
        """What it was reading is read by another one: no answer is lost, and none comes twice."""
        third = nodes.add()
        command = [sys.executable, "-m", "mnistcnn", "predict", names, *OPTIONS, "--ray", nodes.address]
        with (tmp_path / "answers").open("w+b") as answers:
            process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=answers)
            until(process, lambda: (tmp_path / "answers").stat().st_size > 0)
            third.kill()
            assert process.wait(PATIENCE) == 1
            answers.seek(0)
            assert answers.read().decode() == expected

    def test_a_picture_ends_every_process_that_reads_it(
        self, nodes: Nodes, environment: dict[str, str], tmp_path: Path, names: str
    ) -> None:
        """It has an error, and the pictures around it are read."""
        deadly = tmp_path / "deadly.png"
        os.mkfifo(deadly)  # whoever reads it waits for a writer, who kills it
        given = ["1.png", "2.png", "deadly.png", "3.png"]
        command = [sys.executable, "-m", "mnistcnn", "predict", *given, *OPTIONS, "--ray", nodes.address]
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE)
        killed: set[int] = set()
        with deadly.open("wb"):
            for _ in range(2 * MAX_DEATHS):  # in a batch, and alone
                until(process, lambda: not killed.issuperset(others_with(deadly)))
                for worker in others_with(deadly):  # the next may have come already
                    if worker not in killed:
                        os.kill(worker, signal.SIGKILL)
                        killed.add(worker)
        answers = [json.loads(line) for line in process.communicate(timeout=PATIENCE)[0].splitlines()]
        assert process.returncode == 1
        errors = [None, None, "deadly.png cannot be read: the processes that tried it died", None]
        assert [(each["file"], each["error"]) for each in answers] == list(zip(given, errors, strict=True))

    def test_ctrl_c_ends_the_job(
        self, nodes: Nodes, environment: dict[str, str], mnistcnn: Run, tmp_path: Path, names: str, expected: str
    ) -> None:
        """The exit status is a shell's, and the same command goes on after the last whole part."""
        arguments = ["predict", names, *OPTIONS, "--ray", nodes.address, "--output", "answers"]
        process = subprocess.Popen(
            [sys.executable, "-m", "mnistcnn", *arguments], cwd=tmp_path, env=environment, preexec_fn=default_signals
        )
        until(process, (tmp_path / "answers.part.json").exists)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        done = mnistcnn(*arguments)
        assert "going on after the " in done.stderr
        assert (tmp_path / "answers").read_text() == expected

    def test_a_node_has_another_version(self, nodes: Nodes, mnistcnn: Run, tmp_path: Path) -> None:
        """The first line says which, before any picture is read."""
        (tmp_path / "mnistcnn-99.0.dist-info").mkdir()
        (tmp_path / "mnistcnn-99.0.dist-info" / "METADATA").write_text("Name: mnistcnn\nVersion: 99.0\n")
        path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
        other = nodes.add(PYTHONPATH=path)
        done = mnistcnn("predict", "1.png", *OPTIONS, "--ray", nodes.address)
        other.kill()
        assert (done.returncode, done.stdout) == (1, "")
        assert " has mnistcnn 99.0, this machine " in done.stderr
