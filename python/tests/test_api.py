"""Network, fit, load, explain; pages and curves."""

import json

import matplotlib
import numpy as np
import pytest

import layerloop
from layerloop import (
    MLPClassifier,
    MLPRegressor,
    Network,
    attributions,
    check_gradients,
    explain,
    fit,
    from_onnx,
    load,
)

matplotlib.use("Agg")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_the_golden_sample():
    """x = (1, 0, -1), y = (0, 1): the numbers of the derivation."""
    network = Network("3 -> 2 sigmoid -> 2")
    network.set_tensor("layers.0.bias", np.zeros(2, dtype=np.float32))
    network.set_tensor("layers.1.bias", np.zeros(2, dtype=np.float32))
    network.set_tensor("layers.0.weight", np.array([0, 1, -1, 2, 0, 1], dtype=np.float32))
    network.set_tensor("layers.1.weight", np.array([-1, 0, 2, -1], dtype=np.float32))
    found = explain(network, [1, 0, -1], 1)
    np.testing.assert_allclose(found.trace["layers"][0]["z_next"], [0.7311, 0.7311], atol=5e-5)
    np.testing.assert_allclose(found.trace["output"]["probabilities"], [0.1881, 0.8119], atol=5e-5)
    assert found.trace["loss"] == pytest.approx(0.2084, abs=5e-5)
    p = np.array(found.trace["layers"][0]["p"])
    np.testing.assert_allclose(p[:, :3], [[-0.1110, 0, 0.1110], [0.0370, 0, -0.0370]], atol=5e-5)


def test_a_network_is_trained_by_the_options_of_the_library(blobs):
    X, y = blobs
    network = Network("2 -> 16 relu -> 3", seed=1)
    before = network.sha256()
    history = fit(
        network, X, y, validation=(X, y), epochs=30, batch=16, optimizer="adamw", learning_rate=0.02, schedule="cosine",
        metrics=["f1"], early_stopping={"metric": "val_f1", "better": None, "patience": 30, "min_delta": 0.0, "start_epoch": 1, "restore_best": True},
    )
    assert network.sha256() != before and history["val_accuracy"][-1] > 0.9 and len(history["val_f1"]) == 30
    assert history.steps == 300 and history.stopped is None and history.best_epoch is not None
    assert (network(X).argmax(axis=1) == y).mean() > 0.9
    with pytest.raises(ValueError, match="unknown field `epoch`"):
        fit(network, X, y, epoch=3)


def test_a_function_hears_of_every_epoch_and_ends_the_run(blobs):
    X, y = blobs
    heard = []

    def third(values):
        heard.append(values["train_loss"])
        return len(heard) == 3

    assert fit(Network("2 -> 3"), X, y, epochs=10, on_epoch=third).stopped == "callback" and len(heard) == 3

    def broken(values):
        raise KeyError("a bug of the user")

    with pytest.raises(KeyError, match="a bug of the user"):
        fit(Network("2 -> 3"), X, y, on_epoch=broken)


def test_a_run_that_diverges_says_where():
    X = np.full((20, 2), 1e30, dtype=np.float32)
    with pytest.raises(ValueError, match="training diverged at step 1"):
        fit(Network("2 -> 4 relu -> 1 -> identity"), X, np.zeros(20))


def test_saved_models_give_the_same_bits(blobs, tmp_path):
    X, y = blobs
    names = np.array(["a", "b", "c"])[y]
    model = MLPClassifier(8, max_iter=20, random_state=0).fit(X, names)
    model.save(tmp_path / "classes.safetensors")
    loaded = load(tmp_path / "classes.safetensors")
    assert loaded.weights_sha256_ == model.weights_sha256_ and loaded.names == ["a", "b", "c"]
    np.testing.assert_array_equal(loaded.outputs(X), model.predict_proba(X))
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    loaded.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "classes.safetensors").read_bytes()
    numbers = MLPRegressor(hidden_layer_sizes=8, max_iter=20, random_state=0).fit(X, X)
    numbers.save(tmp_path / "numbers.safetensors")
    np.testing.assert_array_equal(load(tmp_path / "numbers.safetensors").predict(X), numbers.predict(X))


def test_a_loaded_model_predicts_any_number_of_classes_that_do_not_exclude_each_other(blobs, tmp_path):
    X, y = blobs
    labels = np.column_stack([y == 0, y > 0, X[:, 0] > 1]).astype(int)
    model = MLPClassifier(8, max_iter=20, random_state=0).fit(X, labels)
    model.save(tmp_path / "labels.safetensors")
    loaded = load(tmp_path / "labels.safetensors")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert {0, 1} == set(loaded.predict(X).ravel())
    again = from_onnx(loaded.to_onnx())
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_a_loaded_model_predicts_by_its_threshold(blobs, tmp_path, change_model):
    """It took the more probable class, where the command line took the second above the threshold."""
    X, y = blobs
    MLPClassifier(8, max_iter=10, random_state=0).fit(X, y == 1).save(tmp_path / "two.safetensors")
    change_model(tmp_path / "two.safetensors", threshold=0.9)
    loaded = load(tmp_path / "two.safetensors")
    second = loaded.outputs(X)[:, 1]
    np.testing.assert_array_equal(loaded.predict(X), np.where(second > 0.9, "True", "False"))
    assert ((second > 0.5) != (second > 0.9)).any()


def test_pages_and_curves(blobs, tmp_path):
    X, y = blobs
    for model in [MLPClassifier(8, max_iter=5).fit(X, y), MLPRegressor(hidden_layer_sizes=8, max_iter=5).fit(X, X[:, 0]), MLPClassifier(8, max_iter=5).fit(X, y == 1)]:
        target = X[:, 0] if isinstance(model, MLPRegressor) else (y if len(model.classes_) == 3 else y == 1)
        model.report(tmp_path / "report.html", X, target)
        assert "<svg" in (tmp_path / "report.html").read_text()
        shown = model.explain(X[0])
        assert "<iframe srcdoc=" in shown._repr_html_() and len(shown.trace["layers"]) == 2
        shown.save(tmp_path / "walk.html")
        assert (tmp_path / "walk.html").read_text() == shown.page
        assert len(model.plot_history().axes) >= 1


def test_attributions_and_gradients(blobs):
    X, y = blobs
    network = Network("2 -> 6 tanh -> 3", seed=2)
    fit(network, X, y, epochs=20, learning_rate=0.02)
    assert check_gradients(network, X[:10], y[:10])["passed"]
    values = attributions(network, X[0])
    assert values.shape == (2,) and np.abs(values).max() > 0


def test_a_copy_of_a_network_is_its_own(blobs, tmp_path):
    X, _ = blobs
    network = Network("2 -> 4 tanh -> 3", seed=1)
    copies = [network.copy(), Network(network)]
    network.set_tensor("layers.0.bias", np.ones(4, dtype=np.float32))
    assert len({copy.sha256() for copy in copies}) == 1 and copies[0].sha256() != network.sha256()
    network.save(tmp_path / "network.safetensors")
    loaded = load(tmp_path / "network.safetensors").network
    assert type(loaded) is Network and loaded.sha256() == network.sha256()
    np.testing.assert_array_equal(loaded(X), network(X))
    with pytest.raises(TypeError, match="'int' object"):
        Network(3)


def test_what_a_network_says_of_itself():
    network = Network("784 -> 32 sigmoid -> 10")
    assert (network.inputs, network.outputs, network.parameters) == (784, 10, 25_450)
    assert repr(network) == 'Network("784 -> 32 sigmoid -> 10 -> softmax")' and "25,450" in str(network)
    assert json.loads(json.dumps(layerloop.__version__)) == "0.1.0"
    with pytest.raises(ValueError, match="unknown activation `sigmoyd`; did you mean `sigmoid`"):
        Network("2 -> 3 sigmoyd -> 2")
