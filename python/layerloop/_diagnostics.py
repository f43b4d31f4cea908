"""What is wrong with a model, and with its data: mistakes, suspicious rows, curvature, learning rates."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from layerloop import _layerloop as library
from layerloop import _validate
from layerloop._api import Model, dataset
from layerloop._base import thread_limit
from layerloop._frames import table_of, with_targets
from layerloop._layerloop import Data, Network

BY = ("loss", "gradient", "margin")


class Rows(NamedTuple):
    """Rows with what is to be predicted, the network that predicts it, and the loss that it was trained by."""

    network: Network
    data: Data
    loss: str | None
    classes: list[Any] | None = None

    @property
    def names(self) -> list[Any]:
        """The classes as they were, or their names, in the order of the outputs."""
        return self.data.names if self.classes is None else self.classes


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


def rows_of(network: Network | Model, X: Any, y: Any, classes: list[str] | None) -> Rows:
    """Give rows as a network or a model has them."""
    if isinstance(network, Network):
        return Rows(network, dataset(X, y, _named_classes(network, y, classes)), None)
    model = network._model
    if model.targets is None:
        names = model.names if model.is_classifier and _validate.of_series(y).ndim == 1 else None
        return Rows(model.network, dataset(X, y, names, model=model), loss_of(model))
    table = with_targets(table_of(X), model.targets, _validate.targets(y, network), model.is_classifier)
    return Rows(model.network, library.data_of_table(model, table), loss_of(model))


def mistakes(
    network: Network | Model,
    X: Any,
    y: Any,
    *,
    train: tuple[Any, Any] | None = None,
    top: int = 8,
    html: str | os.PathLike[str] | None = None,
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
    html : str or Path, optional
        A file that a page of them is written to.
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
    behind = None if train is None else rows_of(network, *train, classes)
    return _mistakes(rows_of(network, X, y, classes), behind, top, html)


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
    return _outliers(rows_of(network, X, y, classes), by, top, share)


def curvature(
    network: Network | Model,
    X: Any,
    y: Any,
    *,
    rows: int = 500,
    surface: bool | str | os.PathLike[str] = False,
    classes: list[str] | None = None,
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
    surface : bool or path
        Whether the loss along the two directions of largest curvature is computed too; a path is that of an SVG picture of
        it.
    classes : list of str, optional
        The names of the classes, in the order of the outputs.

    Returns
    -------
    dict
        ``rows``, ``parameters``, ``largest_eigenvalue`` with ``value`` and ``residual`` (an eigenvalue is within it),
        ``trace`` with ``value`` and ``standard_error``; and ``surface``, if it is asked for, with ``distances`` and
        ``losses``: entry i, j is the mean loss ``distances[i]`` along the eigenvector of the second largest eigenvalue and
        ``distances[j]`` along that of the largest, as ``matplotlib.pyplot.contourf(distances, distances, losses)`` draws it.

    Examples
    --------
    >>> from layerloop import Network, curvature
    >>> found = curvature(Network("2 -> 3 tanh -> 2", seed=0), [[0.0, 1.0], [1.0, 0.0]], [0, 1], surface=True)
    >>> found["rows"], found["parameters"], found["largest_eigenvalue"]["value"] > 0
    (2, 17, True)
    >>> found["surface"]["losses"].shape
    (41, 41)
    """
    return _curvature(rows_of(network, X, y, classes), rows, surface)


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
    data = dataset(X, y, _named_classes(network, y, classes), sample_weight)
    return named_rates(library.find_lr(network, data, json.dumps(options), thread_limit()))


def named_rates(found: tuple[list[float], list[float], float | None]) -> dict[str, Any]:
    """Give learning rates, losses and the rate to use by name."""
    rates, losses, proposed = found
    return {"proposed": proposed, "rates": rates, "losses": losses}


def _mistakes(
    rows: Rows, train: Rows | None, top: int, html: str | os.PathLike[str] | None
) -> list[dict[str, Any]]:
    behind = rows.data if train is None else train.data
    numbers, page = library.mistakes(rows.network, behind, rows.data, top, thread_limit(), rows.loss, html is not None)
    if html is not None and page is not None:
        Path(html).write_text(page, encoding="utf-8")
    found: list[dict[str, Any]] = json.loads(numbers)
    for mistake in found:
        for place in [mistake, *filter(None, [mistake["turned"]])]:
            place.update({key: rows.names[place[key]] for key in ("label", "predicted") if key in place})
    return found


def _curvature(rows: Rows, count: int, surface: bool | str | os.PathLike[str]) -> dict[str, Any]:
    wanted = surface is not False
    numbers, around = library.curvature(rows.network, rows.data, count, thread_limit(), rows.loss, wanted)
    found: dict[str, Any] = json.loads(numbers)
    if around is not None:
        distances, losses, picture = around
        if not isinstance(surface, bool):
            Path(surface).write_text(picture, encoding="utf-8")
        found["surface"] = {"distances": np.array(distances), "losses": np.array(losses)[::-1]}
    return found


def _outliers(rows: Rows, by: str, top: int, share: float | None) -> list[dict[str, Any]]:
    if by not in BY:
        raise ValueError(f"by: {by!r}; expected {', '.join(BY)}")
    if share is not None and not 0 < share <= 1:
        raise ValueError(f"share: {share!r}; expected a number above 0 and at most 1, such as 0.01")
    if top < 1:
        raise ValueError(f"top: {top!r}; expected a whole number, at least 1")
    samples = library.samples(rows.network, rows.data, thread_limit(), rows.loss)
    margins = _margins(samples)
    if by == "margin" and margins is None:
        raise ValueError("by: margin; there are no classes, so there is none: loss and gradient are left")
    if by == "gradient" and np.isnan(samples["gradient_norm"]).any():
        raise ValueError(
            "by: gradient; with a batch norm a row has no gradient of its own: loss and margin are left"
        )
    score = samples["loss"] if by == "loss" else samples["gradient_norm"] if by == "gradient" else -margins
    count = top if share is None else round(rows.data.rows * share)
    order = np.argsort(-score, kind="stable")[:count].tolist()
    names = rows.names
    return [{"rank": rank, "row": row, **_described(samples, row, margins, names)} for rank, row in enumerate(order, 1)]


def _margins(samples: dict[str, Any]) -> Any:
    """Give p_label - max p_other of each row, where there are classes."""
    labels, outputs = samples.get("labels"), samples["outputs"]
    if labels is None or outputs.shape[1] < 2:
        return None
    rows, others = np.arange(len(labels)), outputs.copy()
    others[rows, labels] = -np.inf
    return outputs[rows, labels] - others.max(axis=1)


def _described(samples: dict[str, Any], row: int, margins: Any, names: list[Any]) -> dict[str, Any]:
    outputs = samples["outputs"][row]
    if "labels" in samples:
        best = int(outputs.argmax())
        values = {"label": names[samples["labels"][row]], "predicted": names[best], "probability": float(outputs[best])}
        values["margin"] = None if margins is None else float(margins[row])
    else:
        values = {"target": samples["targets"][row].tolist(), "predicted": outputs.tolist()}
    return {**values, "loss": float(samples["loss"][row]), "gradient_norm": float(samples["gradient_norm"][row])}


class Diagnosed:
    """What is wrong with a fitted estimator, and with its data."""

    def _diagnosed(self, X: Any, y: Any) -> Rows:
        """Give rows as the estimator has them."""
        raise NotImplementedError

    def mistakes(
        self,
        X: Any,
        y: Any,
        *,
        train: tuple[Any, Any] | None = None,
        top: int = 8,
        html: str | os.PathLike[str] | None = None,
    ) -> list[dict[str, Any]]:
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
        html : str or Path, optional
            A file that a page of them is written to.

        Returns
        -------
        list of dict
            As of ``layerloop.mistakes``.
        """
        return _mistakes(self._diagnosed(X, y), None if train is None else self._diagnosed(*train), top, html)

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
        return _outliers(self._diagnosed(X, y), by, top, share)

    def curvature(
        self, X: Any, y: Any, *, rows: int = 500, surface: bool | str | os.PathLike[str] = False
    ) -> dict[str, Any]:
        """Give the curvature of the loss: the largest eigenvalue and the trace of its Hessian.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame
            The inputs.
        y : array-like
            Their classes or numbers.
        rows : int
            Number of rows that are used, from the first.
        surface : bool or path
            Whether the loss along the two directions of largest curvature is computed too; a path is that of an SVG
            picture of it.

        Returns
        -------
        dict
            As of ``layerloop.curvature``.
        """
        return _curvature(self._diagnosed(X, y), rows, surface)
