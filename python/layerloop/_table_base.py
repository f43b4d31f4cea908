"""What both estimators for tables share: how a table is read, trained on and saved."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any, Self

import numpy as np

from layerloop import _display, _validate
from layerloop._base import Estimator, thread_limit
from layerloop._diagnostics import Diagnosed, Rows, loss_of, named_rates
from layerloop._explain import Explanation, walk
from layerloop._formats import Exported
from layerloop._frames import one_row, table_of, with_targets
from layerloop._layerloop import (
    Model,
    Network,
    Table,
    data_of_table,
    find_lr_of_table,
    report_of_table,
    train_table,
)

_OF_PLAN = ("recipe", "ensemble", "hidden", "dropout", "epochs", "batch", "lr", "validation", "patience")


class Tabular(Exported, Diagnosed, Estimator):
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
        asked.update(target=target, columns=kinds, seed=self._seed(), split=self.split)
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

    def _checked_targets(self, X: Any, y: Any) -> np.ndarray:
        """Give y, or refuse what cannot be learnt."""
        raise NotImplementedError

    def _joined(self, X: Any, y: Any, sample_weight: Any) -> tuple[Table, list[str], str, Any]:
        """Give the table with the columns to predict beside the others, their names, what is asked for, and the weights."""
        values = self._checked_targets(X, y)
        _validate.check_names(self, X, reset=True)
        table = self._table(X)
        if table.rows != len(values):
            raise ValueError(f"Found input variables with inconsistent numbers of samples: [{table.rows}, {len(values)}]")
        if table.rows == 1:
            raise ValueError("1 sample: some rows are held back to choose the best epoch by, and none would be left")
        self.n_features_in_ = len(table.names)
        name = str(getattr(y, "name", None) or "y")
        name = name if name not in table.names else f"{name} to predict"
        names = [name] if values.ndim == 1 else [f"{name} {i}" for i in range(values.shape[1])]
        kind = "category" if self._classifier else "number"
        kinds = self._kinds(table.names) + [(target, kind) for target in names]
        weights = _validate.sample_weights(sample_weight, len(values))
        if weights is not None:
            weights = (weights / weights.mean()).astype(np.float32)
        return with_targets(table, names, values, self._classifier), names, self._asked(names, kinds), weights

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train by the recipe.

        Parameters
        ----------
        X : DataFrame, dict or array-like of shape (n_samples, n_columns)
            The columns.
        y : array-like of shape (n_samples,), of a regressor also (n_samples, n_outputs)
            The classes or numbers.
        sample_weight : array-like of shape (n_samples,), optional
            How much each row counts, in the training and in what is measured on the rows that are held back.

        Returns
        -------
        self
        """
        table, self._target_names, asked, weights = self._joined(X, y, sample_weight)
        with _display.shown(self.verbose, self.epochs, score=False) as on_epoch:
            self._model, said = train_table(table, asked, thread_limit(), on_epoch=on_epoch, weights=weights)
        if said["interrupted"]:
            warnings.warn("Training interrupted by user.", stacklevel=2)
        self.history_, self.notes_ = said["history"], said["notes"]
        self.n_iter_, self.best_epoch_ = said["epochs"], said["best_epoch"]
        self._network, self.seconds_ = self._model.network, said["seconds"]
        self._trained_on, self._importances = table, None
        return self

    def find_lr(self, X: Any, y: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Find a learning rate by a short run of the recipe whose learning rate grows; this estimator does not change.

        Parameters
        ----------
        X : DataFrame, dict or array-like of shape (n_samples, n_columns)
            The columns.
        y : array-like
            The classes or numbers.
        sample_weight : array-like of shape (n_samples,), optional
            How much each row counts.

        Returns
        -------
        dict
            As of ``layerloop.find_lr``.
        """
        run = type(self)(**self.get_params())
        table, _, asked, weights = run._joined(X, y, sample_weight)
        return named_rates(find_lr_of_table(table, asked, thread_limit(), weights))

    def _outputs_of(self, X: Any) -> np.ndarray:
        self._check_fitted()
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
        self._check_fitted()
        if self._importances is None:
            found = dict(self._model.importances(self._trained_on))
            names = self._trained_on.names[: self.n_features_in_]
            self._importances = np.array([found.get(name, 0.0) for name in names])
        return self._importances

    @property
    def weights_sha256_(self) -> str:
        """SHA-256 of all parameters, as the command line prints it."""
        self._check_fitted()
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
        self._check_fitted()
        table = self._trained_on if X is None else self._with_targets(X, y)
        if table is None:
            raise ValueError("report: a pickle does not have the rows of the training; pass X and y")
        page = report_of_table(self._model, table, list(self.history_.items()), self.seconds_)
        Path(path).write_text(page, encoding="utf-8")

    def _with_targets(self, X: Any, y: Any) -> Table:
        return with_targets(self._table(X), self._target_names, _validate.targets(y, self), self._classifier)

    def _diagnosed(self, X: Any, y: Any) -> Rows:
        self._check_fitted()
        data = data_of_table(self._model, self._with_targets(X, y))
        return Rows(self._network, data, loss_of(self._model), self._classes_of_outputs())

    def _classes_of_outputs(self) -> list[Any] | None:
        """Give the classes in the order of the outputs of the network."""
        return None

    def explain(self, x: Any, y: Any = None) -> Explanation:
        """Follow one row through the layer loops, step by step.

        Parameters
        ----------
        x : DataFrame, dict or array-like of one row
            The row; of a dict the values may be cells.
        y : optional
            Its class or number, or its numbers; otherwise what is predicted.

        Returns
        -------
        Explanation
            Shows the page in a notebook.
        """
        row = one_row(x)
        rows = self._table(row).rows
        if rows != 1:
            raise ValueError(f"x has {rows} rows; one row is explained")
        wanted = self.predict(row) if y is None else np.asarray(y).reshape(1, -1)  # type: ignore[attr-defined]
        return walk(self._diagnosed(row, wanted.ravel() if wanted.size == 1 else wanted.reshape(1, -1)))

    def _exported(self) -> Model:
        self._check_fitted()
        return self._model

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
