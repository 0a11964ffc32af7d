"""Where the work is done: devices by name, on every backend, as far as a machine's CPU can show it."""

from pathlib import Path

import pytest
from conftest import Run

from mnistcnn.errors import UsageError
from mnistcnn.runtime.devices import automatic_precision, parse_device

TWO_CPUS = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}


@pytest.mark.parametrize(
    ("option", "expected"),
    [("cpu", ("cpu", 0)), ("gpu:1", ("gpu", 1)), ("TPU:0", ("tpu", 0)), ("mps", ("mps", 0))],
)
def test_a_device_is_a_kind_and_an_index(option: str, expected: tuple[str, int]) -> None:
    """Without an index it is the first of its kind."""
    assert parse_device(option) == expected


@pytest.mark.parametrize("option", ["", "gpu:", "gpu:-1", ":0", "gpu 1", "cuda/0", "gpu:99999"])
def test_what_names_no_device_is_wrong_usage(option: str) -> None:
    """The message shows what a name looks like."""
    with pytest.raises(UsageError, match="device must be a kind such as cpu, gpu or tpu, or one of them as gpu:1"):
        parse_device(option)


def test_a_device_that_is_absent_says_which_there_are(mnistcnn: Run, tmp_path: Path, any_backend: str) -> None:
    """One line, before anything is written, on every backend."""
    done = mnistcnn("evaluate", "--data", "sample", "--backend", any_backend, "--device", "gpu:7")
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert line.startswith(f"error: --device gpu:7: there is no such device; {any_backend} sees ")
    assert line.endswith("cpu:0")


SHORT = ("--data", "sample", "--steps", "2", "--batch-size", "4", "--log-every", "0", "--checkpoint-every", "0")


def test_the_cpu_is_a_device_on_every_backend(mnistcnn: Run, backend: str) -> None:
    """`--device cpu` trains, measures and predicts, and the run says where."""
    trained = mnistcnn("train", *SHORT, "--backend", backend, "--device", "cpu")
    assert trained.returncode == 0, trained.stderr
    assert f"; {backend} on cpu:0, " in trained.stderr
    measured = mnistcnn("evaluate", "--data", "sample", "--backend", backend, "--device", "cpu:0")
    assert measured.returncode == 0, measured.stderr


def test_one_of_two_devices_does_the_work(mnistcnn: Run, environment: dict[str, str]) -> None:
    """With two of a kind, the second is named, used, and told of; a third is absent."""
    pytest.importorskip("jax")
    options = ("train", *SHORT, "--backend", "jax", "--device")
    second = mnistcnn(*options, "cpu:1", env=environment | TWO_CPUS)
    assert second.returncode == 0, second.stderr
    assert "; jax on cpu:1, float32" in second.stderr
    third = mnistcnn(*options, "cpu:2", "--force", env=environment | TWO_CPUS)
    assert third.stderr == "error: --device cpu:2: there is no such device; jax sees cpu:0, cpu:1\n"


def test_every_variable_lies_on_the_device(python: Run) -> None:
    """Weights, dropout's random state and the optimizer's variables, none elsewhere."""
    pytest.importorskip("jax")
    assert python("variables_of_a_device.py", "jax", "cpu:1", backend="jax", env=TWO_CPUS).stdout.strip() == "['cpu:1']"


META = """
from mnistcnn.runtime.backend import start_keras
start_keras("torch")
from mnistcnn.runtime.devices import current_device
from mnistcnn.model.network import build_model
print(current_device("torch"), {variable.value.device.type for variable in build_model().variables})
"""


def test_the_network_names_no_device_of_its_own(python: Run) -> None:
    """On PyTorch it is built on whatever device Keras was told, even one that holds no numbers."""
    pytest.importorskip("torch")
    assert python(META, backend="torch", env={"KERAS_TORCH_DEVICE": "meta"}).stdout.split() == ["meta:0", "{'meta'}"]


def test_as_a_pipeline_tensorflow_stays_on_the_cpu(python: Run, backend: str) -> None:
    """Under JAX and PyTorch it sees no other device, so it takes no memory there; batches are made on the CPU."""
    visible, place = python("pipeline_devices.py", backend=backend).stdout.split()
    assert place == "CPU:0"
    assert backend == "tensorflow" or visible == "{'CPU'}"


def test_automatic_precision_says_why() -> None:
    """automatic_precision takes bfloat16 on TPUs and, on TensorFlow and PyTorch, on a CPU; never on unknown kinds."""
    assert automatic_precision("jax", "tpu:0") == ("bfloat16", "a TPU multiplies bfloat16")
    assert automatic_precision("torch", "mps:0")[0] == "float32"
    assert automatic_precision("openvino", "cpu:0")[0] == "float32"
    assert automatic_precision("jax", "cpu:0")[0] == "float32"
    assert automatic_precision("torch", "cpu:0") == automatic_precision("tensorflow", "cpu:0")


HAS = """
import sys
from mnistcnn.runtime.backend import start_keras
backend = start_keras()
from mnistcnn.runtime.devices import chosen_precision, computes_in
found = [computes_in(dtype) for dtype in ("float32", "bfloat16", "float8_e5m2")]
print(found, chosen_precision("bfloat16", backend, "cpu"))
"""


def test_a_precision_that_a_backend_lacks_is_found_out(python: Run) -> None:
    """PyTorch convolves float32 and bfloat16 on a CPU and not eight bits; what it has is taken."""
    pytest.importorskip("torch")
    assert python(HAS, backend="torch").stdout.strip() == "[True, True, False] bfloat16"


def test_openvino_computes_in_float32(python: Run) -> None:
    """Also on a CPU that multiplies bfloat16, which OpenVINO would take by itself."""
    pytest.importorskip("openvino")
    assert python("openvino_precision.py", backend="openvino").stdout.strip() == "<Type: 'float32'>"


def test_openvino_does_not_train(mnistcnn: Run) -> None:
    """One line that names the backends that do."""
    pytest.importorskip("openvino")
    done = mnistcnn("train", *SHORT, "--backend", "openvino")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: --backend must be one of tensorflow, jax, torch to train; received 'openvino'\n"
