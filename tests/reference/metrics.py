"""What scikit-learn says of some predictions: python3 tests/reference/metrics.py > tests/reference/metrics.json

Needs numpy and scikit-learn 1.7 or later. Predictions are f32, everything after them f64.
"""

import json
import warnings

import numpy as np
from sklearn import metrics as sk

warnings.filterwarnings("ignore")
rng = np.random.default_rng(0)


def of_classes(rows, classes, weighted, rough, missing=False):
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
        "log-loss": float(np.average(-np.log(np.clip(d[np.arange(rows), y], 2.0**-52, 1 - 2.0**-52)), weights=w)),
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
    if classes == 2:
        out["brier"] = sk.brier_score_loss(y, d[:, 1], **s)
        if not missing:
            out["roc-auc"] = out["roc-auc-weighted"] = sk.roc_auc_score(y, d[:, 1], **s)
            out["average-precision"] = sk.average_precision_score(y, d[:, 1], **s)
    else:
        out["brier"] = float(np.average(((d - onehot) ** 2).sum(axis=1), weights=w))
        if not missing:
            auc = [sk.roc_auc_score(onehot[:, k], d[:, k], **s) for k in labels]
            support = [np.sum(w[y == k]) if weighted else np.sum(y == k) for k in labels]
            out["roc-auc"], out["roc-auc-weighted"] = float(np.mean(auc)), float(np.average(auc, weights=support))
            out["average-precision"] = sk.average_precision_score(onehot, d, average="macro", **s)
    return {"predicted": p.ravel().tolist(), "labels": y.tolist(), "classes": classes, "weights": weights(w), "scores": floats(out)}


def of_numbers(rows, outputs, weighted, constant=False):
    y = (rng.normal(size=(rows, outputs)) * 3 + 1).astype(np.float32)
    if constant:
        y[:, 0] = 2
    p = (y + rng.normal(size=(rows, outputs))).astype(np.float32)
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
    return {"predicted": p.ravel().tolist(), "targets": y.ravel().tolist(), "outputs": outputs, "weights": weights(w), "scores": floats(out)}


def weights(w):
    return None if w is None else w.tolist()


def floats(scores):
    return {name: float(score) for name, score in scores.items()}


cases = [of_classes(rows, k, weighted, rough) for rows, k in [(12, 2), (40, 3), (60, 12)] for weighted in [False, True] for rough in [False, True]]
cases += [of_classes(20, 4, weighted, False, missing=True) for weighted in [False, True]]
cases += [of_numbers(rows, outputs, weighted) for rows, outputs in [(2, 1), (15, 1), (15, 3)] for weighted in [False, True]]
cases += [of_numbers(9, 2, True, constant=True)]
print(json.dumps(cases))
