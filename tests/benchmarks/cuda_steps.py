"""Ways to take PyTorch's training steps on an NVIDIA GPU: TF32, bfloat16, compiled, and replayed as a CUDA graph.

python tests/benchmarks/cuda_steps.py

Each takes steps of the tutorial's network on one constant batch that lies on the GPU, in turns.
"""

from collections.abc import Callable
from time import perf_counter
from typing import Any

from table import Row, ratio, setting, table

STEPS = 300  # a turn
ROUNDS = 5
BATCH_SIZE = 100


def measure_variants() -> list[Row]:
    """Return a row for each way; its ratio is that of its rate to the first's."""
    import torch

    ways = variants()
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(ROUNDS + 1):
        for name, (take_step, allow_tf32) in ways.items():
            torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allow_tf32
            began = perf_counter()
            for _ in range(STEPS):
                take_step()
            torch.cuda.synchronize()
            if number:  # the first warms up
                rates[name].append(STEPS / (perf_counter() - began))
    first = next(iter(rates.values()))
    return [Row(name, "steps/s", rate, f"{ratio(rate, first):.2f}") for name, rate in rates.items()]


def variants() -> dict[str, tuple[Callable[[], Any], bool]]:
    """Return functions that take a step, by name, and whether each may compute in TF32."""
    import torch

    eager, bfloat16 = step_of(torch.float32), step_of(torch.bfloat16)
    return {
        "eager, float32": (eager, False),
        "eager, TF32": (step_of(torch.float32), True),
        "eager, bfloat16": (bfloat16, False),
        "compiled, bfloat16": (step_of(torch.bfloat16, compiles=True), False),
        "CUDA graph, float32": (captured(step_of(torch.float32), allow_tf32=False), False),
        "CUDA graph, TF32": (captured(step_of(torch.float32), allow_tf32=True), True),
        "CUDA graph, bfloat16": (captured(step_of(torch.bfloat16), allow_tf32=False), False),
    }


def step_of(precision: Any, *, compiles: bool = False) -> Callable[[], Any]:
    """Return a function that takes a step in a precision, with this program's order of layers."""
    import torch
    from torch.nn import functional

    shapes = ((32, 1, 5, 5), (32,), (64, 32, 5, 5), (64,), (3136, 1024), (1024,), (1024, 10), (10,))
    weights = [torch.empty(shape, device="cuda").uniform_(-0.05, 0.05).requires_grad_() for shape in shapes]
    inputs = torch.rand((BATCH_SIZE, 1, 28, 28), device="cuda").contiguous(memory_format=torch.channels_last)
    labels = torch.nn.functional.one_hot(torch.arange(BATCH_SIZE, device="cuda") % 10, 10).float()
    optimizer = torch.optim.AdamW(weights, lr=torch.tensor(0.001, device="cuda"), fused=True, capturable=True)

    def loss_of(inputs: Any) -> Any:
        kernel1, bias1, kernel2, bias2, dense, dense_bias = (weight.to(precision) for weight in weights[:6])
        x = inputs.to(precision)
        for kernel, bias in ((kernel1, bias1), (kernel2, bias2)):
            x = functional.conv2d(x, kernel, padding=2)
            x = functional.relu(functional.max_pool2d(x, 2) + bias[:, None, None])
        x = functional.relu(x.permute(0, 2, 3, 1).flatten(1) @ dense + dense_bias)
        x = functional.dropout(x, 0.4)
        return functional.cross_entropy(x.float() @ weights[6] + weights[7], labels)

    compute = torch.compile(loss_of) if compiles else loss_of

    def take_step() -> None:
        compute(inputs).backward()
        optimizer.step()
        optimizer.zero_grad()

    return take_step


def captured(take_step: Callable[[], Any], *, allow_tf32: bool) -> Callable[[], Any]:
    """Return a function that replays the CUDA graph of a step."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allow_tf32
    aside = torch.cuda.Stream()
    with torch.cuda.stream(aside):
        for _ in range(3):
            take_step()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        take_step()

    def replay() -> Callable[[], Any]:
        graph.replay()
        return take_step  # holds the memory that the graph computes in

    return replay


if __name__ == "__main__":
    print(f"{setting()}\n\n{table(measure_variants())}")
