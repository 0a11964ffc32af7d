"""The runtimes of other programs' formats: a file in, a function out that reads one image.

The function takes (1, 28, 28, 1) float32 and returns probabilities (1, 10) float32.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

Answer = Callable[[np.ndarray], np.ndarray]


def _onnxruntime(path: Path) -> Answer:
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    return lambda image: np.asarray(session.run(["probabilities"], {"image": image})[0])


def _litert(path: Path) -> Answer:
    from ai_edge_litert.interpreter import Interpreter

    read = Interpreter(str(path)).get_signature_runner()
    return lambda image: np.asarray(read(image=image)["probabilities"])


def _openvino(path: Path) -> Answer:
    import openvino

    # Where the CPU has bfloat16, OpenVINO would compute in it.
    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda image: np.array(compiled({"image": image})["probabilities"])


def _tensorflow(path: Path) -> Answer:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    read = loaded.signatures["serving_default"]
    return lambda image: np.asarray(read(image=tf.constant(image))["probabilities"])


# runtimes: by the name that Keras has for their format
RUNTIMES: dict[str, Callable[[Path], Answer]] = {
    "onnx": _onnxruntime,
    "litert": _litert,
    "openvino": _openvino,
    "tf_saved_model": _tensorflow,
}
