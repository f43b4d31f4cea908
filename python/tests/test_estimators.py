"""What the MLP estimators do beside what scikit-learn's tests ask."""

import inspect
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
import sklearn.neural_network as theirs
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning, NotFittedError

import layerloop
from layerloop import MLPClassifier, MLPRegressor, TabularClassifier, _display

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_every_parameter_has_the_name_the_place_and_the_default_of_scikit_learn(name):
    ours = inspect.signature(getattr(layerloop, name)).parameters
    for place, (parameter, known) in enumerate(inspect.signature(getattr(theirs, name)).parameters.items()):
        found = ours[parameter]
        assert (found.default, found.kind) == (known.default, known.kind), parameter
        assert list(ours)[place] == parameter or known.kind is known.KEYWORD_ONLY


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_every_attribute_of_scikit_learn_is_there(name, blobs):
    X, y = blobs
    arguments = dict(max_iter=5, random_state=0, early_stopping=True)
    given = vars(getattr(theirs, name)(**arguments).fit(X, y))
    model = getattr(layerloop, name)(**arguments).fit(X, y)
    for attribute in [a for a in given if a.endswith("_") and not a.startswith("_")]:
        found = getattr(model, attribute)
        assert type(found) is type(given[attribute]) or isinstance(found, (int, float)), attribute


def test_the_first_weights_are_those_of_scikit_learn(blobs):
    X, y = blobs
    arguments = dict(hidden_layer_sizes=(7, 5), max_iter=1, random_state=3, learning_rate_init=1e-12, solver="sgd")
    ours, given = MLPClassifier(**arguments).fit(X, y), theirs.MLPClassifier(**arguments).fit(X, y)
    for a, b in zip(ours.coefs_ + ours.intercepts_, given.coefs_ + given.intercepts_):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)
    assert ours.loss_ == pytest.approx(given.loss_, rel=1e-6)


# Our Adam adds epsilon after the correction of the moments, as PyTorch does, scikit-learn before it: units of relu that are 0 everywhere,
# whose gradient is the penalty's alone, move by other steps.
CASES = [
    (dict(solver="sgd", momentum=0.0), 1), (dict(solver="sgd"), 1), (dict(solver="sgd", nesterovs_momentum=False), 1),
    (dict(activation="tanh"), 1), (dict(alpha=1.0, activation="tanh"), 1), (dict(alpha=0.0), 1),
    (dict(learning_rate="invscaling", solver="sgd"), 1), (dict(activation="logistic"), 1),
    (dict(batch_size=150, shuffle=False, alpha=0.0), 1), (dict(activation="tanh"), 3), (dict(alpha=1.0, solver="sgd"), 3),
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("arguments, outputs", CASES)
def test_whole_batches_give_the_losses_of_scikit_learn(blobs, arguments, outputs, weighted):
    """With all rows in a batch, nothing is random but the weights, which are the same."""
    X, y = blobs
    arguments = dict(hidden_layer_sizes=(9,), max_iter=40, random_state=1, batch_size=150, tol=0) | arguments
    weights = np.random.default_rng(0).uniform(0.5, 2, len(y)) if weighted else None
    numbers = X[:, 0] * X[:, 1] if outputs == 1 else np.column_stack([X[:, 0] * X[:, 1], X[:, 0], X[:, 1]])
    many = (np.column_stack([X[:, 0] > 1, X[:, 1] > 1, X.sum(axis=1) > 2])).astype(int)
    jobs = [("MLPRegressor", numbers), ("MLPClassifier", y if outputs == 1 else many), ("MLPClassifier", y == 1)]
    for name, target in jobs:
        given = getattr(theirs, name)(**arguments).fit(X, target, weights)
        ours = getattr(layerloop, name)(**arguments).fit(X, target, weights)
        np.testing.assert_allclose(ours.loss_curve_, given.loss_curve_, rtol=2e-4)
        for a, b in zip(ours.coefs_, given.coefs_):
            np.testing.assert_allclose(a, b, rtol=0.02, atol=2e-3)


def test_counts_are_learnt_by_their_rates():
    X = np.linspace(0, 1, 300).reshape(-1, 1)
    y = np.random.default_rng(0).poisson(np.exp(X[:, 0] + 1))
    arguments = dict(loss="poisson", hidden_layer_sizes=8, max_iter=30, random_state=0, batch_size=300)
    ours, given = MLPRegressor(**arguments).fit(X, y), theirs.MLPRegressor(**arguments).fit(X, y)
    np.testing.assert_allclose(ours.loss_curve_, given.loss_curve_, rtol=1e-4)
    np.testing.assert_allclose(ours.predict(X), given.predict(X), rtol=1e-3)


def test_the_learning_rate_falls_when_the_loss_does_not():
    model = MLPClassifier(tol=0.5, max_iter=3000, solver="sgd", learning_rate="adaptive").fit([[3, 2], [1, 6]], [1, 0])
    rates = np.array(model.history_["learning_rate"])
    assert model.n_iter_ < 3000 and rates[-1] <= 1e-6
    assert set(np.round(rates[1:] / rates[:-1], 6)) <= {1.0, 0.2}


def test_the_same_seed_gives_the_same_bits(blobs):
    X, y = blobs
    hashes = {MLPClassifier(max_iter=10, random_state=5).fit(X, y).weights_sha256_ for _ in range(3)}
    other = MLPClassifier(max_iter=10, random_state=6).fit(X, y).weights_sha256_
    threads = MLPClassifier(max_iter=10, random_state=5, options={"threads": 2}).fit(X, y).weights_sha256_
    assert hashes == {threads} and other not in hashes


def test_weights_can_be_read_and_written(blobs):
    X, y = blobs
    model = MLPClassifier(8, max_iter=20, random_state=0).fit(X, y)
    before = model.predict_proba(X)
    model.coefs_[0][:] = 0
    assert np.ptp(model.predict_proba(X), axis=0).max() == 0
    model.coefs_ = [np.ones((2, 8)), model.coefs_[1]]
    assert (model.coefs_[0] == 1).all() and not np.array_equal(before, model.predict_proba(X))
    model.coefs_ = [np.ones((3, 8)), model.coefs_[1]]
    with pytest.raises(ValueError, match=r"expected an array of shape \(2, 8\), got \(3, 8\)"):
        model.predict(X)


def test_pickle_and_joblib_keep_every_bit_and_the_optimiser(blobs, tmp_path):
    X, y = blobs
    model = MLPClassifier(8, max_iter=20, random_state=0).fit(X, y)
    joblib.dump(model, tmp_path / "model")
    for copy in [pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model")]:
        assert copy.weights_sha256_ == model.weights_sha256_
        np.testing.assert_array_equal(copy.predict_proba(X), model.predict_proba(X))
        assert copy.partial_fit(X, y).weights_sha256_ == pickle.loads(pickle.dumps(model)).partial_fit(X, y).weights_sha256_
    with pytest.raises((pickle.UnpicklingError, EOFError, ValueError)):
        pickle.loads(pickle.dumps(model)[:-100])


def test_layers_of_ones_own(blobs):
    X, y = blobs
    text = MLPClassifier(network="2 -> 16 gelu dropout=0.1 -> 3", max_iter=60, learning_rate_init=0.02, random_state=0)
    assert text.fit(X, y).score(X, y) > 0.9
    assert text._network.spec == "2 -> 16 gelu dropout=0.1 -> 3 -> softmax"
    mixed = MLPClassifier((16, 8), activation=["swish", "tanh"], dropout=0.05, max_iter=60, random_state=0).fit(X, y)
    assert mixed._network.spec == "2 -> 16 swish dropout=0.05 -> 8 tanh dropout=0.05 -> 3 -> softmax"
    with pytest.raises(ValueError, match="unknown activation `rellu`; did you mean `relu`"):
        MLPClassifier(activation="rellu").fit(X, y)


def test_losses_optimisers_schedules_and_metrics_of_the_library(blobs):
    X, y = blobs
    model = MLPClassifier(
        16, solver="adamw", learning_rate="cosine", loss="focal", early_stopping="val_f1", class_weight="balanced",
        max_iter=80, learning_rate_init=0.02, random_state=0, options={"clip_norm": 1.0},
    ).fit(X, y)
    assert model.score(X, y) > 0.85 and len(model.history_["val_f1"]) == model.n_iter_
    upper = MLPRegressor("quantile(tau=0.9)", 16, max_iter=300, learning_rate_init=0.02, random_state=0).fit(X, X[:, 0])
    assert 0.8 < (X[:, 0] <= upper.predict(X)).mean() <= 1
    with pytest.raises(ValueError, match="unknown field `clip_nrom`"):
        MLPClassifier(options={"clip_nrom": 1}).fit(X, y)


def test_sparse_rows_give_the_bits_of_dense_ones(blobs):
    X, y = blobs
    X = np.where(np.abs(X) < 1, 0, X)
    dense, sparse = (MLPClassifier(8, max_iter=20, random_state=0).fit(x, y) for x in (X, csr_matrix(X)))
    assert dense.weights_sha256_ == sparse.weights_sha256_
    np.testing.assert_array_equal(dense.predict_proba(X), sparse.predict_proba(csr_matrix(X)))


@pytest.mark.parametrize("dtype", [np.float16, np.int64, np.uint8, np.int8, bool, ">f8"])
def test_numbers_of_every_dtype_are_taken(dtype):
    X = np.array([[0, 1], [1, 0], [1, 1], [0, 0]] * 10)
    y = X[:, 0]
    expected = MLPClassifier(8, max_iter=20, random_state=0).fit(X.astype(np.float64), y)
    found = MLPClassifier(8, max_iter=20, random_state=0).fit(X.astype(dtype), y)
    assert found.weights_sha256_ == expected.weights_sha256_
    np.testing.assert_allclose(found.predict_proba(X.astype(dtype)), expected.predict_proba(X), rtol=1e-6)


def test_a_line_for_each_epoch_or_a_bar(blobs, capsys):
    X, y = blobs
    MLPClassifier(8, max_iter=3, verbose=True).fit(X, y)
    MLPClassifier(8, max_iter=3, verbose="bar").fit(X, y)
    said = capsys.readouterr()
    assert said.out.count("Iteration ") == 3 and "epoch 3/3, loss " in said.err
    # The recipe chooses how many epochs there are.
    TabularClassifier("plain", patience=1, verbose="bar").fit(X, y)
    said = capsys.readouterr().err
    assert "\repoch 1, loss " in said and "#" not in said and said.endswith("\n")


@pytest.mark.parametrize("network", ["2 -> 8 sigmoid -> 1", "2 -> 8 sigmoid -> 1 -> sigmoid", "2 -> 8 sigmoid -> 2", "2 -> 8 relu -> 2 -> softmax"])
def test_a_network_as_text_is_given_the_output_of_the_estimator(blobs, network):
    """One with sigmoid units was given none, one of two units a sigmoid, and two outputs without a map were compared with 0.5."""
    X, y = blobs
    model = MLPClassifier(network=network, max_iter=100, learning_rate_init=0.05, random_state=0).fit(X, y == 1)
    assert model._network.outputs == 2 and model.score(X, y == 1) > 0.9
    for other in ("2 -> 8 relu -> 3", "2 -> 8 relu -> 3 -> softmax"):
        with pytest.raises(ValueError, match=f"network: '{other}' has 3 outputs, and y needs 2"):
            MLPClassifier(network=other).fit(X, y == 1)
    hinge = MLPClassifier(network="2 -> 8 relu -> 2 -> identity", loss="hinge", max_iter=100, learning_rate_init=0.05, random_state=0)
    assert hinge.fit(X, y == 1).score(X, y == 1) > 0.9
    numbers = MLPRegressor(network="2 -> 8 sigmoid -> 1", max_iter=100, learning_rate_init=0.05, random_state=0).fit(X, X[:, 0])
    assert numbers._network.output == "identity" and numbers.score(X, X[:, 0]) > 0.9


@pytest.mark.parametrize("arguments", [dict(), dict(solver="sgd", learning_rate="adaptive", tol=1e-2), dict(early_stopping="val_loss", tol=0), dict(early_stopping=True, n_iter_no_change=40), dict(solver="lbfgs", tol=0)])
def test_a_run_in_a_folder_goes_on_to_the_same_bits(blobs, tmp_path, monkeypatch, arguments):
    X, y = blobs
    arguments = dict(hidden_layer_sizes=8, max_iter=40, random_state=0, learning_rate_init=0.02, batch_size=32) | arguments
    whole = MLPClassifier(**arguments).fit(X, y)

    class Stop(Exception):
        pass

    class AfterTen(_display.Lines):
        def __call__(self, values):
            super().__call__(values)
            if self.epochs == 10:
                raise Stop

    with monkeypatch.context() as patched, pytest.raises(Stop):
        patched.setattr(_display, "Lines", AfterTen)
        MLPClassifier(**arguments, run=tmp_path / "run", verbose=True).fit(X, y)
    again = MLPClassifier(**arguments, run=tmp_path / "run").fit(X, y)
    assert (again.weights_sha256_, again.n_iter_) == (whole.weights_sha256_, whole.n_iter_)
    names = ["loss_", *(["loss_curve_"] if again.solver != "lbfgs" else []), *(["validation_scores_"] if again.early_stopping is True else [])]
    for name in names:
        np.testing.assert_allclose(getattr(again, name), getattr(whole, name))
    assert MLPClassifier(**arguments, run=tmp_path / "run").fit(X, y).weights_sha256_ == whole.weights_sha256_
    with pytest.raises(ValueError, match="run: .* is of another run: .*l2"):
        MLPClassifier(**(arguments | {"alpha": 0.5, "max_iter": 80}), run=tmp_path / "run").fit(X, y)


@pytest.mark.parametrize(
    "arguments",
    [
        dict(early_stopping=True, n_iter_no_change=5, learning_rate_init=0.05),
        dict(solver="sgd", learning_rate="adaptive", learning_rate_init=2e-5, tol=1, n_iter_no_change=2),
        dict(solver="lbfgs", tol=1e-2),
        dict(solver="lbfgs", max_fun=12),
    ],
)
@pytest.mark.parametrize("multilabel", [False, True])
def test_a_run_in_a_folder_that_has_ended_takes_no_more_steps(blobs, tmp_path, arguments, multilabel):
    X, y = blobs
    y = np.column_stack([y == 0, y > 0, X[:, 0] > 1]).astype(int) if multilabel else y
    arguments = dict(hidden_layer_sizes=8, max_iter=300, random_state=0) | arguments
    whole = MLPClassifier(**arguments).fit(X, y)
    assert whole.n_iter_ < 300
    for _ in range(2):
        again = MLPClassifier(**arguments, run=tmp_path / "run").fit(X, y)
        # One that had ended was given back whatever was to be learnt.
        with pytest.raises(ValueError, match="run: .* is of another run: sha256 of the data"):
            MLPClassifier(**arguments, run=tmp_path / "run").fit(X + 1, y)
        assert (again.weights_sha256_, again.n_iter_, again.loss_) == (whole.weights_sha256_, whole.n_iter_, whole.loss_)
        if arguments.get("early_stopping"):
            assert again.validation_scores_ == whole.validation_scores_ and again.best_validation_score_ == whole.best_validation_score_


def test_unfitted_and_not_converged(blobs):
    X, y = blobs
    with pytest.raises(NotFittedError, match="This MLPClassifier instance is not fitted yet"):
        MLPClassifier().predict(X)
    assert not hasattr(MLPClassifier(), "coefs_")
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(2\) reached"):
        MLPClassifier(max_iter=2).fit(X, y)


def test_a_panic_is_a_runtime_error():
    with pytest.raises(RuntimeError, match="internal error of layerloop, which is a bug: a batch has at least one row"):
        layerloop._layerloop._panic()


def test_html_shows_the_network(blobs):
    X, y = blobs
    model = MLPClassifier(8, max_iter=2).fit(X, y)
    page = model._repr_html_()
    assert "<svg" in page and "2 -&gt; 8 relu -&gt; 3 -&gt; softmax" in page and "51 parameters" in page
    assert "not fitted" in MLPClassifier()._repr_html_()


def test_nothing_but_numpy_is_imported():
    code = "import layerloop, sys; print(sorted(m for m in ('sklearn', 'scipy', 'pandas', 'pyarrow') if m in sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
