"""The HTTP application of `mnistcnn serve`: a page to draw on, and answers as JSON for the page and for programs.

Models by name go in; a Starlette application comes out. `questions` receives what is asked, `gate` stands in front.
"""

import asyncio
import os
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from mnistcnn.app.questions import Question, Queue, place_of_digit, read_question
from mnistcnn.errors import MnistcnnError, UsageError, printable
from mnistcnn.inference.explanation import explain
from mnistcnn.inference.prediction import predict_numbers
from mnistcnn.model.architecture import known_layers
from mnistcnn.model.model_file import TrainedModel
from mnistcnn.pictures.finding import Picture
from mnistcnn.report.machine_formats import prediction_fields
from mnistcnn.results import Prediction, text_of

FILES = Path(__file__).with_name("page")
# images in the row of examples: the hardest for the model, and so many of each digit
HARDEST = 10
OF_EACH = 2


class Answers:
    """The answers to requests, from models by name; the first is asked if none is named."""

    def __init__(self, models: Mapping[str, TrainedModel]) -> None:
        self._models = dict(models)
        self._queue = Queue()
        self._threads = ThreadPoolExecutor(os.cpu_count())
        self._examples: dict[str, list[dict[str, Any]]] = {}
        self.counts = Counter[str]()

    async def predict(self, request: Request) -> Response:
        """Read a picture."""
        return await self._answer(request, self._predicted)

    async def explain(self, request: Request) -> Response:
        """Say what each layer makes of a digit of a picture, and what speaks for each answer."""
        return await self._answer(request, self._explained)

    async def models(self, request: Request) -> Response:
        """Describe the models and their layers."""
        described = [{"name": name, **_description(trained)} for name, trained in self._models.items()]
        layers = [{"name": each.name, "kind": each.kind, "shape": each.shape[1:]} for each in known_layers()]
        return JSONResponse({"models": described, "layers": layers})

    async def weights(self, request: Request) -> Response:
        """Return the weights of a model that the page computes with: those of the convolutions and of the logits."""
        _, trained = self._named(request.query_params.get("model"))
        kernel1, bias1, kernel2, bias2, _, _, kernel4, bias4 = trained.model.get_weights()
        named = {"conv1": (kernel1, bias1), "conv2": (kernel2, bias2), "logits": (kernel4, bias4)}
        return JSONResponse({name: {"kernel": packed(k), "bias": packed(b)} for name, (k, b) in named.items()})

    async def examples(self, request: Request) -> Response:
        """Return test images of the sample, those that are hard for a model among them."""
        name, trained = self._named(request.query_params.get("model"))
        if name not in self._examples:
            with self._queue.place():
                self._examples[name] = await self._computed(partial(_examples, trained))
        return JSONResponse({"examples": self._examples[name]})

    async def healthz(self, request: Request) -> Response:
        """Say that the server answers."""
        return JSONResponse({"status": "ok"})

    async def _answer(self, request: Request, work: Callable[[Question], dict[str, Any]]) -> Response:
        """Receive a question, and answer it in a thread, in its turn."""
        with self._queue.place() as place:
            question = await read_question(request, place)
            fields = await self._computed(partial(work, question))
        self.counts["answered"] += 1
        return JSONResponse(fields)

    async def _computed(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _predicted(self, question: Question) -> dict[str, Any]:
        name, trained = self._named(question.model)
        predictions = _read(trained, question)
        fields = [prediction_fields(each) for each in predictions]
        if question.fields.get("images") == "yes":
            for field, prediction in zip(fields, predictions, strict=True):
                field["image"] = packed(prediction.image)
        return {"model": name, "text": text_of(predictions), "predictions": fields}

    def _explained(self, question: Question) -> dict[str, Any]:
        name, trained = self._named(question.model)
        predictions = _read(trained, question)
        explanation = explain(trained, predictions[place_of_digit(question, len(predictions))])
        return {
            "model": name,
            "prediction": prediction_fields(explanation.prediction) | {"image": packed(explanation.prediction.image)},
            "activations": {layer: packed(values) for layer, values in explanation.activations.items()},
            "effects": packed(explanation.effects),
            "square": explanation.square,
        }

    def _named(self, name: str | None) -> tuple[str, TrainedModel]:
        name = next(iter(self._models)) if name is None else name
        if name not in self._models:
            raise UsageError("model", f"one of {', '.join(self._models)}", name)
        return name, self._models[name]

    def refused(self, request: Request, error: Exception) -> Response:
        """Answer with an error's sentence, and count it."""
        self.counts["refused"] += 1
        if isinstance(error, HTTPException):
            sentence = _OTHER_SENTENCES.get((error.status_code, error.detail), error.detail)
            return JSONResponse({"error": printable(sentence)}, error.status_code, error.headers)
        if isinstance(error, ClientDisconnect):
            return Response(status_code=400)  # nobody hears it
        return JSONResponse({"error": printable(str(error))}, 400 if isinstance(error, UsageError) else 422)


async def answer_bug(request: Request, error: Exception) -> Response:
    """Answer if the program itself is wrong; its traceback goes to standard error."""
    return JSONResponse({"error": "this is a bug in mnistcnn: its traceback is where the server was started"}, 500)


# Starlette's own words for what a router refuses, and ours.
_OTHER_SENTENCES = {
    (404, "Not Found"): "there is nothing at this address: /openapi.json describes those that there are",
    (405, "Method Not Allowed"): "this address takes another method: /openapi.json says which",
}


def application(answers: Answers) -> Starlette:
    """Return the application whose addresses give these answers."""
    return Starlette(
        routes=[
            Route("/", _file("index.html")),
            Route("/openapi.json", _file("openapi.json")),
            Route("/predict", answers.predict, methods=["POST"]),
            Route("/explain", answers.explain, methods=["POST"]),
            Route("/models", answers.models),
            Route("/weights", answers.weights),
            Route("/examples", answers.examples),
            Route("/healthz", answers.healthz),
            Mount("/page", StaticFiles(directory=FILES)),
        ],
        exception_handlers={
            **dict.fromkeys((HTTPException, MnistcnnError, ClientDisconnect), answers.refused),
            Exception: answer_bug,
        },
    )


def packed(values: Any) -> dict[str, Any]:
    """Return an array's shape, type and numbers, the last row by row as base64."""
    return {"shape": values.shape, "type": str(values.dtype), "values": b64encode(values.tobytes()).decode()}


def _file(name: str) -> Callable[[Request], Response]:
    return lambda request: FileResponse(FILES / name)


def _read(trained: TrainedModel, question: Question) -> tuple[Prediction, ...]:
    """Return the predictions for a question's picture. Raises MnistcnnError if it cannot be read."""
    picture = Picture(printable(question.name), question.picture)
    reading = question.reading
    [predictions] = predict_numbers(trained, [picture], invert=reading.invert, digits=reading.digits)
    if predictions[0].error is not None:
        raise MnistcnnError(predictions[0].error)
    return predictions


def _description(trained: TrainedModel) -> dict[str, Any]:
    metadata = trained.metadata
    return {
        "recipe": metadata.recipe,
        "step": metadata.step,
        "data": metadata.data,
        "accuracy": metadata.accuracy,
    }


def _examples(trained: TrainedModel) -> list[dict[str, Any]]:
    """Return test images of the sample, with their labels: the hardest for a model, then some of each digit."""
    import numpy as np

    from mnistcnn.data.sources import load_dataset
    from mnistcnn.inference.measures import softmax

    test = load_dataset("sample").split("test")
    probabilities = softmax(trained.logits(test.images))
    hardest_first = probabilities[np.arange(len(test)), test.labels].argsort(kind="stable")
    of_each = [np.flatnonzero(test.labels == digit)[:OF_EACH] for digit in range(10)]
    return [
        {
            "image": packed(test.images[place]),
            "label": int(test.labels[place]),
            "read_as": int(probabilities[place].argmax()),
        }
        for place in [*hardest_first[:HARDEST], *np.concatenate(of_each)]
    ]
