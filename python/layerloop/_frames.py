"""Data frames as tables of the library: through Arrow where the frame can, column by column where it cannot."""

from __future__ import annotations

from typing import Any

import numpy as np

from layerloop import _validate
from layerloop._layerloop import Table


def table_of(X: Any, names: list[str] | None = None) -> Table:
    """Give a data frame, a dictionary of columns, or a matrix as a table.

    Parameters
    ----------
    X : DataFrame, dict or array-like
        A frame of pandas, polars or pyarrow, or whatever has ``__arrow_c_stream__``.
    names : list of str, optional
        Names of the columns of a matrix.
    """
    if hasattr(X, "__arrow_c_stream__"):
        given = _validate.column_names(X)
        if given is not None and len(set(given)) < len(given):
            twice = next(name for name in given if given.count(name) > 1)
            raise ValueError(f"two columns are named {twice!r}; rename one of them")
        try:
            return Table.of_arrow(_as_text(X).__arrow_c_stream__())
        except ImportError:
            pass  # pandas without pyarrow
    return _by_columns(X, names)


def _as_text(X: Any) -> Any:
    """Give a pandas frame whose columns of mixed objects are text, since Arrow has one type for a column."""
    if not hasattr(X, "select_dtypes"):
        return X
    if not all(isinstance(name, str) for name in X.columns):
        X = X.set_axis([str(name) for name in X.columns], axis=1)
    mixed = [name for name in X.columns if X[name].dtype == object and len({type(v) for v in X[name].dropna()}) > 1]
    for name in mixed:
        X = X.assign(**{name: X[name].map(lambda v: v if _is_missing(v) else str(v))})
    if hasattr(X.index, "name"):
        X = X.reset_index(drop=True)
    return X


def _is_missing(value: Any) -> bool:
    """Whether it is None, NaN, or what pandas or NumPy has in place of a missing value."""
    return value is None or type(value).__name__ in ("NAType", "NaTType") or value != value


def _cells(column: np.ndarray) -> list[str]:
    """Give a column as texts, where a missing one is empty."""
    if column.dtype.kind == "M":
        texts = np.datetime_as_string(column).tolist()
        return ["" if is_missing else text for text, is_missing in zip(texts, np.isnat(column).tolist(), strict=True)]
    return [_cell(value) for value in column.tolist()]


def _cell(value: Any) -> str:
    if _is_missing(value):
        return ""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)):
        return repr(float(value))
    return str(value)


def _array(column: Any) -> np.ndarray:
    """Give a column as an array; of a list with gaps among names, one of objects, for NumPy would write the gaps as text."""
    if hasattr(column, "to_numpy"):
        return np.asarray(column.to_numpy())
    if isinstance(column, np.ndarray):
        return column
    values = np.asarray(column)
    if values.dtype.kind not in "US" or all(isinstance(value, (str, bytes)) for value in column):
        return values
    objects = np.empty(len(column), dtype=object)
    objects[:] = list(column)
    return objects


def _type_of(values: np.ndarray) -> str:
    if values.dtype.kind == "O":
        return "text" if all(isinstance(value, str) or _is_missing(value) for value in values) else ""
    return {"i": "integer", "u": "integer", "f": "number", "b": "boolean", "U": "text"}.get(values.dtype.kind, "")


def _by_columns(X: Any, names: list[str] | None) -> Table:
    if isinstance(X, dict):
        names, columns = [str(name) for name in X], [_array(column) for column in X.values()]
    elif hasattr(X, "columns") and hasattr(X, "iloc"):
        names, columns = [str(name) for name in X.columns], [X.iloc[:, i].to_numpy() for i in range(X.shape[1])]
    else:
        values = np.asarray(X)
        if values.ndim != 2:
            raise ValueError(f"Expected 2D array, got {values.ndim}D array instead: a table has rows and columns")
        columns = [values[:, i] for i in range(values.shape[1])]
        names = names or [f"x{i}" for i in range(values.shape[1])]
    for name, column in zip(names, columns, strict=True):
        if column.dtype.kind == "c":
            raise ValueError(f"Complex data not supported: column {name!r}")
        if column.ndim != 1:
            raise ValueError(f"column {name!r} has {column.ndim} dimensions; a column has one value in each row")
    if len({len(column) for column in columns}) > 1:
        raise ValueError(f"columns of different lengths: {[len(column) for column in columns]}")
    return Table.of_texts(names, [_cells(column) for column in columns], [_type_of(column) for column in columns])


def with_targets(table: Table, names: list[str], y: np.ndarray, are_classes: bool) -> Table:
    """Give a table with the columns to predict beside the others: classes as text, or numbers."""
    for name, column in zip(names, y.reshape(len(y), -1).T, strict=True):
        values = np.array([str(value) for value in column.tolist()]) if are_classes else column
        table = table.beside(Table.of_texts([name], [_cells(values)], [_type_of(values)]))
    return table


def one_row(x: Any) -> Any:
    """Give a row as a table: of a dict of cells, of a pandas Series, or of a vector."""
    if hasattr(x, "to_dict") and not hasattr(x, "columns"):
        x = x.to_dict()
    if isinstance(x, dict):
        return {name: [cell] if np.ndim(cell) == 0 else cell for name, cell in x.items()}
    return x if hasattr(x, "__arrow_c_stream__") or np.ndim(x) != 1 else np.asarray(x).reshape(1, -1)
