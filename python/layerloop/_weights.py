"""Weights as scikit-learn has them: a matrix of n_in x n_out and a vector for each layer, readable and writable."""

from __future__ import annotations

from typing import Any

import numpy as np

from layerloop._layerloop import Network


def of_network(network: Network, dtype: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Give the weights and biases of the dense layers."""
    tensors = network.tensors()
    names = [name for name, values in tensors.items() if name.endswith(".weight") and values.ndim == 2]
    coefs = [np.array(tensors[name].T, dtype=dtype, order="C") for name in names]
    biases = [tensors.get(name[: -len("weight")] + "bias") for name in names]
    return coefs, [np.zeros(0, dtype) if bias is None else bias.astype(dtype) for bias in biases]


def to_network(network: Network, coefs: list[np.ndarray], intercepts: list[np.ndarray]) -> bool:
    """Set the weights of a network to these; whether any differed."""
    tensors = network.tensors()
    names = [name for name, values in tensors.items() if name.endswith(".weight") and values.ndim == 2]
    if len(names) != len(coefs) or len(names) != len(intercepts):
        raise ValueError(f"{len(coefs)} matrices of weights and {len(intercepts)} biases for {len(names)} layers")
    changed = False
    for name, coef, intercept in zip(names, coefs, intercepts, strict=True):
        weight = np.asarray(coef, dtype=np.float32).T
        bias_name = name[: -len("weight")] + "bias"
        for key, values in [(name, weight), (bias_name, np.asarray(intercept, dtype=np.float32))]:
            if key not in tensors or np.array_equal(tensors[key], values):
                continue
            if tensors[key].shape != values.shape:
                expected = tensors[key].T.shape
                raise ValueError(f"{key}: expected an array of shape {expected}, got {values.T.shape}")
            network.set_tensor(key, np.ascontiguousarray(values).ravel())
            changed = True
    return changed


class Weights:
    """The attributes ``coefs_`` and ``intercepts_`` of an estimator with a ``_network``.

    Arrays that were given out may be changed: from then on every use of the network looks whether they were.
    """

    _dtype: Any
    _exposed: Any

    def _expose(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        exposed = self.__dict__.get("_exposed")
        if exposed is None:
            network = self.__dict__.get("_network")
            if network is None:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute 'coefs_'")
            exposed = self._exposed = of_network(network, self._dtype)
        return exposed

    @property
    def coefs_(self) -> list[np.ndarray]:
        """The weights of each layer, n_in x n_out."""
        return self._expose()[0]

    @coefs_.setter
    def coefs_(self, coefs: list[np.ndarray]) -> None:
        exposed = self.__dict__.get("_exposed")
        if exposed is None and self.__dict__.get("_network") is not None:
            exposed = self._expose()
        self._exposed = (coefs, exposed[1] if exposed else [])

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """The biases of each layer."""
        return self._expose()[1]

    @intercepts_.setter
    def intercepts_(self, intercepts: list[np.ndarray]) -> None:
        exposed = self.__dict__.get("_exposed")
        if exposed is None and self.__dict__.get("_network") is not None:
            exposed = self._expose()
        self._exposed = (exposed[0] if exposed else [], intercepts)

    def _has_weights(self) -> bool:
        return self.__dict__.get("_network") is not None or bool(self.__dict__.get("_exposed"))

    def _take_changes(self) -> bool:
        """Bring changed arrays into the network."""
        exposed, network = self.__dict__.get("_exposed"), self.__dict__.get("_network")
        return exposed is not None and network is not None and to_network(network, *exposed)

    @property
    def weights_sha256_(self) -> str:
        """SHA-256 of all parameters, as the command line prints it."""
        network = self.__dict__.get("_network")
        if network is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute 'weights_sha256_'")
        self._take_changes()
        return network.sha256()
