"""The extension module: networks, training, models, data frames."""

import os
from collections.abc import Callable
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "__version__",
    "Data",
    "Memory",
    "Model",
    "Network",
    "Predictor",
    "Table",
    "X",
    "attribute",
    "gradients_agree",
    "report",
    "report_of_table",
    "train",
    "train_table",
    "walk",
    "_panic",
]

__version__: str

@final
class Network:
    """A feedforward network: layers and their weights."""

    def __new__(cls, spec: str, seed: int = 0) -> Network: ...
    @property
    def spec(self) -> str: ...
    @property
    def inputs(self) -> int: ...
    @property
    def outputs(self) -> int: ...
    @property
    def output(self) -> str: ...
    @property
    def parameters(self) -> int: ...
    def tensors(self) -> dict[str, NDArray[np.float32]]: ...
    def set_tensor(self, name: str, values: NDArray[np.float32]) -> None: ...
    def sha256(self) -> str: ...
    def __call__(self, x: NDArray[Any]) -> NDArray[Any]: ...
    def copy(self) -> Network: ...

@final
class Predictor:
    """Predictions of a network that does not change."""

    def __new__(cls, network: Network, threads: int) -> Predictor: ...
    def outputs(self, x: NDArray[Any]) -> NDArray[Any]: ...
    def outputs_of_sparse(
        self, width: int, starts: NDArray[np.int64], columns: NDArray[np.uint32], values: NDArray[np.float32]
    ) -> NDArray[np.float32]: ...

@final
class X:
    """Inputs of rows, before it is known what is to be predicted."""

    @staticmethod
    def dense(x: NDArray[Any]) -> X: ...
    @staticmethod
    def sparse(
        width: int, starts: NDArray[np.int64], columns: NDArray[np.uint32], values: NDArray[np.float32]
    ) -> X: ...

@final
class Data:
    """A data set."""

    @staticmethod
    def classes(
        x: X, labels: NDArray[np.uint32], classes: list[str], weights: NDArray[np.float32] | None = None
    ) -> Data: ...
    @staticmethod
    def numbers(
        x: X, numbers: NDArray[np.float32], names: list[str], weights: NDArray[np.float32] | None = None
    ) -> Data: ...
    @property
    def rows(self) -> int: ...

@final
class Memory:
    """What the coming steps of a run depend on."""

    def to_bytes(self) -> bytes | None: ...
    @staticmethod
    def of_bytes(bytes: bytes) -> Memory: ...

@final
class Table:
    """The cells of a data frame."""

    @staticmethod
    def of_arrow(stream: Any) -> Table: ...
    @staticmethod
    def of_texts(names: list[str], columns: list[list[str]], types: list[str]) -> Table: ...
    @property
    def rows(self) -> int: ...
    @property
    def names(self) -> list[str]: ...
    def beside(self, other: Table) -> Table: ...

@final
class Model:
    """A model as the command line saves it."""

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Model: ...
    @staticmethod
    def of_bytes(bytes: bytes) -> Model: ...
    @staticmethod
    def of_network(network: Network, data: Data, receipt: str) -> Model: ...
    def to_bytes(self) -> bytes: ...
    def save(self, path: str | os.PathLike[str]) -> None: ...
    @property
    def network(self) -> Network: ...
    @property
    def names(self) -> list[str]: ...
    @property
    def is_classifier(self) -> bool: ...
    @property
    def columns(self) -> list[tuple[str, str]] | None: ...
    @property
    def receipt(self) -> str: ...
    def of_table(self, table: Table) -> tuple[NDArray[np.float64], list[str]]: ...
    def importances(self, table: Table, seed: int = 0) -> list[tuple[str, float]]: ...

def train(
    network: Network,
    data: Data,
    options: str,
    limit: int,
    validation: Data | None = None,
    rules: str | None = None,
    memory: Memory | None = None,
    keeps: bool = False,
    on_epoch: Callable[[dict[str, Any]], Any] | None = None,
    run: str | os.PathLike[str] | None = None,
) -> dict[str, Any]: ...
def train_table(
    table: Table, asked: str, limit: int, on_epoch: Callable[[dict[str, Any]], Any] | None = None
) -> tuple[Model, dict[str, Any]]: ...
def walk(network: Network, data: Data) -> tuple[str, str]: ...
def report(model: Model, train: Data, test: Data, history: list[tuple[str, list[float]]], seconds: float) -> str: ...
def report_of_table(
    model: Model, table: Table, history: list[tuple[str, list[float]]], seconds: float
) -> str: ...
def attribute(
    network: Network, row: list[float], output: int | None = None, by: str = "integrated-gradients"
) -> tuple[list[float], int]: ...
def gradients_agree(network: Network, data: Data) -> tuple[bool, str]: ...
def _panic() -> int: ...
