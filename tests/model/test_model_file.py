"""The `.keras` file: what is saved comes back, on every backend, and honest mistakes are told in one line."""

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from helpers import PROGRAMS
from keras import layers

from mnistcnn.errors import MnistcnnError
from mnistcnn.model.metadata import ModelMetadata
from mnistcnn.model.model_file import TrainedModel, load_model, save_model
from mnistcnn.model.network import build_model, initial_weights
from mnistcnn.model.pretrained import FILE

METADATA = ModelMetadata(
    recipe="best",
    step=20_000,
    data="mnist",
    accuracy=0.9942,
    versions={"mnistcnn": "0.1.0", "keras": "3.15.1"},
    calibration=1.25,
    evidence=4.5,
)


@pytest.fixture(scope="module")
def trained() -> TrainedModel:
    """Return a network with weights of a seed."""
    model = build_model(dropout=0.5)
    model.set_weights(initial_weights(model, 7))
    return TrainedModel(model=model, metadata=METADATA)


@pytest.fixture(scope="module")
def saved(trained: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of that network."""
    path = tmp_path_factory.mktemp("saved") / "saved.keras"
    save_model(trained, path)
    return path


def rewritten(source: Path, target: Path, changes: dict[str, bytes | None]) -> Path:
    """Copy a model file with other members; None leaves one out."""
    with zipfile.ZipFile(source) as archive:
        members: dict[str, bytes | None] = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in (members | changes).items():
            if data is not None:
                archive.writestr(name, data)
    return target


def refusal(path: Path) -> str:
    """Return the message that a file is refused with, without its path."""
    with pytest.raises(MnistcnnError) as caught:
        load_model(path)
    message = str(caught.value)
    assert message.isprintable()
    return message.replace(str(path), "FILE")


def test_weights_and_metadata_come_back(trained: TrainedModel, saved: Path) -> None:
    """What is loaded has the very weights and the metadata that were saved, float32 and not compiled."""
    loaded = load_model(saved)
    for ours, theirs in zip(loaded.model.get_weights(), trained.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == np.float32
    assert loaded.metadata == METADATA
    assert not loaded.model.compiled


def test_loaded_model_can_be_trained(saved: Path) -> None:
    """The weights of a loaded model are its own: training changes them and leaves the next load alone."""
    model = load_model(saved).model
    model.compile(optimizer="sgd", loss="categorical_crossentropy")
    model.train_on_batch(np.ones((2, 28, 28, 1), np.float32), np.eye(10, dtype=np.float32)[:2])
    assert not np.array_equal(model.get_weights()[-1], load_model(saved).model.get_weights()[-1])


def test_keras_alone_loads_the_file(backend: str, trained: TrainedModel, saved: Path, tmp_path: Path) -> None:
    """A program that has only Keras reads the file on every backend, with the same probabilities to 1e-5."""
    images = np.random.default_rng(0).random((16, 28, 28, 1), np.float32)
    np.save(tmp_path / "images.npy", images)
    program = PROGRAMS / "predict_with_keras_alone.py"
    process = subprocess.run(
        [sys.executable, program, saved, tmp_path / "images.npy", tmp_path / "probabilities.npy"],
        env=os.environ | {"KERAS_BACKEND": backend},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr[-4000:]
    expected = trained.model.predict_on_batch(images)
    np.testing.assert_allclose(np.load(tmp_path / "probabilities.npy"), expected, atol=1e-5)


def test_file_that_keras_alone_wrote_loads_with_unknown_metadata(trained: TrainedModel, tmp_path: Path) -> None:
    """A file without this program's member is a model like any other; where it comes from is unknown."""
    trained.model.save(tmp_path / "plain.keras")
    assert load_model(tmp_path / "plain.keras").metadata == ModelMetadata()


def test_file_saved_after_further_training_loads(saved: Path, tmp_path: Path) -> None:
    """Someone who trains the network further with Keras and Adam, and saves it compiled, can come back."""
    model = keras.saving.load_model(saved)
    model.compile(optimizer="adam", loss="categorical_crossentropy")
    model.train_on_batch(np.ones((2, 28, 28, 1), np.float32), np.eye(10, dtype=np.float32)[:2])
    model.save(tmp_path / "further.keras")
    loaded = load_model(tmp_path / "further.keras").model
    for ours, theirs in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_keys_of_a_future_keras_are_ignored(saved: Path, tmp_path: Path) -> None:
    """Configuration that this version does not know makes no file another network."""
    with zipfile.ZipFile(saved) as archive:
        config = json.loads(archive.read("config.json"))
    config["future"] = {"nested": [1]}
    config["module"] = "keras.models"
    config["config"]["layers"][1]["config"] |= {"future": True, "kernel_initializer": None}
    path = rewritten(saved, tmp_path / "future.keras", {"config.json": json.dumps(config).encode()})
    assert load_model(path).metadata == METADATA


def test_existing_file_is_replaced_and_nothing_is_left_behind(trained: TrainedModel, tmp_path: Path) -> None:
    """Saving over a model replaces it; only the model is in the folder afterwards."""
    path = tmp_path / "model.keras"
    path.write_text("old")
    save_model(trained, path)
    assert load_model(path).metadata == METADATA
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
def test_failure_in_the_middle_leaves_the_old_file_whole(trained: TrainedModel, tmp_path: Path) -> None:
    """Where no more than 1 MiB can be written, saving ends in one line, the old model is whole and alone."""
    path = tmp_path / "model.keras"
    path.write_bytes(b"the old model")
    import resource  # which Windows lacks

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        with pytest.raises(MnistcnnError, match=r"model\.keras cannot be written: File too large"):
            save_model(trained, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == b"the old model"
    assert list(tmp_path.iterdir()) == [path]


def test_missing_folder_is_told(trained: TrainedModel, tmp_path: Path) -> None:
    """Saving into a folder that is not there says so, and names the file."""
    with pytest.raises(MnistcnnError, match=r"no/model\.keras cannot be written: No such file or directory"):
        save_model(trained, tmp_path / "no" / "model.keras")


def test_folder_in_the_place_of_the_file_is_told(trained: TrainedModel, tmp_path: Path) -> None:
    """Saving to a path that is a folder says so and leaves the folder and nothing else."""
    (tmp_path / "model.keras").mkdir()
    with pytest.raises(MnistcnnError, match=r"model\.keras cannot be written: Is a directory"):
        save_model(trained, tmp_path / "model.keras")
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]


def test_missing_file_is_told(tmp_path: Path) -> None:
    """A model that is not there is answered with how to get one."""
    assert refusal(tmp_path / "no.keras") == (
        "there is no model at FILE; make one with `mnistcnn train`, or name another file"
    )


def test_folder_is_told(tmp_path: Path) -> None:
    """A folder is called one."""
    assert refusal(tmp_path) == "FILE is a folder, not a model; name a .keras file"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes among its files")
def test_pipe_is_told_and_not_waited_for(tmp_path: Path) -> None:
    """A named pipe, which would block for ever, is refused."""
    os.mkfifo(tmp_path / "pipe.keras")
    assert refusal(tmp_path / "pipe.keras").startswith("FILE is a pipe, socket or device, not a model")


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="everything is readable here")
def test_unreadable_file_is_told(saved: Path, tmp_path: Path) -> None:
    """A file without the right to read it is refused with the system's reason."""
    path = rewritten(saved, tmp_path / "secret.keras", {})
    path.chmod(0)
    assert refusal(path) == "cannot read FILE: Permission denied; name a .keras file that you may read"


def test_text_and_archives_are_told(tmp_path: Path) -> None:
    """A file that is something else is called what it is."""
    path = tmp_path / "x.keras"
    path.write_text("hello\n")
    assert refusal(path) == "FILE is a text file, not a model; name a .keras file"
    np.savez(tmp_path / "x.npz", weights=np.zeros(3))
    assert refusal(tmp_path / "x.npz") == (
        "FILE is a zip file but not a model of this program: it holds 'weights.npy'; name a .keras file"
    )


def test_missing_member_is_told(saved: Path, tmp_path: Path) -> None:
    """A model file that lacks its weights is refused by naming what is missing."""
    path = rewritten(saved, tmp_path / "x.keras", {"model.weights.h5": None})
    assert refusal(path) == (
        "FILE is a zip file but not a model of this program: it holds no model.weights.h5; name a .keras file"
    )


def sequential() -> keras.Model:
    """Return a linear classifier as most people write one."""
    return keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(), layers.Dense(10)])


def functional() -> keras.Model:
    """Return a linear classifier in the functional style."""
    image = keras.Input((28, 28, 1), name="image")
    return keras.Model(image, layers.Dense(10, name="logits")(layers.Flatten(name="flatten")(image)))


def variant(**changes: Any) -> keras.Model:
    """Return the network with other settings for its first convolution."""
    model = build_model()

    def clone(layer: Any) -> Any:
        config = layer.get_config()
        return type(layer).from_config(config | changes if layer.name == "conv1" else config)

    return keras.models.clone_model(model, clone_function=clone)


@pytest.mark.parametrize(
    ("make", "difference"),
    [
        (sequential, "its class is 'keras.Sequential', not 'keras.Functional'"),
        (
            functional,
            "the list of its layers is ['image', 'flatten', 'logits'], not ['image', 'conv1', 'pool1', ",
        ),
        (lambda: variant(activation="tanh"), "activation of conv1 is 'tanh', not 'relu'"),
        (lambda: variant(strides=(2, 2)), "strides of conv1 is [2, 2], not [1, 1]"),
        (lambda: variant(padding="valid"), "padding of conv1 is 'valid', not 'same'"),
        (lambda: variant(use_bias=False), "use_bias of conv1 is False, not True"),
        (lambda: build_model(dtype="mixed_bfloat16"), "dtype of conv1 is 'mixed_bfloat16', not 'float32'"),
    ],
    ids=["sequential", "functional", "activation", "strides", "padding", "bias", "precision"],
)
def test_other_networks_are_refused_with_the_first_difference(
    make: Callable[[], keras.Model], difference: str, tmp_path: Path
) -> None:
    """An honest file of another network is told where it differs and what this program reads."""
    make().save(tmp_path / "other.keras")
    message = refusal(tmp_path / "other.keras")
    assert message.startswith(f"FILE is another network: {difference}")
    assert message.endswith("; mnistcnn reads only the tutorial's network, as `mnistcnn train` saves it")


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"schema": 2}, "schema cannot be 2"),
        ({"step": -1}, "step cannot be -1"),
        ({"step": True}, "step cannot be True"),
        ({"accuracy": 1.5}, "accuracy cannot be 1.5"),
        ({"accuracy": "high"}, "accuracy cannot be 'high'"),
        ({"calibration": 0}, "calibration cannot be 0"),
        ({"evidence": 1e9}, "evidence cannot be 1000000000.0"),
        ({"data": ["mnist"]}, "data cannot be ['mnist']"),
        ({"versions": {"keras": 3}}, "versions cannot be {'keras': 3}"),
        (["best"], "['best'] is not an object"),
    ],
)
def test_metadata_of_wrong_types_is_refused(metadata: object, reason: str, saved: Path, tmp_path: Path) -> None:
    """Metadata that is none, or of a later schema, is refused by naming the field and its value."""
    path = rewritten(saved, tmp_path / "x.keras", {"mnistcnn.json": json.dumps(metadata).encode()})
    assert refusal(path) == (
        f"FILE was saved by a newer mnistcnn or is damaged: in its mnistcnn.json, {reason}; "
        "update mnistcnn, or use a whole copy of the file"
    )


def test_absent_and_unknown_metadata_fields_are_fine(saved: Path, tmp_path: Path) -> None:
    """A field that is absent is unknown, and one that this version does not know is ignored."""
    path = rewritten(saved, tmp_path / "x.keras", {"mnistcnn.json": b'{"step": 3, "mood": "good"}'})
    assert load_model(path).metadata == ModelMetadata(step=3)


def test_texts_of_strangers_are_made_printable(saved: Path, tmp_path: Path) -> None:
    """Control characters, line breaks and changes of direction are escaped, and long texts cut."""
    texts = {"recipe": "\x1b[2Jbest\n", "data": "x" * 300, "versions": {"\u202eke\0ras": "3\x9b"}}
    path = rewritten(saved, tmp_path / "x.keras", {"mnistcnn.json": json.dumps(texts).encode()})
    metadata = load_model(path).metadata
    assert metadata.recipe == r"\x1b[2Jbest\n"
    assert metadata.data == "x" * 199 + "…"
    assert metadata.versions == {r"\u202eke\x00ras": r"3\x9b"}


def test_compressed_file_loads(saved: Path, tmp_path: Path) -> None:
    """A file that was unpacked and zipped again by hand, with compression, is as good."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(saved) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))
    (tmp_path / "x.keras").write_bytes(buffer.getvalue())
    assert load_model(tmp_path / "x.keras").metadata == METADATA


@pytest.mark.parametrize("kind", ["saved", "pretrained"])
def test_a_file_holds_no_setting_that_older_keras_refuses(saved: Path, kind: str) -> None:
    """Keras 3.8 calls an initializer and a layer with all their settings, and knows these alone."""
    with zipfile.ZipFile(saved if kind == "saved" else FILE) as archive:
        config = json.loads(archive.read("config.json"))
    for layer in config["config"]["layers"]:
        settings = layer["config"]
        assert "quantization_config" not in settings
        for name in ("kernel_initializer", "bias_initializer"):
            assert set(settings.get(name, {"config": {}})["config"]) <= {"seed"}


def test_a_file_that_keeps_those_settings_is_read_too(trained: TrainedModel, tmp_path: Path) -> None:
    """load_model reads a file as Keras itself saves it, with the keys that older Keras refuses."""
    trained.model.save(tmp_path / "m.keras")
    assert b'"input_axes"' in zipfile.ZipFile(tmp_path / "m.keras").read("config.json")
    loaded = load_model(tmp_path / "m.keras", "numpy").model.get_weights()
    np.testing.assert_equal(loaded, trained.model.get_weights())
