"""Tables: frames of pandas, polars and pyarrow, with text, dates and gaps, and the command line's bits."""

import json
import os
import pickle
import subprocess

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.multioutput import MultiOutputClassifier

from layerloop import TabularClassifier, TabularRegressor, load

N = 300


@pytest.fixture(scope="module")
def people():
    """300 people with numbers, names, dates, gaps, and what they answered."""
    generator = np.random.default_rng(0)
    age = generator.integers(18, 90, N).astype(float)
    age[::17] = np.nan
    job = np.array(["cook", "pilot", "teacher", None], dtype=object)[generator.integers(0, 4, N)]
    day = pd.Timestamp("2026-01-01") + pd.to_timedelta(generator.integers(0, 300, N), unit="D")
    pay = generator.normal(3000, 500, N).round(2)
    wanted = (np.nan_to_num(age, nan=50) > 50) ^ (job == "cook")
    frame = pd.DataFrame({"age": age, "job": job, "day": day, "pay": pay, "member": generator.random(N) > 0.5})
    frame["id"] = np.arange(N)
    return frame, pd.Series(np.where(wanted, "yes", "no"), name="answer")


def as_polars(frame):
    return pl.DataFrame({name: frame[name].where(frame[name].notna(), None).tolist() for name in frame})


def test_frames_of_every_library_give_the_same_bits(people):
    frame, y = people
    arrow = pa.table({name: pa.array(frame[name], from_pandas=True) for name in frame})
    nullable = frame.convert_dtypes()
    categorical = frame.assign(job=frame["job"].astype("category"))
    text = frame.assign(job=frame["job"].astype("string"))
    polars = pl.from_arrow(arrow)
    models = [TabularClassifier("plain", epochs=5).fit(f, y) for f in (frame, arrow, nullable, categorical, text, polars)]
    assert len({model.weights_sha256_ for model in models}) == 1
    np.testing.assert_array_equal(models[0].predict_proba(polars), models[-1].predict_proba(frame))
    assert list(models[0].feature_names_in_) == list(frame.columns)


def test_null_is_missing_and_so_is_nan():
    column = [1.0, None, 3.0, 4.0] * 30
    y = [0, 1] * 60
    null = TabularClassifier("plain", epochs=3).fit(pl.DataFrame({"a": column}), y)
    nan = TabularClassifier("plain", epochs=3).fit(pl.DataFrame({"a": [float("nan") if v is None else v for v in column]}), y)
    assert null.weights_sha256_ == nan.weights_sha256_


def test_without_arrow_columns_are_read_one_by_one(people, monkeypatch):
    frame, y = people
    expected = TabularClassifier("plain", epochs=5).fit(frame, y).weights_sha256_

    def missing(*_, **__):
        raise ImportError("no pyarrow")

    monkeypatch.setattr(pd.DataFrame, "__arrow_c_stream__", missing)
    assert TabularClassifier("plain", epochs=5).fit(frame, y).weights_sha256_ == expected
    columns = {name: frame[name].tolist() for name in frame}
    assert TabularClassifier("plain", epochs=5).fit(columns, y).weights_sha256_ == expected


def command():
    found = os.environ.get("LAYERLOOP_COMMAND")
    if not found:
        pytest.fail("LAYERLOOP_COMMAND names no `layerloop` to compare with; python/test builds it")
    return found


@pytest.mark.parametrize("recipe", ["plain", "realmlp", "tabm"])
@pytest.mark.parametrize("target", ["answer", "pay"])
def test_the_weights_are_those_of_the_command_line(people, tmp_path, recipe, target):
    frame, y = people
    whole = frame.assign(answer=y)
    whole.to_csv(tmp_path / "people.csv", index=False)
    whole[:50].to_csv(tmp_path / "test.csv", index=False)
    epochs = ["--epochs", "6"]
    arguments = [command(), "train", "people.csv", "--target", target, "--test", "test.csv", "--recipe", recipe]
    arguments += ["--seed", "3", *epochs, "--json", "--quiet", "--save", "model.safetensors"]
    said = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    expected = json.loads(said.stdout.splitlines()[-1])["weights_sha256"]
    X, wanted = whole.drop(columns=target), whole[target]
    kind = TabularClassifier if target == "answer" else TabularRegressor
    model = kind(recipe=recipe, random_state=3, epochs=6).fit(X, wanted)
    assert model.weights_sha256_ == expected
    read = pd.read_csv(tmp_path / "people.csv")
    assert kind(recipe=recipe, random_state=3, epochs=6).fit(read.drop(columns=target), read[target]).weights_sha256_ == expected
    loaded = load(tmp_path / "model.safetensors")
    assert loaded.weights_sha256_ == expected
    np.testing.assert_array_equal(loaded.outputs(X), model.predict_proba(X) if kind is TabularClassifier else model.predict(X).reshape(-1, 1))


def test_all_of_a_table_without_any_preprocessing(people):
    frame, y = people
    model = TabularClassifier("plain", random_state=1).fit(frame, y)
    assert model.score(frame, y) > 0.85
    assert dict(zip(frame.columns, model.feature_importances_))["id"] == 0.0
    names = sorted(frame.columns, key=lambda name: -dict(zip(frame.columns, model.feature_importances_))[name])
    assert set(names[:2]) == {"age", "job"}
    assert any("left out: `id` (identifier" in note for note in model.notes_)
    copy = pickle.loads(pickle.dumps(model))
    assert copy.weights_sha256_ == model.weights_sha256_
    np.testing.assert_array_equal(copy.predict_proba(frame), model.predict_proba(frame))
    np.testing.assert_array_equal(copy.feature_importances_, model.feature_importances_)


def test_numbers_come_back_in_their_units(people):
    frame, _ = people
    y = 1e6 + 1e4 * frame["pay"].to_numpy()
    model = TabularRegressor("plain", epochs=60, random_state=0).fit(frame, y)
    assert model.score(frame, y) > 0.9 and 2e7 < model.predict(frame).mean() < 4e7
    two = TabularRegressor("plain", epochs=30).fit(frame, np.column_stack([y, -y]))
    assert two.predict(frame).shape == (N, 2)


def test_classes_come_back_as_they_were(people):
    frame, y = people
    for values in [np.where(y == "yes", 2.0, 7.0), np.where(y == "yes", 3, 1), (y == "yes").to_numpy(), y.astype("category")]:
        model = TabularClassifier("plain", epochs=30).fit(frame, values)
        assert set(np.unique(model.predict(frame))) <= set(np.unique(np.asarray(values)))
        assert model.score(frame, values) > 0.7


def test_a_level_that_was_not_there_is_named(people):
    frame, y = people
    model = TabularClassifier("plain", epochs=5).fit(frame, y)
    with pytest.warns(UserWarning, match="column `job` has `Pilot` in 1 row, unseen in training; did you mean `pilot`"):
        model.predict(frame.head(1).assign(job="Pilot"))


def test_kinds_of_columns_can_be_given(people):
    frame, y = people
    model = TabularClassifier("plain", epochs=5, columns={"id": "number"}, ignore=["day"]).fit(frame, y)
    kinds = dict(model._model.columns)
    assert kinds["id"] == "number" and "day" not in kinds
    with pytest.raises(ValueError, match="no column `jobb`; did you mean `job`"):
        TabularClassifier("plain", columns={"jobb": "category"}).fit(frame, y)
    with pytest.raises(ValueError, match="unknown column kind `nummer`"):
        TabularClassifier("plain", columns={"id": "nummer"}).fit(frame, y)
    with pytest.raises(ValueError, match="unknown recipe `plane`; did you mean `plain`"):
        TabularClassifier("plane").fit(frame, y)


def test_a_report_of_the_columns(people, tmp_path):
    frame, y = people
    model = TabularClassifier("plain", epochs=20).fit(frame, y)
    model.report(tmp_path / "report.html", frame, y)
    page = (tmp_path / "report.html").read_text()
    assert "Importance of the columns" in page and "Partial dependence" in page


def test_weights_of_rows_count(people):
    frame, _ = people
    pay = frame["pay"].to_numpy()
    left, right = pay < 3000, pay >= 3000
    y = np.where(np.arange(N) % 2 == 0, 1.0, 3.0)
    options = dict(recipe="plain", epochs=60, random_state=0)
    light, heavy = (TabularRegressor(**options).fit(frame, y, sample_weight=np.where(y == 1.0, w, 1.0)) for w in (0.1, 10.0))
    assert heavy.predict(frame).mean() < 1.6 and light.predict(frame).mean() > 2.4
    ones = TabularRegressor(**options).fit(frame, y, sample_weight=np.full(N, 7.0))
    assert ones.weights_sha256_ != light.weights_sha256_
    np.testing.assert_allclose(ones.predict(frame), TabularRegressor(**options).fit(frame, y).predict(frame), rtol=1e-3)
    classes = np.where(left, "low", "high")
    model = TabularClassifier(**options).fit(frame, classes, sample_weight=np.where(right, 1.0, 0.0))
    assert (model.predict(frame) == "high").mean() > 0.9
    with pytest.raises(ValueError, match=r"sample_weight.shape == \(3,\), expected \(300,\)"):
        TabularClassifier(**options).fit(frame, classes, sample_weight=[1, 2, 3])


def test_one_row_is_explained(people):
    frame, y = people
    frame = frame.drop(columns=["day", "id"])
    model = TabularClassifier("plain", epochs=5).fit(frame, y)
    shown = model.explain(frame.iloc[[4]], "yes")
    assert "<iframe srcdoc=" in shown._repr_html_() and len(shown.trace["layers"]) >= 2
    assert shown.trace["classes"] == ["no", "yes"] and shown.trace["target"] == 1
    np.testing.assert_allclose(shown.trace["output"]["probabilities"], model.predict_proba(frame.iloc[[4]])[0], atol=1e-5)
    assert model.explain(frame.iloc[4]).trace["x"] == model.explain(frame.iloc[[4]].to_dict("records")[0]).trace["x"] == shown.trace["x"]
    with pytest.raises(ValueError, match="x has 2 rows; one row is explained"):
        model.explain(frame.head(2))
    numbers = TabularRegressor("plain", epochs=5).fit(frame, np.column_stack([frame["pay"], -frame["pay"]]))
    assert numbers.explain(frame.head(1)).trace["loss"] == pytest.approx(0.0, abs=1e-6)
    assert numbers.explain(frame.head(1), [2000.0, 5.0]).trace["loss"] > 0


def test_a_time_limit_below_0_is_refused():
    with pytest.raises(ValueError, match="time_limit: -1; expected a number of seconds, at least 0"):
        TabularRegressor("plain", time_limit=-1).fit({"a": [1.0, 2.0] * 20}, [0.0, 1.0] * 20)


def test_of_classes_one_column_is_predicted(people):
    frame, y = people
    both = np.column_stack([y, np.where(frame["member"], "in", "out")])
    with pytest.raises(ValueError, match=r"y should be a 1d array, got an array of shape \(300, 2\) instead\. TabularClassifier predicts one column of classes"):
        TabularClassifier("plain", epochs=2).fit(frame, both)
    assert not TabularClassifier().__sklearn_tags__().target_tags.multi_output
    each = MultiOutputClassifier(TabularClassifier("plain", epochs=2)).fit(frame[["age", "pay", "job"]].to_numpy(), both)
    assert each.predict(frame[["age", "pay", "job"]].to_numpy()).shape == (300, 2)
