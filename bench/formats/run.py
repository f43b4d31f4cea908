"""Size and time of generated C code: layerloop, layerloop with int8, emlearn and onnx2c, the same three networks in one run.

    python run.py LAYERLOOP ONNX2C        # scikit-learn, skl2onnx, emlearn, onnxruntime and onnx installed; ONNX2C may be -

Each network is trained by scikit-learn on random rows and written by each tool; the outputs are compared, the code is compiled by
`cc -O3 -march=native`, and a program predicts the same rows again and again: the least of 9 times counts.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import emlearn
from skl2onnx import to_onnx
from sklearn.neural_network import MLPClassifier

LAYERLOOP, ONNX2C = (arg if arg == "-" else os.path.abspath(arg) for arg in sys.argv[1:3])
FOLDER = Path(tempfile.mkdtemp())
os.chdir(FOLDER)  # emlearn writes into a folder of its own below this one
CC = ["cc", "-O3", "-march=native"]
ROWS = 200

MAIN = """
#include <stdio.h>
#include <time.h>
#include <math.h>
#include <stdint.h>
CODE
static float rows[%d][%d] = {
#include "rows.inc"
};
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + 1e-9 * t.tv_nsec; }
int main(void) {
    float out[%d], sum = 0;
    double best = 1e9;
    for (int r = 0; r < %d; r++) { one(rows[r], out); for (int o = 0; o < %d; o++) printf("%%.9g ", out[o]); printf("\\n"); }
    for (int turn = 0; turn < 9; turn++) {
        double start = now();
        for (int again = 0; again < 20; again++) for (int r = 0; r < %d; r++) { one(rows[r], out); sum += out[0]; }
        double time = (now() - start) / (20.0 * %d);
        if (time < best) best = time;
    }
    fprintf(stderr, "%%.1f %%g\\n", best * 1e9, (double)sum);
    return 0;
}
"""


def measure(name, code, net, rows, want, outputs, tolerance):
    inputs = rows.shape[1]
    (FOLDER / "rows.inc").write_text(",\n".join("{" + ",".join(f"{x!r}f" for x in row.tolist()) + "}" for row in rows))
    main = MAIN % (len(rows), inputs, outputs, len(rows), outputs, len(rows), len(rows))
    (FOLDER / "main.c").write_text(main.replace("CODE", code))
    subprocess.run([*CC, "main.c", "-I.", f"-I{emlearn.includedir}", "-lm", "-o", "main"], cwd=FOLDER, check=True, capture_output=True)
    # The code alone, as an object: text and constants.
    (FOLDER / "alone.c").write_text("#include <math.h>\n#include <stdint.h>\n" + code + "\nvoid (*kept)(const float *, float *) = one;\n")
    subprocess.run([*CC, "-Os", "-c", "alone.c", "-I.", f"-I{emlearn.includedir}", "-o", "alone.o"], cwd=FOLDER, check=True, capture_output=True)
    size = sum(int(n) for n in subprocess.run(["size", "alone.o"], cwd=FOLDER, capture_output=True, text=True).stdout.splitlines()[1].split()[:3])
    done = subprocess.run(["./main"], cwd=FOLDER, capture_output=True, text=True, check=True)
    got = np.array([[float(x) for x in line.split()] for line in done.stdout.splitlines()])
    error = np.max(np.abs(got[:, -want.shape[1]:] - want)) if got.shape[1] >= want.shape[1] else float("nan")
    assert not error > tolerance, (name, error)
    return {"network": net, "tool": name, "bytes": size, "ns": float(done.stderr.split()[0]), "error": float(error)}


def main():
    rng, results = np.random.default_rng(3), []
    for inputs, hidden, classes in [(4, (8,), 3), (64, (32,), 10), (784, (128, 64), 10)]:
        net = " -> ".join(map(str, (inputs, *hidden, classes)))
        x = rng.normal(size=(400, inputs)).astype(np.float32)
        y = np.arange(400) % classes
        model = MLPClassifier(hidden, max_iter=20, random_state=1).fit(x, y)
        rows = x[:ROWS]
        want = model.predict_proba(rows)
        file = to_onnx(model, x[:1], options={id(model): {"zipmap": False}})
        (FOLDER / "net.onnx").write_bytes(file.SerializeToString())
        run = lambda *args: subprocess.run([LAYERLOOP, *args], cwd=FOLDER, check=True, capture_output=True, text=True).stdout
        run("import", "net.onnx", "--save", "net.safetensors")
        for name, more, tolerance in [("layerloop", [], 1e-5), ("layerloop int8", ["--quantize", "int8"], 0.2)]:
            run("export", "net.safetensors", "--to", "c", "--out", "net.c", *more)
            code = '#include "net.c"\nstatic void one(const float *x, float *y) { predict(x, y); }'
            results.append(measure(name, code, net, rows, want, classes, tolerance))
        emlearn.convert(model, method="inline").save(file=str(FOLDER / "emnet.h"), name="emnet")
        code = '#include "emnet.h"\nstatic void one(const float *x, float *y) { eml_net_predict_proba(&emnet, x, %d, y, %d); }' % (inputs, classes)
        results.append(measure("emlearn", code, net, rows, want, classes, 1e-3))
        if ONNX2C != "-":
            run("export", "net.safetensors", "--to", "onnx", "--output", "probabilities", "--out", "one.onnx")
            one = onnx.load(FOLDER / "one.onnx")
            for value in [*one.graph.input, *one.graph.output]:
                value.type.tensor_type.shape.dim[0].dim_value = 1
            onnx.save(one, FOLDER / "one.onnx")
            (FOLDER / "onnx2c.h").write_text(subprocess.run([ONNX2C, "one.onnx"], cwd=FOLDER, check=True, capture_output=True, text=True).stdout)
            code = '#include "onnx2c.h"\nstatic void one(const float *x, float *y) { entry((const void *)x, (void *)y); }'
            results.append(measure("onnx2c", code, net, rows, want, classes, 1e-4))
    print(f"{platform.processor() or platform.machine()}, {subprocess.run(['cc', '--version'], capture_output=True, text=True).stdout.splitlines()[0]}")
    print(f"{'network':24} {'tool':16} {'bytes':>8} {'ns a row':>10} {'error':>9}")
    for r in results:
        print(f"{r['network']:24} {r['tool']:16} {r['bytes']:8} {r['ns']:10.0f} {r['error']:9.1e}")
    print(json.dumps(results))


main()
