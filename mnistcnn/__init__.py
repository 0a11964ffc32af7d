"""The TensorFlow tutorial's MNIST network as a Keras 3 command-line application."""

__version__ = "0.1.0"
