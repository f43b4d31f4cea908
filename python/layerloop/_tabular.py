"""Estimators for data frames with text, dates and gaps: the command line's recipes."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from layerloop import _validate
from layerloop._base import accuracy, r2
from layerloop._classifier import unique_labels
from layerloop._table_base import Tabular


class TabularClassifier(Tabular):
    """Classes from a data frame with numbers, text, dates and gaps, without preprocessing by the user.

    Training runs in single precision (float32), by the command line's recipes: how columns become inputs, the
    network, and how it is trained.

    Parameters
    ----------
    recipe : str, optional
        ``plain``, ``realmlp``, ``tabm`` or ``tabm-mini``; otherwise one is chosen for the size of the table.
    random_state : int, optional
        The seed, 0 by default: the same seed and table give the same weights.
    columns : dict, optional
        The kinds of columns, by name, where they are not what their values suggest: ``number``, ``category``,
        ``boolean``, ``date``, ``identifier``, ``text``.
    ignore : list of str, optional
        Columns that are left out.
    ensemble, hidden, dropout, epochs, batch, lr, validation, patience : optional
        Numbers of the recipe that are replaced.
    split : str, optional
        ``time=COLUMN`` or ``group=COLUMN``: which rows are held back to choose the best epoch by.
    time_limit : float, optional
        Seconds after which the training ends.
    metrics : list of str, optional
        What is measured after each epoch on the rows that are held back.
    target_transform : str, optional
        ``log`` for numbers to predict whose logarithm is to be learnt.
    verbose : bool or 'bar'
        Whether a line is printed for each epoch, or a progress bar is shown.

    Attributes
    ----------
    classes_ : ndarray
        The classes.
    feature_importances_ : ndarray
        How much larger the loss is when a column is shuffled.
    history_ : dict
        What was measured, epoch by epoch.
    notes_ : list of str
        What is to be known about how the table was read.
    weights_sha256_ : str
        SHA-256 of the weights, as the command line prints it.

    Examples
    --------
    >>> from layerloop import TabularClassifier
    >>> frame = {"size": [1.0, 2.0, 8.0, 9.0] * 20, "colour": ["red", None, "blue", "red"] * 20}
    >>> model = TabularClassifier("plain").fit(frame, ["small", "small", "large", "large"] * 20)
    >>> model.predict({"size": [1.5, 8.5], "colour": ["red", "blue"]})
    array(['small', 'large'], dtype='<U5')
    """

    _classifier = True

    def __sklearn_tags__(self) -> Any:
        tags = self._tags("classifier", string=True, categorical=True, allow_nan=True)
        tags.target_tags.multi_output = False
        return tags

    def _checked_targets(self, X: Any, y: Any) -> np.ndarray:
        values = self._targets(X, y)
        if values.ndim != 1:
            raise ValueError(
                f"y should be a 1d array, got an array of shape {values.shape} instead. TabularClassifier predicts one "
                "column of classes: fit one for each column of y, as sklearn.multioutput.MultiOutputClassifier does."
            )
        self.classes_ = unique_labels(values)
        if len(self.classes_) < 2:
            raise ValueError(f"y has one class, {self.classes_.tolist()[0]!r}; a classifier needs at least two classes")
        if len({str(name) for name in self.classes_.tolist()}) < len(self.classes_):
            raise ValueError("two classes are written in the same way; rename one of them")
        return values

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        super().fit(X, y, sample_weight)
        places = {str(value): i for i, value in enumerate(self.classes_.tolist())}
        # Whole numbers lose their `.0` in a table.
        self._known = np.array([places[name if name in places else f"{name}.0"] for name in self._model.names])
        return self

    def _classes_of_outputs(self) -> list[Any]:
        classes: list[Any] = self.classes_[self._known].tolist()
        return classes

    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the probability of each class.

        Parameters
        ----------
        X : DataFrame, dict or array-like
            The columns; others are ignored.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        outputs = self._outputs_of(X)
        probabilities = np.zeros((len(outputs), len(self.classes_)))
        probabilities[:, self._known] = outputs
        return probabilities

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Give the logarithms of the probabilities.

        Parameters
        ----------
        X : DataFrame, dict or array-like
            The columns.

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
        X : DataFrame, dict or array-like
            The columns.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Give the share of rows that are predicted right.

        Parameters
        ----------
        X : DataFrame, dict or array-like
            The columns.
        y : array-like
            The true classes.
        sample_weight : array-like, optional
            How much each row counts.

        Returns
        -------
        float
        """
        return accuracy(_validate.of_series(y), self.predict(X), sample_weight)


class TabularRegressor(Tabular):
    """Numbers from a data frame with numbers, text, dates and gaps, without preprocessing by the user.

    Training runs in single precision (float32), by the command line's recipes: how columns become inputs, the
    network, and how it is trained. Parameters and attributes are those of TabularClassifier.

    Examples
    --------
    >>> from layerloop import TabularRegressor
    >>> frame = {"side": [float(i % 40) for i in range(400)], "unit": ["cm", "m"] * 200}
    >>> areas = [side * side for side in frame["side"]]
    >>> model = TabularRegressor("plain", random_state=1).fit(frame, areas)
    >>> model.score(frame, areas) > 0.95
    True
    """

    def __sklearn_tags__(self) -> Any:
        return self._tags("regressor", string=True, categorical=True, allow_nan=True)

    def _checked_targets(self, X: Any, y: Any) -> np.ndarray:
        return _validate.number_targets(self._targets(X, y))

    def predict(self, X: Any) -> np.ndarray:
        """Predict numbers.

        Parameters
        ----------
        X : DataFrame, dict or array-like
            The columns.

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
        X : DataFrame, dict or array-like
            The columns.
        y : array-like
            The true numbers.
        sample_weight : array-like, optional
            How much each row counts.

        Returns
        -------
        float
        """
        return r2(_validate.of_series(y), self.predict(X), sample_weight)
