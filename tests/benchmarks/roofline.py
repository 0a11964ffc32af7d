"""What the hardware allows a training step, and where its time goes.

python tests/benchmarks/roofline.py

Prints the peak rates of large matrix products and of copying memory, measured here and now; the floating-point
operations and the least bytes of one step; the step's own rate; and the operations that take most of it.
"""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
from table import setting

from mnistcnn.config import TrainConfig
from mnistcnn.runtime.backend import start_keras

BATCH_SIZE = 100
PROFILED_STEPS = 20
TRIALS = 7


def seconds(action: Callable[[], object]) -> float:
    """Return the median time that an action takes, after a first time that does not count."""
    times = []
    for _ in range(TRIALS + 1):
        began = perf_counter()
        action()
        times.append(perf_counter() - began)
    return median(times[1:])


def product_flops(dtype: str, size: int = 3_000) -> float:
    """Return the operations per second of a large matrix product."""
    import tensorflow as tf

    matrix = tf.cast(tf.random.normal((size, size)), dtype)
    return 2 * size**3 / seconds(lambda: tf.linalg.matmul(matrix, matrix)[0, 0].numpy())


def copied_bytes() -> float:
    """Return the bytes per second that are read and written when memory is copied."""
    source = np.ones(1 << 26, np.float32)
    target = np.empty_like(source)
    return 2 * source.nbytes / seconds(lambda: np.copyto(target, source))


def step_flops() -> dict[str, float]:
    """Return the operations of one step by layer: a product forward, and two backward, one where no input learns."""
    layers = {
        "conv1": (28 * 28 * 25 * 1 * 32, 2),
        "conv2": (14 * 14 * 25 * 32 * 64, 3),
        "dense": (3136 * 1024, 3),
        "logits": (1024 * 10, 3),
    }
    return {name: 2.0 * BATCH_SIZE * products * passes for name, (products, passes) in layers.items()}


def compiled_steps(dtype: str) -> Callable[[int], object]:
    """Return a function that takes so many steps on one constant batch: this program's kernels, and nothing else."""
    import tensorflow as tf

    from mnistcnn.training.fitting import initial_model

    model = initial_model(TrainConfig(), dtype)
    random = np.random.RandomState(0)
    inputs = tf.constant(random.rand(BATCH_SIZE, 28, 28, 1).astype(np.float32))
    targets = tf.one_hot(random.randint(0, 10, BATCH_SIZE), 10)

    @tf.function  # type: ignore[untyped-decorator]
    def run(steps: tf.Tensor) -> None:
        for _ in tf.range(steps):
            with tf.GradientTape() as tape:
                losses = tf.nn.softmax_cross_entropy_with_logits(targets, model(inputs, training=True))
                loss = tf.reduce_mean(losses)
            variables = model.trainable_variables
            model.optimizer.apply(tape.gradient(loss, variables), variables)

    return lambda steps: run(tf.constant(steps))


def operation_times(run: Callable[[int], object]) -> Counter[str]:
    """Return the milliseconds per step of each operation; those that run side by side count in full."""
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    with TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        run(PROFILED_STEPS)
        tf.profiler.experimental.stop()
        space = xplane_pb2.XSpace.FromString(next(Path(folder).rglob("*.xplane.pb")).read_bytes())
    times: Counter[str] = Counter()
    for plane in space.planes:
        for event in (event for line in plane.lines for event in line.events):
            name = plane.event_metadata[event.metadata_id].name
            if name.startswith("while/body"):
                path, _, kind = name.rpartition(":")
                times[f"{kind.removeprefix('_MklNative').removeprefix('_Mkl')} of {_layer(path)}"] += event.duration_ps
    return Counter({name: duration / 1e9 / PROFILED_STEPS for name, duration in times.items()})


def _layer(path: str) -> str:
    known = ("conv1", "conv2", "pool1", "pool2", "dense", "dropout", "logits", "sgd")
    return next((name for name in known if f"/{name}_" in path or f"/{name}/" in path), "the loss and the rest")


def main() -> None:
    """Print what was measured."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    start_keras("tensorflow", to_train=True)
    flops = step_flops()
    total = sum(flops.values())
    weight_bytes = 3_274_634 * 4
    print(f"{setting()}\n")
    shares = ", ".join(f"{name} {share / 1e9:.2f}" for name, share in flops.items())
    print(f"one step of {BATCH_SIZE}: {total / 1e9:.2f} GFLOP ({shares}); weights read and written once:")
    bandwidth = copied_bytes()
    print(f"{2 * weight_bytes / 1e6:.1f} MB, {2e3 * weight_bytes / bandwidth:.2f} ms at {bandwidth / 1e9:.1f} GB/s\n")
    print("| precision | large product, TFLOP/s | bound, steps/s | bare loop, steps/s | of the bound |")
    print("|---|---|---|---|---|")
    for dtype in ("float32", "bfloat16"):
        peak = product_flops(dtype)
        bound = 1 / (total / peak + 2 * weight_bytes / bandwidth)
        run = compiled_steps(dtype)
        run(5)
        rate = PROFILED_STEPS / seconds(lambda run=run: run(PROFILED_STEPS))  # type: ignore[misc]
        print(f"| {dtype} | {peak / 1e12:.3f} | {bound:.1f} | {rate:.1f} | {100 * rate / bound:.0f} % |", flush=True)
    print("\nms per step in bfloat16, where operations that run side by side slow each other:\n")
    for name, milliseconds in operation_times(run).most_common(16):
        print(f"{milliseconds:8.2f}  {name}")


if __name__ == "__main__":
    main()
