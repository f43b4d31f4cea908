"""Models in the formats of other programs: ONNX, C, Rust, JavaScript, PyTorch."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from layerloop import _layerloop as library
from layerloop import _validate
from layerloop._frames import table_of


class StateDict(dict[str, np.ndarray]):
    """The tensors of an ``nn.Sequential`` of PyTorch by name, as arrays of float32.

    Attributes
    ----------
    modules : str
        Python code that makes the module, such as ``nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))``. Its
        last layer gives logits.
    """

    def __init__(self, tensors: dict[str, np.ndarray], modules: str) -> None:
        super().__init__(tensors)
        self.modules = modules


class Exported:
    """A model that can be saved, and written in the formats of other programs as ``layerloop export`` does."""

    def _exported(self) -> library.Model:
        """Give the model as the library has it."""
        raise NotImplementedError

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the model as a safetensors file, which ``layerloop.load`` and the command line read.

        Parameters
        ----------
        path : str or Path
            The file.
        """
        self._exported().save(path)

    def to_onnx(
        self, path: str | os.PathLike[str] | None = None, *, output: str | None = "probabilities", opset: int = 18
    ) -> bytes | None:
        """Write an ONNX file: input scaling and the preprocessing of tables are inside.

        The input is called ``input``, N x inputs in float32. Of a model of a table each column is an input of its own,
        N x 1: numbers in float32 and names as strings, a missing number NaN, a missing name empty.

        Parameters
        ----------
        path : str or Path, optional
            The file; otherwise its bytes are returned.
        output : str or None
            The only output: ``probabilities``, ``logits`` or ``label``; ``None`` for label and probabilities. A model
            that predicts numbers has these, called ``variable``, in place of probabilities.
        opset : int
            The version of the standard operators, from 18 to 24.

        Returns
        -------
        bytes or None
            The file, if ``path`` is None.

        Examples
        --------
        >>> from layerloop import Network, from_onnx
        >>> network = Network("4 -> 5 tanh -> 3", seed=0)
        >>> from_onnx(network.to_onnx()).network.sha256() == network.sha256()
        True
        """
        return library.to_onnx(self._exported(), path, output, opset)

    def to_c(self, path: str | os.PathLike[str] | None = None, *, quantize: str | None = None) -> str | None:
        """Write a C99 file with the weights inside, without malloc.

        Parameters
        ----------
        path : str or Path, optional
            The file; otherwise its text is returned.
        quantize : str, optional
            ``int8`` for weights of dense layers as bytes, a quarter of the size; ``quantization_loss`` says what it costs.

        Returns
        -------
        str or None
            The file, if ``path`` is None.

        Examples
        --------
        >>> from layerloop import Network
        >>> code = Network("4 -> 5 tanh -> 3", seed=0).to_c()
        >>> "void predict(const float *input, float *output)" in code
        True
        """
        return library.to_code(self._exported(), "c", path, quantize)

    def to_rust(self, path: str | os.PathLike[str] | None = None, *, quantize: str | None = None) -> str | None:
        """Write a Rust file that needs nothing but core.

        Parameters
        ----------
        path : str or Path, optional
            The file; otherwise its text is returned.
        quantize : str, optional
            ``int8`` for weights of dense layers as bytes, a quarter of the size; ``quantization_loss`` says what it costs.

        Returns
        -------
        str or None
            The file, if ``path`` is None.

        Examples
        --------
        >>> from layerloop import Network
        >>> code = Network("4 -> 5 tanh -> 3", seed=0).to_rust()
        >>> "pub fn predict(" in code
        True
        """
        return library.to_code(self._exported(), "rust", path, quantize)

    def to_js(self, path: str | os.PathLike[str] | None = None, *, quantize: str | None = None) -> str | None:
        """Write a JavaScript module.

        Parameters
        ----------
        path : str or Path, optional
            The file; otherwise its text is returned.
        quantize : str, optional
            ``int8`` for weights of dense layers as bytes, a quarter of the size; ``quantization_loss`` says what it costs.

        Returns
        -------
        str or None
            The file, if ``path`` is None.

        Examples
        --------
        >>> from layerloop import Network
        >>> code = Network("4 -> 5 tanh -> 3", seed=0).to_js()
        >>> "export function predict(" in code
        True
        """
        return library.to_code(self._exported(), "js", path, quantize)

    def quantization_loss(self, X: Any, *, quantize: str = "int8") -> dict[str, Any]:
        """Say how much the predictions change where ``quantize`` makes the weights smaller, as ``layerloop export`` prints it.

        Parameters
        ----------
        X : DataFrame, dict, array-like or sparse matrix
            The rows to predict, such as those of the test part.
        quantize : str
            As of ``to_c``.

        Returns
        -------
        dict
            ``rows``, their number; ``changed``, the number of rows for which another class is the most probable one, or
            None where numbers are predicted; ``largest``, the largest difference of an output of the network.

        Examples
        --------
        >>> import numpy as np
        >>> from layerloop import Network
        >>> loss = Network("4 -> 5 tanh -> 3", seed=0).quantization_loss(np.eye(4))
        >>> loss["rows"], loss["changed"], loss["largest"] < 0.01
        (4, 0, True)
        """
        model = self._exported()
        if model.columns is not None:
            table = table_of(X)
            rows, count = model.encoded(table), table.rows
        else:
            values = _validate.matrix(X, self)
            rows, count = _validate.inputs(values), values.shape[0]
        changed, largest = library.quantization_loss(model, rows, quantize)
        return {"rows": count, "changed": changed, "largest": largest}

    def to_torch_state_dict(self) -> StateDict:
        """Give the ``state_dict`` of an ``nn.Sequential`` of PyTorch.

        Returns
        -------
        StateDict
            A dict of name to array of float32; its attribute ``modules`` has the code that makes the module. With
            PyTorch: ``net.load_state_dict({name: torch.from_numpy(a) for name, a in state.items()})``.

        Examples
        --------
        >>> from layerloop import Network
        >>> state = Network("4 -> 5 tanh -> 3", seed=0).to_torch_state_dict()
        >>> state.modules
        'nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))'
        >>> {name: array.shape for name, array in state.items()}
        {'0.weight': (5, 4), '0.bias': (5,), '2.weight': (3, 5), '2.bias': (3,)}
        """
        return StateDict(*library.to_torch(self._exported()))


def named_tensors(tensors: Any) -> list[tuple[str, list[int], np.ndarray]]:
    """Give name, shape and values of each tensor, in float32; the counters of batch norms are left out."""
    found = []
    for name, tensor in tensors.items():
        if str(name).rsplit(".", 1)[-1] == "num_batches_tracked":
            continue
        values = np.asarray(tensor)
        if values.dtype.kind != "f":
            raise TypeError(f"the tensor `{name}` is {values.dtype}; expected an array of floats")
        flat = np.ascontiguousarray(values, dtype=np.float32).ravel()
        found.append((str(name), [int(n) for n in values.shape], flat))
    return found
