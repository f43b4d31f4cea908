"""The estimators inside scikit-learn's others: one test each."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier, StackingClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from layerloop import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def model(**parameters):
    return MLPClassifier(16, max_iter=60, learning_rate_init=0.02, random_state=0, **parameters)


def test_pipeline(blobs):
    X, y = blobs
    pipeline = make_pipeline(StandardScaler(), model()).fit(X, y)
    assert pipeline.score(X, y) > 0.9
    assert "MLPClassifier" in pipeline._repr_html_()


def test_column_transformer(blobs):
    X, y = blobs
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "side": np.where(X[:, 0] > 1.5, "right", "left")})
    columns = ColumnTransformer([("numbers", StandardScaler(), ["a", "b"]), ("names", OneHotEncoder(), ["side"])])
    assert make_pipeline(columns, model()).fit(frame, y).score(frame, y) > 0.9


def test_grid_search(blobs):
    X, y = blobs
    search = GridSearchCV(model(), {"activation": ["relu", "tanh"], "alpha": [1e-4, 1e-2]}, cv=3).fit(X, y)
    assert search.best_score_ > 0.85 and len(search.cv_results_["params"]) == 4
    assert cross_val_score(MLPRegressor(solver="lbfgs", random_state=0), X, X[:, 0], cv=3).min() > 0.95


def test_calibrated(blobs):
    X, y = blobs
    calibrated = CalibratedClassifierCV(model(), cv=3).fit(X, y)
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1)
    assert calibrated.score(X, y) > 0.85


def test_bagging(blobs):
    X, y = blobs
    bagging = BaggingClassifier(model(), n_estimators=3, random_state=0).fit(X, y)
    assert bagging.score(X, y) > 0.9 and len({m.weights_sha256_ for m in bagging.estimators_}) == 3


def test_stacking(blobs):
    X, y = blobs
    stack = StackingClassifier([("net", model()), ("line", LogisticRegression())], cv=3).fit(X, y)
    assert stack.score(X, y) > 0.9


def test_permutation_importance(blobs):
    X, y = blobs
    X = np.column_stack([X, np.random.default_rng(1).normal(size=len(X))])
    found = permutation_importance(model().fit(X, y), X, y, n_repeats=5, random_state=0).importances_mean
    assert found[2] < 0.05 < min(found[:2])


def test_set_output(blobs):
    X, y = blobs
    frame = pd.DataFrame(X, columns=["a", "b"])
    pipeline = make_pipeline(StandardScaler(), model()).set_output(transform="pandas").fit(frame, y)
    assert list(pipeline[-1].feature_names_in_) == ["a", "b"]
    assert pipeline.score(frame, y) > 0.9


def test_clone_and_parameters():
    given = model(dropout=0.1, network=None)
    copy = clone(given)
    assert copy is not given and copy.get_params() == given.get_params()
    assert repr(given) == (
        "MLPClassifier(hidden_layer_sizes=16, learning_rate_init=0.02, max_iter=60, random_state=0, dropout=0.1)"
    )
    with pytest.raises(ValueError, match="Invalid parameter 'speed' for estimator MLPClassifier"):
        given.set_params(speed=1)
