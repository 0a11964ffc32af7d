"""Make the pretrained model: train the `best` recipe with seed 0, round its weights to bfloat16, and deflate the file.

    python tests/programs/make_pretrained.py FOLDER-OF-MNIST mnistcnn/model/pretrained.keras [TRAINED.keras]

TRAINED.keras, a model that this recipe and seed made before, saves the training. The weights stay float32 in the file,
but half of their bits are zero, so the file is less than half as large. The program prints the weights' SHA-256 and
the file's size, and compares the two models' answers on MNIST's test images.
"""

import hashlib
import io
import sys
import tempfile
import zipfile
from pathlib import Path

import h5py
import ml_dtypes
import numpy as np

from mnistcnn import compare, train
from mnistcnn.model.model_file import readable_by_older_keras


def rounded_weights(file: bytes) -> tuple[bytes, str]:
    """Return an HDF5 file with its float32 datasets rounded to bfloat16's values, and the SHA-256 of these weights."""
    content, digest = bytearray(file), hashlib.sha256()

    def round_one(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype == np.float32:
            weights = item[()].astype(ml_dtypes.bfloat16).astype(np.float32)
            start = item.id.get_offset()
            content[start : start + weights.nbytes] = weights.tobytes()
            digest.update(weights.tobytes())

    with h5py.File(io.BytesIO(file), "r") as weights:
        weights.visititems(round_one)  # by name, in alphabetical order
    return bytes(content), digest.hexdigest()


def main(data: str, target: Path, trained: str | None = None) -> None:
    """Write the pretrained model."""
    with tempfile.TemporaryDirectory() as folder:
        source = trained or str(Path(folder, "best.keras"))
        if trained is None:
            train("best", data, seed=0, model=source)
        with zipfile.ZipFile(source) as whole, zipfile.ZipFile(target, "w") as small:
            for name in whole.namelist():
                content = whole.read(name)
                if name == "model.weights.h5":
                    content, digest = rounded_weights(content)
                if name == "config.json":  # of a TRAINED.keras that an older program saved
                    content = readable_by_older_keras(content)
                entry = zipfile.ZipInfo(name)  # dated 1980, so that the same weights make the same file
                small.writestr(entry, content, zipfile.ZIP_DEFLATED, compresslevel=9)
        comparison = compare([source, target], data)
    before, after = comparison.evaluations
    print(f"weights {digest}, {target.stat().st_size:,} bytes")
    print(f"accuracy {before.accuracy:.4f} before, {after.accuracy:.4f} after rounding")
    print(f"loss {before.loss:.6f} before, {after.loss:.6f} after rounding")
    print(f"images read otherwise: {len(comparison.differences)}")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
