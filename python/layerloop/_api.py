"""The library's own interface: networks, training, models in files, explanations."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from layerloop import _display, _validate
from layerloop import _layerloop as library
from layerloop._base import thread_limit
from layerloop._formats import Exported, named_tensors
from layerloop._frames import table_of
from layerloop._layerloop import Data, Predictor
from layerloop._network import Network


class History(dict[str, list[float]]):
    """What a run measured, epoch by epoch: a list of numbers for each name, such as ``train_loss``.

    Attributes
    ----------
    steps : int
        Steps of the optimiser.
    seconds : float
        Seconds of training.
    threads : int
        Threads that were used.
    stopped : str or None
        Why the run ended before its last epoch.
    best_epoch : int or None
        The epoch whose weights are kept, where early stopping chooses.
    interrupted : bool
        Whether Ctrl-C ended it.
    """

    def __init__(self, said: dict[str, Any]) -> None:
        super().__init__(said["history"])
        self.steps: int = said["steps"]
        self.seconds: float = said["seconds"]
        self.threads: int = said["threads"]
        self.stopped: str | None = None if said["stopped"] is None else json.loads(said["stopped"])
        self.best_epoch: int | None = said["best_epoch"]
        self.interrupted: bool = said["interrupted"]

    def plot(self) -> Any:
        """Draw the curves; needs matplotlib.

        Returns
        -------
        matplotlib.figure.Figure
        """
        return _display.plot_history(self)


_NAMED = type("Network", (), {})()  # what messages name where there is no estimator


def dataset(X: Any, y: Any, classes: list[str] | None, weights: Any = None, model: library.Model | None = None) -> Data:
    """Give rows with what is to be predicted; those of a model are prepared as it prepares the rows that it predicts."""
    values = _validate.matrix(X, _NAMED)
    targets = _validate.targets(y, _NAMED)
    _validate.check_length(values, targets)
    weighted = _validate.sample_weights(weights, len(targets))
    weighted = None if weighted is None else weighted.astype(np.float32)
    rows = _validate.inputs(values) if model is None else model.prepared(_validate.inputs(values))
    if classes is not None or (targets.ndim == 1 and targets.dtype.kind in "iubUSO"):
        if targets.ndim != 1:
            raise ValueError(f"classes are one number or name in each row; y has the shape {targets.shape}")
        names = classes if classes is not None else [str(name) for name in np.unique(targets).tolist()]
        places = {name: i for i, name in enumerate(names)}
        texts = [str(value) for value in targets.tolist()]
        unknown = next((text for text in texts if text not in places), None)
        if unknown is not None:
            raise ValueError(f"y has the class {unknown!r}; the classes are {', '.join(names)}")
        return Data.classes(rows, np.array([places[text] for text in texts], dtype=np.uint32), names, weighted)
    numbers = np.ascontiguousarray(_validate.number_targets(targets).reshape(len(targets), -1), dtype=np.float32)
    count = numbers.shape[1]
    known = [] if model is None else model.names
    names = known if len(known) == count else [f"y{i}" for i in range(count)]
    return Data.numbers(rows, numbers, names, weighted)


def fit(
    network: Network,
    X: Any,
    y: Any,
    *,
    validation: tuple[Any, Any] | None = None,
    sample_weight: Any = None,
    classes: list[str] | None = None,
    on_epoch: Any = None,
    **options: Any,
) -> History:
    """Train a network, in place.

    Parameters
    ----------
    network : Network
        What is trained.
    X : array-like or sparse matrix of shape (n_samples, n_inputs)
        The inputs.
    y : array-like
        Classes, as whole numbers or names; numbers as floats; or a matrix with a column for each output.
    validation : tuple of X and y, optional
        Rows that are evaluated after every epoch.
    sample_weight : array-like, optional
        How much each row counts.
    classes : list of str, optional
        The names of the classes, in the order of the outputs.
    on_epoch : callable, optional
        Called after each epoch with what was measured, by name; ``True`` ends the run.
    **options
        Options of the library's training by name: ``epochs``, ``batch``, ``optimizer="adamw"``, ``learning_rate``,
        ``schedule="cosine"``, ``objective={"label_smoothing": 0.1}``, ``clip_norm``, ``ema``, ``seed``, ``threads``.

    Returns
    -------
    History
        What was measured.

    Examples
    --------
    >>> import numpy as np
    >>> from layerloop import Network, fit
    >>> X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
    >>> network = Network("2 -> 8 tanh -> 2", seed=1)
    >>> history = fit(network, X, [0, 1, 1, 0], epochs=200, learning_rate=0.05)
    >>> history["train_loss"][-1] < 0.01
    True
    """
    data = dataset(X, y, classes, sample_weight)
    held = None if validation is None else dataset(*validation, classes or _names_of(y))
    said = library.train(network, data, json.dumps(options), thread_limit(), validation=held, on_epoch=on_epoch)
    if "diverged" in said:
        raise ValueError(said["diverged"])
    return History(said)


def _names_of(y: Any) -> list[str] | None:
    values = _validate.of_series(y)
    return [str(name) for name in np.unique(values).tolist()] if values.dtype.kind in "iubUSO" else None


class Model(Exported):
    """A network with what it needs to be used: names of its classes, and how columns of a table become inputs.

    ``layerloop.load`` reads one that this package or the command line saved.
    """

    def __init__(self, model: library.Model) -> None:
        self._model = model
        self._predictor = Predictor(model.network, 1)

    def _exported(self) -> library.Model:
        return self._model

    @property
    def network(self) -> Network:
        """The network."""
        return Network(self._model.network)

    @property
    def names(self) -> list[str]:
        """The names of the classes, or of the numbers."""
        return self._model.names

    @property
    def receipt(self) -> dict[str, Any]:
        """How it came to be."""
        receipt: dict[str, Any] = json.loads(self._model.receipt)
        return receipt

    @property
    def weights_sha256_(self) -> str:
        """SHA-256 of the weights, as the command line prints it."""
        return self._model.network.sha256()

    def outputs(self, X: Any) -> np.ndarray:
        """Give the probabilities, or the numbers, of each row.

        Parameters
        ----------
        X : DataFrame, dict or array-like
            Columns as the training had them, or inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
        """
        if self._model.columns is not None:
            return self._model.of_table(table_of(X))[0]
        values = _validate.matrix(X, self)
        if self._model.prepares or isinstance(values, _validate.Sparse):
            return self._predictor.outputs_of(self._model.prepared(_validate.inputs(values)))
        return self._predictor.outputs(values)

    def predict(self, X: Any) -> np.ndarray:
        """Give the name of the class of each row, or the numbers.

        The class is the most probable one; of two classes it is the second where its probability is above the threshold
        that the model was trained to have, if it has one. Where classes do not exclude each other, a row of zeros and ones
        says which of ``names`` have a probability above one half.

        Parameters
        ----------
        X : DataFrame, dict or array-like
            Columns as the training had them, or inputs.

        Returns
        -------
        ndarray
        """
        outputs = self.outputs(X)
        if self._model.multilabel:
            return (outputs > 0.5).astype(np.intp)
        if self._model.is_classifier:
            threshold = self._model.threshold
            places = outputs.argmax(axis=1) if threshold is None else outputs[:, 1].astype(np.float64) > threshold
            return np.array(self.names)[places.astype(np.intp)]
        return outputs.ravel() if outputs.shape[1] == 1 else outputs

    def __repr__(self) -> str:
        return f"Model({self.network.spec!r}, {len(self.names)} outputs)"


def load(path: str | os.PathLike[str]) -> Model:
    """Read a model that ``save`` or the command line wrote.

    Parameters
    ----------
    path : str or Path
        The safetensors file.

    Returns
    -------
    Model
    """
    return Model(library.Model.load(path))


def from_onnx(path_or_bytes: str | os.PathLike[str] | bytes) -> Model:
    """Read a network in an ONNX file, of PyTorch, Keras or skl2onnx too.

    Parameters
    ----------
    path_or_bytes : str, Path or bytes
        The file, or what it holds.

    Returns
    -------
    Model
        Of a file that ``to_onnx`` wrote, the same network, to the bit.

    Examples
    --------
    >>> from layerloop import Network, from_onnx
    >>> from_onnx(Network("4 -> 5 tanh -> 3", seed=0).to_onnx())
    Model('4 -> 5 tanh -> 3 -> softmax', 3 outputs)
    """
    return Model(library.from_onnx(path_or_bytes))


def from_torch_state_dict(
    dict_of_arrays: Mapping[str, Any], activation: str = "relu", output: str = "softmax"
) -> Model:
    """Read the ``state_dict`` of an ``nn.Sequential`` of PyTorch.

    Parameters
    ----------
    dict_of_arrays : dict of str to array
        Arrays or tensors of floats by name; they are taken in single precision.
    activation : str
        The activation behind each linear layer but the last, which a state_dict does not name.
    output : str
        The map from logits to outputs, which a state_dict does not name.

    Returns
    -------
    Model

    Examples
    --------
    >>> from layerloop import Network, from_torch_state_dict
    >>> state = Network("4 -> 5 tanh -> 3", seed=0).to_torch_state_dict()
    >>> from_torch_state_dict(state, activation="tanh")
    Model('4 -> 5 tanh -> 3 -> softmax', 3 outputs)
    """
    return Model(library.from_torch(named_tensors(dict_of_arrays), activation, output))
