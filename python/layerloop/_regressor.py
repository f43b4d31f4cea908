"""MLPRegressor."""

from __future__ import annotations

from typing import Any

import numpy as np

from layerloop import _validate
from layerloop._base import Available, r2
from layerloop._layerloop import Data
from layerloop._mlp import MLP

_OWN = ("squared_error", "poisson")


class MLPRegressor(MLP):
    """A feedforward network for numbers: scikit-learn's MLPRegressor, faster and with more to choose.

    Training runs in single precision (float32), where scikit-learn computes in the precision of X. Losses and
    predictions agree with it to about six digits from the same weights; a whole run differs from scikit-learn's as
    one seed differs from another. Predictions have the dtype of X, with the precision of float32.

    All parameters up to ``max_fun`` are those of scikit-learn 1.9, with its defaults and meaning. Those after it are
    layerloop's own.

    Parameters
    ----------
    loss : str
        ``squared_error``, ``poisson``, or any of ``layerloop list losses``, such as ``mae`` or ``quantile(tau=0.9)``.
    hidden_layer_sizes, activation, solver, alpha, batch_size, learning_rate, learning_rate_init, power_t, max_iter
        As of MLPClassifier.
    shuffle, random_state, tol, verbose, warm_start, momentum, nesterovs_momentum, early_stopping
        As of MLPClassifier.
    validation_fraction, beta_1, beta_2, epsilon, n_iter_no_change, max_fun, network, dropout, options, run
        As of MLPClassifier. ``epsilon`` of ``adam`` is added after the bias correction, as in PyTorch; scikit-learn
        adds it before.

    Attributes
    ----------
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
    >>> from layerloop import MLPRegressor
    >>> X = np.linspace(-1, 1, 200).reshape(-1, 1)
    >>> model = MLPRegressor(hidden_layer_sizes=32, solver="lbfgs", max_iter=500, random_state=0).fit(X, X[:, 0] ** 2)
    >>> bool(abs(model.predict([[0.5]])[0] - 0.25) < 0.02)
    True
    """

    def __init__(
        self,
        loss: str = "squared_error",
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
        options: dict[str, Any] | None = None,
        run: Any = None,
    ) -> None:
        self.loss = loss
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
        self.options = options
        self.run = run

    def __sklearn_tags__(self) -> Any:
        return self._tags("regressor", sparse=True)

    def _encode(self, y: np.ndarray, first: bool, incremental: bool) -> np.ndarray:
        numbers = _validate.number_targets(y)
        self.out_activation_ = "exp" if self.loss == "poisson" else "identity"
        return numbers.reshape(len(y), -1)

    def _known(self, y: np.ndarray) -> np.ndarray:
        return y.astype(np.float64).reshape(len(y), -1)

    def _data(self, X: Any, y: np.ndarray, weights: Any) -> Data:
        values = np.ascontiguousarray(y, dtype=np.float32)
        return Data.numbers(X, values, [str(i) for i in range(y.shape[1])], weights)

    def _row_scale(self) -> float:
        if self.loss == "squared_error":
            return self.n_outputs_ / 2
        return float(self.n_outputs_) if self.loss == "poisson" else 1.0

    def _loss_terms(self, y: np.ndarray, weights: Any) -> tuple[float, float]:
        if self.loss == "squared_error":
            return 1.0 / self.n_outputs_, 0.0
        if self.loss == "poisson":
            with np.errstate(divide="ignore", invalid="ignore"):
                constant = np.where(y > 0, y * np.log(y), 0.0) - y
            return 1.0, float(np.average(constant, weights=weights, axis=0).sum())
        return 1.0, 0.0

    def _library_loss(self) -> str | None:
        return None if self.loss in _OWN else self.loss

    def predict(self, X: Any) -> np.ndarray:
        """Predict numbers.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        outputs = self._outputs_of(X)
        return outputs.ravel() if outputs.shape[1] == 1 else outputs

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Give R2.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The inputs.
        y : array-like
            The true numbers.
        sample_weight : array-like, optional
            How much each row counts.

        Returns
        -------
        float
        """
        truth, predicted = _validate.of_series(y), self.predict(X)
        _validate.check_length(predicted, truth)
        return r2(truth, predicted, sample_weight)

    @Available
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Train for one epoch on these rows, from where the network is.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The inputs.
        y : array-like
            The numbers.
        sample_weight : array-like, optional
            How much each row counts.

        Returns
        -------
        self
        """
        self._fit(X, y, sample_weight, incremental=True)
        return self
