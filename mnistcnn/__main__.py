"""The program `mnistcnn`, also `python -m mnistcnn`: it sets up signals and streams, then runs the command line."""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

# variables: made for other programs, they would break a library here (a notebook's MPLBACKEND may be out of reach)
OWN_ENVIRONMENT = {"MPLBACKEND": "Agg"}


def main() -> None:
    """Run the command line; a signal ends it within a second, with the status that a shell expects."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # while Python starts and ends, Ctrl-C leaves no traceback
    from mnistcnn.runtime.signals import stop_on_signals
    from mnistcnn.runtime.streams import draw_in_ascii_where_needed, open_closed_streams

    os.environ.update(OWN_ENVIRONMENT)
    open_closed_streams()
    draw_in_ascii_where_needed()
    with stop_on_signals() as stop:
        try:
            from mnistcnn.app.cli import app

            app(prog_name="mnistcnn")
        finally:
            if stop():
                os._exit(stop.exit_status)  # all output is flushed, and Python's own end can take a second


if __name__ == "__main__":
    with suppress(OSError):  # the current folder is gone
        if sys.path[0] == str(Path.cwd()):  # a person's own keras.py there is not Keras
            del sys.path[0]
    main()
