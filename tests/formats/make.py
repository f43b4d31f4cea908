"""Makes the networks of other tools that `layerloop import` is tested with: NAME.onnx, its 50 input rows and the tool's own
predictions for them in NAME.json. Kept in networks/; run again only to renew them.

    pip install torch onnxscript keras scikit-learn skl2onnx
    python make.py [FOLDER]
"""

import json
import os
import sys
import warnings
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"
import numpy as np
import torch
from torch import nn

warnings.filterwarnings("ignore")
OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "networks")
OUT.mkdir(exist_ok=True)
RNG = np.random.default_rng(7)
ROWS = 50


def keep(name, rows, outputs, classes=None, predicted=None):
    record = {"rows": np.asarray(rows, np.float32).tolist(), "outputs": np.asarray(outputs, np.float32).tolist()}
    if classes is not None:
        record["classes"] = [str(c) for c in classes]
    if predicted is not None:
        record["predicted"] = [str(p) for p in predicted]
    (OUT / f"{name}.json").write_text(json.dumps(record) + "\n")
    print(name, flush=True)


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(width, 9), nn.SiLU(), nn.Linear(9, width))

    def forward(self, x):
        return x + self.inner(x)


def trained(net, width):
    """Away from the initial state, running means of batch norms included."""
    net.train()
    optimiser = torch.optim.SGD(net.parameters(), 0.05)
    for _ in range(5):
        x = torch.randn(32, width)
        optimiser.zero_grad()
        net(x).square().mean().backward()
        optimiser.step()
    return net.eval()


def of_torch():
    nets = {
        "relu": (6, lambda: nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3), nn.Softmax(-1))),
        "gelu": (5, lambda: nn.Sequential(nn.Linear(5, 12), nn.GELU(), nn.Dropout(0.3), nn.Linear(12, 2))),
        "norms": (4, lambda: nn.Sequential(
            nn.Linear(4, 10), nn.BatchNorm1d(10), nn.Tanh(), nn.Linear(10, 8), nn.LayerNorm(8), nn.LeakyReLU(0.2),
            nn.Linear(8, 1))),
        "residual": (7, lambda: nn.Sequential(nn.Linear(7, 8), nn.ELU(), Residual(8), nn.Mish(), nn.Linear(8, 4, bias=False))),
        "rank3": (5, lambda: nn.Sequential(nn.Linear(5, 8, bias=False), nn.SELU(), nn.Linear(8, 6), nn.PReLU(), nn.Linear(6, 2))),
        "sigmoid": (3, lambda: nn.Sequential(nn.Linear(3, 7), nn.Hardswish(), nn.Linear(7, 1), nn.Sigmoid())),
    }
    for name, (width, make) in nets.items():
        torch.manual_seed(len(name))
        net = trained(make(), width)
        x = torch.randn(ROWS, width)
        y = net(x).detach().numpy()
        example = x.reshape(10, 5, width) if name == "rank3" else x
        file = OUT / f"torch-{name}.onnx"
        batch = torch.export.Dim("batch")
        torch.onnx.export(net, (example,), str(file), dynamo=True, external_data=name in ("relu", "rank3"),
                          dynamic_shapes=({0: batch},), verbose=False)
        keep(file.stem, x, y)
        file = OUT / f"legacy-{name}.onnx"
        torch.onnx.export(net, (example,), str(file), dynamo=False, opset_version=17 if name == "norms" else 13,
                          input_names=["x"], output_names=["y"], dynamic_axes={"x": {0: "batch"}, "y": {0: "batch"}})
        keep(file.stem, x, y)


def of_keras():
    import keras
    from keras import layers

    nets = {
        "softmax": (8, [layers.Dense(12, activation="relu"), layers.Dropout(0.2), layers.Dense(4, activation="softmax")]),
        "swish": (5, [layers.Dense(9, activation="swish"), layers.Dense(9, activation="gelu"), layers.Dense(2)]),
        "norm": (6, [layers.Dense(10), layers.BatchNormalization(), layers.Activation("tanh"), layers.Dense(1, activation="sigmoid")]),
    }
    for name, (width, stack) in nets.items():
        keras.utils.set_random_seed(3)
        net = keras.Sequential([layers.Input((width,)), *stack])
        x = RNG.normal(size=(ROWS, width)).astype(np.float32)
        net.compile("sgd", "mse")
        net.fit(x, RNG.normal(size=(ROWS, net.output_shape[-1])), epochs=3, verbose=0)
        net.export(str(OUT / f"keras-{name}.onnx"), format="onnx", verbose=False)
        keep(f"keras-{name}", x, net.predict(x, verbose=0))


def of_sklearn():
    from skl2onnx import to_onnx
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x = (RNG.normal(size=(200, 4)) * [1, 10, 0.1, 3] + [0, 50, 1, -2]).astype(np.float32)
    score = x[:, 0] + 0.1 * (x[:, 1] - 50) - x[:, 3]
    three = np.digitize(score, [1, 3])
    names = np.array(["low", "middle", "high"])
    kinds = {
        "binary": (MLPClassifier((8,), max_iter=50), (score > 2).astype(int), True, True),
        "binary-names": (MLPClassifier((8, 5), "tanh", max_iter=50), np.where(score > 2, "yes", "no"), True, False),
        "classes": (MLPClassifier((10,), "logistic", max_iter=50), three + 3, False, True),
        "class-names": (MLPClassifier((10, 6), max_iter=50), names[three], True, False),
        "labels": (MLPClassifier((8,), max_iter=50), np.stack([score > 1, score > 3, x[:, 0] > 0], 1).astype(int), True, False),
        "number": (MLPRegressor(hidden_layer_sizes=(9,), activation="tanh", max_iter=50), score, True, False),
        "numbers": (MLPRegressor(hidden_layer_sizes=(9, 7), max_iter=50), np.stack([score, x[:, 0]], 1), False, False),
        "linear": (MLPRegressor(hidden_layer_sizes=(5,), activation="identity", max_iter=50), score, True, False),
        "plain": (MLPClassifier((6,), "identity", max_iter=50), three, False, False),
    }
    for name, (model, y, scaled, zipmap) in kinds.items():
        model.random_state = 5
        net = make_pipeline(StandardScaler(), model) if scaled else model
        net.fit(x, y)
        classifier = isinstance(model, MLPClassifier)
        options = {id(model): {"zipmap": zipmap}} if classifier else None
        (OUT / f"sklearn-{name}.onnx").write_bytes(to_onnx(net, x[:1], options=options).SerializeToString())
        rows = x[:ROWS]
        if classifier:
            out = net.predict_proba(rows)
            out = np.asarray(out)[:, :, 1].T if isinstance(out, list) else out
            keep(f"sklearn-{name}", rows, out, None if name == "labels" else model.classes_, None if name == "labels" else net.predict(rows))
        else:
            keep(f"sklearn-{name}", rows, net.predict(rows).reshape(ROWS, -1))


for make in (of_sklearn, of_torch, of_keras):
    try:
        make()
    except Exception as error:
        print(make.__name__, "failed:", repr(error)[:2000], flush=True)
        raise SystemExit(1)
