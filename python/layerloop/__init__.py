"""Feedforward neural networks: scikit-learn's MLP faster, tables as they are, the same bits on every machine."""

from layerloop._api import History, Model, fit, load
from layerloop._classifier import MLPClassifier
from layerloop._explain import Explanation, attributions, check_gradients, explain
from layerloop._layerloop import Network, __version__
from layerloop._regressor import MLPRegressor
from layerloop._tabular import TabularClassifier, TabularRegressor

__all__ = [
    "Explanation",
    "History",
    "MLPClassifier",
    "MLPRegressor",
    "Model",
    "Network",
    "TabularClassifier",
    "TabularRegressor",
    "__version__",
    "attributions",
    "check_gradients",
    "explain",
    "fit",
    "load",
]
