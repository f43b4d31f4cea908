"""MLPClassifier."""

from __future__ import annotations

from typing import Any

import numpy as np

from layerloop import _validate
from layerloop._base import Available, accuracy
from layerloop._layerloop import Data
from layerloop._mlp import MLP


def unique_labels(y: np.ndarray) -> np.ndarray:
    """Give the classes in order, or refuse what are not classes."""
    if y.dtype.kind == "f" and (y != np.floor(y)).any():
        raise ValueError(
            "Unknown label type: continuous. Maybe you are trying to fit a classifier, which expects discrete classes "
            "on a regression target with continuous values."
        )
    try:
        return np.unique(y)
    except TypeError as error:
        raise TypeError(f"Labels in y must be all numbers or all strings: {error}") from None


def check_multilabel(y: np.ndarray) -> np.ndarray:
    """Give a matrix of 0 and 1 as it is, or refuse another one."""
    try:
        values = y.astype(np.float64)
    except (TypeError, ValueError):
        values = np.full(y.shape, 2.0)
    if not np.isin(values, (0.0, 1.0)).all():
        raise ValueError(
            "Unknown label type: multiclass-multioutput, for y has several columns and values other than 0 and 1. "
            "Multioutput target data is not supported with label binarization"
        )
    return values.astype(np.float32)


class MLPClassifier(MLP):
    """A feedforward network for classes: scikit-learn's MLPClassifier, faster and with more to choose.

    Training runs in single precision (float32), where scikit-learn computes in the precision of X. Losses and
    probabilities agree with it to about six digits from the same weights; a whole run differs from scikit-learn's as
    one seed differs from another. Predictions have the dtype of X, with the precision of float32.

    All parameters up to ``max_fun`` are those of scikit-learn 1.9, with its defaults and meaning. Those after it are
    layerloop's own.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int
        Widths of the hidden layers.
    activation : str or sequence of str
        ``identity``, ``logistic``, ``tanh``, ``relu``, or any of ``layerloop list activations``; of several, one for
        each hidden layer.
    solver : str
        ``adam``, ``sgd``, ``lbfgs``, or any of ``layerloop list optimizers``, such as ``adamw`` or ``lion``.
    alpha : float
        L2 penalty, divided by the rows of a batch.
    batch_size : int or 'auto'
        Rows of a batch; ``auto`` is ``min(200, n_samples)``.
    learning_rate : str
        ``constant``, ``invscaling``, ``adaptive`` (all three for ``sgd``), or any of ``layerloop list schedules``.
    learning_rate_init : float
        The learning rate at the start.
    power_t : float
        Exponent of ``invscaling``.
    max_iter : int
        Epochs, at most.
    shuffle : bool
        Whether the rows are put in another order in each epoch.
    random_state : int, RandomState or None
        Seed of the weights, the held-back rows and the order of the rows.
    tol : float
        The smallest change of the loss or score that counts.
    verbose : bool or 'bar'
        Whether a line is printed for each epoch, or a progress bar is shown.
    warm_start : bool
        Whether ``fit`` goes on from the weights that there are.
    momentum : float
        Momentum of ``sgd``.
    nesterovs_momentum : bool
        Whether that is Nesterov's.
    early_stopping : bool or str
        Whether rows are held back, and the run ends when their score no longer improves; or the column to look at,
        such as ``'val_loss'`` or ``'val_f1'``.
    validation_fraction : float
        Share of the rows that is held back.
    beta_1, beta_2, epsilon : float
        Numbers of ``adam``. ``epsilon`` is added after the bias correction, as in PyTorch; scikit-learn adds it
        before.
    n_iter_no_change : int
        Epochs without improvement after which the run ends.
    max_fun : int
        Evaluations of the loss by ``lbfgs``, at most.
    network : str, optional
        The whole network as text, such as ``"784 -> 256 relu dropout=0.1 -> 10"``.
    dropout : float
        Dropout rate after each hidden layer.
    loss : str
        ``log_loss``, or any of ``layerloop list losses`` that goes with the output.
    class_weight : dict or 'balanced', optional
        Weights of the classes.
    options : dict, optional
        Any other option of the library's training by name, such as ``{"clip_norm": 1.0, "ema": 0.999}``.
    run : str or Path, optional
        A folder for checkpoints, one after each epoch. Where it has some, ``fit`` goes on from the newest one, to the
        bits of a run that was not interrupted; a run with other parameters or other data needs another folder.

    Attributes
    ----------
    classes_ : ndarray
        The classes.
    coefs_, intercepts_ : list of ndarray
        Weights and biases of each layer, readable and writable.
    loss_, best_loss_, loss_curve_, validation_scores_, best_validation_score_
        What was measured in training.
    history_ : dict
        All that was measured, epoch by epoch.
    n_iter_, t_, n_layers_, n_outputs_, out_activation_, n_features_in_, feature_names_in_
        As in scikit-learn.
    weights_sha256_ : str
        SHA-256 of the weights: equal for equal bits.

    Examples
    --------
    >>> import numpy as np
    >>> from layerloop import MLPClassifier
    >>> X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 25, dtype=np.float32)
    >>> y = np.array(["same", "other", "other", "same"] * 25)
    >>> model = MLPClassifier(16, learning_rate_init=0.05, random_state=0).fit(X, y)
    >>> model.predict([[0, 1], [1, 1]])
    array(['other', 'same'], dtype='<U5')
    """

    _classifier = True

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: Any = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: Any = 10,
        max_fun: int = 15000,
        network: str | None = None,
        dropout: float = 0.0,
        loss: str = "log_loss",
        class_weight: Any = None,
        options: dict[str, Any] | None = None,
        run: Any = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.network = network
        self.dropout = dropout
        self.loss = loss
        self.class_weight = class_weight
        self.options = options
        self.run = run

    def __sklearn_tags__(self) -> Any:
        tags = self._tags("classifier", sparse=True)
        tags.classifier_tags.multi_label = True
        return tags

    def _encode(self, y: np.ndarray, first: bool, incremental: bool) -> np.ndarray:
        known = "classes_" in self.__dict__
        self._multilabel = y.ndim == 2
        if self._multilabel:
            encoded = check_multilabel(y)
            if not known or (not self.warm_start and not incremental):
                self.classes_ = np.arange(y.shape[1])
            self.out_activation_ = "logistic"
            return encoded
        found = unique_labels(y)
        if not known or (not self.warm_start and not incremental):
            self.classes_ = found
        elif self.warm_start and not incremental and set(found) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                f"Previously got {self.classes_}, `y` has {found}"
            )
        elif len(np.setdiff1d(found, self.classes_)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {found}."
            )
        self.out_activation_ = "softmax" if len(self.classes_) > 2 else "logistic"
        return np.searchsorted(self.classes_, y).astype(np.uint32)

    def _known(self, y: np.ndarray) -> np.ndarray:
        """Give the classes of rows as the training had them."""
        if y.ndim == 2:
            return check_multilabel(y)
        unknown = [value for value in np.unique(y).tolist() if value not in self.classes_]
        if unknown:
            raise ValueError(f"y has the class {unknown[0]!r}; the classes are {self.classes_}")
        return np.searchsorted(self.classes_, y).astype(np.uint32)

    def _outputs(self, encoded: np.ndarray) -> int:
        return encoded.shape[1] if encoded.ndim == 2 else len(self.classes_)

    def _names(self) -> list[str]:
        if len(self.classes_) < 2:
            return ["0", str(self.classes_[0]) or "1"] if str(self.classes_[0]) != "0" else ["0", "1"]
        names = [str(name) for name in self.classes_]
        plain = all(names) and len(set(names)) == len(names)
        return names if plain else [f"class {i}" for i in range(len(names))]

    def _data(self, X: Any, y: np.ndarray, weights: Any) -> Data:
        if y.ndim == 2:
            return Data.numbers(X, np.ascontiguousarray(y), [str(i) for i in range(y.shape[1])], weights)
        return Data.classes(X, y, self._names(), weights)

    def _row_scale(self) -> float:
        return float(self.n_outputs_) if self._multilabel else 1.0

    def _library_loss(self) -> str | None:
        return None if self.loss == "log_loss" else self.loss

    def _score_column(self) -> str:
        return "val_subset_accuracy" if self._multilabel else "val_accuracy"

    def _class_weighted(self, encoded: np.ndarray, weights: Any) -> Any:
        if self.class_weight is None:
            return weights
        if encoded.ndim == 2:
            raise ValueError("class_weight is for classes that exclude each other, and y has several columns")
        if self.class_weight == "balanced":
            counts = np.bincount(encoded, minlength=len(self.classes_))
            by_class = len(encoded) / (np.count_nonzero(counts) * np.maximum(counts, 1))
        else:
            unknown = [name for name in self.class_weight if name not in self.classes_]
            if unknown:
                raise ValueError(f"The classes, {unknown}, are not in class_weight's data: y has {self.classes_}")
            by_class = np.array([self.class_weight.get(name, 1.0) for name in self.classes_.tolist()])
        return by_class[encoded] * (1.0 if weights is None else weights)

    def _hold_back(self, encoded: np.ndarray, generator: np.random.RandomState) -> np.ndarray:
        rows = len(encoded)
        count = int(np.ceil(rows * self.validation_fraction))
        if encoded.ndim == 2 or len(self.classes_) < 2 or self.n_outputs_ > 1:
            return super()._hold_back(encoded, generator)
        few = np.bincount(encoded, minlength=2)
        if few.min() < 2:
            names = [str(bool(label)) for label in np.flatnonzero(few < 2)]
            raise ValueError(
                f"The least populated classes in y have only {few.min()} member, and at least 2 are needed to hold rows "
                f"of each back. Classes with too few members are: {names}"
            )
        super()._hold_back(encoded, generator)
        order = [generator.permutation(np.flatnonzero(encoded == label)) for label in (0, 1)]
        places = [(np.arange(len(rows)) + 0.5) / len(rows) for rows in order]
        mixed = np.concatenate(order)[np.argsort(np.concatenate(places), kind="stable")]
        return np.sort(mixed[:count])

    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the probability of each class.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            The probabilities, in the order of ``classes_``.
        """
        return self._outputs_of(X)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Give the logarithms of the probabilities.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: Any) -> np.ndarray:
        """Give the most probable class.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        probabilities = self._outputs_of(X)
        if self._multilabel:
            return (probabilities > 0.5).astype(int)
        if len(self.classes_) == 1:
            return np.repeat(self.classes_, len(probabilities))
        return self.classes_[probabilities.argmax(axis=1)]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Give the share of rows that are predicted right.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The inputs.
        y : array-like
            The true classes.
        sample_weight : array-like, optional
            How much each row counts.

        Returns
        -------
        float
        """
        truth = _validate.of_series(y)
        predicted = self.predict(X)
        _validate.check_length(predicted, truth)
        return accuracy(truth, predicted, sample_weight)

    @Available
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> MLPClassifier:
        """Train for one epoch on these rows, from where the network is.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The inputs.
        y : array-like
            The classes.
        sample_weight : array-like, optional
            How much each row counts.
        classes : array-like, optional
            All classes that there will be; needed in the first call.

        Returns
        -------
        self
        """
        if "classes_" not in self.__dict__ and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        if classes is not None:
            classes = np.unique(np.asarray(classes))
            if "classes_" not in self.__dict__:
                self.classes_ = classes
            elif not np.array_equal(self.classes_, classes):
                raise ValueError(
                    f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {self.classes_!r}"
                )
        self._fit(X, y, sample_weight, incremental=True)
        return self
