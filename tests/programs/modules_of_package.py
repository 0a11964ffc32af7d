"""Print which modules `import mnistcnn` imports, and whether a function imported from the package imports Keras."""

import sys

import mnistcnn

if __name__ == "__main__":
    assert {"train", "evaluate", "predict", "load_model", "compare"} <= set(dir(mnistcnn))
    print(sorted(name for name in sys.modules if name.startswith("mnistcnn.") or name in ("numpy", "keras", "rich")))
    from mnistcnn import train  # noqa: F401

    print("keras" in sys.modules)
