"""What TensorBoard reads in the event files of a run, read back with TensorBoard's own reader."""

import time
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from helpers import DIGITS, Events, short_config
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.graph_pb2 import GraphDef

from mnistcnn.report.tensorboard_log import TensorBoardLog
from mnistcnn.results import TrainingResult, TrainingValidation
from mnistcnn.runtime.outputs import Outputs, event_files
from mnistcnn.training.run import train

HOUR = 3600  # seconds

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard")  # its own use of NumPy


def read(folder: Path, run: str) -> EventAccumulator:
    """All events of one of the runs."""
    accumulator = EventAccumulator(str(folder / run), size_guidance={"images": 0, "histograms": 0})
    return accumulator.Reload()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Events, TrainingResult]:
    """A short run with its folder of event files, and what other listeners were told."""
    folder, events = tmp_path_factory.mktemp("boards"), Events()
    log = TensorBoardLog(folder)
    result = train(short_config(20, validate_every=10), DIGITS, listeners=[log, events])
    log.close()
    return folder, events, result


def test_scalars_are_those_of_the_records(run: tuple[Path, Events, TrainingResult]) -> None:
    """Loss and accuracy of the batches, the validations and the test, each in a run of its own, in float32."""
    began = time.time() - HOUR
    folder, events, result = run
    train_run = read(folder, "train")
    assert set(train_run.Tags()["scalars"]) == {"loss", "accuracy", "steps_per_second"}
    for tag in ("loss", "accuracy", "steps_per_second"):
        found = [(scalar.step, scalar.value) for scalar in train_run.Scalars(tag)]
        assert found == [(record.step, np.float32(getattr(record, tag))) for record in events.records]
    validations = [event for event in events if isinstance(event, TrainingValidation)]
    found = [(scalar.step, scalar.value) for scalar in read(folder, "validation").Scalars("accuracy")]
    assert found == [(event.step, np.float32(event.accuracy)) for event in validations]
    assert result.test is not None
    [loss] = read(folder, "test").Scalars("loss")
    assert (loss.step, loss.value) == (20, np.float32(result.test.loss))
    times = [*(scalar.wall_time for scalar in train_run.Scalars("loss")), loss.wall_time]
    assert began < times[0] < times[-1] <= time.time()
    assert times == sorted(times)


def test_histograms_are_those_of_the_logged_probabilities(run: tuple[Path, Events, TrainingResult]) -> None:
    """80 probabilities of each record, and the 8 of its labels, in 20 steps of [0, 1]."""
    folder, events, _ = run
    accumulator = read(folder, "train")
    assert set(accumulator.Tags()["histograms"]) == {"probabilities", "probability_of_the_label"}
    for shown, record in zip(accumulator.Histograms("probabilities"), events.records, strict=True):
        assert shown.step == record.step
        counts, edges = np.histogram(record.probabilities, bins=20, range=(0, 1))
        assert shown.histogram_value.bucket == counts.tolist()
        assert shown.histogram_value.bucket_limit == edges[1:].tolist()
        assert shown.histogram_value.num == 80
        assert shown.histogram_value.sum == pytest.approx(8)
    assert [shown.histogram_value.num for shown in accumulator.Histograms("probability_of_the_label")] == [8] * 4


def test_the_graph_is_the_network(run: tuple[Path, Events, TrainingResult]) -> None:
    """Its layers in their order, each with its shape and parameters, 3,274,634 in all."""
    graph = GraphDef.FromString(read(run[0], "train").Graph().SerializeToString())
    names = ["image", "conv1", "pool1", "conv2", "pool2", "flatten", "dense", "dropout", "logits"]
    assert [node.name for node in graph.node] == names
    assert [list(node.input) for node in graph.node] == [[], *([name] for name in names[:-1])]
    assert sum(node.attr["parameters"].i for node in graph.node) == 3_274_634
    [shape] = graph.node[3].attr["_output_shapes"].list.shape
    assert [dimension.size for dimension in shape.dim] == [-1, 14, 14, 64]


def test_images_are_the_worst_mistakes(run: tuple[Path, Events, TrainingResult]) -> None:
    """Each image decodes to its pixels, under a tag that says what it is and what it was read as."""
    folder, _, result = run
    accumulator = read(folder, "test")
    assert result.test is not None
    mistakes = result.test.worst_mistakes
    tags = [f"misread/{one.label}_as_{one.digit}_image_{one.position}" for one in mistakes]
    assert sorted(accumulator.Tags()["images"]) == sorted(tags)
    for tag, mistake in zip(tags, mistakes, strict=True):
        [shown] = accumulator.Images(tag)
        assert (np.array(Image.open(BytesIO(shown.encoded_image_string))) == mistake.image).all()


def test_a_resumed_run_drops_what_was_written_past_its_checkpoint(tmp_path: Path) -> None:
    """Killed after step 15 with a checkpoint of step 10, it shows each step once."""
    outputs = Outputs(model=tmp_path / "m.keras", resume=True)
    folder, config = tmp_path / "boards", short_config(20)

    def killed(event: object) -> None:
        if getattr(event, "step", 0) == 15:
            raise KeyboardInterrupt

    log = TensorBoardLog(folder)
    with pytest.raises(KeyboardInterrupt):
        train(config, DIGITS, outputs=outputs, listeners=[log, killed])
    log.close()
    log = TensorBoardLog(folder)
    train(config, DIGITS, outputs=outputs, listeners=[log])
    log.close()
    assert [scalar.step for scalar in read(folder, "train").Scalars("loss")] == [5, 10, 15, 20]


def test_a_new_run_replaces_an_old_ones_files_alone(tmp_path: Path) -> None:
    """What else lies in the folder stays."""
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "events.out.tfevents.1.old").write_text("old")
    (tmp_path / "train" / "notes.txt").write_text("mine")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "events.out.tfevents.1.other").write_text("another program's")
    log = TensorBoardLog(tmp_path, event_files(tmp_path))
    train(short_config(5), DIGITS, listeners=[log])
    log.close()
    names = sorted(path.name for path in (tmp_path / "train").iterdir())
    assert len(names) == 2
    assert "notes.txt" in names
    assert "events.out.tfevents.1.old" not in names
    assert (tmp_path / "other" / "events.out.tfevents.1.other").exists()
