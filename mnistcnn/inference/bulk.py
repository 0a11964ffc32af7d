"""The same predictions on a Ray cluster: batches of pictures go out, and their predictions come back in order.

Each batch is a task, which Ray gives to a free core of any node, and to another one if the process or the node dies. A
process keeps the model from its first batch on. Ray Data is not used: it would bring pandas, and a second way of
dividing pictures into batches, on which the last bits of the answers depend.
"""

import gc
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import ray
from ray.exceptions import RayError, RayTaskError

from mnistcnn.config import Digits, Invert
from mnistcnn.errors import MnistcnnError
from mnistcnn.inference.prediction import predict_batches
from mnistcnn.model.model_file import TrainedModel, on_keras
from mnistcnn.pictures.finding import Picture
from mnistcnn.results import Prediction
from mnistcnn.runtime.backend import start_backend
from mnistcnn.runtime.ray_cluster import joined_cluster

# batches for each core of the cluster: so many are out at once, some of which wait for an earlier one
BATCHES_AHEAD = 4
# count: so many processes or nodes may die while they read a batch, and then while they read a picture of it alone
MAX_DEATHS = 3


def predict_on_ray(
    address: str,
    trained: TrainedModel,
    backend: str,
    pictures: Iterable[Sequence[Picture]],
    *,
    invert: Invert = "auto",
    digits: Digits = "auto",
) -> Generator[list[tuple[Prediction, ...]], None, None]:
    """Read pictures as `predict_batches` does, on the cores of a Ray cluster, and no more at once than these need.

    A picture that MAX_DEATHS processes died of has an `error`.

    Args:
        address: the cluster's, or "auto".
        trained: the model, which computes in NumPy.
        backend: the backend that the cluster's processes compute on.
        pictures: the pictures in batches. Every node finds their files under the same paths.
        invert: as for `predict_batches`.
        digits: as for `predict_batches`.

    Yields:
        The predictions for each batch, in order and once.

    Raises:
        MnistcnnError: The cluster cannot be found, or its nodes differ.

    """
    with joined_cluster(address, backend):
        read = ray.remote(num_cpus=1, max_retries=MAX_DEATHS - 1, scheduling_strategy="SPREAD")(_read)
        model = ray.put(trained)

        def start(batch: Sequence[Picture]) -> Any:
            return read.remote([model], backend, [_located(picture) for picture in batch], invert, digits)

        def result(answer: Any, batch: Sequence[Picture]) -> list[tuple[Prediction, ...]]:
            try:
                predictions: list[tuple[Prediction, ...]] = ray.get(answer)
            except RayTaskError as error:
                if isinstance(error.cause, MnistcnnError):
                    raise error.cause from None
                raise
            except RayError:  # too many processes have died: each picture gets another chance, alone
                if len(batch) > 1:
                    return [result(start([picture]), [picture])[0] for picture in batch]
                [picture] = batch
                reason = f"{picture.name} cannot be read: the processes that tried it died"
                return [(Prediction(file=picture.name, label=picture.label, error=reason),)]
            return predictions

        pending: deque[tuple[Any, Sequence[Picture]]] = deque()
        for batch in pictures:
            while len(pending) >= BATCHES_AHEAD * ray.cluster_resources().get("CPU", 1):
                yield result(*pending.popleft())
            pending.append((start(batch), batch))
        while pending:
            yield result(*pending.popleft())


def _located(picture: Picture) -> Picture:
    """Return a picture whose file other processes find too, under the same name."""
    return replace(picture, source=picture.source.absolute()) if isinstance(picture.source, Path) else picture


def _read(
    model: list[Any], backend: str, batch: Sequence[Picture], invert: Invert, digits: Digits
) -> list[tuple[Prediction, ...]]:
    """Read a batch in a process of the cluster, which has one core.

    The model's reference comes in a list, which keeps Ray from fetching the model anew for each batch.
    """
    trained = _loaded(model[0], backend)
    [predictions] = predict_batches(trained, [batch], invert=invert, digits=digits, cores=1)
    return predictions


@lru_cache(maxsize=1)
def _loaded(model: Any, backend: str) -> TrainedModel:
    """Return the model that a reference stands for, on a backend that computes on one core."""
    cv2.setNumThreads(1)
    backend = start_backend(backend)
    trained: TrainedModel = ray.get(model)
    trained = trained if backend == "numpy" else on_keras(trained)
    gc.freeze()  # the collector need not go through what is loaded
    return trained
