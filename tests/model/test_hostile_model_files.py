"""A `.keras` file from a stranger runs no code, opens no other file and takes no absurd memory.

Every file is built here and loaded in one process under watch (`watched_loading.py`), whose limit on memory,
audit hooks and inotify know nothing of the code that they watch.
"""

import base64
import functools
import io
import json
import os
import pickle
import random
import shutil
import stat
import struct
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from mnistcnn.model.network import build_model

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the watch needs Linux's inotify and limits")

Members = dict[str, bytes]
ARRAY = "layers/conv2d/vars/0"
SHAPE = (5, 5, 1, 32)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an attack can leave its mark, and where its baits are."""

    canaries: Path

    @property
    def mark(self) -> Path:
        """A file that is there if code of an attack ran."""
        return self.canaries / "mark"


Attack = Callable[[Members, Place], Members | bytes]


@functools.cache
def good_members() -> Members:
    """Return the members of a file as Keras saves it; its weights are zero, to compress to nothing."""
    model = build_model()
    model.set_weights([np.zeros_like(array) for array in model.get_weights()])
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for group, layer in {
            "conv2d": "conv1",
            "conv2d_1": "conv2",
            "dense": "dense",
            "dense_1": "logits",
        }.items():
            for index, array in enumerate(model.get_layer(layer).get_weights()):
                file[f"layers/{group}/vars/{index}"] = array
    return {
        "metadata.json": b'{"keras_version": "3.15.1", "date_saved": "2026-01-01@00:00:00"}',
        "config.json": model.to_json().encode(),
        "model.weights.h5": buffer.getvalue(),
    }


def zipped(members: Members) -> bytes:
    """Return a zip file of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


# The configuration


def with_dropout(members: Members, **changes: Any) -> Members:
    """Put another layer in the place of the dropout layer, which any class could take."""
    config = json.loads(members["config.json"])
    layer = next(layer for layer in config["config"]["layers"] if layer["name"] == "dropout")
    layer |= changes
    return members | {"config.json": json.dumps(config).encode()}


def bytecode(place: Place) -> dict[str, Any]:
    """Return a function as Keras serializes it, marshalled code and all; when it runs it leaves the mark."""
    mark = str(place.mark)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras advises against what is meant here
        # Of functions without a name alone Keras writes the bytecode; where it runs, there are builtins alone.
        layer = keras.layers.Lambda(lambda x: open(mark, "w") and x, name="dropout")  # noqa: PTH123, SIM115
        serialized: dict[str, Any] = layer.get_config()
    return serialized


def lambda_layer(members: Members, place: Place) -> Members:
    """Put Python bytecode in a Lambda layer."""
    return with_dropout(members, class_name="Lambda", config=bytecode(place))


def function_layer(module: str, name: str, arguments: dict[str, Any], inputs: Any = None) -> Attack:
    """Make a Lambda layer call a function of any module, with arguments of the stranger's choice."""

    def attack(members: Members, place: Place) -> Members:
        function = {"module": module, "class_name": "function", "config": name, "registered_name": name}
        given = {key: str(value).format(mark=place.mark) for key, value in arguments.items()}
        return with_dropout(
            members,
            class_name="Lambda",
            config={"name": "dropout", "function": function, "arguments": given},
            inbound_nodes=[{"args": [], "kwargs": {"inputs": str(inputs).format(mark=place.mark)}}],
        )

    return attack


def imported_class(members: Members, place: Place) -> Members:
    """Name a layer class of a module that leaves the mark when it is imported."""
    (place.canaries / "canary_module.py").write_text(f"open({str(place.mark)!r}, 'w').close()\n")
    return with_dropout(members, module="canary_module", class_name="Dropout")


def registered_class(members: Members, place: Place) -> Members:
    """Name a class that was registered as a custom one."""
    return with_dropout(members, class_name="Payload", registered_name="canary_module>Payload")


def registered_name_only(members: Members, place: Place) -> Members:
    """Hide a custom class behind the class name that is expected."""
    return with_dropout(members, registered_name="canary_module>Dropout")


def unsafe_then_lambda(members: Members, place: Place) -> Members:
    """Switch safe mode off in one layer and profit from it in the next."""
    config = json.loads(members["config.json"])
    layers = config["config"]["layers"]
    switch = {"module": "keras.config", "class_name": "function", "config": "enable_unsafe_deserialization"}
    layers.insert(0, {**layers[0], "class_name": "Lambda", "config": {"name": "a", "function": switch}})
    return lambda_layer(members | {"config.json": json.dumps(config).encode()}, place)


def vocabulary(members: Members, place: Place) -> Members:
    """Have a layer read its vocabulary from a file of the victim's."""
    bait = place.canaries / "vocabulary.txt"
    bait.write_text("secret\n")
    return with_dropout(
        members,
        class_name="StringLookup",
        config={"name": "dropout", "vocabulary": str(bait), "invert": True},
    )


class _Pickled:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return open, (str(self.mark), "w")


def torch_pickle(members: Members, place: Place) -> Members:
    """Wrap a pickle as a PyTorch module."""
    module = base64.b64encode(pickle.dumps(_Pickled(place.mark))).decode()
    return with_dropout(members, class_name="TorchModuleWrapper", config={"name": "dropout", "module": module})


def saved_model(members: Members, place: Place) -> Members:
    """Load a TensorFlow SavedModel, whose graph can do anything, from a path."""
    bait = place.canaries / "saved_model.pb"
    bait.write_bytes(b"")
    return with_dropout(members, class_name="TFSMLayer", config={"name": "dropout", "filepath": str(place.canaries)})


def climbing_layer(members: Members, place: Place) -> Members:
    """Name a layer so that the folder of its assets lies elsewhere."""
    name = f"../../..{place.mark}"
    return with_dropout(members, name=name, config={"name": name})


def nested_lambda(members: Members, place: Place) -> Members:
    """Hide the Lambda layer in a model inside the model."""
    inner = {
        "module": "keras.layers",
        "class_name": "Lambda",
        "config": bytecode(place),
        "registered_name": None,
    }
    return with_dropout(members, module="keras", class_name="Sequential", config={"name": "dropout", "layers": [inner]})


def initializer(members: Members, place: Place) -> Members:
    """Put the code where nothing is compared, because it does not change what the network computes."""
    config = json.loads(members["config.json"])
    config["config"]["layers"][1]["config"]["kernel_initializer"] = {
        "module": "keras.layers",
        "class_name": "Lambda",
        "config": bytecode(place),
        "registered_name": None,
    }
    config["compile_config"] = {"loss": {"module": "os", "class_name": "function", "config": "abort"}}
    return members | {"config.json": json.dumps(config).encode()}


def nested_class(depth: int) -> Attack:
    """Nest a class name as deep as the parser may just allow and printing the name may not."""
    return lambda members, _: (
        members
        | {"config.json": b'{"registered_name": ' + b"[" * depth + b"]" * depth + b', "class_name": 1, "module": ""}'}
    )


def json_text(member: str, data: bytes) -> Attack:
    """Replace a JSON member."""
    return lambda members, _: members | {member: data}


# The weights


def with_array(change: Callable[[h5py.File, Place], object]) -> Attack:
    """Take the first array away and let ``change`` put something else there."""

    def attack(members: Members, place: Place) -> Members:
        buffer = io.BytesIO(members["model.weights.h5"])
        with h5py.File(buffer, "r+") as file:
            del file[ARRAY]
            change(file, place)
        return members | {"model.weights.h5": buffer.getvalue()}

    return attack


def bait(place: Place) -> Path:
    """Return an HDF5 file of the victim's."""
    path = place.canaries / "secret.h5"
    if not path.exists():
        with h5py.File(path, "w") as file:
            file["secret"] = np.zeros(SHAPE, np.float32)
    return path


def external_link(file: h5py.File, place: Place) -> None:
    """Link to an array in a file of the victim's."""
    file[ARRAY] = h5py.ExternalLink(str(bait(place)), "secret")


def external_group(file: h5py.File, place: Place) -> None:
    """Link to a file of the victim's on the way to the array."""
    del file["layers"]
    file["layers"] = h5py.ExternalLink(str(bait(place)), "/")


def soft_link(file: h5py.File, place: Place) -> None:
    """Link to another place in the same file."""
    file[ARRAY] = h5py.SoftLink("/layers/conv2d/vars/1")


def external_storage(file: h5py.File, place: Place) -> None:
    """Keep the array's bytes in a file of the victim's."""
    path = place.canaries / "secret.bin"
    path.write_bytes(bytes(4 * int(np.prod(SHAPE))))
    file.create_dataset(ARRAY, SHAPE, np.float32, external=[(str(path), 0, path.stat().st_size)])


def virtual(file: h5py.File, place: Place) -> None:
    """Map the array onto one in a file of the victim's."""
    layout = h5py.VirtualLayout(SHAPE, np.float32)
    layout[...] = h5py.VirtualSource(str(bait(place)), "secret", SHAPE)
    file.create_virtual_dataset(ARRAY, layout)


def virtual_unlimited(file: h5py.File, place: Place) -> None:
    """Map the array onto one without limits, which is opened when its shape is asked for."""
    layout = h5py.VirtualLayout((1,), np.float32, maxshape=(None,))
    path = place.canaries / "unlimited.h5"
    with h5py.File(path, "w") as source:
        source.create_dataset("secret", (1,), np.float32, maxshape=(None,))
    unlimited = h5py.h5s.UNLIMITED
    layout[:unlimited] = h5py.VirtualSource(str(path), "secret", (1,), maxshape=(None,))[:unlimited]
    file.create_virtual_dataset(ARRAY, layout)


def array(shape: tuple[int, ...], dtype: Any = np.float32, **options: Any) -> Attack:
    """Declare an array that is not the network's."""
    return with_array(lambda file, _: file.create_dataset(ARRAY, shape, dtype, **options))


def user_block(members: Members, place: Place) -> Members:
    """Let the HDF5 file begin behind something else."""
    return members | {"model.weights.h5": bytes(512) + members["model.weights.h5"]}


def weight(value: float) -> Attack:
    """Put one such number among the weights."""

    def change(members: Members, place: Place) -> Members:
        buffer = io.BytesIO(members["model.weights.h5"])
        with h5py.File(buffer, "r+") as file:
            file[ARRAY][0] = value
        return members | {"model.weights.h5": buffer.getvalue()}

    return change


# The zip file


def added(name: str) -> Attack:
    """Add a member."""
    return lambda members, _: members | {name: b"x"}


def duplicate(members: Members, place: Place) -> bytes:
    """Let two readers of the file see two different configurations."""
    buffer = io.BytesIO(zipped(members))
    with zipfile.ZipFile(buffer, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile says that the name is there already
        archive.writestr("config.json", lambda_layer(members, place)["config.json"])
    return buffer.getvalue()


def many_members(members: Members, place: Place) -> Members:
    """Fill the directory of members."""
    return {f"{index:05}": b"" for index in range(60_000)}


def member(name: str, data: bytes = b"", **header: Any) -> Attack:
    """Write a member with a header of one's own."""

    def attack(members: Members, place: Place) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for other, content in members.items():
                entry = zipfile.ZipInfo(other)
                if other == name:
                    for key, value in header.items():
                        setattr(entry, key, value)
                archive.writestr(entry, data or content if other == name else content)
        return buffer.getvalue()

    return attack


def patched(offset: int, value: bytes) -> Attack:
    """Overwrite bytes of the first member's entry in the zip directory."""

    def attack(members: Members, place: Place) -> bytes:
        data = bytearray(zipped(members))
        start = data.index(b"PK\x01\x02") + offset
        data[start : start + len(value)] = value
        return bytes(data)

    return attack


def zip_bomb(members: Members, place: Place) -> Members:
    """Compress 100 MiB to 0.1 MB."""
    return members | {"model.weights.h5": bytes(100 << 20)}


def lying_zip_bomb(members: Members, place: Place) -> bytes:
    """Compress 100 MiB and declare 13 MB."""
    honest = struct.pack("<L", len(members["model.weights.h5"]))
    return zipped(zip_bomb(members, place)).replace(struct.pack("<L", 100 << 20), honest)


def legacy_h5(members: Members, place: Place) -> bytes:
    """Rename a model in the legacy format, which safe mode never covered."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs["model_config"] = lambda_layer(members, place)["config.json"]
    return buffer.getvalue()


def content(data: bytes) -> Attack:
    """Be something else altogether."""
    return lambda members, _: data


BOMB = (1_000_000, 1_000_000, 1_000)
LAMBDA = "class of dropout is 'keras.Lambda', not 'keras.Dropout'"
NO_LINK = f"{ARRAY} is a link to somewhere else"
NOT_PLAIN = f"{ARRAY} is virtual, external, chunked or compressed"
STRANGE = "not a model of this program: it holds "

# name: (the attack, the message that refuses it, the advisory about such files). Without a message the file
# loads, because the attack sits where nobody looks.
ATTACKS: dict[str, tuple[Attack, str, str]] = {
    "lambda": (lambda_layer, LAMBDA, "CVE-2024-3660"),
    "function-of-os": (function_layer("os", "system", {}, "touch {mark}"), LAMBDA, "CVE-2025-1550"),
    "imported-class": (imported_class, "is 'canary_module.Dropout', not 'keras.Dropout'", "CVE-2025-1550"),
    "download": (
        function_layer("keras.utils", "get_file", {"origin": "http://127.0.0.1:9/x"}, "{mark}"),
        LAMBDA,
        "CVE-2025-8747",
    ),
    "legacy-h5": (legacy_h5, "is an HDF5 file, as Keras once saved models to .h5", "CVE-2025-9905"),
    "unsafe-switch": (unsafe_then_lambda, "the list of its layers is", "CVE-2025-9906"),
    "vocabulary": (vocabulary, "'keras.StringLookup'", "CVE-2025-12058"),
    "torch-pickle": (torch_pickle, "'keras.TorchModuleWrapper'", "CVE-2025-49655"),
    "shape-bomb-compressed": (
        array(BOMB, chunks=(100, 100, 100), compression="gzip"),
        NOT_PLAIN,
        "CVE-2026-0897",
    ),
    "saved-model": (saved_model, "'keras.TFSMLayer'", "CVE-2026-1462"),
    "external-storage": (with_array(external_storage), NOT_PLAIN, "CVE-2026-1669"),
    "external-link": (with_array(external_link), NO_LINK, "CVE-2026-1669"),
    "external-group": (with_array(external_group), NO_LINK, "CVE-2026-1669"),
    "climbing-layer": (climbing_layer, "the list of its layers is", "CVE-2026-12479"),
    "asset-member": (added("assets/../../mark"), STRANGE + "'assets/../../mark'", "CVE-2026-12479"),
    "virtual-dataset": (with_array(virtual), NOT_PLAIN, "CVE-2026-12480"),
    "virtual-dataset-unlimited": (with_array(virtual_unlimited), NOT_PLAIN, "CVE-2026-12480"),
    "nested-lambda": (nested_lambda, "'keras.Sequential', not 'keras.Dropout'", "CVE-2026-12481"),
    "shape-bomb": (array(BOMB), f"{ARRAY} has shape (1000000, 1000000, 1000), not {SHAPE}", "CVE-2026-12570"),
    "registered-class": (registered_class, "is 'canary_module>Payload', not 'keras.Dropout'", ""),
    "registered-name-only": (registered_name_only, "is 'canary_module>Dropout', not 'keras.Dropout'", ""),
    "code-in-ignored-places": (initializer, "", ""),
    "config-deeply-nested": (json_text("config.json", b"[" * 200_000), "not JSON (nested too deep)", ""),
    **{
        f"class-nested-{depth}": (nested_class(depth), "mnistcnn reads only the tutorial's network", "")
        for depth in (900, 976, 980, 984, 988, 992)
    },
    "config-of-huge-number": (json_text("config.json", b"9" * 200_000), "not JSON", ""),
    "config-of-nan": (json_text("config.json", b"NaN"), "not JSON (NaN is not JSON)", ""),
    "config-not-text": (json_text("config.json", b"\xff\xfe"), "not JSON", ""),
    "config-a-list": (json_text("config.json", b"[]"), "its config.json is malformed", ""),
    "config-too-large": (json_text("config.json", b" " * (1 << 20)), "config.json has 1,048,576 bytes", ""),
    "metadata-deeply-nested": (json_text("mnistcnn.json", b'{"data":' * 7_000), "nested too deep", ""),
    "metadata-wrong-type": (json_text("mnistcnn.json", b'{"step": [1]}'), "step cannot be [1]", ""),
    "metadata-control-characters": (json_text("mnistcnn.json", b'{"data": "\\u001b[2J\\u202e"}'), "", ""),
    "soft-link": (with_array(soft_link), NO_LINK, ""),
    "shape-bomb-filled": (array(SHAPE, fillvalue=1), f"{ARRAY} is declared but not stored", ""),
    "other-dtype": (array(SHAPE, np.float64), f"{ARRAY} is not float32", ""),
    "object-references": (array(SHAPE, h5py.ref_dtype), f"{ARRAY} is not float32", ""),
    "variable-length-text": (array(SHAPE, h5py.string_dtype()), f"{ARRAY} is not float32", ""),
    "group-for-array": (with_array(lambda file, _: file.create_group(ARRAY)), "is malformed", ""),
    "no-array": (with_array(lambda file, _: None), "is malformed", ""),
    "user-block": (user_block, "they are not an HDF5 file", ""),
    "not-hdf5": (json_text("model.weights.h5", b"x" * 100), "they are not an HDF5 file", ""),
    "cut-off-hdf5": (json_text("model.weights.h5", b"\x89HDF\r\n\x1a\n"), "is malformed", ""),
    "not-a-number": (weight(np.nan), "holds weights that are NaN, infinite or huge", ""),
    "huge-weight": (weight(-1e30), "holds weights that are NaN, infinite or huge", ""),
    "climbing-member": (added("../../mark"), STRANGE + "'../../mark'", ""),
    "absolute-member": (added("/tmp/mark"), STRANGE + "'/tmp/mark'", ""),
    "member-with-terminal-codes": (added("\x1b[2J" * 99), STRANGE + "'\\x1b[2J", ""),
    "folder-member": (added("assets/"), STRANGE + "'assets/'", ""),
    "numpy-weights": (added("model.weights.npz"), STRANGE + "'model.weights.npz'", ""),
    "duplicate-member": (duplicate, STRANGE + "config.json twice", ""),
    "many-members": (many_members, "is a zip file with too many entries", ""),
    "link-member": (member("config.json", external_attr=stat.S_IFLNK << 16), "is not a plain file", ""),
    "lzma-member": (member("config.json", compress_type=zipfile.ZIP_LZMA), "is not a plain file", ""),
    "encrypted-member": (patched(8, b"\x01"), "is a damaged zip file", ""),
    "wrong-checksum": (patched(16, b"\0\0\0\0"), "is a damaged zip file", ""),
    "zip-bomb": (zip_bomb, "model.weights.h5 has 104,857,600 bytes, at most 50,331,648", ""),
    "lying-zip-bomb": (lying_zip_bomb, "is a damaged zip file", ""),
    "empty": (content(b""), "is an empty file, not a model", ""),
    "picture": (content(b"\x89PNG\r\n\x1a\n" + bytes(99)), "is a PNG picture, not a model", ""),
    "cut-off": (lambda members, _: zipped(members)[:5000], "is a damaged or cut-off zip file", ""),
    "too-large": (content(bytes(65 << 20)), "has 68,157,440 bytes, which no file of this network has", ""),
}

ADVISORIES = {
    *("CVE-2024-3660", "CVE-2025-1550", "CVE-2025-8747", "CVE-2025-9905", "CVE-2025-9906", "CVE-2025-12058"),
    *(
        "CVE-2025-49655",
        "CVE-2026-0897",
        "CVE-2026-1462",
        "CVE-2026-1669",
        "CVE-2026-12479",
        "CVE-2026-12480",
    ),
    *("CVE-2026-12481", "CVE-2026-12570"),
}

Report = dict[str, dict[str, Any]]


def watched(good: Path, folder: Path, canaries: Path) -> Report:
    """Load all files of a folder in a process under watch and return what it reports, by file name."""
    script = Path(__file__).parents[1] / "programs" / "watched_loading.py"
    process = subprocess.run(
        [sys.executable, "-X", "faulthandler", script, good, folder, canaries],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=60 + 2 * len(list(folder.iterdir())),
    )
    assert process.returncode == 0, process.stderr[-4000:]
    return dict(json.loads(process.stdout))


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file that loads."""
    path = tmp_path_factory.mktemp("good") / "good.keras"
    path.write_bytes(zipped(good_members()))
    return path


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, good: Path) -> Report:
    """Return what happened when each of the hostile files was loaded."""
    folder, canaries = tmp_path_factory.mktemp("hostile"), tmp_path_factory.mktemp("canaries")
    for name, (attack, _, _) in ATTACKS.items():
        made = attack(dict(good_members()), Place(canaries=canaries))
        (folder / f"{name}.keras").write_bytes(made if isinstance(made, bytes) else zipped(made))
    return watched(good, folder, canaries)


def check_nothing_happened(result: dict[str, Any], name: str) -> None:
    """Check that a load ended well and did nothing but open its file."""
    assert result["outcome"] in ("loaded", "refused"), result["message"]
    assert result["message"].isprintable()
    assert len(result["message"]) < 1_000
    assert [event for event in result["events"] if not event.endswith(f"/{name}")] == []
    assert len(result["events"]) <= 1
    assert result["canaries"] == []


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_refused_in_one_line_and_nothing_else_happens(name: str, report: Report) -> None:
    """Loading opens the file and no other, imports and runs nothing, and says in one line what is wrong."""
    _, expected, _ = ATTACKS[name]
    result = report[f"{name}.keras"]
    check_nothing_happened(result, f"{name}.keras")
    assert result["outcome"] == ("refused" if expected else "loaded")
    assert expected in result["message"]
    if expected:
        assert f"/{name}.keras " in result["message"]


def test_every_advisory_has_a_file() -> None:
    """The files above cover every advisory about Keras's model files that this project knows of."""
    assert {advisory for _, _, advisory in ATTACKS.values() if advisory} == ADVISORIES


@pytest.mark.parametrize(
    ("name", "canary"),
    [
        ("lambda", "mark"),
        ("external-link", "secret.h5"),
        ("external-storage", "secret.bin"),
        ("virtual-dataset", "secret.h5"),
    ],
)
def test_watch_sees_what_a_trusting_program_would_do(name: str, canary: str, report: Report) -> None:
    """The attacks are real and the watch is awake: let happen, they open the canary files, and it says so."""
    assert canary in report["controls"][f"{name}.keras"]["canaries"]


def test_watch_sees_code_that_is_deserialized(report: Report) -> None:
    """Keras told to trust the file unmarshals the bytecode, and the audit hooks say so."""
    assert any(event.startswith("marshal.loads") for event in report["controls"]["lambda.keras"]["events"])


JUNK: list[Any] = [
    None,
    True,
    -1,
    10**400,
    1e308,
    "",
    "x" * 999,
    "\u202e\x1b[2J",
    [],
    [[]],
    {},
    {"name": None},
]


def mutated_bytes(data: bytes, positions: np.ndarray, generator: random.Random) -> bytes:
    """Flip, cut, double or overwrite some bytes near one of ``positions``."""
    start = min(len(data) - 1, int(generator.choice(positions)) + generator.randrange(8))
    length = generator.choice((1, 1, 2, 4, 8, 64))
    kind = generator.randrange(5)
    if kind == 0:
        return data[:start]
    if kind == 1:
        return data[:start] + data[start : start + length] + data[start:]
    if kind == 2:
        other = int(generator.choice(positions))
        return data[:start] + data[other : other + length] + data[start + length :]
    if kind == 3:
        return data[:start] + generator.choice((b"\0", b"\xff", b"\x7f")) * length + data[start + length :]
    return data[:start] + bytes([data[start] ^ 1 << generator.randrange(8)]) + data[start + 1 :]


def mutated_json(data: bytes, generator: random.Random) -> bytes:
    """Replace one value, anywhere in the tree, by junk."""
    root = [json.loads(data)]
    node: Any = root
    key: Any = 0
    while generator.random() < 0.85 and isinstance(node[key], dict | list) and node[key]:
        node = node[key]
        key = generator.choice(list(node)) if isinstance(node, dict) else generator.randrange(len(node))
    node[key] = generator.choice(JUNK)
    return json.dumps(root[0]).encode()


def mutation(seed: int) -> bytes:
    """Return a good file with one change: to the zip, a JSON member or the structure of the HDF5 member."""
    generator = random.Random(seed)
    metadata = b'{"schema": 1, "recipe": "best", "step": 9, "accuracy": 0.9, "versions": {"keras": "3.15.1"}}'
    members = good_members() | {"mnistcnn.json": metadata}
    place = generator.choice(("zip", "config.json", "mnistcnn.json", "model.weights.h5", "model.weights.h5"))
    if place == "zip":
        data = zipped(members | {"model.weights.h5": b"x"})
        return mutated_bytes(data, np.arange(len(data)), generator)
    data = members[place]
    if place.endswith(".json") and generator.random() < 0.7:
        return zipped(members | {place: mutated_json(data, generator)})
    # Where there are no weights, which are zero here, there is structure.
    structure = np.flatnonzero(np.frombuffer(data, np.uint8))
    return zipped(members | {place: mutated_bytes(data, structure, generator)})


def test_mutated_files_load_or_are_refused_in_one_line(
    request: pytest.FixtureRequest, tmp_path: Path, good: Path
) -> None:
    """However a good file is changed, it loads or is refused: no traceback, no crash, no other file open."""
    count = request.config.getoption("--fuzz")
    (tmp_path / "canaries").mkdir()
    for first in range(0, count, 500):
        folder = tmp_path / str(first)
        folder.mkdir()
        for seed in range(first, min(count, first + 500)):
            (folder / f"{seed}.keras").write_bytes(mutation(seed))
        report = watched(good, folder, tmp_path / "canaries")
        for name, result in report.items():
            check_nothing_happened(result, name)
        shutil.rmtree(folder)
