"""Feedforward neural networks: scikit-learn's MLP faster, tables as they are, the same bits on every machine."""

from layerloop._classifier import MLPClassifier
from layerloop._layerloop import __version__
from layerloop._regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor", "__version__"]
