"""Memory that is freed and needed again."""

import platform

import pytest
from conftest import Run

FAULTS = """
import resource
from mnistcnn.runtime.memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        blocks = [bytearray(b"x" * 5_000_000) for _ in range(10)]
        del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
usual = faults()
keep_freed_memory()
faults()
print(usual, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone is told to keep memory")
def test_memory_that_is_freed_is_kept_for_the_next_step(python: Run) -> None:
    """Blocks of 50 MB, made and freed again and again, are mapped anew each time, and after the call no more."""
    usual, kept = map(int, python(FAULTS).stdout.split())
    assert usual > 20 * 5_000  # pages of 4 KB: half of what is written
    assert kept < usual / 20
