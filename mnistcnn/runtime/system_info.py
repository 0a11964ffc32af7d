"""Finding out which backends this machine has, and which devices and precision each of them would use.

Each backend is asked in a process of its own; a SystemInfo comes out.
"""

import importlib.util
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from mnistcnn.config import BACKENDS
from mnistcnn.results import BackendInfo, SystemInfo
from mnistcnn.runtime.backend import chosen_backend_name, installed_versions, without_unused_modules
from mnistcnn.runtime.devices import automatic_precision, list_devices

# pattern: the beginning of what TensorFlow's libraries log
LOG_LINE = re.compile(r"[IWEF]\d{4,} |WARNING: All log messages before")
# seconds: how long a backend may take to answer (one that looks for accelerators takes a few)
PATIENCE = 120
# program: asks one backend
ASK = "import sys; from mnistcnn.runtime.system_info import answer; answer(sys.argv[1])"


def system_info() -> SystemInfo:
    """Return the versions installed here and what each backend says of itself, in a process where it does no harm."""
    with ThreadPoolExecutor() as asking:
        backends = tuple(asking.map(_backend_info, BACKENDS))
    versions = installed_versions("numpy")
    return SystemInfo(versions=versions, chosen=chosen_backend_name(), backends=backends)


def _backend_info(name: str) -> BackendInfo:
    if importlib.util.find_spec(name) is None:
        return BackendInfo(name=name, version=None)
    version = installed_versions(name)[name]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    try:
        asked = subprocess.run(
            [sys.executable, "-c", ASK, name],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            env=environment,
            check=False,
        )
        found = json.loads(asked.stdout.splitlines()[-1])  # start-up files of the user may print before it
        return BackendInfo(name=name, version=version, **(found | {"devices": tuple(found["devices"])}))
    except subprocess.TimeoutExpired:
        return BackendInfo(name=name, version=version, error=f"gave no answer within {PATIENCE} seconds")
    except (ValueError, IndexError, TypeError, KeyError):
        said = [line.strip() for line in asked.stderr.splitlines() if line.strip() and not LOG_LINE.match(line)]
        return BackendInfo(name=name, version=version, error=said[-1] if said else "ended without an answer")


def answer(backend: str) -> None:
    """Print what a backend sees as a line of JSON: what `system_info` runs in a process of its own."""
    with without_unused_modules():  # TensorFlow imports Keras
        importlib.import_module(backend)
    devices = list_devices(backend)
    precision, reason = automatic_precision(backend, devices[0])
    sys.stdout.write(json.dumps({"devices": devices, "precision": precision, "reason": reason}) + "\n")
