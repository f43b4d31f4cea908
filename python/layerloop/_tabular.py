"""Estimators for data frames with text, dates and gaps: the command line's recipes."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np

from layerloop import _validate
from layerloop._base import Estimator, accuracy, not_fitted, r2, thread_limit
from layerloop._classifier import unique_labels
from layerloop._frames import column_of, table_of
from layerloop._layerloop import Model, Network, Table, train_table

_OF_PLAN = ("recipe", "ensemble", "hidden", "dropout", "epochs", "batch", "lr", "validation", "patience")


class Tabular(Estimator):
    """What both estimators for tables share."""

    _classifier = False
    feature_names_in_: np.ndarray
    n_features_in_: int
    _model: Model
    _network: Network
    _trained_on: Any
    _importances: Any

    def __init__(
        self,
        recipe: str | None = None,
        *,
        random_state: int | None = None,
        columns: dict[str, str] | None = None,
        ignore: list[str] | None = None,
        ensemble: int | None = None,
        hidden: list[int] | None = None,
        dropout: float | None = None,
        epochs: int | None = None,
        batch: int | None = None,
        lr: float | None = None,
        validation: float | None = None,
        patience: int | None = None,
        split: str | None = None,
        time_limit: float | None = None,
        metrics: list[str] | None = None,
        target_transform: str | None = None,
        verbose: Any = False,
    ) -> None:
        self.recipe = recipe
        self.random_state = random_state
        self.columns = columns
        self.ignore = ignore
        self.ensemble = ensemble
        self.hidden = hidden
        self.dropout = dropout
        self.epochs = epochs
        self.batch = batch
        self.lr = lr
        self.validation = validation
        self.patience = patience
        self.split = split
        self.time_limit = time_limit
        self.metrics = metrics
        self.target_transform = target_transform
        self.verbose = verbose

    def _seed(self) -> int:
        state = self.random_state
        if state is None:
            return 0
        if isinstance(state, np.random.RandomState):
            return int(state.randint(2**31 - 1))
        return int(state)

    def _table(self, X: Any) -> Table:
        if hasattr(X, "tocsr"):
            raise TypeError(
                "Sparse data was passed, but dense data is required: a table has a cell in each row and column. Use "
                "'.toarray()' to convert it to a dense numpy array."
            )
        if not hasattr(X, "__arrow_c_stream__") and not isinstance(X, dict) and not hasattr(X, "iloc"):
            X = self._checked_matrix(X)
        table = table_of(X)
        if table.rows == 0:
            raise ValueError(
                f"Found array with 0 sample(s) (shape=(0, {len(table.names)})) while a minimum of 1 is required by "
                f"{type(self).__name__}."
            )
        return table

    def _checked_matrix(self, X: Any) -> np.ndarray:
        values = np.asarray(X)
        if values.dtype.kind == "c":
            raise ValueError(f"Complex data not supported\n{values}\n")
        if values.dtype.kind == "O" and any(isinstance(value, (dict, list)) for value in values.ravel()[:1000]):
            raise TypeError("argument must be a string or a real number, and a cell is a dict or a list")
        if values.ndim != 2 or values.shape[1] == 0 or values.shape[0] == 0:
            _validate.matrix(values, self)
        if values.dtype.kind == "f" and np.isinf(values).any():
            raise ValueError("Input X contains infinity or a value too large for dtype('float32').")
        return values

    def _targets(self, X: Any, y: Any) -> np.ndarray:
        """Give y, after it is known that there are rows."""
        if isinstance(X, np.ndarray) and (X.ndim != 2 or 0 in X.shape):
            _validate.matrix(X, self)
        return _validate.targets(y, self)

    def _asked(self, target: list[str], kinds: list[tuple[str, str]]) -> str:
        asked = {name: getattr(self, name) for name in _OF_PLAN}
        asked["hidden"] = None if self.hidden is None else [int(n) for n in self.hidden]
        asked.update(target=target, columns=kinds, seed=self._seed(), limit=None, split=self.split)
        asked.update(time_limit=self.time_limit, metrics=list(self.metrics or []))
        asked["target_transform"] = self.target_transform
        return json.dumps(asked)

    def _kinds(self, names: list[str]) -> list[tuple[str, str]]:
        kinds = dict(self.columns or {})
        for name in self.ignore or []:
            if name not in names:
                raise ValueError(f"ignore: no column {name!r}; there are {', '.join(names)}")
            kinds[name] = "text"
        return list(kinds.items())

    def _fit_table(self, X: Any, y: np.ndarray, name: str, kind: str) -> None:
        _validate.check_names(self, X, reset=True)
        table = self._table(X)
        if table.rows != len(y):
            raise ValueError(f"Found input variables with inconsistent numbers of samples: [{table.rows}, {len(y)}]")
        if table.rows == 1:
            raise ValueError("1 sample: some rows are held back to choose the best epoch by, and none would be left")
        self.n_features_in_ = len(table.names)
        name = name if name not in table.names else f"{name} to predict"
        columns = y.reshape(len(y), -1)
        names = [name] if columns.shape[1] == 1 else [f"{name} {i}" for i in range(columns.shape[1])]
        kinds = self._kinds(table.names) + [(target, kind) for target in names]
        both = table
        for target, values in zip(names, columns.T, strict=True):
            both = both.beside(column_of(target, values))
        self._model, said = train_table(both, self._asked(names, kinds), thread_limit(), on_epoch=self._shown())
        if said["interrupted"]:
            warnings.warn("Training interrupted by user.", stacklevel=4)
        self.history_, self.notes_ = said["history"], said["notes"]
        self.n_iter_, self.best_epoch_ = said["epochs"], said["best_epoch"]
        self._network, self.seconds_, self._target_names = self._model.network, said["seconds"], names
        self._trained_on, self._importances = both, None

    def _shown(self) -> Any:
        if not self.verbose:
            return None
        from layerloop import _display

        return _display.Bar(self.epochs or 0) if self.verbose == "bar" else _display.Lines(score=False)

    def _outputs_of(self, X: Any) -> np.ndarray:
        if "_model" not in self.__dict__:
            raise not_fitted(self)
        table = self._table(X)
        if not hasattr(self, "feature_names_in_"):
            _validate.check_names(self, X, reset=False)
            if len(table.names) != self.n_features_in_:
                raise ValueError(
                    f"X has {len(table.names)} features, but {type(self).__name__} is expecting "
                    f"{self.n_features_in_} features as input."
                )
        elif _validate.column_names(X) is None and not isinstance(X, dict):
            _validate.check_names(self, X, reset=False)
            table = table_of(np.asarray(X), [str(name) for name in self.feature_names_in_])
        outputs, warned = self._model.of_table(table)
        for message in warned:
            warnings.warn(message, stacklevel=4)
        return outputs

    @property
    def feature_importances_(self) -> np.ndarray:
        """How much larger the loss is when a column is shuffled, for each column of the frame."""
        if "_model" not in self.__dict__:
            raise not_fitted(self)
        if self._importances is None:
            found = dict(self._model.importances(self._trained_on))
            names = self._trained_on.names[: self.n_features_in_]
            self._importances = np.array([found.get(name, 0.0) for name in names])
        return self._importances

    @property
    def weights_sha256_(self) -> str:
        """SHA-256 of all parameters, as the command line prints it."""
        if "_model" not in self.__dict__:
            raise not_fitted(self)
        return self._network.sha256()

    def report(self, path: Any, X: Any = None, y: Any = None) -> None:
        """Write the report of the command line: curves, scores, confusion, importance and effect of the columns.

        Parameters
        ----------
        path : str or Path
            The HTML file.
        X, y : optional
            The rows that the model is evaluated on; otherwise those of the training.
        """
        from layerloop._explain import columns_of
        from layerloop._layerloop import report_of_table

        table = self._trained_on if X is None else self._with_targets(X, y)
        page = report_of_table(self._model, table, columns_of(self.history_), self.seconds_)
        with open(path, "w", encoding="utf-8") as file:
            file.write(page)

    def _with_targets(self, X: Any, y: Any) -> Table:
        values = np.asarray(_validate.targets(y, self)).reshape(len(y), -1)
        table = self._table(X)
        for name, column in zip(self._target_names, values.T, strict=True):
            written = np.array([str(value) for value in column.tolist()]) if self._classifier else column
            table = table.beside(column_of(name, written))
        return table

    def plot_history(self) -> Any:
        """Draw the losses and metrics of the training; needs matplotlib.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from layerloop._explain import plot_history

        if "_model" not in self.__dict__:
            raise not_fitted(self)
        return plot_history(self.history_)

    def save(self, path: Any) -> None:
        """Save the model as a safetensors file, which the command line reads too.

        Parameters
        ----------
        path : str or Path
            The file.
        """
        if "_model" not in self.__dict__:
            raise not_fitted(self)
        self._model.save(path)

    def __sklearn_is_fitted__(self) -> bool:
        return "_model" in self.__dict__

    def __getstate__(self) -> dict[str, Any]:
        if "_model" not in self.__dict__:
            return dict(self.__dict__)
        importances = self.feature_importances_
        state = {k: v for k, v in self.__dict__.items() if k not in ("_model", "_network", "_trained_on")}
        state.update(_saved=self._model.to_bytes(), _importances=importances)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        saved = state.pop("_saved", None)
        self.__dict__.update(state)
        if saved is not None:
            self._model = Model.of_bytes(saved)
            self._network, self._trained_on = self._model.network, None


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

    def fit(self, X: Any, y: Any) -> TabularClassifier:
        """Train by the recipe.

        Parameters
        ----------
        X : DataFrame, dict or array-like of shape (n_samples, n_columns)
            The columns.
        y : array-like of shape (n_samples,)
            The classes.

        Returns
        -------
        self
        """
        name, values = str(getattr(y, "name", None) or "y"), self._targets(X, y)
        if values.ndim != 1:
            raise ValueError(f"y should be a 1d array, got an array of shape {values.shape} instead.")
        classes = unique_labels(values)
        if len(classes) < 2:
            raise ValueError(f"y has one class, {classes.tolist()[0]!r}; a classifier needs at least two classes")
        texts = {str(value): value for value in classes.tolist()}
        if len(texts) < len(classes):
            raise ValueError("two classes are written in the same way; rename one of them")
        self._fit_table(X, np.array([str(value) for value in values.tolist()]), name, "category")
        self.classes_ = classes
        order = [list(texts).index(_as_written(name, texts)) for name in self._model.names]
        self._order = np.argsort(order) if len(order) == len(classes) else np.array(order)
        self._known = np.array(order)
        return self

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


def _as_written(name: str, texts: dict[str, Any]) -> str:
    """Give the class as it was before whole numbers lost their ``.0``."""
    return name if name in texts else f"{name}.0"


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

    def fit(self, X: Any, y: Any) -> TabularRegressor:
        """Train by the recipe.

        Parameters
        ----------
        X : DataFrame, dict or array-like of shape (n_samples, n_columns)
            The columns.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The numbers.

        Returns
        -------
        self
        """
        name, values = str(getattr(y, "name", None) or "y"), self._targets(X, y)
        try:
            numbers = values.astype(np.float64)
        except ValueError as error:
            raise ValueError(f"y should be numbers: {error}") from None
        self._fit_table(X, numbers, name, "number")
        return self

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
