"""The README's example: digits, and a table with names and gaps."""

import time

import numpy as np
from layerloop import MLPClassifier, TabularClassifier


def digits() -> tuple[np.ndarray, np.ndarray]:
    """Give 600 noisy pictures of three shapes, 8 x 8."""
    generator = np.random.default_rng(0)
    shapes = generator.random((3, 8, 8)).round()
    labels = np.arange(600) % 3
    return (shapes[labels] + generator.normal(scale=0.6, size=(600, 8, 8))).reshape(600, 64), labels


X, y = digits()
start = time.perf_counter()
model = MLPClassifier((32,), tol=1e-3, random_state=0).fit(X[:500], y[:500])
print(f"test accuracy {model.score(X[500:], y[500:]):.4f} in {time.perf_counter() - start:.2f} s")
print(f"weights sha256 {model.weights_sha256_}")

sizes = [float(i % 10) if i % 7 else None for i in range(400)]
names = ["red" if i % 3 else "blue" for i in range(400)]
wanted = ["large" if (i % 10 > 4) != (i % 3 == 0) else "small" for i in range(400)]
table = TabularClassifier("plain", random_state=0).fit({"size": sizes, "colour": names}, wanted)
print(f"tabular accuracy {table.score({'size': sizes, 'colour': names}, wanted):.4f}")
