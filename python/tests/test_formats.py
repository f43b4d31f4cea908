"""Models in the formats of other programs, and back."""

import ctypes
import os
import shutil
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
    from_onnx,
    from_torch_state_dict,
    load,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def classifier(blobs):
    X, y = blobs
    return MLPClassifier((8, 6), activation="tanh", max_iter=20, random_state=0).fit(X, np.array(["a", "b", "c"])[y])


@pytest.fixture(scope="module")
def table():
    generator = np.random.default_rng(0)
    frame = {"size": generator.normal(size=200), "colour": [["red", "blue"][i % 2] for i in range(200)]}
    return frame, ["large" if size > 0 else "small" for size in frame["size"]]


def test_onnx_and_back_has_the_same_bits(classifier, blobs, tmp_path):
    X, _ = blobs
    back = from_onnx(classifier.to_onnx(output=None))
    assert back.weights_sha256_ == classifier.weights_sha256_ and back.names == ["a", "b", "c"]
    np.testing.assert_array_equal(back.outputs(X), classifier.predict_proba(X))
    path = tmp_path / "model.onnx"
    assert classifier.to_onnx(path) is None and path.read_bytes() == classifier.to_onnx()
    assert from_onnx(path).weights_sha256_ == from_onnx(str(path)).weights_sha256_ == classifier.weights_sha256_
    network = Network("4 -> 5 batch-norm relu -> skip(5 tanh) -> 2 -> identity", seed=3)
    again = from_onnx(network.to_onnx())
    assert again.network.sha256() == network.sha256() and again.names == ["y1", "y2"]


def test_options_have_the_sentences_of_the_command_line(classifier, blobs):
    with pytest.raises(ValueError, match="^opset: 30; versions 18 to 24 are written"):
        classifier.to_onnx(opset=30)
    with pytest.raises(ValueError, match="^output: `odds`; there are logits, probabilities, label"):
        classifier.to_onnx(output="odds")
    with pytest.raises(ValueError, match="^quantize: `int4`; expected int8 or None"):
        classifier.to_c(quantize="int4")
    with pytest.raises(ValueError, match="^to_torch_state_dict: layer .*; an nn.Sequential of Linear, norms and activations is written"):
        Network("4 -> skip(4) -> 3").to_torch_state_dict()
    numbers = MLPRegressor(hidden_layer_sizes=4, max_iter=3).fit(*blobs)
    assert from_onnx(numbers.to_onnx()).weights_sha256_ == numbers.weights_sha256_
    with pytest.raises(ValueError, match="^output: label; this network predicts numbers, not classes"):
        numbers.to_onnx(output="label")
    with pytest.raises(ValueError, match="^the bytes: not an ONNX file, or one that was cut short"):
        from_onnx(b"\x08")
    with pytest.raises(FileNotFoundError):
        from_onnx("missing.onnx")
    with pytest.raises(ValueError, match="is not fitted yet"):
        MLPClassifier().to_onnx()
    with pytest.raises(ValueError, match="is not fitted yet"):
        TabularClassifier().to_c()


def test_onnxruntime_gives_the_same_probabilities(classifier, blobs, table):
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    X, _ = blobs

    def run(file, feed):
        return onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"]).run(None, feed)

    rows = X.astype(np.float32)
    label, probabilities = run(classifier.to_onnx(output=None), {"input": rows})
    np.testing.assert_array_equal(label, classifier.predict(X))
    np.testing.assert_allclose(probabilities, classifier.predict_proba(X), atol=1e-6)
    np.testing.assert_allclose(run(classifier.to_onnx(), {"input": rows})[0], probabilities, atol=1e-6)
    numbers = MLPRegressor(hidden_layer_sizes=8, max_iter=20, random_state=0).fit(X, X[:, 0])
    np.testing.assert_allclose(run(numbers.to_onnx(), {"input": rows})[0].ravel(), numbers.predict(X), atol=1e-5)
    frame, y = table
    model = TabularClassifier("plain", epochs=5).fit(frame, y)
    feed = {"size": frame["size"].astype(np.float32).reshape(-1, 1), "colour": np.array(frame["colour"], dtype=object).reshape(-1, 1)}
    (given,) = run(model.to_onnx(), feed)
    np.testing.assert_allclose(given, load_again(model).outputs(frame), atol=1e-5)


def load_again(model):
    """The model by way of an ONNX file."""
    return from_onnx(model.to_onnx())


def test_tables_go_to_onnx_with_their_preprocessing(table, tmp_path):
    frame, y = table
    model = TabularClassifier("plain", epochs=5).fit(frame, y)
    back = load_again(model)
    assert back.weights_sha256_ == model.weights_sha256_
    np.testing.assert_array_equal(back.predict(frame), model.predict(frame))
    numbers = TabularRegressor("plain", epochs=5).fit(frame, frame["size"] * 3)
    np.testing.assert_array_equal(load_again(numbers).predict(frame), numbers.predict(frame))
    model.save(tmp_path / "model.safetensors")
    assert load(tmp_path / "model.safetensors").to_onnx(opset=20) == model.to_onnx(opset=20)
    assert "function quantile" in model.to_js() and "static void quantile" in model.to_c()


def test_code_of_c_computes_the_same(classifier, blobs, tmp_path):
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler is installed")
    X, _ = blobs
    assert classifier.to_c(tmp_path / "model.c") is None
    assert (tmp_path / "model.c").read_text() == classifier.to_c()
    subprocess.run([compiler, "-std=c99", "-O1", "-shared", "-fPIC", "model.c", "-lm", "-o", "model.so"], cwd=tmp_path, check=True)
    predict = ctypes.CDLL(str(tmp_path / "model.so")).predict
    floats = ctypes.POINTER(ctypes.c_float)
    for row in X[:20].astype(np.float32):
        outputs = np.zeros(3, dtype=np.float32)
        predict(row.ctypes.data_as(floats), outputs.ctypes.data_as(floats))
        np.testing.assert_allclose(outputs, classifier.predict_proba(row.reshape(1, -1))[0], atol=1e-5)


def test_code_of_rust_and_javascript(classifier, tmp_path):
    for write, name in [(classifier.to_rust, "model.rs"), (classifier.to_js, "model.mjs")]:
        assert write(tmp_path / name) is None
        text = write()
        assert (tmp_path / name).read_text() == text and "predict" in text
    big = Network("64 -> 64 relu -> 10", seed=0)
    for write in (big.to_c, big.to_rust, big.to_js):
        assert len(write(quantize="int8")) < 0.7 * len(write())


def rounded_to_bytes(network):
    """A copy of a network whose dense weights are whole numbers of -127 to 127 times a scale for each output."""
    copy = network.copy()
    for name, values in network.tensors().items():
        if name.endswith("weight"):
            scale = np.abs(values).max(axis=1, keepdims=True) / np.float32(127)
            copy.set_tensor(name, (np.round(values / scale) * scale).astype(np.float32).ravel())
    return copy


def test_the_loss_of_quantisation_is_that_of_rounded_weights(classifier, blobs, table):
    X, _ = blobs
    network = Network("2 -> 16 relu -> 3", seed=3)
    own, rounded = network(X), rounded_to_bytes(network)(X)
    loss = network.quantization_loss(X)
    changed = (own.argmax(axis=1) != rounded.argmax(axis=1)).sum()
    assert (loss["rows"], loss["changed"]) == (150, changed)
    assert loss["largest"] == pytest.approx(np.abs(own - rounded).max(), rel=1e-3) and loss["largest"] > 0
    assert classifier.quantization_loss(csr_matrix(X)) == classifier.quantization_loss(X)
    numbers = MLPRegressor(hidden_layer_sizes=8, max_iter=20, random_state=0).fit(X, X[:, 0]).quantization_loss(X)
    assert numbers["changed"] is None and 0 < numbers["largest"] < 0.5
    frame, y = table
    model = TabularClassifier("plain", epochs=5).fit(frame, y)
    assert model.quantization_loss(frame) == load_again(model).quantization_loss(frame)
    with pytest.raises(ValueError, match="^quantize: `int4`; expected int8 or None"):
        classifier.quantization_loss(X, quantize="int4")


def test_the_loss_of_quantisation_is_what_the_command_line_prints(table, tmp_path):
    command = os.environ.get("LAYERLOOP_COMMAND")
    if not command:
        pytest.skip("LAYERLOOP_COMMAND names no `layerloop` to compare with; python/test builds it")
    frame, y = table
    model = TabularClassifier("plain", epochs=5).fit(frame, y)
    model.save(tmp_path / "model.safetensors")
    lines = [f"{size},{colour},{name}" for size, colour, name in zip(frame["size"].tolist(), frame["colour"], y, strict=True)]
    (tmp_path / "rows.csv").write_text("\n".join(["size,colour,y", *lines]) + "\n")
    arguments = [command, "export", "model.safetensors", "--data", "rows.csv", "--to", "c", "--quantize", "int8"]
    said = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    loss = model.quantization_loss(frame)
    expected = f"another class for {loss['changed']} of them, outputs differ by at most {loss['largest']:.4f}"
    assert f"int8, {loss['rows']} rows of " in said.stdout and expected in said.stdout


def test_a_state_dict_and_back(classifier, blobs):
    X, _ = blobs
    state = classifier.to_torch_state_dict()
    assert state.modules == "nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 3))"
    assert [name for name in state] == ["0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias"]
    np.testing.assert_array_equal(state["0.weight"].T, classifier.coefs_[0].astype(np.float32))
    back = from_torch_state_dict(state, activation="tanh")
    assert back.weights_sha256_ == classifier.weights_sha256_ and back.names == ["0", "1", "2"]
    double = {name: values.astype(np.float64) for name, values in state.items()}
    assert from_torch_state_dict(double, "tanh", output="identity").names == ["y1", "y2", "y3"]
    normed = Network("4 -> 5 batch-norm relu -> 2", seed=0)
    state = {**normed.to_torch_state_dict(), "1.num_batches_tracked": np.array(7)}
    assert from_torch_state_dict(state).network.sha256() == normed.sha256()


def test_state_dicts_that_are_not_read():
    state = Network("2 -> 3 relu -> 2", seed=0).to_torch_state_dict()
    with pytest.raises(ValueError, match="unknown activation `rely`; did you mean `relu`"):
        from_torch_state_dict(state, activation="rely")
    with pytest.raises(ValueError, match="^the state_dict: the tensor `a.weight` is not of a module with a number"):
        from_torch_state_dict({"a.weight": state["0.weight"]})
    with pytest.raises(TypeError, match="the tensor `0.weight` is int64; expected an array of floats"):
        from_torch_state_dict({"0.weight": np.ones((2, 2), dtype=np.int64)})


def test_pytorch_gives_the_same_logits(classifier, blobs):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    X, _ = blobs
    state = classifier.to_torch_state_dict()
    net = eval(state.modules, {"nn": torch.nn})
    net.load_state_dict({name: torch.from_numpy(values) for name, values in state.items()})
    probabilities = torch.softmax(net(torch.from_numpy(X.astype(np.float32))), dim=1).detach().numpy()
    np.testing.assert_allclose(probabilities, classifier.predict_proba(X), atol=1e-6)
    assert from_torch_state_dict(net.state_dict(), "tanh").weights_sha256_ == classifier.weights_sha256_
