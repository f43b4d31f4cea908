"""Weights of samples equal repeated rows, within the rounding of single precision."""

import numpy as np
import pytest

from layerloop import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_a_weight_is_as_many_rows(kind, solver, blobs):
    X, y = blobs
    counts = np.random.default_rng(0).integers(0, 4, len(y))
    epochs = 8 if solver == "lbfgs" else 25  # a line search takes the rounding of one step into the next
    arguments = dict(hidden_layer_sizes=8, max_iter=epochs, solver=solver, random_state=0, tol=0, shuffle=False)
    arguments["learning_rate_init"] = 0.02
    repeated = kind(**arguments, batch_size=int(counts.sum())).fit(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    weighted = kind(**arguments, batch_size=len(y)).fit(X, y, sample_weight=counts)
    result = "predict_proba" if kind is MLPClassifier else "predict"
    np.testing.assert_allclose(getattr(weighted, result)(X), getattr(repeated, result)(X), rtol=5e-3, atol=5e-4)
    unweighted = kind(**arguments, batch_size=len(y)).fit(X, y)
    assert np.abs(getattr(unweighted, result)(X) - getattr(repeated, result)(X)).max() > 5e-3


def test_a_row_of_weight_zero_does_not_count(blobs):
    X, y = blobs
    weights = np.ones(len(y))
    weights[:20] = 0
    wrong = y.copy()
    wrong[:20] = (wrong[:20] + 1) % 3
    arguments = dict(hidden_layer_sizes=8, max_iter=20, random_state=0, batch_size=50, shuffle=False)
    first = MLPClassifier(**arguments).fit(X, y, sample_weight=weights)
    second = MLPClassifier(**arguments).fit(X, wrong, sample_weight=weights)
    assert first.weights_sha256_ == second.weights_sha256_
