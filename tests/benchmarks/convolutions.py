"""The second convolution, which is most of a step: TensorFlow's gradients against other ways to compute the same.

python tests/benchmarks/convolutions.py
"""

import os
from collections.abc import Callable
from statistics import median
from time import perf_counter

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf
from table import setting

ROUNDS, CALLS = 7, 12
N, SIZE, INPUTS, FILTERS, WINDOW = 100, 14, 32, 64, 5
EDGES = [[0, 0], [2, 2], [2, 2], [0, 0]]  # what "same" padding adds


def forward(x: tf.Tensor, kernel: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """Compute the convolution itself."""
    return tf.nn.conv2d(x, kernel, 1, "SAME")


def input_gradient(x: tf.Tensor, kernel: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """Compute the gradient for the input, as TensorFlow does."""
    return tf.raw_ops.Conv2DBackpropInput(
        input_sizes=tf.shape(x), filter=kernel, out_backprop=gradient, strides=[1] * 4, padding="SAME"
    )


def input_gradient_forward(x: tf.Tensor, kernel: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """Compute it as a convolution with the kernel turned around."""
    return tf.nn.conv2d(gradient, tf.transpose(tf.reverse(kernel, [0, 1]), (0, 1, 3, 2)), 1, "SAME")


def kernel_gradient(x: tf.Tensor, kernel: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """Compute the gradient for the kernel, as TensorFlow does."""
    return tf.raw_ops.Conv2DBackpropFilter(
        input=x, filter_sizes=tf.shape(kernel), out_backprop=gradient, strides=[1] * 4, padding="SAME"
    )


def kernel_gradient_forward(x: tf.Tensor, kernel: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """Compute it as a convolution of the input with the output's gradient, images as channels."""
    swapped = tf.nn.conv2d(tf.transpose(x, (3, 1, 2, 0)), tf.transpose(gradient, (1, 2, 0, 3)), 1, EDGES)
    return tf.transpose(swapped, (1, 2, 0, 3))


def kernel_gradient_shifted(x: tf.Tensor, kernel: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """Compute it as a matrix product for each of the 25 places of the window."""
    padded, rows = tf.pad(x, EDGES), tf.reshape(gradient, (-1, FILTERS))
    places = [(down, right) for down in range(WINDOW) for right in range(WINDOW)]
    products = [
        tf.linalg.matmul(
            tf.reshape(padded[:, down : down + SIZE, right : right + SIZE], (-1, INPUTS)), rows, transpose_a=True
        )
        for down, right in places
    ]
    return tf.reshape(tf.stack(products), (WINDOW, WINDOW, INPUTS, FILTERS))


WAYS: list[Callable[..., tf.Tensor]] = [
    forward,
    input_gradient,
    input_gradient_forward,
    kernel_gradient,
    kernel_gradient_forward,
    kernel_gradient_shifted,
]


def main() -> None:
    """Print the median milliseconds of each way, in turns."""
    print(f"{setting()} {ROUNDS} rounds in turns.\n")
    print("| what, ms | float32 | bfloat16 |")
    print("|---|---|---|")
    found: dict[str, list[str]] = {way.__name__: [] for way in WAYS}
    for dtype in (tf.float32, tf.bfloat16):
        shapes = ((N, SIZE, SIZE, INPUTS), (WINDOW, WINDOW, INPUTS, FILTERS), (N, SIZE, SIZE, FILTERS))
        operands = [tf.cast(tf.random.normal(shape), dtype) for shape in shapes]
        compiled = {way.__name__: tf.function(way) for way in WAYS}
        times: dict[str, list[float]] = {name: [] for name in compiled}
        for _ in range(ROUNDS + 1):
            for name, way in compiled.items():
                began = perf_counter()
                for _ in range(CALLS):
                    result = way(*operands)
                result.numpy()
                times[name].append((perf_counter() - began) / CALLS)
        for name, values in times.items():
            found[name].append(f"{1e3 * median(values[1:]):.2f}")
    for name, cells in found.items():
        print(f"| {name.replace('_', ' ')} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
