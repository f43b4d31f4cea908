"""The command's export and import against onnxruntime and PyTorch: images, tables, options.

    python command.py LAYERLOOP FOLDER
"""

import csv
import datetime
import gzip
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

LAYERLOOP, FOLDER = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
FOLDER.mkdir(parents=True, exist_ok=True)
onnxruntime.set_default_logger_severity(3)


def run(*args):
    done = subprocess.run([LAYERLOOP, *map(str, args)], cwd=FOLDER, capture_output=True, text=True)
    assert done.returncode == 0, (args, done.stderr)
    return done.stdout


def session(file):
    onnx.checker.check_model(str(FOLDER / file), full_check=True)
    return onnxruntime.InferenceSession(str(FOLDER / file), providers=["CPUExecutionProvider"])


def predictions(model, rows, classes):
    lines = [json.loads(line) for line in run("predict", model, rows, "--json", "--top", len(classes)).splitlines()]
    table = [{item["class"]: item["probability"] for item in line["probabilities"]} for line in lines]
    return [line["predicted"] for line in lines], np.array([[row[c] for c in classes] for row in table])


def compare_images(data, images):
    """The same class for every test image, and probabilities within 1e-6."""
    run("train", data, "--epochs", 3, "--hidden", 64, "--save", "images.safetensors", "--quiet")
    run("export", "images.safetensors", "--to", "onnx")
    inputs = session("images.onnx")
    label, probabilities = inputs.run(None, {"input": images})
    classes = json.loads(run("summary", "images.safetensors", "--json"))["classes"]
    if data == "mnist":
        header = struct.pack(">IIII", 0x803, len(images), 28, 28)
        file = "images-idx3-ubyte"
        (FOLDER / file).write_bytes(header + images.astype(np.uint8).tobytes())
    else:
        file = "images.csv"
        np.savetxt(FOLDER / file, images, delimiter=",", fmt="%g")
    predicted, want = predictions("images.safetensors", file, classes)
    assert [str(x) for x in label] == predicted
    error = np.max(np.abs(probabilities - want))
    assert error <= 1e-6, error
    print(f"{data}: {len(images)} images, the same class for each, probabilities within {error:.1e}")
    for output in ["logits", "probabilities", "label"]:
        run("export", "images.safetensors", "--to", "onnx", "--output", output, "--out", "one.onnx")
        only = session("one.onnx")
        assert [o.name for o in only.get_outputs()] == [output]
        only.run(None, {"input": images[:3]})
    # And back: the same model, to the bit.
    run("import", "images.onnx", "--save", "back.safetensors")
    hashes = [json.loads(run("summary", m, "--json"))["weights_sha256"] for m in ("images.safetensors", "back.safetensors")]
    assert hashes[0] == hashes[1]


def number(cell):
    """A number, NaN where it is missing; seconds since 1970-01-01 of a date."""
    if "-" in cell:
        return datetime.datetime.fromisoformat(cell + "+00:00").timestamp()
    return float(cell) if cell else np.nan


def rows_of_table(path, inputs):
    """Columns as onnxruntime takes them."""
    with open(path) as file:
        rows = list(csv.DictReader(file))
    feed = {}
    for info in inputs:
        cells = [row[info.name] for row in rows]
        if info.type == "tensor(string)":
            feed[info.name] = np.array(cells, dtype=object).reshape(-1, 1)
        else:
            kind = np.float64 if info.type == "tensor(double)" else np.float32
            feed[info.name] = np.array([number(cell) for cell in cells], kind).reshape(-1, 1)
    return feed


def compare_tables():
    rng = np.random.default_rng(3)
    with open(FOLDER / "people.csv", "w") as file:
        file.write("age,pay,job,city,smokes,hired,gain,rich,score\n")
        for row in range(1200):
            age, pay = int(rng.integers(20, 65)), round(float(rng.lognormal(10, 1)), 2)
            job, city = rng.choice(["cook", "pilot", "clerk", ""]), rng.choice(list("ABCDEFGHIJKLM"))
            smokes = rng.choice(["yes", "no"])
            rich = "rich" if pay * (2 if job == "pilot" else 1) + 300 * age > 40000 else "poor"
            score = round(pay / 1000 + age * (1 if smokes == "no" else 0.5), 3)
            hired = datetime.datetime(1960, 1, 1) + datetime.timedelta(hours=int(rng.integers(0, 600_000)))
            gain = (row // 12 % 9 + 1) * 0.7 if row % 12 == 0 else 0  # nearly always 0, and nine other values
            hired = hired.isoformat(" ") if rng.random() > 0.05 else ""
            age = age if rng.random() > 0.05 else ""
            file.write(f"{age},{pay},{job},{city},{smokes},{hired},{gain},{rich},{score}\n")
    cases = [
        ("plain", "rich", "score", []),
        ("quantile", "rich", "score", ["--scaling", "quantile"]),
        ("robust", "rich", "score", ["--scaling", "robust"]),
        ("realmlp", "rich", "score", ["--recipe", "realmlp"]),
        ("tabm", "rich", "score", ["--recipe", "tabm"]),
        ("number", "score", "rich", []),
        ("log", "score", "rich", ["--target-transform", "log"]),
    ]
    for name, target, other, more in cases:
        run("train", "people.csv", "--target", target, "--ignore", other, "--epochs", 3, "--quiet", "--save", "t.safetensors", *more)
        run("export", "t.safetensors", "--to", "onnx", "--out", "t.onnx")
        inputs = session("t.onnx")
        got = dict(zip([o.name for o in inputs.get_outputs()], inputs.run(None, rows_of_table(FOLDER / "people.csv", inputs.get_inputs()))))
        lines = [json.loads(line) for line in run("predict", "t.safetensors", "people.csv", "--json", "--top", 2).splitlines()]
        if target == "rich":
            assert [line["predicted"] for line in lines] == list(got["label"]), name
            classes = json.loads(run("summary", "t.safetensors", "--json"))["classes"]
            want = np.array([[line["probabilities"][c] for c in classes] for line in lines])
            error = np.max(np.abs(got["probabilities"] - want))
        else:
            want = np.array([line["predicted"] for line in lines])
            error = np.max(np.abs(got["variable"][:, 0] - want) / np.maximum(1, np.abs(want)))
        assert error <= 1e-5, (name, error)
        print(f"table, {name}: {len(lines)} rows with gaps within {error:.1e}")


def compare_torch():
    try:
        import torch
        from safetensors.torch import load_file, save_file
        from torch import nn
    except ImportError:
        print("NOT RUN: state_dicts in PyTorch, which need torch and safetensors")
        return
    run("train", "digits", "--network", "64 -> 20 gelu -> 12 layer-norm tanh -> 10", "--epochs", 2, "--quiet", "--save", "d.safetensors")
    said = run("export", "d.safetensors", "--to", "torch", "--out", "net.safetensors").splitlines()
    net = eval(said[1].removeprefix("net = "), {"nn": nn})
    net.load_state_dict(load_file(FOLDER / "net.safetensors"))
    net.eval()
    images = torch.from_numpy(np.load(FOLDER / "digits.npy"))
    scale = json.loads(run("summary", "d.safetensors", "--json"))["scale"]
    got = torch.softmax(net(images * scale), 1).detach().numpy()
    run("export", "d.safetensors", "--to", "onnx", "--out", "d.onnx")
    want = session("d.onnx").run(["probabilities"], {"input": images.numpy()})[0]
    assert np.max(np.abs(got - want)) <= 1e-5
    other = nn.Sequential(nn.Linear(64, 9), nn.Tanh(), nn.Linear(9, 3))
    save_file(other.state_dict(), FOLDER / "other.safetensors")
    run("import", "other.safetensors", "--save", "o.safetensors", "--activation", "tanh")
    np.savetxt(FOLDER / "rows.csv", images[:20].numpy(), delimiter=",", fmt="%g", header=",".join(f"x{i}" for i in range(1, 65)), comments="")
    _, got = predictions("o.safetensors", "rows.csv", ["0", "1", "2"])
    want = torch.softmax(other(images[:20]), 1).detach().numpy()
    assert np.max(np.abs(got - want)) <= 1e-5
    print("state_dicts go to PyTorch and come from it within 1e-5")




data = Path(os.environ.get("LAYERLOOP_DATA") or Path(__file__).parents[3] / "shared" / "data").resolve()
mnist = data / "mnist" / "t10k-images-idx3-ubyte.gz"
if mnist.exists():
    os.environ["LAYERLOOP_DATA"] = str(data)
    pixels = np.frombuffer(gzip.decompress(mnist.read_bytes())[16:], np.uint8)
    compare_images("mnist", pixels.reshape(-1, 784).astype(np.float32))
else:
    print(f"NOT RUN: every MNIST test image, which needs the data sets in {data}")
rng = np.random.default_rng(1)
eights = rng.integers(0, 17, (500, 64)).astype(np.float32)
np.save(FOLDER / "digits.npy", eights)
compare_images("digits", eights)
compare_tables()
compare_torch()
