"""The model that comes with the package, and which file a model's name stands for.

`pretrained.keras` is of the `best` recipe with seed 0, its weights rounded to the values that bfloat16 can hold. The
command `python tests/programs/make_pretrained.py FOLDER mnistcnn/model/pretrained.keras` made it with Keras
3.15.1, TensorFlow 2.21.0 and Python 3.11 on one core of an Intel Xeon with AMX. Its weights have this SHA-256:
1695e660ced8d87e5d5f86aca2fe88a343dde4633196ffc45f048e869574bf97
"""

from pathlib import Path

from mnistcnn.config import OWN_MODEL

NAME = "pretrained"
FILE = Path(__file__).with_name("pretrained.keras")


def model_file(model: str | Path | None) -> Path:
    """Return the file of a model: of a path itself, of "pretrained" the package's.

    None stands for `mnistcnn.keras` in the current folder or, if there is none, for the pretrained model.
    """
    if model is None:
        own = Path(OWN_MODEL)
        return own if own.exists() else FILE
    return FILE if str(model) == NAME else Path(model)
