"""Run a command as if a module were not installed, and print its exit status: MODULE ARGUMENT…."""

import sys

from mnistcnn.app.cli import app


def main(absent: str, *arguments: str) -> None:
    """Make the import of the module fail, and the search for it find nothing."""
    sys.modules[absent] = None  # type: ignore[assignment]
    try:
        app(arguments)
    except SystemExit as end:
        print(end.code)


if __name__ == "__main__":
    main(*sys.argv[1:])
