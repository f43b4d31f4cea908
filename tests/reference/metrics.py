"""What scikit-learn says of some predictions: python3 tests/reference/metrics.py > tests/reference/metrics.json

Needs numpy and scikit-learn 1.7 or later; the stored numbers are of scikit-learn 1.9.1. Predictions are f32, everything
after them f64. scikit-learn has no calibration error: `ece` below is its definition.
"""

import json
import warnings

import numpy as np
from sklearn import metrics as sk

warnings.filterwarnings("ignore")
rng = np.random.default_rng(0)


def ece(p, y, w, bins):
    """sum_b W_b / W |accuracy_b - confidence_b| over bins (lower, upper] of the largest probability."""
    w = np.ones(len(y)) if w is None else w.astype(np.float64)
    right, confidence = p.argmax(axis=1) == y, p.max(axis=1)
    upper = np.arange(1, bins + 1) / bins
    inside = [(confidence > end - 1 / bins) & (confidence <= end) for end in upper]
    gaps = [np.sum(w[i] * right[i]) - np.sum(w[i] * confidence[i]) for i in inside]
    return np.sum(np.abs(gaps)) / np.sum(w)


def of_classes(rows, classes, weighted, rough, missing=False):
    """Scores of drawn probabilities: ties if rough, no row of the last class if missing."""
    p = rng.dirichlet(np.ones(classes), rows)
    if rough:  # few values, so that probabilities tie among the rows
        p = np.round(p * 4) + 1
        p /= p.sum(axis=1, keepdims=True)
    p = p.astype(np.float32)
    y = rng.integers(0, classes - (1 if missing else 0), rows)
    if not missing:
        y[:classes] = np.arange(classes)
    w = rng.integers(0, 4, rows).astype(np.float32) / 2 + np.float32(0.25) if weighted else None
    d, best = p.astype(np.float64), p.argmax(axis=1)
    labels, s = np.arange(classes), {"sample_weight": w}
    out = {
        "accuracy": sk.accuracy_score(y, best, **s),
        "balanced-accuracy": sk.balanced_accuracy_score(y, best, **s),
        "log-loss": sk.log_loss(y, d, labels=labels, **s),
        "ece": ece(d, y, w, 15),
        "ece=5": ece(d, y, w, 5),
        "mcc": sk.matthews_corrcoef(y, best, **s),
        "kappa": sk.cohen_kappa_score(y, best, **s),
    }
    for average in ["macro", "micro", "weighted"]:
        for name, score in [("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)]:
            text = name if average == "macro" else f"{name}={average}"
            out[text] = score(y, best, average=average, zero_division=0, **s)
    if not rough and classes > 2:
        for k in [2, 3]:
            out["top-k" if k == 2 else f"top-k={k}"] = sk.top_k_accuracy_score(y, d, k=k, labels=labels, **s)
    onehot = np.eye(classes)[y]
    out["brier"] = sk.brier_score_loss(y, d, labels=labels, **s)
    if classes == 2:
        if not missing:
            out["roc-auc"] = out["roc-auc-weighted"] = sk.roc_auc_score(y, d[:, 1], **s)
            out["average-precision"] = sk.average_precision_score(y, d[:, 1], **s)
    else:
        if not missing:
            out["roc-auc"] = sk.roc_auc_score(onehot, d, average="macro", **s)
            out["roc-auc-weighted"] = sk.roc_auc_score(onehot, d, average="weighted", **s)
            out["average-precision"] = sk.average_precision_score(onehot, d, average="macro", **s)
    return {"predicted": shortest(p), "labels": y.tolist(), "classes": classes, "weights": weights(w), "scores": floats(out)}


def of_numbers(rows, outputs, weighted, constant=False, exact=False):
    y = (rng.normal(size=(rows, outputs)) * 3 + 1).astype(np.float32)
    if constant:
        y[:, 0] = 2
    if exact:
        y[:] = 2
    p = y if exact else (y + rng.normal(size=(rows, outputs))).astype(np.float32)
    w = rng.integers(1, 4, rows).astype(np.float32) / 2 if weighted else None
    a, b, s = y.astype(np.float64), p.astype(np.float64), {"sample_weight": w}
    out = {
        "mse": sk.mean_squared_error(a, b, **s),
        "rmse": sk.root_mean_squared_error(a, b, **s),
        "mae": sk.mean_absolute_error(a, b, **s),
        "mape": sk.mean_absolute_percentage_error(a, b, **s),
        "r2": sk.r2_score(a, b, **s),
        "explained-variance": sk.explained_variance_score(a, b, **s),
        "pinball": sk.mean_pinball_loss(a, b, alpha=0.5, **s),
        "pinball=0.9": sk.mean_pinball_loss(a, b, alpha=0.9, **s),
    }
    return {"predicted": shortest(p), "targets": shortest(y), "outputs": outputs, "weights": weights(w), "scores": floats(out)}


def weights(w):
    return None if w is None else w.tolist()


def shortest(f32s):
    return [float(str(x)) for x in f32s.ravel()]


def floats(scores):
    """Numbers; null where scikit-learn gives none."""
    return {name: float(score) if np.isfinite(score) else None for name, score in scores.items()}


def of_one_class(label):
    """Every row is of one class, and sure of it or of the other one: what is 0 / 0 shows here."""
    p = np.array([[1, 0], [0.75, 0.25]] + [[0, 1]] * label, dtype=np.float32)
    y = np.full(len(p), label)
    d, best = p.astype(np.float64), p.argmax(axis=1)
    out = {
        "accuracy": sk.accuracy_score(y, best),
        "balanced-accuracy": sk.balanced_accuracy_score(y, best),
        "log-loss": sk.log_loss(y, d, labels=[0, 1]),
        "brier": sk.brier_score_loss(y, d, labels=[0, 1]),
        "ece": ece(d, y, None, 15),
        "mcc": sk.matthews_corrcoef(y, best),
        "kappa": sk.cohen_kappa_score(y, best),
        "f1": sk.f1_score(y, best, average="macro", zero_division=0),
        "roc-auc": sk.roc_auc_score(y, d[:, 1]),
    }
    if label:  # without a positive row scikit-learn says 0 and warns; we refuse
        out["average-precision"] = sk.average_precision_score(y, d[:, 1])
    return {"predicted": shortest(p), "labels": y.tolist(), "classes": 2, "weights": None, "scores": floats(out)}


sizes, both = [(12, 2), (40, 3), (60, 12)], [False, True]
cases = [of_classes(rows, k, weighted, rough) for rows, k in sizes for weighted in both for rough in both]
cases += [of_classes(20, 4, weighted, False, missing=True) for weighted in [False, True]]
cases += [of_numbers(rows, outputs, weighted) for rows, outputs in [(2, 1), (15, 1), (15, 3)] for weighted in [False, True]]
cases += [of_numbers(9, 2, True, constant=True)]
cases += [of_one_class(0), of_one_class(1)]
cases += [of_numbers(1, 1, False), of_numbers(3, 1, False, constant=True), of_numbers(3, 1, False, exact=True)]
print("[" + ",\n".join(json.dumps(case) for case in cases) + "]")
