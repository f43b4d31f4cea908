"""Mistakes, outliers, curvature, learning rates."""

import json
import os
import subprocess

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from layerloop import (
    MLPClassifier,
    MLPRegressor,
    Network,
    TabularClassifier,
    TabularRegressor,
    attributions,
    curvature,
    explain,
    find_lr,
    fit,
    load,
    mistakes,
    outliers,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def mislabelled(blobs):
    """Rows of which five have another class than their place says."""
    X, y = blobs
    wrong = np.array([7, 30, 61, 90, 122])
    names = np.array(["a", "b", "c"])
    changed = y.copy()
    changed[wrong] = (y[wrong] + 1) % 3
    return X, names[changed], wrong


def test_mislabelled_rows_come_first(mislabelled):
    X, y, wrong = mislabelled
    model = MLPClassifier(16, max_iter=60, learning_rate_init=0.02, random_state=0).fit(X, y)
    for by in ("loss", "gradient", "margin"):
        found = model.outliers(X, y, by=by, top=12)
        assert set(wrong) <= {row["row"] for row in found}, by
        assert [row["rank"] for row in found] == list(range(1, 13))
    first = model.outliers(X, y, share=0.01)
    assert len(first) == 2 and first[0]["label"] == y[first[0]["row"]]
    p = model.predict_proba(X)[first[0]["row"]]
    label = model.classes_.tolist().index(first[0]["label"])
    assert first[0]["loss"] == pytest.approx(-np.log(p[label]), rel=1e-4)
    assert first[0]["margin"] == pytest.approx(p[label] - np.delete(p, label).max(), rel=1e-4)
    assert first[0]["predicted"] == model.predict(X)[first[0]["row"]] and first[0]["probability"] == pytest.approx(p.max())


def test_mistakes_have_the_classes_as_they_were(mislabelled, tmp_path):
    X, y, _ = mislabelled
    model = MLPClassifier(16, max_iter=60, learning_rate_init=0.02, random_state=0).fit(X, y)
    worst = model.mistakes(X, y, train=(X, y), top=4)
    predicted = model.predict(X)
    assert len(worst) == 4
    for mistake in worst:
        row = mistake["row"]
        assert mistake["label"] == y[row] != mistake["predicted"] == predicted[row]
        assert mistake["nearest"][0]["row"] == row and len(mistake["aligned"]) == 5
        assert mistake["turned"]["predicted"] != mistake["predicted"]
        assert model.predict([mistake["turned"]["x"]])[0] == mistake["turned"]["predicted"]
    numbers = MLPClassifier(16, max_iter=60, learning_rate_init=0.02, random_state=0).fit(X, y == "a")
    assert {m["label"] for m in numbers.mistakes(X, y == "a")} <= {True, False}
    with pytest.raises(ValueError, match="top: 0 mistakes; at least 1 is needed"):
        model.mistakes(X, y, top=0)
    model.mistakes(X, y, top=2, html=tmp_path / "mistakes.html")
    page = (tmp_path / "mistakes.html").read_text()
    assert page.count('<section class="mistake">') == 2 and f">Row {worst[0]['row']}: {worst[0]['label']}, predicted as" in page
    with pytest.raises(ValueError, match="there are no classes in it, so no answer is a mistake"):
        MLPRegressor(hidden_layer_sizes=4, max_iter=2).fit(X, X[:, 0]).mistakes(X, X[:, 0])


def test_functions_take_networks_and_models(mislabelled, tmp_path):
    X, y, _ = mislabelled
    model = MLPClassifier(8, max_iter=30, random_state=0).fit(X, y)
    model.save(tmp_path / "model.safetensors")
    loaded = load(tmp_path / "model.safetensors")
    assert mistakes(loaded, X, y) == model.mistakes(X, y)
    assert outliers(loaded, X, y) == model.outliers(X, y)
    assert curvature(loaded, X, y) == model.curvature(X, y)
    network = loaded.network
    assert outliers(network, X, y, classes=["a", "b", "c"]) == model.outliers(X, y)
    codes = np.searchsorted(["a", "b", "c"], y)
    assert [row["row"] for row in outliers(network, X[codes > 0], codes[codes > 0])]
    for wrong, said in [({"by": "lose"}, "by: 'lose'; expected loss, gradient, margin"), ({"share": 2.0}, "share: 2.0;"), ({"top": 0}, "top: 0;")]:
        with pytest.raises(ValueError, match=said):
            outliers(network, X, codes, **wrong)
    numbers = MLPRegressor(hidden_layer_sizes=4, max_iter=5, random_state=0).fit(X, X[:, 0])
    row = numbers.outliers(X, X[:, 0], top=1)[0]
    assert set(row) == {"rank", "row", "target", "predicted", "loss", "gradient_norm"}
    with pytest.raises(ValueError, match="by: margin; there are no classes"):
        numbers.outliers(X, X[:, 0], by="margin")
    with pytest.raises(ValueError, match="by: gradient; with a batch norm a row has no gradient of its own"):
        outliers(Network("2 -> 4 batch-norm relu -> 3"), X, codes, by="gradient")


def test_classes_that_do_not_exclude_each_other_are_searched_after_loading_too(blobs, tmp_path):
    """They were refused: the names of the outputs were taken for those of classes, of which a row has one."""
    X, y = blobs
    both = np.column_stack([y == 0, y > 0]).astype(int)
    model = MLPClassifier(8, max_iter=20, random_state=0).fit(X, both)
    model.save(tmp_path / "both.safetensors")
    loaded = load(tmp_path / "both.safetensors")
    assert outliers(loaded, X, both) == model.outliers(X, both)
    assert explain(loaded, X[0], both[0]).trace == model.explain(X[0], both[:1]).trace


def test_the_loss_of_the_training_is_kept_with_a_model(blobs, tmp_path):
    X, _ = blobs
    model = MLPRegressor("mae", 8, max_iter=20, random_state=0).fit(X, X[:, 0])
    model.save(tmp_path / "mae.safetensors")
    loaded = load(tmp_path / "mae.safetensors")
    assert outliers(loaded, X, X[:, 0]) == model.outliers(X, X[:, 0])
    expected = abs(model.predict(X[:1])[0] - 3)
    for found in (explain(loaded, X[0], 3.0), model.explain(X[0], 3.0)):
        assert found.trace["loss"] == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ValueError, match="y is 3; there are 3 classes, counted from 0"):
        explain(Network("2 -> 3"), X[0], 3)


def test_curvature_bounds_the_learning_rate():
    """Of mean squares of a linear network: the Hessian is known."""
    X = np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, 0.0], [0.0, -2.0]])
    network = Network("2 -> 1 -> identity", seed=0)
    found = curvature(network, X, np.zeros(4))
    rows = np.column_stack([X, np.ones(4)])
    values = np.linalg.eigvalsh(2 * rows.T @ rows / 4)
    assert (found["rows"], found["parameters"]) == (4, 3)
    assert found["largest_eigenvalue"]["value"] == pytest.approx(values[-1], rel=1e-4)
    assert abs(found["trace"]["value"] - values.sum()) <= 4 * found["trace"]["standard_error"] + 1e-4
    assert curvature(network, X, np.zeros(4), rows=2)["rows"] == 2


def test_the_surface_bends_as_the_eigenvalues_say(tmp_path):
    X, y = np.array([[1.0], [-1.0], [0.5]]), np.array([0.5, 1.0, 0.0])
    network = Network("1 -> 1 -> identity", seed=0)
    found = curvature(network, X, y, surface=True)
    distances, losses = found["surface"]["distances"], found["surface"]["losses"]
    assert distances[20] == 0 and losses.shape == (41, 41)
    assert losses[20, 20] == pytest.approx(((network(X).ravel() - y) ** 2).mean(), rel=1e-5)
    rows = np.column_stack([X, np.ones(3)])
    second, largest = np.linalg.eigvalsh(2 * rows.T @ rows / 3)
    step = distances[21]
    for line, value in [(losses[20], largest), (losses[:, 20], second)]:
        assert (line[21] - 2 * line[20] + line[19]) / step**2 == pytest.approx(value, rel=1e-2)
    drawn = curvature(network, X, y, surface=tmp_path / "surface.svg")
    np.testing.assert_array_equal(drawn["surface"]["losses"], found["surface"]["losses"])
    assert (tmp_path / "surface.svg").read_text().count('class="cell"') == 41 * 41
    assert "surface" not in curvature(network, X, y)


def test_a_learning_rate_is_found(blobs):
    X, y = blobs
    network = Network("2 -> 16 relu -> 3", seed=0)
    before = network.sha256()
    found = find_lr(network, X, y, batch=16)
    assert network.sha256() == before and len(found["rates"]) == len(found["losses"])
    assert 1e-4 < found["proposed"] < 1 and found["rates"][0] == pytest.approx(1e-7)
    history = fit(network, X, y, batch=16, epochs=10, learning_rate=found["proposed"])
    assert history["train_loss"][-1] < history["train_loss"][0]
    model = MLPClassifier(16, random_state=0)
    assert 1e-4 < model.find_lr(X, y)["proposed"] < 1 and "classes_" not in vars(model)
    assert MLPRegressor(hidden_layer_sizes=8, random_state=0).find_lr(X, X[:, 0])["proposed"] is not None
    with pytest.raises(ValueError, match="find_lr: lbfgs has no learning rate"):
        MLPClassifier(solver="lbfgs").find_lr(X, y)


@pytest.fixture(scope="module")
def table():
    generator = np.random.default_rng(1)
    size = generator.normal(size=300)
    frame = {"size": size, "colour": [["red", "blue", None][i % 3] for i in range(300)]}
    answers = np.where(size > 0, "large", "small")
    answers[[3, 50]] = np.where(size[[3, 50]] > 0, "small", "large")
    return frame, answers


def test_tables_are_searched_too(table, tmp_path):
    frame, y = table
    model = TabularClassifier("plain", epochs=40, random_state=0).fit(frame, y)
    first = model.outliers(frame, y, top=10)
    assert {3, 50} <= {row["row"] for row in first} and first[0]["label"] == y[first[0]["row"]]
    assert all(m["label"] == y[m["row"]] != m["predicted"] for m in model.mistakes(frame, y))
    model.save(tmp_path / "table.safetensors")
    loaded = load(tmp_path / "table.safetensors")
    assert outliers(loaded, frame, y, top=10) == first
    assert explain(loaded, {"size": 2.0, "colour": None}, "large").trace == model.explain({"size": 2.0, "colour": None}, "large").trace
    numbers = TabularRegressor("plain", epochs=3).fit(frame, frame["size"])
    assert len(numbers.outliers(frame, frame["size"])) == 20


def test_a_learning_rate_is_found_for_tables(table):
    frame, y = table
    model = TabularClassifier("plain", batch=16, random_state=0)
    found = model.find_lr(frame, y)
    assert len(found["rates"]) == len(found["losses"]) and 1e-5 < found["proposed"] < 1
    assert vars(model) == vars(TabularClassifier("plain", batch=16, random_state=0))
    assert TabularRegressor("plain").find_lr(frame, frame["size"])["rates"][0] == pytest.approx(1e-7)
    weighted = model.find_lr(frame, y, sample_weight=np.arange(1, 301))
    assert weighted["losses"] != found["losses"]


def test_rows_of_a_loaded_model_of_images_are_scaled(tmp_path, change_model):
    """They were not: a diagnosis was one of pixels 255 times as bright as those of the training."""
    generator = np.random.default_rng(3)
    bytes_ = generator.integers(0, 256, (60, 9), dtype=np.uint8)
    pixels = bytes_ * np.float32(1 / 255)
    y = np.where(generator.random(60) < 0.5, "a", "b")
    model = MLPClassifier(8, max_iter=20, random_state=0).fit(pixels, y)
    model.save(tmp_path / "images.safetensors")
    change_model(tmp_path / "images.safetensors", {"scale": float(np.float32(1 / 255)), "image": [3, 3]})
    loaded = load(tmp_path / "images.safetensors")
    for X in (bytes_, bytes_.astype(np.float32), csr_matrix(bytes_.astype(np.float32))):
        np.testing.assert_array_equal(loaded.outputs(X), model.predict_proba(pixels))
        assert outliers(loaded, X, y) == model.outliers(pixels, y)
        assert curvature(loaded, X, y) == model.curvature(pixels, y)
        assert loaded.quantization_loss(X) == model.quantization_loss(pixels)
        found, expected = mistakes(loaded, X, y, top=3), model.mistakes(pixels, y, top=3)
        assert [(m["row"], m["loss"], m["nearest"]) for m in found] == [(m["row"], m["loss"], m["nearest"]) for m in expected]
    # Of bytes it is known that no pixel is below 0 or above 1.
    turned = [m["turned"]["x"] for m in mistakes(loaded, bytes_, y, top=60) if m["turned"] is not None]
    assert turned and 0 <= np.min(turned) and np.max(turned) <= 1
    mistakes(loaded, bytes_, y, top=1, html=tmp_path / "mistakes.html")
    assert "<img alt=" in (tmp_path / "mistakes.html").read_text()
    assert explain(loaded, bytes_[0], "a").trace["x"] == model.explain(pixels[0], "a").trace["x"]
    np.testing.assert_array_equal(attributions(loaded, bytes_[0]), attributions(model._network, pixels[0]))


def test_outliers_are_those_of_the_command_line(table, tmp_path):
    command = os.environ.get("LAYERLOOP_COMMAND")
    if not command:
        pytest.skip("LAYERLOOP_COMMAND names no `layerloop` to compare with; python/test builds it")
    X = np.random.default_rng(0).normal(size=(60, 3)).round(3)
    y = (X[:, 0] > 0).astype(int)
    model = TabularClassifier("plain", epochs=3).fit({f"x{i}": X[:, i] for i in range(3)}, y)
    model.save(tmp_path / "model.safetensors")
    rows = "\n".join(",".join(map(str, [*x, label])) for x, label in zip(X, y, strict=True))
    (tmp_path / "rows.csv").write_text("x0,x1,x2,y\n" + rows + "\n")
    arguments = [command, "outliers", "model.safetensors", "rows.csv", "--part", "test", "--json", "--top", "5"]
    said = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    expected = [json.loads(line) for line in said.stdout.splitlines()]
    found = model.outliers({f"x{i}": X[:, i] for i in range(3)}, y, top=5)
    assert [row["row"] for row in found] == [row["row"] for row in expected]
    np.testing.assert_allclose([row["loss"] for row in found], [row["loss"] for row in expected], rtol=1e-6)


def test_rows_of_a_loaded_model_are_scaled_as_the_command_does(tmp_path):
    command = os.environ.get("LAYERLOOP_COMMAND")
    if not command:
        pytest.skip("LAYERLOOP_COMMAND names no `layerloop` to compare with; python/test builds it")

    def run(*args):
        return subprocess.run([command, *args], check=True, capture_output=True, text=True, cwd=tmp_path).stdout

    rows = np.random.default_rng(5).integers(0, 255, (20, 64))
    np.savetxt(tmp_path / "rows.csv", rows, fmt="%d", delimiter=",")
    run("train", "digits", "--epochs", "2", "--quiet", "--save", "m.safetensors")
    said = run("predict", "m.safetensors", "rows.csv", "--json", "--top", "10")
    answers = [json.loads(line)["probabilities"] for line in said.splitlines()]
    model = load(tmp_path / "m.safetensors")
    want = [[next(p["probability"] for p in row if p["class"] == str(name)) for name in range(10)] for row in answers]
    for X in [rows.astype(np.float32), rows.astype(np.uint8), rows.astype(float), csr_matrix(rows.astype(np.float32))]:
        np.testing.assert_allclose(model.outputs(X), want, atol=1e-6)
