"""Feedforward neural networks: scikit-learn's MLP faster, tables as they are, the same bits on every machine."""

from layerloop._api import History, Model, fit, from_onnx, from_torch_state_dict, load
from layerloop._classifier import MLPClassifier
from layerloop._diagnostics import curvature, find_lr, mistakes, outliers
from layerloop._explain import Explanation, attributions, check_gradients, explain
from layerloop._formats import StateDict
from layerloop._layerloop import __version__
from layerloop._network import Network
from layerloop._regressor import MLPRegressor
from layerloop._tabular import TabularClassifier, TabularRegressor

__all__ = [
    "Explanation",
    "History",
    "MLPClassifier",
    "MLPRegressor",
    "Model",
    "Network",
    "StateDict",
    "TabularClassifier",
    "TabularRegressor",
    "__version__",
    "attributions",
    "check_gradients",
    "curvature",
    "explain",
    "find_lr",
    "fit",
    "from_onnx",
    "from_torch_state_dict",
    "load",
    "mistakes",
    "outliers",
]
