"""Pages about a model: the walk through the layer loops, the report, curves; and what each input had to do with an output."""

from __future__ import annotations

import html
import json
import os
from typing import Any

import numpy as np

from layerloop import _validate
from layerloop._api import Model, _dataset
from layerloop._formats import Exported
from layerloop._layerloop import Data, Network, attribute, gradients_agree, walk


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
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.page)

    def _repr_html_(self) -> str:
        return f'<iframe srcdoc="{html.escape(self.page)}" width="100%" height="720" style="border: 0"></iframe>'

    def __repr__(self) -> str:
        return f"Explanation(loss={self.trace['loss']:.4f}, layers={len(self.trace['layers'])})"


def explain(network: Network | Model, x: Any, y: Any, *, classes: list[str] | None = None) -> Explanation:
    """Follow one sample through the layer loops.

    Parameters
    ----------
    network : Network or Model
        The network.
    x : array-like of shape (n_inputs,)
        The sample.
    y : int, str or float
        Its class, by index or name, or its number.
    classes : list of str, optional
        The names of the classes.

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
    if isinstance(network, Model):
        classes, network = classes or network.names, network.network
    row = np.asarray(x, dtype=np.float32).reshape(1, -1)
    page, numbers = walk(network, _one(network, row, y, classes))
    return Explanation(page, json.loads(numbers))


def _one(network: Network, row: np.ndarray, y: Any, classes: list[str] | None) -> Data:
    if network.output in ("softmax", "reference_softmax", "reference-softmax") or isinstance(y, str):
        names = classes or [str(i) for i in range(network.outputs)]
        return _dataset(row, np.array([y if isinstance(y, str) else names[int(y)]]), names, None)
    return _dataset(row, np.asarray(y, dtype=np.float64).reshape(1, -1), None, None)


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
    network = network.network if isinstance(network, Model) else network
    values, _ = attribute(network, np.asarray(x, dtype=np.float32).ravel().tolist(), output, by)
    return np.array(values, dtype=np.float32)


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
    passed, numbers = gradients_agree(network, _dataset(X, y, None, None))
    return {"passed": passed, **json.loads(numbers)}


def columns_of(history: dict[str, list[float]]) -> list[tuple[str, list[float]]]:
    """Give a history as the report takes it."""
    return [(name, [float("nan") if v is None else float(v) for v in values]) for name, values in history.items()]


def plot_history(history: dict[str, list[float]]) -> Any:
    """Draw the curves of a training; needs matplotlib."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("plot_history needs matplotlib: pip install matplotlib") from error
    names = [name for name in history if name not in ("epoch", "steps", "seconds", "learning_rate")]
    losses = [name for name in names if name.endswith("loss")]
    others = [name for name in names if name not in losses]
    figure, axes = plt.subplots(1, 2 if others else 1, figsize=(10 if others else 5, 3.5), squeeze=False)
    for axis, some in zip(axes[0], [losses, others], strict=False):
        for name in some:
            axis.plot(range(1, len(history[name]) + 1), history[name], label=name.replace("_", " "))
        axis.set_xlabel("epoch")
        axis.legend()
    figure.tight_layout()
    return figure


class Explained(Exported):
    """What an MLP estimator says about itself."""

    def plot_history(self) -> Any:
        """Draw the losses and metrics of the training; needs matplotlib.

        Returns
        -------
        matplotlib.figure.Figure
        """
        return plot_history(self._fitted_history())

    def _fitted_history(self) -> dict[str, list[float]]:
        from layerloop._base import not_fitted

        history = self.__dict__.get("history_")
        if history is None:
            raise not_fitted(self)
        result: dict[str, list[float]] = history
        return result

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
        data = self._rows(row, np.atleast_1d(wanted))
        page, numbers = walk(self._network, data)  # type: ignore[attr-defined]
        return Explanation(page, json.loads(numbers))

    def _rows(self, X: Any, y: Any) -> Data:
        """Give rows with what is to be predicted."""
        values = _validate.matrix(X, self)
        wanted = np.asarray(y)
        wanted = wanted.ravel() if wanted.ndim == 2 and wanted.shape[1] == 1 else wanted
        encoded = self._known(wanted)  # type: ignore[attr-defined]
        return self._data(_validate.inputs(values), encoded, None)  # type: ignore[attr-defined]

    def _diagnosed(self, X: Any, y: Any) -> tuple[Network, Data, list[Any] | None, str | None]:
        from layerloop._base import not_fitted

        fitted: Any = self
        if self.__dict__.get("_predictor") is None:
            raise not_fitted(self)
        fitted._take_changes()
        classes = fitted.classes_.tolist() if fitted._classifier and not fitted._multilabel else None
        return fitted._network, self._rows(X, y), classes, fitted._library_loss()

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
        from layerloop._layerloop import report

        history, data = self._fitted_history(), self._rows(X, y)
        seconds = float(self.__dict__.get("seconds_", 0.0))
        page = report(self._saved_model(data), data, data, columns_of(history), seconds)
        with open(path, "w", encoding="utf-8") as file:
            file.write(page)

    def _saved_model(self, data: Data) -> Any:
        from layerloop._layerloop import Model as Saved

        self._take_changes()  # type: ignore[attr-defined]
        receipt = {"version": _version(), "parameters": repr(self), "options": {}}
        return Saved.of_network(self._network, data, json.dumps(receipt))  # type: ignore[attr-defined]

    def _exported(self) -> Any:
        from layerloop._base import not_fitted

        if self.__dict__.get("_predictor") is None:
            raise not_fitted(self)
        row = np.zeros((1, self.n_features_in_))  # type: ignore[attr-defined]
        return self._saved_model(self._rows(row, self.predict(row)))  # type: ignore[attr-defined]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the network as a safetensors file, which ``layerloop.load`` and the command line read.

        Parameters
        ----------
        path : str or Path
            The file.
        """
        self._exported().save(path)


def _version() -> str:
    from layerloop._layerloop import __version__

    return __version__
