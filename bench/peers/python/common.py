"""What the Python peers share: the job from the command line, its data, the result as one JSON line.

Arguments of every peer: SIZES ACTIVATION BATCH EPOCHS DATA [PEAK], the sizes as `784-32-10`. Without epochs it only predicts.
The learning rate is 1e-3, or PEAK by the one-cycle schedule.
The loss follows from the targets: numbers (`train_y.f32`) have the mean squared error; of classes (`train_y.u8`) a single output
has binary cross-entropy of its logit, several outputs have softmax cross-entropy.
The number of threads is OMP_NUM_THREADS.
"""

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import numpy as np


@dataclass
class Job:
    sizes: list[int]
    activation: str
    batch: int
    epochs: int
    threads: int
    x: np.ndarray
    y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    peak: float | None

    @property
    def steps(self) -> int:
        return self.epochs * -(-len(self.x) // self.batch)

    @property
    def loss(self) -> str:
        """`mse`, `binary` or `softmax`."""
        if self.y.dtype == np.float32:
            return "mse"
        return "binary" if self.sizes[-1] == 1 else "softmax"

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Inputs and outputs of every layer."""
        return list(zip(self.sizes, self.sizes[1:]))


def job() -> Job:
    sizes_text, activation, batch, epochs, data, *peak = sys.argv[1:]
    sizes = [int(size) for size in sizes_text.split("-")]

    def part(name: str) -> tuple[np.ndarray, np.ndarray]:
        x = np.fromfile(Path(data) / f"{name}_x.f32", np.float32).reshape(-1, sizes[0])
        numbers = Path(data) / f"{name}_y.f32"
        if numbers.exists():
            return x, np.fromfile(numbers, np.float32).reshape(-1, sizes[-1])
        return x, np.fromfile(Path(data) / f"{name}_y.u8", np.uint8).astype(np.int64)

    threads = int(os.environ["OMP_NUM_THREADS"])
    return Job(sizes, activation, int(batch), int(epochs), threads, *part("train"), *part("test"), float(peak[0]) if peak else None)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that `work` takes, and what it gives."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def median_of(calls: int, call: Callable[[int], Any]) -> float:
    """The median seconds of some calls, after a tenth as many to warm up."""
    for i in range(calls // 10 + 1):
        call(i)
    return float(np.median([timed(lambda: call(i))[0] for i in range(calls)]))


def report_predictions(
    job: Job,
    predict: Callable[[Any], np.ndarray],
    wrap: Callable[[np.ndarray], Any] = lambda x: x,
) -> None:
    """Times `predict` for one row and for all rows of the test set; `wrap` makes them the peer's own, untimed."""
    rows = [wrap(job.test_x[i : i + 1]) for i in range(1000)]
    everything = wrap(job.test_x)
    one = median_of(3000, lambda i: predict(rows[i % 1000]))
    whole = median_of(15, lambda _: predict(everything))
    print(json.dumps({"one_row_us": 1e6 * one, "all_rows_ms": 1e3 * whole}))


def report_training(job: Job, train_s: float, outputs: np.ndarray, compile_s: float = 0.0) -> None:
    """`outputs`: the network's for the test rows, logits or numbers."""
    result = {"train_s": train_s, "compile_s": compile_s}
    if job.loss != "mse":
        answers = outputs.argmax(1) if job.loss == "softmax" else outputs.reshape(-1) > 0
        result["accuracy"] = float((answers == job.test_y).mean())
    print(json.dumps(result))
