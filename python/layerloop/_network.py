"""The network of the library's own interface."""

from __future__ import annotations

from layerloop import _layerloop as library
from layerloop._formats import Exported


class Network(Exported, library.Network):
    """A feedforward network: layers and their weights.

    Parameters
    ----------
    spec : str or Network
        The layers as text; or a network, which is copied.
    seed : int
        The seed of the weights.

    Examples
    --------
    >>> import numpy as np
    >>> from layerloop import Network
    >>> network = Network("3 -> 4 tanh -> 2", seed=0)
    >>> network.parameters, network(np.ones((5, 3))).shape
    (26, (5, 2))
    """

    def copy(self) -> Network:
        """Give a network of its own with the same parameters.

        Returns
        -------
        Network
        """
        return Network(self)

    def _exported(self) -> library.Model:
        return self.model()
