"""What all estimators share: parameters, representation, tags; scikit-learn is imported only where it is asked for."""

from __future__ import annotations

import inspect
import os
import warnings
from typing import Any

import numpy as np

from layerloop import _display


class _NotFittedError(ValueError, AttributeError):
    """The estimator has no weights yet; scikit-learn's error of the same name where it is installed."""


def not_fitted(estimator: Any) -> Exception:
    """Give the error for an estimator that is used before it is fitted."""
    try:
        from sklearn.exceptions import NotFittedError
    except ImportError:
        NotFittedError = _NotFittedError
    name = type(estimator).__name__
    return NotFittedError(
        f"This {name} instance is not fitted yet. Call 'fit' with appropriate arguments before using this estimator."
    )


def warn_not_converged(message: str) -> None:
    """Warn that a run ended by its last epoch."""
    try:
        from sklearn.exceptions import ConvergenceWarning
    except ImportError:
        ConvergenceWarning = UserWarning
    warnings.warn(message, ConvergenceWarning, stacklevel=5)


def thread_limit() -> int:
    """Threads that may be used: those of OMP_NUM_THREADS, which joblib's workers set, or all that the affinity mask has."""
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if first.isdigit() and int(first) > 0:
        return int(first)
    return 1024


def random_state_of(seed: Any) -> np.random.RandomState:
    """Give the generator that scikit-learn would make of ``random_state``."""
    if seed is None or seed is np.random:
        generator: np.random.RandomState = np.random.mtrand._rand
        return generator
    if isinstance(seed, (int, np.integer)):
        return np.random.RandomState(seed)
    if isinstance(seed, np.random.RandomState):
        return seed
    raise ValueError(f"{seed!r} cannot be used to seed a numpy.random.RandomState instance")


class Estimator:
    """Parameters by name, as scikit-learn has them."""

    @classmethod
    def _parameters(cls) -> list[str]:
        return [name for name in inspect.signature(cls.__init__).parameters if name != "self"]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Give the parameters by name.

        Parameters
        ----------
        deep : bool
            Without meaning here: no parameter is an estimator.

        Returns
        -------
        dict
            The parameters that the constructor takes.
        """
        return {name: getattr(self, name) for name in self._parameters()}

    def set_params(self, **params: Any) -> Any:
        """Set parameters by name.

        Returns
        -------
        self
        """
        known = self._parameters()
        for name, value in params.items():
            if name not in known:
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {self!r}. Valid parameters are: {sorted(known)!r}."
                )
            setattr(self, name, value)
        return self

    def _changed(self) -> dict[str, Any]:
        """Give the parameters that are not at their defaults."""
        defaults = inspect.signature(type(self).__init__).parameters
        changed = {}
        for name, value in self.get_params().items():
            default = defaults[name].default
            same = value is default or (type(value) is type(default) and repr(value) == repr(default))
            if not same:
                changed[name] = value
        return changed

    def __sklearn_is_fitted__(self) -> bool:
        raise NotImplementedError

    def _check_fitted(self) -> None:
        if not self.__sklearn_is_fitted__():
            raise not_fitted(self)

    def _fitted_history(self) -> dict[str, list[float]]:
        history: dict[str, list[float]] | None = self.__dict__.get("history_")
        if history is None:
            raise not_fitted(self)
        return history

    def plot_history(self) -> Any:
        """Draw the losses and metrics of the training; needs matplotlib.

        Returns
        -------
        matplotlib.figure.Figure
        """
        return _display.plot_history(self._fitted_history())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._changed().items())})"

    def _repr_html_(self) -> str:
        return _display.estimator_html(self)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    def _tags(self, kind: str, **of_input: bool) -> Any:
        """Give scikit-learn's tags."""
        from sklearn.utils import ClassifierTags, InputTags, RegressorTags, Tags, TargetTags

        classifier = kind == "classifier"
        return Tags(
            estimator_type=kind,
            target_tags=TargetTags(required=True, multi_output=True, single_output=True),
            transformer_tags=None,
            classifier_tags=ClassifierTags() if classifier else None,
            regressor_tags=None if classifier else RegressorTags(),
            input_tags=InputTags(**of_input),
        )


class Available:
    """A method that an estimator has only where it is not solved by L-BFGS."""

    def __init__(self, method: Any) -> None:
        self.method = method
        self.__doc__ = method.__doc__

    def __get__(self, estimator: Any, owner: Any = None) -> Any:
        if estimator is None:
            return self.method
        if estimator.solver == "lbfgs":
            raise AttributeError("partial_fit is only available for stochastic optimizers. lbfgs is not stochastic.")
        return self.method.__get__(estimator, owner)


def accuracy(y: np.ndarray, predicted: np.ndarray, weights: Any = None) -> float:
    """Give the share of rows all of whose classes are right."""
    right = np.asarray(y).reshape(predicted.shape) == predicted
    if right.ndim == 2:
        right = right.all(axis=1)
    return float(np.average(right, weights=weights))


def r2(y: np.ndarray, predicted: np.ndarray, weights: Any = None) -> float:
    """Give R2, the mean over all outputs."""
    truth = np.asarray(y, dtype=np.float64).reshape(len(predicted), -1)
    given = np.asarray(predicted, dtype=np.float64).reshape(truth.shape)
    if len(truth) < 2:
        warnings.warn("R^2 score is not well-defined with less than two samples.", UserWarning, stacklevel=3)
        return float("nan")
    mean = np.average(truth, axis=0, weights=weights)
    share = np.ones(len(truth)) if weights is None else np.asarray(weights, dtype=np.float64)
    residual = (share[:, None] * (truth - given) ** 2).sum(axis=0)
    total = (share[:, None] * (truth - mean) ** 2).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where(total > 0, 1 - residual / total, np.where(residual > 0, 0.0, 1.0))
    return float(each.mean())
