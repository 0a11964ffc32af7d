"""Standard input, output and error: put in place if they are closed, kept encodable, silenced for libraries."""

import codecs
import ctypes
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import IO

from mnistcnn.errors import MnistcnnError

STDIN, STDOUT, STDERR = 0, 1, 2

# characters: what this program draws with, and what stands for each in ASCII
ASCII = {
    **dict(zip("▏▎▍▌▋▊▉█", "..::++##", strict=True)),
    **dict(zip("▁▂▃▄▅▆▇", "_.-=+*%", strict=True)),
    **dict(zip("░▒▓▀", '.+*"', strict=True)),
    **dict(zip("→…–×·’", ">.-x.'", strict=True)),
}


def open_closed_streams() -> None:
    """Connect to nowhere those of the standard streams that are closed, as under some job schedulers.

    Otherwise the next file that is opened would get a stream's descriptor, and whatever libraries print. `sys.stdin`
    stays None, so that reading from it can be refused.
    """
    for descriptor in (STDIN, STDOUT, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free descriptor
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - open until the process ends
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115


def draw_in_ascii_where_needed() -> None:
    """Print on standard output and error what their encoding lacks as ASCII: drawings in it, the rest escaped.

    Windows redirects output in a code page, and the C locale may know ASCII alone.
    """
    codecs.register_error("mnistcnn", _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="mnistcnn")


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_ascii_of(character) for character in text), error.end


def _ascii_of(character: str) -> str:
    if character in ASCII:
        return ASCII[character]
    if "\u2800" <= character <= "\u28ff":  # braille: the more dots, the darker
        return " .:-=+*%#"[(ord(character) - 0x2800).bit_count()]
    return character.encode("unicode_escape", "replace").decode()


def c_library() -> ctypes.CDLL:
    """Return the C library, by the name it has on this system."""
    return ctypes.CDLL("ucrtbase" if os.name == "nt" else None)


def _temporary_file() -> IO[bytes]:
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise MnistcnnError(
            f"no temporary file can be made ({error.strerror or error}): set TMPDIR to a folder that can be written"
        ) from error


@contextmanager
def silenced(descriptor: int) -> Iterator[None]:
    """Keep what libraries write to standard output or error within the block from whoever reads it.

    TensorFlow's and Gloo's libraries write to the descriptor, before any setting of theirs is read. If the block fails
    with anything but a MnistcnnError, which says by itself what was wrong, what they wrote to standard error is shown
    after all. A closed stream needs no silence.
    """
    stream = sys.stdout if descriptor == STDOUT else sys.stderr
    try:
        before = os.dup(descriptor)
    except OSError:
        yield
        return
    if stream is not None:
        stream.flush()
    with _temporary_file() as written:
        os.dup2(written.fileno(), descriptor)
        try:
            yield
        except MnistcnnError:
            raise
        except Exception:
            if descriptor == STDERR:
                written.seek(0)
                os.write(before, written.read())
            raise
        finally:
            if descriptor == STDOUT:
                c_library().fflush(None)  # what it still holds of it
            os.dup2(before, descriptor)
            os.close(before)
