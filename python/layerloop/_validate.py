"""Inputs and targets as arrays, or an error in scikit-learn's words."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np

from layerloop._layerloop import X as Inputs

_SINGLE = (np.dtype(np.float32), np.dtype(np.float16), np.dtype(np.uint8))


class Sparse(NamedTuple):
    """Sparse rows as the library takes them."""

    width: int
    starts: np.ndarray
    columns: np.ndarray
    values: np.ndarray
    dtype: Any

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.starts) - 1, self.width


def _is_sparse(X: Any) -> bool:
    return hasattr(X, "tocsr") and hasattr(X, "nnz")


def column_names(X: Any) -> list[Any] | None:
    """Give the names of the columns of a data frame."""
    names = getattr(X, "column_names", None)  # pyarrow
    if names is None:
        names = getattr(X, "columns", None)  # pandas, polars
    if names is None or callable(names) or isinstance(X, np.ndarray):
        return None
    return list(names)


def _text_names(X: Any) -> np.ndarray | None:
    names = column_names(X)
    if not names:
        return None
    kinds = {isinstance(name, str) for name in names}
    if kinds == {True, False}:
        types = sorted({type(name).__qualname__ for name in names})
        raise TypeError(
            "Feature names are only supported if all input features have string names, "
            f"but your input has {types} as feature name / column name types. "
            "If you want feature names to be stored and validated, you must convert them all to strings."
        )
    return np.asarray(names, dtype=object) if kinds == {True} else None


def check_names(estimator: Any, X: Any, reset: bool) -> None:
    """Keep the names of the columns, or compare them with those that are kept."""
    names = _text_names(X)
    if reset:
        if names is not None:
            if len(set(names)) < len(names):
                twice = sorted({name for name in names if list(names).count(name) > 1})
                raise ValueError(f"two columns are named {twice[0]!r}; rename one of them")
            estimator.feature_names_in_ = names
        elif hasattr(estimator, "feature_names_in_"):
            del estimator.feature_names_in_
        return
    fitted, name = getattr(estimator, "feature_names_in_", None), type(estimator).__name__
    if fitted is None and names is not None:
        warnings.warn(f"X has feature names, but {name} was fitted without feature names", stacklevel=4)
    elif fitted is not None and names is None:
        warnings.warn(
            f"X does not have valid feature names, but {name} was fitted with feature names", stacklevel=4
        )
    elif fitted is not None and names is not None and list(names) != list(fitted):
        _refuse_names(list(fitted), list(names))


def _refuse_names(fitted: list[str], names: list[str]) -> None:
    message = "The feature names should match those that were passed during fit.\n"
    unseen, missing = sorted(set(names) - set(fitted)), sorted(set(fitted) - set(names))
    for what, some in [("unseen at fit time", unseen), ("seen at fit time, yet now missing", missing)]:
        if some:
            message += f"Feature names {what}:\n" + "".join(f"- {name}\n" for name in some[:5])
            message += "- ...\n" if len(some) > 5 else ""
    if not unseen and not missing:
        message += "Feature names must be in the same order as they were in fit.\n"
    raise ValueError(message)


def _csr(X: Any) -> Sparse:
    if np.iscomplexobj(X):
        raise ValueError(f"Complex data not supported\n{X}\n")
    csr = X.tocsr()
    if not csr.has_canonical_format:
        csr = csr.copy()
        csr.sum_duplicates()
    if max(csr.shape) > np.iinfo(np.int32).max:
        raise ValueError("sparse rows have at most 2^31 - 1 columns")
    values = np.ascontiguousarray(csr.data, dtype=np.float32)
    _check_finite(values, "X")
    starts, columns = csr.indptr.astype(np.int64, copy=False), csr.indices.astype(np.uint32)
    return Sparse(int(csr.shape[1]), np.ascontiguousarray(starts), np.ascontiguousarray(columns), values, csr.dtype)


def _check_finite(values: np.ndarray, what: str) -> None:
    if np.isfinite(values).all():
        return
    if np.isnan(values).any():
        raise ValueError(f"Input {what} contains NaN.")
    raise ValueError(f"Input {what} contains infinity or a value too large for dtype('float32').")


def _of_frame(X: Any) -> Any:
    """Give a data frame's values; what is missing becomes NaN."""
    if hasattr(X, "to_numpy") and hasattr(X, "dtypes") and hasattr(X, "iloc"):  # pandas
        kinds = getattr(X.dtypes, "values", [X.dtypes])
        if all(isinstance(kind, np.dtype) for kind in np.atleast_1d(np.asarray(kinds, dtype=object))):
            return X.to_numpy()
        return X.to_numpy(dtype=np.float64, na_value=np.nan)
    if hasattr(X, "column_names") and hasattr(X, "to_pydict"):  # pyarrow
        columns = [X.column(i).to_numpy(zero_copy_only=False) for i in range(X.num_columns)]
        return np.column_stack(columns) if columns else np.empty((X.num_rows, 0))
    if hasattr(X, "to_numpy") and hasattr(X, "columns"):  # polars
        return X.to_numpy()
    return X


def of_series(y: Any) -> np.ndarray:
    """Give the values of a column, or of several, as an array of whatever they are."""
    if _is_sparse(y):
        return y.toarray()
    values = y.to_numpy() if hasattr(y, "to_numpy") else np.asarray(_of_frame(y))
    if values.dtype.kind == "O" and values.size and all(isinstance(v, (bool, int, float, np.generic)) for v in values.flat):
        values = np.array(values.tolist())  # of pandas' nullable columns
    return values


def _numbers(X: Any) -> np.ndarray:
    values = np.asarray(_of_frame(X))
    if values.dtype.kind == "c":
        raise ValueError(f"Complex data not supported\n{values}\n")
    if values.dtype.kind in "mM":
        raise TypeError(f"dtype {values.dtype}: dates and durations are not numbers; TabularClassifier takes them")
    if values.dtype in _SINGLE:
        return values if values.dtype == np.uint8 else values.astype(np.float32, copy=False)
    if values.dtype.kind in "US":
        try:
            return values.astype(np.float64)
        except ValueError as error:
            raise ValueError(f"dtype='numeric' is not compatible with arrays of bytes/strings: {error}") from None
    return values.astype(np.float64, copy=False)


def matrix(X: Any, estimator: Any) -> np.ndarray | Sparse:
    """Give X as a C-contiguous matrix of float32, float64 or uint8, or as sparse rows."""
    name = type(estimator).__name__
    values: Any = _csr(X) if _is_sparse(X) else _numbers(X)
    if not isinstance(values, Sparse):
        if values.ndim > 2:
            raise ValueError(f"Found array with dim {values.ndim}, while dim <= 2 is required by {name}.")
        if values.ndim < 2:
            found = "1D array" if values.ndim == 1 else "scalar array"
            raise ValueError(
                f"Expected 2D array, got {found} instead:\narray={values}.\nReshape your data either using "
                "array.reshape(-1, 1) if your data has a single feature or array.reshape(1, -1) if it contains a "
                "single sample."
            )
        values = np.ascontiguousarray(values)
    rows, width = values.shape
    if rows == 0:
        raise ValueError(f"Found array with 0 sample(s) (shape={values.shape}) while a minimum of 1 is required by {name}.")
    if width == 0:
        raise ValueError(f"Found array with 0 feature(s) (shape={values.shape}) while a minimum of 1 is required by {name}.")
    return values


def inputs(values: np.ndarray | Sparse) -> Inputs:
    """Give the rows as the library keeps them."""
    if isinstance(values, Sparse):
        return Inputs.sparse(values.width, values.starts, values.columns, values.values)
    if values.dtype.kind == "f" and values.dtype != np.float32:  # what is in single precision is looked at as it is copied
        ends = np.array([values.min(), values.max()])
        _check_finite(ends, "X")
        if np.abs(ends).max() > np.finfo(np.float32).max:
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
                f"preprocessed. (X has {ends[np.abs(ends).argmax()]:g}, which is too large for single precision.)"
            )
    return Inputs.dense(values)


def select(values: np.ndarray | Sparse, rows: np.ndarray) -> np.ndarray | Sparse:
    """Give some of the rows."""
    if not isinstance(values, Sparse):
        return values[rows]
    counts = np.diff(values.starts)[rows]
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    ranges = [np.arange(int(values.starts[row]), int(values.starts[row + 1])) for row in rows]
    at = np.concatenate(ranges) if ranges else np.zeros(0, dtype=np.int64)
    return Sparse(values.width, starts, values.columns[at], values.values[at], values.dtype)


def check_length(X: Any, y: np.ndarray) -> None:
    """Refuse targets of another number of rows."""
    if X.shape[0] != y.shape[0]:
        raise ValueError(f"Found input variables with inconsistent numbers of samples: [{X.shape[0]}, {y.shape[0]}]")


def check_width(estimator: Any, X: Any) -> None:
    """Refuse rows of another number of columns."""
    if X.shape[1] != estimator.n_features_in_:
        name = type(estimator).__name__
        raise ValueError(
            f"X has {X.shape[1]} features, but {name} is expecting {estimator.n_features_in_} features as input."
        )


def targets(y: Any, estimator: Any) -> np.ndarray:
    """Give y as a vector or a matrix without missing values."""
    if y is None:
        raise ValueError(
            f"This {type(estimator).__name__} estimator requires y to be passed, but the target y is None."
        )
    values = of_series(y)
    if values.dtype.kind == "c":
        raise ValueError(f"Complex data not supported\n{values}\n")
    if values.ndim == 2 and values.shape[1] == 1:
        try:
            from sklearn.exceptions import DataConversionWarning
        except ImportError:
            DataConversionWarning = UserWarning
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected. Please change the shape of y to "
            "(n_samples,), for example using ravel().",
            DataConversionWarning,
            stacklevel=5,
        )
        values = values.ravel()
    if values.ndim not in (1, 2):
        raise ValueError(f"y should be a 1d array, got an array of shape {values.shape} instead.")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        what = "NaN" if np.isnan(values).any() else "infinity"
        raise ValueError(f"Input y contains {what}.")
    if values.dtype.kind == "O" and any(value is None or value != value for value in values.ravel()):
        raise ValueError("Input y contains NaN.")
    return values


def number_targets(y: np.ndarray) -> np.ndarray:
    """Give targets as finite numbers."""
    try:
        values = y.astype(np.float64)
    except ValueError as error:
        raise ValueError(f"y should be numbers: {error}") from None
    if not np.isfinite(values).all():
        raise ValueError("Input y contains NaN." if np.isnan(values).any() else "Input y contains infinity.")
    return values


def sample_weights(weights: Any, rows: int) -> np.ndarray | None:
    """Give the weights of the rows."""
    if weights is None:
        return None
    if np.isscalar(weights):
        return np.full(rows, weights, dtype=np.float64)
    values = np.asarray(weights)
    if values.dtype.kind == "c":
        raise ValueError(f"Complex data not supported\n{values}\n")
    values = values.astype(np.float64, copy=False)
    if values.ndim != 1:
        raise ValueError(f"Sample weights must be 1D array or scalar, got {values.ndim}D array.")
    if values.shape != (rows,):
        raise ValueError(f"sample_weight.shape == {values.shape}, expected {(rows,)}!")
    _check_finite(values, "sample_weight")
    if (values < 0).any():
        raise ValueError("Negative values in data passed to `sample_weight`.")
    if not (values > 0).any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return values
