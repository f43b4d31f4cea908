"""Parameters of scikit-learn's MLP as options of the library."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

ACTIVATIONS = {"identity": "identity", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}
STOCHASTIC = ("sgd", "adam")
RATES = ("constant", "invscaling", "adaptive")

_INTEGERS = ("max_iter", "max_fun")
_REALS = {
    "alpha": (0, None, "[0.0, inf)"),
    "power_t": (0, None, "[0.0, inf)"),
    "tol": (0, None, "[0.0, inf)"),
    "momentum": (0, 1, "[0.0, 1.0]"),
    "dropout": (0, 1, "[0.0, 1.0)"),
    "validation_fraction": (0, 1, "[0.0, 1.0)"),
    "beta_1": (0, 1, "[0.0, 1.0)"),
    "beta_2": (0, 1, "[0.0, 1.0)"),
}


def _is_integer(value: Any) -> bool:
    return isinstance(value, numbers.Integral)


def _is_real(value: Any) -> bool:
    return isinstance(value, numbers.Real)


def _invalid(estimator: Any, name: str, expected: str) -> ValueError:
    value = getattr(estimator, name)
    return ValueError(f"The {name!r} parameter of {type(estimator).__name__} must be {expected}. Got {value!r} instead.")


def check(estimator: Any) -> None:
    """Refuse parameters that mean nothing, with the name and the value."""
    for name in _INTEGERS:
        value = getattr(estimator, name)
        if not _is_integer(value) or value < 1:
            raise _invalid(estimator, name, "an int in the range [1, inf)")
    for name, (least, most, interval) in _REALS.items():
        value = getattr(estimator, name)
        if not _is_real(value) or not least <= value or (most is not None and value > most):
            raise _invalid(estimator, name, f"a float in the range {interval}")
        if most is not None and value == most and interval.endswith(")"):
            raise _invalid(estimator, name, f"a float in the range {interval}")
    for name in ("learning_rate_init", "epsilon"):
        value = getattr(estimator, name)
        if not _is_real(value) or not value > 0:
            raise _invalid(estimator, name, "a float in the range (0.0, inf)")
    patience = estimator.n_iter_no_change
    if not (patience == np.inf or (_is_integer(patience) and patience >= 1)):
        raise _invalid(estimator, "n_iter_no_change", "an int in the range [1, inf) or a float among {inf}")
    batch = estimator.batch_size
    if not (batch == "auto" if isinstance(batch, str) else _is_integer(batch) and batch >= 1):
        raise _invalid(estimator, "batch_size", "a str among {'auto'} or an int in the range [1, inf)")
    for name in ("shuffle", "warm_start", "nesterovs_momentum"):
        if not isinstance(getattr(estimator, name), (bool, np.bool_)):
            raise _invalid(estimator, name, "an instance of 'bool'")


def hidden_sizes(estimator: Any) -> list[int]:
    """Give the widths of the hidden layers."""
    sizes = estimator.hidden_layer_sizes
    sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
    if any(size <= 0 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return sizes


def activations(estimator: Any, layers: int) -> list[str]:
    """Give the activation of each hidden layer, as the library names it."""
    given = estimator.activation
    if isinstance(given, str):
        given = [given] * layers
    elif len(given) != layers:
        raise ValueError(f"{len(given)} activations for {layers} hidden layers; one name is for all of them")
    return [ACTIVATIONS.get(name, name) for name in given]


def specification(estimator: Any, inputs: int, outputs: int, output: str) -> str:
    """Give the network as the library's text."""
    if estimator.network is not None:
        text: str = estimator.network
        units = text.rsplit("->", 1)[-1].split()[:1]
        if not units or not units[0].isdigit():
            return text
        two_classes = outputs == 1 and output == "sigmoid"  # by one unit, or by two
        return f"{text} -> softmax" if two_classes and units == ["2"] else f"{text} -> {output}"
    sizes = hidden_sizes(estimator)
    dropout = f" dropout={estimator.dropout}" if estimator.dropout else ""
    hidden = [f"{n} {name}{dropout}" for n, name in zip(sizes, activations(estimator, len(sizes)), strict=True)]
    return " -> ".join([str(inputs), *hidden, str(outputs), output])


def optimizer(estimator: Any) -> str:
    """Give the optimiser as the library's text."""
    solver, momentum = estimator.solver, estimator.momentum
    if solver == "adam":
        beta_1, beta_2, epsilon = estimator.beta_1, estimator.beta_2, estimator.epsilon
        return f"adam(beta_1={beta_1!r}, beta_2={beta_2!r}, epsilon={max(float(epsilon), 1e-30)!r})"
    if solver == "lbfgs":
        return "lbfgs"
    if solver != "sgd":
        return solver
    if momentum == 0:
        return "sgd"
    return f"{'nesterov' if estimator.nesterovs_momentum else 'momentum'}(momentum={momentum!r})"


def batch_size(estimator: Any, rows: int) -> int:
    """Give the rows of a batch."""
    if estimator.batch_size == "auto":
        return min(200, rows)
    return min(int(estimator.batch_size), rows)
