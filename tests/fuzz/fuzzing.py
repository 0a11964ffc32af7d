"""Feed damaged, hostile and odd input to the readers, under watch; the fuzz tests run this as a script.

    python fuzzing.py SUBJECT COUNT FOLDER

tries the subject's handmade inputs and COUNT seeded mutations in FOLDER, each of which must end in a result or in
MnistcnnError, and prints one JSON object: how many ended in which way, and the first of those that did not.
"""

import json
import os
import resource
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

from fuzz_arrays import csv_cases, idx_cases, npz_cases
from fuzz_folders import folder_cases
from fuzz_options import option_cases
from fuzz_pictures import picture_cases

from mnistcnn.errors import MnistcnnError

SECONDS = 20  # of CPU time, until one input counts as a hang: the largest takes 15, whatever runs beside it
ADDRESS_SPACE = 16 << 30  # bytes; a stop for what would take the machine down. The tests look at what was used.


class Hang(BaseException):
    """An input took too long."""


SUBJECTS = {
    "pictures": picture_cases,
    "idx": idx_cases,
    "npz": npz_cases,
    "csv": csv_cases,
    "folders": folder_cases,
    "options": option_cases,
}


def outcome(action: Callable[[], object]) -> str:
    """Say how an input ended: "read", "refused", or what must not be."""
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        action()
        return "read"
    except MnistcnnError as error:
        message = str(error)
        return "refused" if 10 < len(message) < 1_000 else f"an unclear message: {message[:200]!r}"
    except Hang:
        return f"a hang: over {SECONDS} seconds"
    except Exception as error:  # noqa: BLE001 - what the tests look for
        return f"a traceback: {type(error).__name__}: {str(error)[:200]}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def peak_kib() -> int:
    """Return the most memory this program has held; `ru_maxrss` would count the process it was started from."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def main(subject: str, count: int, folder: Path) -> None:
    """Try a subject's inputs and print what came of them."""

    def hang(signal_number: int, frame: object) -> None:
        raise Hang

    signal.signal(signal.SIGPROF, hang)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    warnings.simplefilter("error")  # a warning would be a second line on stderr
    os.chdir(folder)
    ended = {"read": 0, "refused": 0}
    bad = {}
    largest, largest_case = 0, ""
    for name, action in SUBJECTS[subject](count, folder):
        how = outcome(action)
        used = peak_kib()
        if used > largest:
            largest, largest_case = used, name
        if how in ended:
            ended[how] += 1
        else:
            bad[name] = how
    found = {"ended": ended, "bad": dict(list(bad.items())[:20]), "bad_count": len(bad), "largest_kib": largest}
    print(json.dumps(found | {"largest_case": largest_case, "unpickled": (folder / "unpickled").exists()}))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
