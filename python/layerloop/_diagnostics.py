"""What is wrong with a model, and with its data: mistakes, suspicious rows, curvature, learning rates."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from layerloop import _layerloop as library
from layerloop import _validate
from layerloop._api import Model, _dataset
from layerloop._base import thread_limit
from layerloop._frames import column_of, table_of
from layerloop._layerloop import Data, Network

BY = ("loss", "gradient", "margin")


def loss_of(model: library.Model) -> str | None:
    """Give the loss that a model was trained by, if its receipt names it."""
    options = json.loads(model.receipt).get("options") or {}
    loss: str | None = options.get("loss")
    return loss


def _named_classes(network: Network, y: Any, classes: list[str] | None) -> list[str] | None:
    """Give the names of the classes of a network: those that are given, those in y, or numbers from 0."""
    if classes is not None or "softmax" not in network.output:
        return classes
    values = _validate.of_series(y)
    if values.dtype.kind in "USO":
        return [str(name) for name in np.unique(values).tolist()]
    return [str(i) for i in range(network.outputs)]


def _rows_of(network: Network | Model, X: Any, y: Any, classes: list[str] | None) -> tuple[Network, Data, str | None]:
    """Give the network, the rows with what is to be predicted, and the loss that it was trained by."""
    if isinstance(network, Network):
        return network, _dataset(X, y, _named_classes(network, y, classes), None), None
    model = network._model
    if model.targets is None:
        return model.network, _dataset(X, y, model.names if model.is_classifier else None, None), loss_of(model)
    table, values = table_of(X), _validate.targets(y, network)
    for name, column in zip(model.targets, values.reshape(len(values), -1).T, strict=True):
        written = np.array([str(value) for value in column.tolist()]) if model.is_classifier else column
        table = table.beside(column_of(name, written))
    return model.network, library.data_of_table(model, table), loss_of(model)


def mistakes(
    network: Network | Model,
    X: Any,
    y: Any,
    *,
    train: tuple[Any, Any] | None = None,
    top: int = 8,
    classes: list[str] | None = None,
) -> list[dict[str, Any]]:
    """Give the worst mistakes, each with the most similar training rows and the smallest change that flips the prediction.

    Parameters
    ----------
    network : Network or Model
        The network.
    X : array-like, sparse matrix or DataFrame of shape (n_samples, n_inputs)
        The rows to search, such as those of the test part.
    y : array-like
        Their classes.
    train : tuple of X and y, optional
        The training rows; otherwise the rows that are searched.
    top : int
        How many mistakes to give, at most.
    classes : list of str, optional
        The names of the classes, in the order of the outputs.

    Returns
    -------
    list of dict
        The largest loss first: ``row``, ``label``, ``predicted``, ``loss``, ``probabilities``, ``nearest`` (training
        rows by their distance in the last hidden layer), ``aligned`` (training rows by the length of their gradient
        along the row's), ``turned`` (a changed input that flips the prediction, and its distance, or None).

    Examples
    --------
    >>> import numpy as np
    >>> from layerloop import Network, mistakes
    >>> network = Network("1 -> 2", seed=0)
    >>> network.set_tensor("layers.0.weight", np.array([-1, 1], dtype=np.float32))
    >>> worst = mistakes(network, [[-2.0], [1.0], [3.0]], ["low"] * 3, classes=["low", "high"])
    >>> [(mistake["row"], mistake["label"], mistake["predicted"]) for mistake in worst]
    [(2, 'low', 'high'), (1, 'low', 'high')]
    """
    found, data, loss = _rows_of(network, X, y, classes)
    behind = data if train is None else _rows_of(network, *train, classes)[1]
    return found_mistakes(found, behind, data, None, top, loss)


def outliers(
    network: Network | Model,
    X: Any,
    y: Any,
    *,
    by: str = "loss",
    top: int = 20,
    share: float | None = None,
    classes: list[str] | None = None,
) -> list[dict[str, Any]]:
    """List the rows that are most likely mislabelled.

    Parameters
    ----------
    network : Network or Model
        The network.
    X : array-like, sparse matrix or DataFrame of shape (n_samples, n_inputs)
        The rows to search, such as those of the training part.
    y : array-like
        Their classes or numbers.
    by : str
        What makes a row suspicious: a large ``loss``, a large ``gradient``, or a small ``margin`` p_label - max p_other.
    top : int
        How many rows to list.
    share : float, optional
        List this share of all rows instead, such as 0.01.
    classes : list of str, optional
        The names of the classes, in the order of the outputs.

    Returns
    -------
    list of dict
        The most suspicious first: ``rank``, ``row``, ``label``, ``predicted``, ``probability`` and ``margin``, or
        ``target`` and ``predicted`` where there are no classes; ``loss`` and ``gradient_norm``.

    Examples
    --------
    >>> import numpy as np
    >>> from layerloop import Network, outliers
    >>> network = Network("1 -> 2", seed=0)
    >>> network.set_tensor("layers.0.weight", np.array([-1, 1], dtype=np.float32))
    >>> [row["row"] for row in outliers(network, [[-2.0], [1.0], [3.0]], [0, 0, 0], top=2)]
    [2, 1]
    """
    found, data, loss = _rows_of(network, X, y, classes)
    return found_outliers(found, data, None, by, top, share, loss)


def curvature(
    network: Network | Model, X: Any, y: Any, *, rows: int = 500, classes: list[str] | None = None
) -> dict[str, Any]:
    """Give the curvature of the loss: the largest eigenvalue and the trace of its Hessian.

    Plain gradient descent diverges above the learning rate 2 / largest eigenvalue.

    Parameters
    ----------
    network : Network or Model
        The network.
    X : array-like, sparse matrix or DataFrame of shape (n_samples, n_inputs)
        The inputs.
    y : array-like
        Their classes or numbers.
    rows : int
        Number of rows that are used, from the first.
    classes : list of str, optional
        The names of the classes, in the order of the outputs.

    Returns
    -------
    dict
        ``rows``, ``parameters``, ``largest_eigenvalue`` with ``value`` and ``residual`` (an eigenvalue is within it),
        ``trace`` with ``value`` and ``standard_error``.

    Examples
    --------
    >>> from layerloop import Network, curvature
    >>> found = curvature(Network("2 -> 3 tanh -> 2", seed=0), [[0.0, 1.0], [1.0, 0.0]], [0, 1])
    >>> found["rows"], found["parameters"], found["largest_eigenvalue"]["value"] > 0
    (2, 17, True)
    """
    network, data, loss = _rows_of(network, X, y, classes)
    found: dict[str, Any] = json.loads(library.curvature(network, data, rows, thread_limit(), loss))
    return found


def find_lr(
    network: Network, X: Any, y: Any, *, sample_weight: Any = None, classes: list[str] | None = None, **options: Any
) -> dict[str, Any]:
    """Find a learning rate by a short run whose learning rate grows from 1e-7 to 10; the network does not change.

    Parameters
    ----------
    network : Network
        The network.
    X : array-like or sparse matrix of shape (n_samples, n_inputs)
        The inputs.
    y : array-like
        Classes or numbers.
    sample_weight : array-like, optional
        How much each row counts.
    classes : list of str, optional
        The names of the classes, in the order of the outputs.
    **options
        As of ``fit``.

    Returns
    -------
    dict
        ``proposed``, the rate at which the loss falls fastest, or None where no rate made the loss fall; ``rates`` and
        ``losses``, the learning rate of each step and the smoothed loss before it.

    Examples
    --------
    >>> import numpy as np
    >>> from layerloop import Network, find_lr
    >>> X = np.random.default_rng(0).normal(size=(400, 2))
    >>> found = find_lr(Network("2 -> 8 tanh -> 2", seed=0), X, (X[:, 0] > 0).astype(int), batch=16)
    >>> 1e-4 < found["proposed"] < 1
    True
    """
    data = _dataset(X, y, _named_classes(network, y, classes), sample_weight)
    return found_rates(network, data, options)


def found_rates(network: Network, data: Data, options: dict[str, Any]) -> dict[str, Any]:
    """Give the learning rates that were tried, their losses, and the one to use."""
    rates, losses, proposed = library.find_lr(network, data, json.dumps(options), thread_limit())
    return {"proposed": proposed, "rates": rates, "losses": losses}


def found_mistakes(
    network: Network, train: Data, data: Data, classes: list[Any] | None, top: int, loss: str | None
) -> list[dict[str, Any]]:
    """Give the mistakes with the names of their classes."""
    found: list[dict[str, Any]] = json.loads(library.mistakes(network, train, data, top, thread_limit(), loss))
    names = data.names if classes is None else classes
    for mistake in found:
        for place in [mistake, *filter(None, [mistake["turned"]])]:
            place.update({key: names[place[key]] for key in ("label", "predicted") if key in place})
    return found


def found_outliers(
    network: Network,
    data: Data,
    classes: list[Any] | None,
    by: str,
    top: int,
    share: float | None,
    loss: str | None,
) -> list[dict[str, Any]]:
    """Give the most suspicious rows."""
    if by not in BY:
        raise ValueError(f"by: {by!r}; expected {', '.join(BY)}")
    if share is not None and not 0 < share <= 1:
        raise ValueError(f"share: {share!r}; expected a number above 0 and at most 1, such as 0.01")
    if top < 1:
        raise ValueError(f"top: {top!r}; expected a whole number, at least 1")
    samples = library.samples(network, data, thread_limit(), loss)
    margins = _margins(samples)
    if by == "margin" and margins is None:
        raise ValueError("by: margin; there are no classes, so there is none: loss and gradient are left")
    if by == "gradient" and np.isnan(samples["gradient_norm"]).any():
        raise ValueError(
            "by: gradient; with a batch norm a row has no gradient of its own: loss and margin are left"
        )
    score = samples["loss"] if by == "loss" else samples["gradient_norm"] if by == "gradient" else -margins
    count = top if share is None else round(data.rows * share)
    order = np.argsort(-score, kind="stable")[:count].tolist()
    names = data.names if classes is None else classes
    return [{"rank": rank, "row": row, **_told(samples, row, margins, names)} for rank, row in enumerate(order, 1)]


def _margins(samples: dict[str, Any]) -> Any:
    """Give p_label - max p_other of each row, where there are classes."""
    labels, outputs = samples.get("labels"), samples["outputs"]
    if labels is None or outputs.shape[1] < 2:
        return None
    rows, others = np.arange(len(labels)), outputs.copy()
    others[rows, labels] = -np.inf
    return outputs[rows, labels] - others.max(axis=1)


def _told(samples: dict[str, Any], row: int, margins: Any, names: list[Any]) -> dict[str, Any]:
    outputs = samples["outputs"][row]
    if "labels" in samples:
        said = int(outputs.argmax())
        told = {"label": names[samples["labels"][row]], "predicted": names[said], "probability": float(outputs[said])}
        told["margin"] = None if margins is None else float(margins[row])
    else:
        told = {"target": samples["targets"][row].tolist(), "predicted": outputs.tolist()}
    return {**told, "loss": float(samples["loss"][row]), "gradient_norm": float(samples["gradient_norm"][row])}


class Diagnosed:
    """What is wrong with a fitted estimator, and with its data."""

    def _diagnosed(self, X: Any, y: Any) -> tuple[Network, Data, list[Any] | None, str | None]:
        """Give the network, the rows, the classes in the order of the outputs, and the loss."""
        raise NotImplementedError

    def mistakes(self, X: Any, y: Any, *, train: tuple[Any, Any] | None = None, top: int = 8) -> list[dict[str, Any]]:
        """Give the worst mistakes, each with the most similar training rows and the smallest change that flips the prediction.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame
            The rows to search, such as those of the test part.
        y : array-like
            Their classes.
        train : tuple of X and y, optional
            The training rows; otherwise the rows that are searched.
        top : int
            How many mistakes to give, at most.

        Returns
        -------
        list of dict
            As of ``layerloop.mistakes``.
        """
        network, data, classes, loss = self._diagnosed(X, y)
        behind = data if train is None else self._diagnosed(*train)[1]
        return found_mistakes(network, behind, data, classes, top, loss)

    def outliers(
        self, X: Any, y: Any, *, by: str = "loss", top: int = 20, share: float | None = None
    ) -> list[dict[str, Any]]:
        """List the rows that are most likely mislabelled.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame
            The rows to search, such as those of the training part.
        y : array-like
            Their classes or numbers.
        by : str
            What makes a row suspicious: a large ``loss``, a large ``gradient``, or a small ``margin``.
        top : int
            How many rows to list.
        share : float, optional
            List this share of all rows instead, such as 0.01.

        Returns
        -------
        list of dict
            As of ``layerloop.outliers``.
        """
        network, data, classes, loss = self._diagnosed(X, y)
        return found_outliers(network, data, classes, by, top, share, loss)

    def curvature(self, X: Any, y: Any, *, rows: int = 500) -> dict[str, Any]:
        """Give the curvature of the loss: the largest eigenvalue and the trace of its Hessian.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame
            The inputs.
        y : array-like
            Their classes or numbers.
        rows : int
            Number of rows that are used, from the first.

        Returns
        -------
        dict
            As of ``layerloop.curvature``.
        """
        network, data, _, loss = self._diagnosed(X, y)
        found: dict[str, Any] = json.loads(library.curvature(network, data, rows, thread_limit(), loss))
        return found
