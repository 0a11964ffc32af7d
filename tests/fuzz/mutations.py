"""Damage done to files by a seed, for the fuzz tests."""

import random
from collections.abc import Callable

Case = tuple[str, Callable[[], object]]  # a name, and what reads the input


def mutated(content: bytes, randomness: random.Random) -> bytes:
    """Damage bytes in one to four of the ways that files get damaged, or are made to do damage."""
    data = bytearray(content)
    for _ in range(randomness.randint(1, 4)):
        at = randomness.randrange(len(data) + 1)
        length = randomness.choice((1, 2, 4, 4, 8, 64))
        match randomness.randrange(7):
            case 0:
                del data[at:]
            case 1:
                del data[at : at + length]
            case 2:
                data[at : at + length] = randomness.randbytes(length)
            case 3:
                data[at : at + length] = randomness.choice((b"\0", b"\xff", b"\x7f")) * length
            case 4:
                data[at:at] = randomness.randbytes(length)
            case 5 if at < len(data):
                data[at] ^= 1 << randomness.randrange(8)
            case _:
                data[at:at] = data[: randomness.randrange(len(data) + 1)]
    return bytes(data)
