"""The process's memory: what is freed is kept for what is needed next."""

import platform

from mnistcnn.runtime.streams import c_library

# parameters of glibc's mallopt, by their numbers in malloc.h
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8


def keep_freed_memory() -> None:
    """Make glibc keep what is freed in one heap; with another C library do nothing.

    JAX and PyTorch allocate and free the results of every operation. glibc by itself gives large ones back to the
    system, which then maps and zeroes 40 to 110 MB a step anew: a quarter of a step's time on either
    (tests/benchmarks/README.md, "What was tried for speed"). TensorFlow keeps them itself.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    library = c_library()
    library.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
    library.mallopt(_MMAP_MAX, 0)
    library.mallopt(_ARENA_MAX, 1)
