"""Print the precision that OpenVINO computes the network in."""

import numpy as np

from mnistcnn.runtime.backend import start_keras


def main() -> None:
    """Predict once, so that OpenVINO compiles the network."""
    start_keras("openvino")
    from mnistcnn.model.network import build_model

    model = build_model()
    model.predict_on_batch(np.zeros((1, 28, 28, 1), np.float32))
    print(model.ov_compiled_model.get_property("INFERENCE_PRECISION_HINT"))


if __name__ == "__main__":
    main()
