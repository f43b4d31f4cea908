"""Compares ONNX files with what `predict` gave: onnxruntime within 1e-5 of it (of numbers above 1: of their size).

    python compare.py FOLDER
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

onnxruntime.set_default_logger_severity(3)
folder, worst, count = Path(sys.argv[1]), 0.0, 0
for file in sorted(folder.glob("*.onnx"), key=lambda path: int(path.stem)):
    case = json.loads(file.with_suffix(".json").read_text())
    onnx.checker.check_model(str(file), full_check=True)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    rows = np.array(case["rows"], np.float32).reshape(-1, case["width"])
    want = np.array(case["outputs"], np.float64).reshape(len(rows), -1)
    got = dict(zip([output.name for output in session.get_outputs()], session.run(None, {"input": rows})))
    values = got["probabilities" if case["classifier"] else "variable"]
    assert values.shape == want.shape, (file, values.shape, want.shape)
    error = float(np.max(np.abs(values - want) / np.maximum(1, np.abs(want))))
    if not error <= 1e-5:
        print(f"{file.name}: {error:.2e} {case['network']}")
    worst, count = max(worst, error), count + 1
    if case["classifier"]:
        # Where two classes are as probable to 1e-5, either may be named.
        best = np.max(want, axis=1)
        named = np.array([case["classes"].index(str(label)) for label in got["label"]])
        assert np.all(want[np.arange(len(rows)), named] >= best - 1e-5), file
    one = session.run(None, {"input": rows[:1]})  # any number of rows
    assert len(one[0]) == 1
print(f"{count} networks, onnxruntime {onnxruntime.__version__}: at most {worst:.2e} from predict")
sys.exit(0 if worst <= 1e-5 and count else 1)
