"""Run `mnistcnn` with what Windows lacks taken away from Python: ARGUMENTS of the command line."""

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Any

# names: what Python's documentation says is not available on Windows (or, for set_blocking, not before 3.12), less
# uname, which NumPy calls wherever `sys.platform` is Linux
OF_OS = (
    *(
        "chown",
        "fchmod",
        "fchown",
        "fork",
        "forkpty",
        "getegid",
        "geteuid",
        "getgid",
        "getpgid",
        "getuid",
        "initgroups",
    ),
    *("get_blocking", "killpg", "lchown", "mkfifo", "mknod", "nice", "openpty", "pipe2", "pread", "pwrite"),
    *("sched_getaffinity", "set_blocking", "setsid", "setuid", "statvfs", "sysconf", "wait"),
)
OF_SIGNAL = (
    *("SIGALRM", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGSTOP", "SIGTSTP", "SIGUSR1"),
    *("SIGUSR2", "alarm", "pause", "pthread_kill", "pthread_sigmask", "setitimer", "siginterrupt", "sigpending"),
    *("sigtimedwait", "sigwait", "sigwaitinfo"),
)


def take_away() -> None:
    """Make this process as poor as one of Windows."""
    sys.modules["psutil"] = None  # type: ignore[assignment] # Keras tries it; its part for Linux needs os.sysconf
    for module, names in ((os, OF_OS), (signal, OF_SIGNAL)):
        for name in names:
            delattr(module, name)
    open_file, unlink, library = os.open, os.unlink, ctypes.CDLL

    def open_no_folder(path: Any, *arguments: Any, **settings: Any) -> int:
        if isinstance(path, str | os.PathLike) and Path(path).is_dir():
            raise PermissionError(13, "Permission denied", str(path))
        return open_file(path, *arguments, **settings)

    def unlink_no_open_file(path: Any, **settings: Any) -> None:
        if Path(path).name.endswith("lock"):  # held by a lock of the program; Linux lets its libraries remove others
            raise PermissionError(13, "The process cannot access the file", str(path))
        unlink(path, **settings)

    def named_library(name: str | None, *arguments: Any, **settings: Any) -> Any:
        if name is None:
            raise TypeError("bad argument type for built-in operation")
        return library(name, *arguments, **settings)

    os.open, os.unlink = open_no_folder, unlink_no_open_file
    ctypes.CDLL = named_library  # type: ignore[assignment,misc]


def main() -> None:
    """Run the command line."""
    from mnistcnn.__main__ import main as run

    take_away()
    sys.argv[0] = "mnistcnn"
    run()


if __name__ == "__main__":
    main()
