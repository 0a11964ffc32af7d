"""Run a command that succeeds, and print which slow modules it imported: ARGUMENT…."""

import sys

from mnistcnn.app.cli import app

HEAVY = {
    *("cv2", "h5py", "jax", "keras", "matplotlib", "numpy", "PIL", "requests"),
    *("pyarrow", "ray", "sklearn", "tensorboard", "tensorflow", "torch"),
}


def main(*arguments: str) -> None:
    """Print the modules on a line of their own, after what the command prints."""
    try:
        app(arguments)
    except SystemExit as end:
        if end.code:
            raise
    print("HEAVY", sorted(HEAVY & set(sys.modules)))


if __name__ == "__main__":
    main(*sys.argv[1:])
