"""The TensorFlow tutorial's MNIST network on Keras 3, as a command line and as a library.

    >>> from mnistcnn import evaluate, load_model, predict, train

The results of these functions show themselves in Jupyter. Importing the package imports nothing heavy; the first call
of a function does.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mnistcnn.app.api import compare, evaluate, explain, export, load_model, predict, train

__version__ = "0.1.0"
__all__ = ["compare", "evaluate", "explain", "export", "load_model", "predict", "train"]


def __getattr__(name: str) -> Any:
    """Import a function of the library when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mnistcnn.app import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
