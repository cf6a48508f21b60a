"""Operations on arrays, each timed: the best of several runs, in milliseconds, as JSON."""

import json
import time
from collections.abc import Callable

import numpy as np  # type: ignore[import-not-found,unused-ignore]

random = np.random.default_rng(0)
a, b = random.random((500, 500)), random.random((500, 500))
a32, b32 = a.astype("f4"), b.astype("f4")
x, y = random.random(1_000_000), random.random(1_000_000)
signal = random.random(1 << 18)
OPERATIONS: dict[str, Callable[[], object]] = {
    "add, 1,000,000 elements": lambda: x + y,
    "multiply and add": lambda: x * y + 1.0,
    "sin": lambda: np.sin(x),
    "exp": lambda: np.exp(x),
    "sum": x.sum,
    "sort": lambda: np.sort(x),
    "matmul 500×500": lambda: a @ b,
    "matmul 500×500, 32 bits": lambda: a32 @ b32,
    "linalg.solve 500×500": lambda: np.linalg.solve(a, b[:, 0]),
    "fft 262,144": lambda: np.fft.fft(signal),
    "random, 1,000,000": lambda: random.random(1_000_000),
}


def best(operation: Callable[[], object]) -> float:
    """The shortest of the runs within half a second, at least three."""
    times: list[float] = []
    while len(times) < 3 or sum(times) < 0.5:
        started = time.perf_counter()
        operation()
        times.append(time.perf_counter() - started)
    return min(times) * 1000


print(json.dumps({"version": np.__version__, "milliseconds": {name: best(run) for name, run in OPERATIONS.items()}}))
