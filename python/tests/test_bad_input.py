"""What is refused, and in which words."""

import pickle
import threading

import numpy as np
import pandas as pd
import pytest

from layerloop import MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor, load

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = np.random.default_rng(0).normal(size=(60, 3))
y = np.arange(60) % 2


def refused(kind, X, y, match, error=ValueError):
    with pytest.raises(error, match=match):
        kind().fit(X, y)


KINDS = [MLPClassifier, MLPRegressor]
TABULAR = [TabularClassifier, TabularRegressor]


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_dtypes(kind):
    refused(kind, X.astype("datetime64[D]"), y, "dates and durations are not numbers", TypeError)
    refused(kind, np.array([[b"a"]] * 60), y, "not compatible with arrays of bytes/strings")


@pytest.mark.parametrize("kind", KINDS)
def test_object_arrays(kind):
    as_objects = kind(max_iter=3, random_state=0).fit(X.astype(object), y)
    assert as_objects.weights_sha256_ == kind(max_iter=3, random_state=0).fit(X, y).weights_sha256_
    mixed = X.astype(object)
    mixed[3, 1] = "three"
    refused(kind, mixed, y, "could not convert string to float: 'three'")
    mixed[3, 1] = {}
    refused(kind, mixed, y, "must be a string or a real number, not 'dict'", TypeError)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value, said", [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")])
def test_nan_and_infinity(kind, value, said):
    bad = X.copy()
    bad[7, 2] = value
    refused(kind, bad, y, f"Input X contains {said}")
    model = kind(max_iter=3).fit(X, y)
    for dtype in (np.float64, np.float32):
        for rows in (bad[7:8], bad):
            with pytest.raises(ValueError, match=f"Input X contains {said}"):
                model.predict(rows.astype(dtype))
    wrong = y.astype(float)
    wrong[3] = value
    refused(kind, X, wrong, f"Input y contains {said}")
    with pytest.raises(ValueError, match=f"Input sample_weight contains {said}"):
        kind().fit(X, y, sample_weight=wrong)


@pytest.mark.parametrize("kind", KINDS + TABULAR)
def test_ragged_lists(kind):
    refused(kind, [[1.0, 2.0], [3.0]], [0, 1], "inhomogeneous shape")


@pytest.mark.parametrize("kind", KINDS + TABULAR)
def test_no_rows(kind):
    refused(kind, np.empty((0, 3)), [], r"Found array with 0 sample\(s\)")
    with pytest.raises(ValueError, match=r"Found array with 0 sample\(s\)"):
        kind().fit(X, y).predict(np.empty((0, 3)))


def test_one_class():
    model = MLPClassifier(max_iter=3).fit(X, np.full(60, "all"))
    assert set(model.predict(X)) == {"all"}
    refused(TabularClassifier, X, np.full(60, "all"), "y has one class, 'all'; a classifier needs at least two")


@pytest.mark.parametrize("kind", KINDS + TABULAR)
def test_lengths_that_differ(kind):
    refused(kind, X, y[:-1], r"inconsistent numbers of samples: \[60, 59\]")
    if kind in KINDS:
        with pytest.raises(ValueError, match=r"sample_weight.shape == \(59,\), expected \(60,\)"):
            kind().fit(X, y, sample_weight=np.ones(59))


@pytest.mark.parametrize("kind", KINDS)
def test_other_columns_at_prediction(kind):
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = kind(max_iter=3).fit(frame, y)
    with pytest.raises(ValueError, match="Feature names unseen at fit time:\n- d\nFeature names seen at fit time, yet now missing:\n- c"):
        model.predict(frame.rename(columns={"c": "d"}))
    with pytest.raises(ValueError, match="must be in the same order"):
        model.predict(frame[["b", "a", "c"]])
    with pytest.raises(ValueError, match="X has 2 features, but MLP.* is expecting 3 features"):
        model.predict(X[:, :2])


@pytest.mark.parametrize("kind", TABULAR)
def test_other_columns_of_a_table_at_prediction(kind):
    frame = pd.DataFrame(X, columns=["age", "b", "c"])
    model = kind("plain", epochs=3).fit(frame, y)
    with pytest.raises(ValueError, match="no column `age`, which the model needs; did you mean `Age`"):
        model.predict(frame.rename(columns={"age": "Age"}))
    np.testing.assert_array_equal(model.predict(frame[["c", "b", "age"]].assign(more=1)), model.predict(frame))


@pytest.mark.parametrize("kind", KINDS + TABULAR)
def test_two_columns_of_one_name(kind):
    refused(kind, pd.DataFrame(X, columns=["a", "b", "a"]), y, "two columns are named 'a'")


@pytest.mark.parametrize("kind", KINDS + TABULAR)
def test_complex_numbers(kind):
    refused(kind, X.astype(complex), y, "Complex data not supported")
    refused(kind, X, y.astype(complex), "Complex data not supported")


@pytest.mark.parametrize("kind", KINDS)
def test_strings_in_columns_of_numbers(kind):
    words = X.astype(str)
    words[5, 0] = "five"
    refused(kind, words, y, "could not convert string to float")
    refused(kind, pd.DataFrame({"a": ["x", "y"] * 30}), y, "could not convert string to float")


def test_names_where_the_table_had_numbers():
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = TabularRegressor("plain", epochs=3).fit(frame, X[:, 0])
    with pytest.raises(ValueError, match="row 1, column `a`: `many` is not a number"):
        model.predict(frame.assign(a="many"))


@pytest.mark.parametrize("kind", KINDS + TABULAR)
def test_arrays_that_cannot_be_written(kind):
    given = X.copy()
    given.flags.writeable = False
    target = y.copy()
    target.flags.writeable = False
    arguments = {"epochs": 3} if kind in TABULAR else {"max_iter": 3}
    model = kind(**arguments).fit(given, target)
    assert len(model.predict(given)) == 60 and not given.flags.writeable


def test_an_array_that_another_thread_changes_during_the_training():
    """It ends with finite weights or with an error of ours, never with a crash."""
    changing = np.random.default_rng(1).normal(size=(20_000, 20)).astype(np.float32)
    target, stop = (changing[:, 0] > 0).astype(int), threading.Event()

    def change():
        while not stop.is_set():
            changing[:] = np.random.default_rng().normal(size=20).astype(np.float32)
            changing[::7] = np.nan

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for seed in range(3):
            try:
                model = MLPClassifier(8, max_iter=3, random_state=seed).fit(changing, target)
                assert all(np.isfinite(weight).all() for weight in model.coefs_)
            except ValueError as error:
                assert "NaN" in str(error) or "not a finite" in str(error) or "non-finite" in str(error)
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("model", [MLPClassifier(max_iter=3), TabularClassifier("plain", epochs=3)])
def test_truncated_pickles(model):
    whole = pickle.dumps(model.fit(X, y))
    for cut in (10, len(whole) // 2, len(whole) - 10):
        with pytest.raises((pickle.UnpicklingError, EOFError, ValueError)):
            pickle.loads(whole[:cut])


def test_files_that_are_no_models(tmp_path):
    with pytest.raises(FileNotFoundError, match="No such file"):
        load(tmp_path / "missing.safetensors")
    (tmp_path / "text").write_text("no model")
    with pytest.raises(ValueError, match="this is a text file, not a model"):
        load(tmp_path / "text")
    model = MLPClassifier(max_iter=3).fit(X, y)
    model.save(tmp_path / "model.safetensors")
    whole = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "half").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="not a complete safetensors file"):
        load(tmp_path / "half")


@pytest.mark.parametrize("name, value", [("alpha", -1), ("max_iter", 0), ("tol", -1e-3), ("momentum", 2), ("batch_size", 0), ("shuffle", "yes")])
def test_parameters_that_mean_nothing(name, value):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of MLPClassifier must be .* Got {value!r} instead"):
        MLPClassifier(**{name: value}).fit(X, y)
