"""The data of the benchmarks: what scikit-learn brings, what is made, and files of a folder."""

import gzip
from pathlib import Path

import numpy as np
from sklearn import datasets
from sklearn.preprocessing import StandardScaler


def scaled(X):
    return StandardScaler().fit_transform(X).astype(np.float64)


def built_in():
    """Ten data sets, none of which is a file: name -> (X, y, whether classes are to be predicted)."""
    found = {}
    for name in ("iris", "wine", "breast_cancer", "digits"):
        X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        found[name] = (scaled(X), y, True)
    X, y = datasets.load_diabetes(return_X_y=True)
    found["diabetes"] = (scaled(X), (y - y.mean()) / y.std(), False)
    X, y = datasets.make_classification(2000, 20, n_informative=10, n_classes=4, random_state=0)
    found["classification"] = (scaled(X), y, True)
    X, y = datasets.make_moons(1000, noise=0.2, random_state=0)
    found["moons"] = (scaled(X), y, True)
    for name, make in (("friedman1", datasets.make_friedman1), ("friedman2", datasets.make_friedman2)):
        X, y = make(1500, random_state=0)
        found[name] = (scaled(X), (y - y.mean()) / y.std(), False)
    X, y = datasets.make_regression(800, 15, noise=5.0, random_state=0)
    found["regression"] = (scaled(X), (y - y.mean()) / y.std(), False)
    return found


def idx(path):
    """Give the array of an IDX file."""
    raw = gzip.open(path).read()
    shape = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(raw[3])]
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape)


def mnist(folder):
    images = idx(folder / "mnist" / "train-images-idx3-ubyte.gz").reshape(-1, 784).astype(np.float32) / 255
    return images, idx(folder / "mnist" / "train-labels-idx1-ubyte.gz")


def table(path, target):
    """Give a table as numbers: categories as one-hot, gaps as medians."""
    import pandas as pd

    frame = pd.read_csv(path, na_values=["?"], skipinitialspace=True)
    y = frame.pop(target)
    numbers = frame.select_dtypes("number")
    parts = [numbers.fillna(numbers.median()).to_numpy(float)]
    others = frame.drop(columns=numbers.columns)
    if len(others.columns):
        parts.append(pd.get_dummies(others).to_numpy(float))
    return scaled(np.hstack(parts)), pd.factorize(y)[0]


def made(rows, columns=20):
    """Rows in four classes."""
    return datasets.make_classification(rows, columns, n_informative=min(10, columns), n_classes=4, random_state=rows)


def jobs(folder):
    """Yield name, X, y, whether classes, and parameters of each job of the speed comparison."""
    notebook = dict(hidden_layer_sizes=(32,), activation="logistic", batch_size=128, max_iter=20, tol=0)
    if folder is not None:
        yield "notebook (MNIST)", *mnist(folder), True, notebook
        tabular = Path(folder) / "tabular"
        for name, target in (("adult_train", "income"), ("letter", "class")):
            path = next(tabular.glob(f"{name}.csv*"), None)
            if path is not None:
                yield name, *table(path, target), True, dict(max_iter=10, tol=0)
    for name, (X, y, classes) in built_in().items():
        yield name, X, y, classes, dict(max_iter=100, tol=0)
    for rows in (100, 1_000, 10_000, 100_000, 1_000_000):
        X, y = made(rows)
        yield f"{rows:,} rows made", scaled(X), y, True, dict(max_iter=max(2, min(100, 1_000_000 // rows)), tol=0)
