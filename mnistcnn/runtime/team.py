"""The processes that train together: how many there are, which one this is, and what they tell each other.

Each process trains on its own rows of every batch, and the gradients are averaged, so that all processes have the same
weights after every step. The first process decides everything else. How they find each other is in `distribution`.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mnistcnn.errors import SharedError, UsageError, parameter


@dataclass(frozen=True, kw_only=True)
class Team:
    """How many processes train together, which one this is from 0 on, and the HOST:PORT where all reach the first.

    Raises UsageError for values that do not fit together.
    """

    count: int = 1
    index: int = 0
    coordinator: str | None = None

    def __post_init__(self) -> None:
        if self.count < 1:
            raise UsageError("processes", "a whole number from 1 on", self.count)
        if not 0 <= self.index < self.count:
            expected = f"a whole number from 0 to {self.count - 1}, below {parameter('processes')}"
            raise UsageError("process_id", expected, self.index)
        if self.count > 1 and self._host_and_port() is None:
            raise UsageError("coordinator", "HOST:PORT, where process 0 is reached by all", self.coordinator)
        if self.count == 1 and self.coordinator is not None:
            raise UsageError("coordinator", f"left out without {parameter('processes')}", self.coordinator)

    def _host_and_port(self) -> tuple[str, int] | None:
        host, _, port = (self.coordinator or "").rpartition(":")
        return (host, int(port)) if host and port.isdecimal() and 0 < int(port) < 1 << 16 else None

    @property
    def is_first(self) -> bool:
        """Whether this process logs, checkpoints and saves."""
        return self.index == 0

    def rows(self, batch_size: int) -> slice:
        """Return the rows of each batch that this process trains on. Raises UsageError if the shares would differ."""
        share, rest = divmod(batch_size, self.count)
        if rest:
            expected = f"a multiple of {parameter('processes')}, which is {self.count}"
            raise UsageError("batch_size", expected, batch_size)
        return slice(self.index * share, (self.index + 1) * share)

    def any(self, flag: bool) -> bool:
        """Tell whether a flag is set in any process. Every process must call this."""
        if self.count == 1:
            return flag
        import numpy as np
        from jax.experimental import multihost_utils

        return bool(multihost_utils.process_allgather(np.array(flag)).any())

    def bytes_of_first(self, data: bytes) -> bytes:
        """Return the bytes that the first process gave. Every process must call this."""
        if self.count == 1:
            return data
        import numpy as np
        from jax.experimental.multihost_utils import broadcast_one_to_all

        length = int(broadcast_one_to_all(np.array(len(data))))
        given = np.frombuffer(data, np.uint8) if self.is_first else np.zeros(length, np.uint8)
        return bytes(broadcast_one_to_all(given).astype(np.uint8).data)

    def of_first(self, compute: Callable[[], Any]) -> Any:
        """Return in every process the JSON value that the first one computes. Every process must call this."""
        if self.count == 1:
            return compute()
        with on_this_process_only():
            data = json.dumps(compute()).encode() if self.is_first else b""
        return json.loads(self.bytes_of_first(data))

    def require_same(self, settings: dict[str, Any]) -> None:
        """Raise SharedError in every process if their settings, JSON values by name, are not the same."""
        first, *others = self._of_all(settings)
        for index, theirs in enumerate(others, start=1):
            if different := [name for name, value in first.items() if theirs.get(name) != value]:
                raise SharedError(
                    f"process {index} has {_listed(theirs, different)}, and process 0 has {_listed(first, different)}: "
                    "start all of them with the same options and the same data"
                )

    def _of_all(self, value: Any) -> list[Any]:
        """Return the JSON value that each process gave. Every process must call this."""
        if self.count == 1:
            return [value]
        import numpy as np
        from jax.experimental.multihost_utils import process_allgather

        data = np.frombuffer(json.dumps(value).encode(), np.uint8)
        sizes = process_allgather(np.array(len(data)))
        rows = process_allgather(np.pad(data, (0, sizes.max() - len(data))))
        return [json.loads(bytes(row[:size])) for row, size in zip(rows, sizes, strict=True)]


def _listed(settings: dict[str, Any], names: list[str]) -> str:
    return ", ".join(f"{name} {settings.get(name)}" for name in names)


# the team of a process that trains alone
ALONE = Team()


def team_of(count: int | None, index: int, addresses: str | None) -> Team:
    """Return the team that options, or Keras's own environment variables, describe.

    `addresses` is HOST:PORT of the first process, or of every process, separated by commas. Raises UsageError if the
    values do not fit together.
    """
    given = [address.strip() for address in (addresses or "").split(",") if address.strip()]
    if count is not None and len(given) > 1 and len(given) != count:
        raise UsageError("coordinator", f"one address, or one for each of {count} processes", addresses)
    count = count if count is not None else max(1, len(given) if len(given) > 1 else 1)
    return Team(count=count, index=index, coordinator=given[0] if given else None)


@contextmanager
def on_this_process_only() -> Iterator[None]:
    """Compute within the block in this process only, since Keras cannot predict in several."""
    import keras

    distribution = keras.distribution.distribution()
    if distribution is None:
        yield
        return
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(distribution)
