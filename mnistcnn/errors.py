"""What can go wrong that the user can put right."""


class MnistcnnError(Exception):
    """Something in the world that the user can fix: a file, data, a device, the network.

    The message is one line: what was wrong, what was received, how to put it right.
    """

    exit_status = 1


class SharedError(MnistcnnError):
    """What every process of a run finds in the same step, so that all of them can end in order."""


class UsageError(MnistcnnError):
    """A value that is wrong by itself, whatever the world looks like: steps of 0, an unknown backend."""

    exit_status = 2
