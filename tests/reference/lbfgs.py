"""The minimum of a penalised logistic regression by scipy: what `crates/layerloop/src/optim/lbfgs.rs` is tested against.

    python tests/reference/lbfgs.py    # needs numpy and scipy; writes lbfgs.json beside this file
"""

import json
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

ROWS, INPUTS, CLASSES, L2 = 60, 4, 3, 0.1
generator = np.random.default_rng(0)
x = generator.standard_normal((ROWS, INPUTS)).astype(np.float32)
labels = generator.integers(0, CLASSES, ROWS)
y = np.eye(CLASSES)[labels]


def loss(flat):
    """Mean cross-entropy + l2 w^2 / 2 over the weights, not the biases; and its gradient."""
    w, b = flat[: CLASSES * INPUTS].reshape(CLASSES, INPUTS), flat[CLASSES * INPUTS :]
    z = x.astype(np.float64) @ w.T + b
    log_sum = np.logaddexp.reduce(z, axis=1)
    q = (np.exp(z - log_sum[:, None]) - y) / ROWS
    value = (log_sum - (z * y).sum(axis=1)).mean() + L2 / 2 * (w**2).sum()
    return value, np.concatenate([(q.T @ x + L2 * w).ravel(), q.sum(axis=0)])


found = minimize(loss, np.zeros(CLASSES * (INPUTS + 1)), jac=True, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-10})
text = json.dumps({
    "inputs": x.ravel().tolist(), "labels": labels.tolist(), "l2": L2,
    "minimum": found.fun, "weights": found.x[: CLASSES * INPUTS].tolist(),
})
(Path(__file__).parent / "lbfgs.json").write_text(text + "\n")
