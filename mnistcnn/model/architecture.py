"""The network as plain data, known without Keras: its layers, their settings and their weights.

A file's config.json is compared with this table; nothing that the file says is built. A test holds the table equal to
the network that `network.build_model` builds.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mnistcnn.errors import MnistcnnError
from mnistcnn.model.archive import parse_json, shown
from mnistcnn.results import Layer

ONLY_THIS_NETWORK = "mnistcnn reads only the tutorial's network, as `mnistcnn train` saves it"

_CONVOLUTION = {
    "kernel_size": [5, 5],
    "strides": [1, 1],
    "padding": "same",
    "data_format": "channels_last",
    "dilation_rate": [1, 1],
    "groups": 1,
    "activation": "relu",
    "use_bias": True,
}
_POOLING = {"pool_size": [2, 2], "strides": [2, 2], "padding": "valid", "data_format": "channels_last"}


@dataclass(frozen=True)
class LayerSpec:
    """A layer: its Keras class, the shape of its output after the batch, and Keras's name for each setting.

    `group` is where Keras puts the layer's weights in an HDF5 file, and `weights` holds their shapes: the kernel's, the
    bias's.
    """

    kind: str
    shape: tuple[int, ...]
    settings: Mapping[str, object] = field(default_factory=dict)
    group: str = ""
    weights: tuple[tuple[int, ...], ...] = ()


# Each layer's input is the output of the layer before it. All of them compute in float32.
LAYERS = {
    "image": LayerSpec("InputLayer", (28, 28, 1), {"batch_shape": [None, 28, 28, 1]}),
    "conv1": LayerSpec("Conv2D", (28, 28, 32), {"filters": 32, **_CONVOLUTION}, "conv2d", ((5, 5, 1, 32), (32,))),
    "pool1": LayerSpec("MaxPooling2D", (14, 14, 32), _POOLING),
    "conv2": LayerSpec("Conv2D", (14, 14, 64), {"filters": 64, **_CONVOLUTION}, "conv2d_1", ((5, 5, 32, 64), (64,))),
    "pool2": LayerSpec("MaxPooling2D", (7, 7, 64), _POOLING),
    "flatten": LayerSpec("Flatten", (3136,), {"data_format": "channels_last"}),
    "dense": LayerSpec(
        "Dense", (1024,), {"units": 1024, "activation": "relu", "use_bias": True}, "dense", ((3136, 1024), (1024,))
    ),
    "dropout": LayerSpec("Dropout", (1024,)),
    "logits": LayerSpec(
        "Dense", (10,), {"units": 10, "activation": "linear", "use_bias": True}, "dense_1", ((1024, 10), (10,))
    ),
    "probabilities": LayerSpec("Softmax", (10,), {"axis": -1}),
}

# Every setting that changes what a trained layer computes. Dropout rates, initializers and regularizers act in
# training only.
_SETTINGS = (
    "batch_shape",
    "filters",
    "kernel_size",
    "strides",
    "padding",
    "data_format",
    "dilation_rate",
    "groups",
    "pool_size",
    "units",
    "activation",
    "use_bias",
    "axis",
)


def known_layers() -> tuple[Layer, ...]:
    """Describe the layers of this network, as `network.describe_layers` describes those of a Keras model."""
    names = list(LAYERS)
    return tuple(
        Layer(
            name=name,
            kind=layer.kind,
            inputs=() if before is None else (before,),
            shape=(None, *layer.shape),
            parameters=sum(map(math.prod, layer.weights)),
        )
        for before, (name, layer) in zip([None, *names], LAYERS.items(), strict=False)
    )


def check_config(path: Path, data: bytes) -> None:
    """Check that a file's config.json describes this network; the message names the first difference.

    Raises MnistcnnError for another network, and for data that is not a configuration.
    """
    try:
        config = parse_json(data)
    except ValueError as error:
        raise MnistcnnError(f"{path} is damaged: its config.json is not JSON ({error}); {ONLY_THIS_NETWORK}") from error
    try:
        # In step, because later facts are laid out as expected only while the earlier ones agree.
        for (what, ours), (_, theirs) in zip(expected_facts(), config_facts(config), strict=True):
            if theirs != ours:
                raise MnistcnnError(
                    f"{path} is another network: {what} is {shown(theirs)}, not {shown(ours)}; {ONLY_THIS_NETWORK}"
                )
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError) as error:
        raise MnistcnnError(
            f"{path} is not a network that Keras saved: its config.json is malformed; {ONLY_THIS_NETWORK}"
        ) from error


def expected_facts() -> Iterator[tuple[str, object]]:
    """Yield what the configuration of this network says that it computes, as names and values in order."""
    names = list(LAYERS)
    yield "its class", "keras.Functional"
    yield "the list of its layers", names
    for before, (name, layer) in zip([None, *names], LAYERS.items(), strict=False):
        yield f"the class of {name}", f"keras.{layer.kind}"
        for setting in _SETTINGS:
            yield f"{setting} of {name}", layer.settings.get(setting)
        yield f"dtype of {name}", "float32"
        yield f"the input of {name}", [] if before is None else [[before, 0, 0]]
        yield f"training of {name}", [] if before is None else [False]
    yield "its input", [names[0], 0, 0]
    yield "its output", [names[-1], 0, 0]


def config_facts(config: Any) -> Iterator[tuple[str, object]]:
    """Yield the same facts of any network's Keras configuration.

    Raises AttributeError, IndexError, KeyError, RecursionError or TypeError at a part that is not laid out as Keras
    lays it out.
    """
    yield "its class", _class(config)
    network = config["config"]
    yield "the list of its layers", [layer["name"] for layer in network["layers"]]
    for layer in network["layers"]:
        name, settings = layer["name"], layer["config"]
        yield f"the class of {name}", _class(layer)
        for setting in _SETTINGS:
            yield f"{setting} of {name}", settings.get(setting)
        dtype = settings["dtype"]
        yield f"dtype of {name}", dtype["config"]["name"] if isinstance(dtype, dict) else dtype
        nodes = layer["inbound_nodes"]
        yield f"the input of {name}", [node["args"][0]["config"]["keras_history"] for node in nodes]
        yield f"training of {name}", [bool(node["kwargs"].get("training")) for node in nodes]
    yield "its input", network["input_layers"]
    yield "its output", network["output_layers"]


def _class(item: Any) -> str:
    """Name a class by its package, since Keras moves its own from module to module between releases."""
    name, registered = item["class_name"], item["registered_name"]
    package, *_ = item["module"].split(".")
    return f"{package}.{name}" if registered in (None, name) else str(registered)
