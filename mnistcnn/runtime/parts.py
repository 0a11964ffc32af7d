"""A text file written in parts: what a stopped command leaves of it, and going on after the last whole part.

Until the file is whole its text stands in `FILE.part`, and `FILE.part.json` says how much of that is whole parts, and
of which command. What the text says is decided elsewhere.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from io import TextIOWrapper
from pathlib import Path

from mnistcnn.errors import MnistcnnError, parameter
from mnistcnn.files import real_path, written_whole
from mnistcnn.results import Tally
from mnistcnn.runtime.outputs import locked, require_writable

# seconds: the least between two parts, each of which waits for the disk
PART_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Done:
    """The pictures that were answered before: how many, and a hash of their names in order."""

    pictures: int = 0
    names: str = ""
    tally: Tally = field(default_factory=Tally)

    def after(self, names: Iterable[str], tally: Tally | None = None) -> "Done":
        """Return this with the names of further pictures, and the tally of all."""
        count, digest = self.pictures, self.names
        for name in names:
            digest = hashlib.sha256(f"{digest}\n{name}".encode(errors="surrogateescape")).hexdigest()
            count += 1
        return Done(pictures=count, names=digest, tally=tally or self.tally)


class PartFile:
    """A file in parts. `text` is where to write; `done` is what an earlier command has written."""

    def __init__(self, place: Path, settings: Mapping[str, str], text: TextIOWrapper, done: Done) -> None:
        self.text, self.done = text, done
        self._place, self._settings = place, settings
        self._kept_at = time.monotonic()

    def keep(self, done: Done) -> None:
        """Make a part of what was written since the last one, unless that is less than PART_SECONDS ago."""
        if time.monotonic() - self._kept_at >= PART_SECONDS:
            self.text.flush()
            os.fsync(self.text.fileno())
            state = {"settings": self._settings, "bytes": self.text.tell(), **asdict(done)}
            with written_whole(self._place) as file:
                file.write(json.dumps(state).encode())
            self._kept_at = time.monotonic()


@contextmanager
def written_in_parts(path: Path, settings: Mapping[str, str], *, force: bool) -> Iterator[PartFile]:
    """Yield a file that gets its name once the block succeeds; if it does not, the same command goes on another time.

    `settings` are what shapes the text, by name. Raises MnistcnnError if the file cannot be written, if another command
    is writing it, and if without `force` it is there already or its parts are of other settings.
    """
    require_writable(path, "answers.jsonl")
    if path.exists() and not force:
        ways = f"replace it with {parameter('force', True)}, or choose another name with {parameter('output')}"
        raise MnistcnnError(f"{path} already exists: {ways}")
    place = real_path(path)
    part, state = (place.with_name(f"{place.name}.part{suffix}") for suffix in ("", ".json"))
    with locked(place.with_name(f".{place.name}.lock"), f"another command is writing {path}: wait for it"):
        done, size = _found(part, state, settings, force=force)
        if not size:
            state.unlink(missing_ok=True)
        try:
            with part.open("r+" if size else "w", encoding="utf-8", newline="") as text:
                text.seek(size)
                text.truncate()
                yield PartFile(state, settings, text, done)
                text.flush()
                os.fsync(text.fileno())
            part.replace(place)
            state.unlink(missing_ok=True)
        finally:
            if not state.exists():
                part.unlink(missing_ok=True)


def _found(part: Path, state: Path, settings: Mapping[str, str], *, force: bool) -> tuple[Done, int]:
    """Return what an earlier command has done, and the bytes of its whole parts; nothing and 0 if there are none."""
    try:
        found = json.loads(state.read_bytes())
        done = Done(pictures=int(found["pictures"]), names=str(found["names"]), tally=Tally(**found["tally"]))
        size, before = int(found["bytes"]), dict(found["settings"])
        if part.stat().st_size < size:
            return Done(), 0
    except (OSError, ValueError, TypeError, KeyError):
        return Done(), 0
    for name, value in settings.items():
        if before.get(name) != value and not force:
            raise MnistcnnError(
                f"{part} was begun with {name} {before.get(name)}, not {value}: go on as it began, "
                f"or start anew with {parameter('force', True)}"
            )
    return (done, size) if before == settings else (Done(), 0)
