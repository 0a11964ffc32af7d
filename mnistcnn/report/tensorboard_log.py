"""TensorBoard's event files of a training run: curves, graph, histograms of the logged probabilities, misread images.

Events go in. TensorBoard is an optional extra, and only this module imports it. The runs `train`, `validation` and
`test` share the tags `loss` and `accuracy`, so that TensorBoard draws each in one chart.
"""

import time
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from tensorboard.compat.proto.attr_value_pb2 import AttrValue
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.graph_pb2 import GraphDef
from tensorboard.compat.proto.node_def_pb2 import NodeDef
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.versions_pb2 import VersionDef
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from mnistcnn.events import TrainingEvent, TrainingRecord, TrainingStarted
from mnistcnn.results import Evaluation, Layer, Mistake, TrainingResult, TrainingValidation

# bins: of each histogram, between 0 and 1
HISTOGRAM_BINS = 20


class TensorBoardLog:
    """A listener that writes event files into the folders `train`, `validation` and `test` of a folder.

    `earlier` are the event files of an earlier run; a run that starts at step 0 removes them.
    """

    def __init__(self, folder: Path, earlier: Iterable[Path] = ()) -> None:
        self._folder = folder
        self._earlier = earlier
        self._writers: dict[str, EventFileWriter] = {}
        self._start_step = 0

    def __call__(self, event: TrainingEvent) -> None:
        """Write what one event of a run says."""
        if isinstance(event, TrainingStarted):
            self._start_step = event.start_step
            if not self._start_step:
                for path in self._earlier:
                    path.unlink()
            self._write("train", 0, graph_def=graph(event.layers).SerializeToString())
        elif isinstance(event, TrainingRecord):
            self._write_record(event)
        elif isinstance(event, TrainingValidation):
            self._write_scalars("validation", event.step, loss=event.loss, accuracy=event.accuracy)
        elif isinstance(event, TrainingResult) and event.test is not None:
            self._write_test(event.test, event.step)

    def close(self) -> None:
        """Write what is still in memory and close the files."""
        for writer in self._writers.values():
            writer.close()

    def _write_record(self, record: TrainingRecord) -> None:
        rate = record.steps_per_second
        self._write_scalars("train", record.step, loss=record.loss, accuracy=record.accuracy, steps_per_second=rate)
        probabilities = np.array(record.probabilities)  # (batch, 10)
        of_labels = probabilities[np.arange(len(record.labels)), record.labels]
        values = [
            Summary.Value(tag="probabilities", histo=histogram(probabilities)),
            Summary.Value(tag="probability_of_the_label", histo=histogram(of_labels)),
        ]
        self._write("train", record.step, summary=Summary(value=values))

    def _write_test(self, test: Evaluation, step: int) -> None:
        self._write_scalars("test", step, loss=test.loss, accuracy=test.accuracy)
        values = [misread_image(mistake) for mistake in test.worst_mistakes]
        self._write("test", step, summary=Summary(value=values))

    def _write_scalars(self, run: str, step: int, **scalars: float) -> None:
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        self._write(run, step, summary=Summary(value=values))

    def _write(self, run: str, step: int, **content: object) -> None:
        if run not in self._writers:
            self._writers[run] = EventFileWriter(str(self._folder / run))
            if self._start_step:  # TensorBoard drops what an interrupted run wrote after this step
                restart = SessionLog(status=SessionLog.START)
                self._writers[run].add_event(
                    Event(step=self._start_step + 1, wall_time=time.time(), session_log=restart)
                )
        self._writers[run].add_event(Event(step=step, wall_time=time.time(), **content))


def graph(layers: Sequence[Layer]) -> GraphDef:
    """Return the network as a graph with a node for each layer, the same on every backend."""
    nodes = []
    for layer in layers:
        shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=-1 if size is None else size) for size in layer.shape])
        attributes = {
            "_output_shapes": AttrValue(list=AttrValue.ListValue(shape=[shape])),
            "parameters": AttrValue(i=layer.parameters),
        }
        nodes.append(NodeDef(name=layer.name, op=layer.kind, input=layer.inputs, attr=attributes))
    return GraphDef(node=nodes, versions=VersionDef(producer=22))


def histogram(probabilities: np.ndarray) -> HistogramProto:
    """Return the histogram over [0, 1] of an array of probabilities, of any shape."""
    counts, edges = np.histogram(probabilities, bins=HISTOGRAM_BINS, range=(0, 1))
    return HistogramProto(
        min=probabilities.min(),
        max=probabilities.max(),
        num=probabilities.size,
        sum=probabilities.sum(),
        sum_squares=(probabilities**2).sum(),
        bucket_limit=edges[1:].tolist(),
        bucket=counts.tolist(),
    )


def misread_image(mistake: Mistake) -> Summary.Value:
    """Return a misread image (28, 28) as a PNG, named by its label, its answer and its file or position."""
    png = BytesIO()
    Image.fromarray(mistake.image).save(png, "PNG")
    image = Summary.Image(height=28, width=28, colorspace=1, encoded_image_string=png.getvalue())
    name = mistake.name.replace(" ", "_")
    return Summary.Value(tag=f"misread/{mistake.label}_as_{mistake.digit}_{name}", image=image)
