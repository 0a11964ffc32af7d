"""Print which kinds of device TensorFlow sees as a pipeline for another backend, and where a batch is made."""

from mnistcnn.config import TrainConfig
from mnistcnn.data.sources import load_dataset
from mnistcnn.runtime.backend import start_keras


def main() -> None:
    """Make one batch."""
    start_keras(to_train=True)
    import tensorflow as tf

    from mnistcnn.training.batches import training_batches

    inputs, _ = next(iter(training_batches(load_dataset("sample").split("train"), TrainConfig())))
    print({device.device_type for device in tf.config.get_visible_devices()}, inputs.device[-5:])


if __name__ == "__main__":
    main()
