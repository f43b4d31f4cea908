"""Pages about a model: the walk through the layer loops, the report, curves; and what each input had to do with an output."""

from __future__ import annotations

import html
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from layerloop import _layerloop as library
from layerloop import _validate
from layerloop._api import Model, dataset
from layerloop._diagnostics import Rows, rows_of
from layerloop._formats import Exported
from layerloop._frames import one_row
from layerloop._layerloop import Data, Network


class Explanation:
    """One sample through the forward and the backward layer loop: every number of the derivation, in double precision.

    In a notebook it shows the step-by-step page; ``save`` writes it as a file.

    Attributes
    ----------
    page : str
        The page, which needs no other file.
    trace : dict
        The numbers: ``layers`` with z, t, A, B, p and q, ``output``, ``loss``, ``gradient``.
    """

    def __init__(self, page: str, trace: dict[str, Any]) -> None:
        self.page = page
        self.trace = trace

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page.

        Parameters
        ----------
        path : str or Path
            The HTML file.
        """
        Path(path).write_text(self.page, encoding="utf-8")

    def _repr_html_(self) -> str:
        return f'<iframe srcdoc="{html.escape(self.page)}" width="100%" height="720" style="border: 0"></iframe>'

    def __repr__(self) -> str:
        return f"Explanation(loss={self.trace['loss']:.4f}, layers={len(self.trace['layers'])})"


def walk(rows: Rows) -> Explanation:
    """Follow the first row through the layer loops."""
    page, numbers = library.walk(rows.network, rows.data, rows.loss)
    return Explanation(page, json.loads(numbers))


def explain(network: Network | Model, x: Any, y: Any, *, classes: list[str] | None = None) -> Explanation:
    """Follow one sample through the layer loops.

    Parameters
    ----------
    network : Network or Model
        The network.
    x : array-like of shape (n_inputs,)
        The sample; of a model of a table one row, such as a dict of cells.
    y : int, str or float
        Its class, by index or name, or its number; of a model of a table as it stands there.
    classes : list of str, optional
        The names of the classes of a network, in the order of the outputs.

    Returns
    -------
    Explanation

    Examples
    --------
    >>> from layerloop import Network, explain
    >>> network = Network("3 -> 2 sigmoid -> 2", seed=0)
    >>> found = explain(network, [1.0, 0.0, -1.0], 1)
    >>> sorted(found.trace)[:4]
    ['classes', 'gradient', 'layers', 'loss']
    """
    if isinstance(network, Model) and network._model.columns is not None:
        return walk(rows_of(network, one_row(x), [y], None))
    row = np.asarray(x).reshape(1, -1)
    known = network.network if isinstance(network, Model) else network
    by_class = "softmax" in known.output or isinstance(network, Model) and network._model.is_classifier
    if isinstance(y, str) or by_class and np.ndim(y) == 0:
        names = network.names if isinstance(network, Model) else classes or [str(i) for i in range(known.outputs)]
        return walk(rows_of(network, row, [y if isinstance(y, str) else _name_at(y, names)], names))
    numbers = np.asarray(y, dtype=np.float64)
    return walk(rows_of(network, row, numbers.reshape(1, -1) if numbers.size > 1 else numbers.ravel(), None))


def _name_at(index: Any, names: list[str]) -> str:
    if not 0 <= int(index) < len(names):
        raise ValueError(f"y is {index}; there are {len(names)} classes, counted from 0")
    return names[int(index)]


def attributions(network: Network | Model, x: Any, output: int | None = None, by: str = "integrated-gradients") -> np.ndarray:
    """Say what each input of a row had to do with an output.

    Parameters
    ----------
    network : Network or Model
        The network.
    x : array-like of shape (n_inputs,)
        The row.
    output : int, optional
        The output, by index; otherwise the largest.
    by : str
        How, such as ``gradient`` or ``integrated-gradients``; see ``layerloop list attributions``.

    Returns
    -------
    ndarray of shape (n_inputs,)
    """
    row = _validate.inputs(_validate.matrix(np.asarray(x).reshape(1, -1), network))
    if isinstance(network, Model):
        row, network = network._model.prepared(row), network.network
    return library.attribute(network, row, output, by)


def check_gradients(network: Network, X: Any, y: Any) -> dict[str, Any]:
    """Compare the fast gradient with that of the derivation and with differences.

    Parameters
    ----------
    network : Network
        The network.
    X : array-like of shape (n_samples, n_inputs)
        The inputs.
    y : array-like
        Classes or numbers.

    Returns
    -------
    dict
        ``passed``, and ``layers`` with the largest difference of each.
    """
    passed, numbers = library.gradients_agree(network, dataset(X, y, None))
    return {"passed": passed, **json.loads(numbers)}


class Explained(Exported):
    """What an MLP estimator says about itself."""

    def explain(self, x: Any, y: Any = None) -> Explanation:
        """Follow one sample through the layer loops, step by step.

        Parameters
        ----------
        x : array-like of shape (n_features,)
            The sample.
        y : optional
            Its class or number; otherwise what is predicted.

        Returns
        -------
        Explanation
            Shows the page in a notebook.
        """
        row = _validate.of_series(x).astype(np.float64).reshape(1, -1)
        wanted = self.predict(row) if y is None else np.asarray(y).reshape(1, -1)  # type: ignore[attr-defined]
        return walk(self._diagnosed(row, np.atleast_1d(wanted)))

    def _rows(self, X: Any, y: Any) -> Data:
        """Give rows with what is to be predicted."""
        values = _validate.matrix(X, self)
        wanted = np.asarray(y)
        wanted = wanted.ravel() if wanted.ndim == 2 and wanted.shape[1] == 1 else wanted
        encoded = self._known(wanted)  # type: ignore[attr-defined]
        return self._data(_validate.inputs(values), encoded, None)  # type: ignore[attr-defined]

    def _diagnosed(self, X: Any, y: Any) -> Rows:
        fitted: Any = self
        fitted._check_fitted()
        fitted._take_changes()
        classes = fitted.classes_.tolist() if fitted._classifier and not fitted._multilabel else None
        return Rows(fitted._network, self._rows(X, y), fitted._library_loss(), classes)

    def report(self, path: str | os.PathLike[str], X: Any, y: Any) -> None:
        """Write the report of the command line: curves, scores, confusion, mistakes, weights.

        Parameters
        ----------
        path : str or Path
            The HTML file.
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The rows that the network is evaluated on.
        y : array-like
            What is true of them.
        """
        history, data = self._fitted_history(), self._rows(X, y)  # type: ignore[attr-defined]
        seconds = float(self.__dict__.get("seconds_", 0.0))
        page = library.report(self._saved_model(data), data, data, list(history.items()), seconds)
        Path(path).write_text(page, encoding="utf-8")

    def _saved_model(self, data: Data) -> library.Model:
        self._take_changes()  # type: ignore[attr-defined]
        loss = self._library_loss()  # type: ignore[attr-defined]
        options = {} if loss is None else {"loss": loss}
        receipt = {"version": library.__version__, "parameters": repr(self), "options": options}
        return library.Model.of_network(self._network, data, json.dumps(receipt))  # type: ignore[attr-defined]

    def _exported(self) -> library.Model:
        self._check_fitted()  # type: ignore[attr-defined]
        row = np.zeros((1, self.n_features_in_))  # type: ignore[attr-defined]
        return self._saved_model(self._rows(row, self.predict(row)))  # type: ignore[attr-defined]
