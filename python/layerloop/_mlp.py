"""What the two estimators with scikit-learn's names share: how they are trained."""

from __future__ import annotations

import json
import os
import warnings
from typing import Any

import numpy as np

from layerloop import _display, _options, _validate
from layerloop._base import Estimator, random_state_of, thread_limit, warn_not_converged
from layerloop._diagnostics import Diagnosed, named_rates
from layerloop._explain import Explained
from layerloop._layerloop import Data, Memory, Network, Predictor, find_lr, train
from layerloop._weights import Weights, of_network

_STATE = ("_network", "_predictor", "_memory", "_exposed")


class MLP(Weights, Explained, Diagnosed, Estimator):
    """A feedforward network that is trained as scikit-learn's MLP is, in single precision."""

    _classifier = False

    hidden_layer_sizes: Any
    activation: Any
    solver: str
    alpha: float
    batch_size: Any
    learning_rate: str
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    random_state: Any
    tol: float
    verbose: Any
    warm_start: bool
    early_stopping: Any
    validation_fraction: float
    n_iter_no_change: Any
    max_fun: int
    network: str | None
    options: dict[str, Any] | None
    run: Any
    out_activation_: str
    loss_curve_: list[float]
    validation_scores_: list[float] | None
    _network: Network
    _predictor: Any
    _memory: Any
    _exposed: Any
    _dtype: Any

    def _encode(self, y: np.ndarray, first: bool, incremental: bool) -> np.ndarray:
        raise NotImplementedError

    def _data(self, X: Any, y: np.ndarray, weights: Any) -> Data:
        raise NotImplementedError

    def _loss_terms(self, y: np.ndarray, weights: Any) -> tuple[float, float]:
        """Give what the library's loss is multiplied with, and what is added, to be scikit-learn's."""
        return 1.0, 0.0

    def _row_scale(self) -> float:
        """Give the weight of a row whose loss has scikit-learn's gradient."""
        return 1.0

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train the network.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The inputs.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            What is to be predicted.
        sample_weight : array-like of shape (n_samples,), optional
            How much each row counts.

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight, incremental=False)

    def _fit(self, X: Any, y: Any, sample_weight: Any, incremental: bool) -> Any:
        _options.check(self)
        _options.hidden_sizes(self)
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        first = not self._has_weights() or (not self.warm_start and not incremental)
        values, encoded, weights, generator = self._prepare(X, y, sample_weight, first, incremental)
        if self.solver == "lbfgs":
            self._solve(values, encoded, weights)
        else:
            self._descend(values, encoded, weights, generator, incremental)
        self._predictor = Predictor(self._network, self._predicting_threads())
        return self

    def _prepare(self, X: Any, y: Any, sample_weight: Any, first: bool, incremental: bool) -> tuple[Any, ...]:
        """Give inputs, targets, weights and the generator of a run, and make its network."""
        values = _validate.matrix(X, self)
        _validate.check_names(self, X, reset=first)
        if first:
            self.n_features_in_ = values.shape[1]
        _validate.check_width(self, values)
        y = _validate.targets(y, self)
        _validate.check_length(values, y)
        weights = _validate.sample_weights(sample_weight, len(y))
        encoded = self._encode(y, first, incremental)
        weights = self._class_weighted(encoded, weights)
        generator = random_state_of(self.random_state)
        self._begin(values, encoded, first, generator)
        return values, encoded, weights, generator

    def _class_weighted(self, encoded: np.ndarray, weights: Any) -> Any:
        return weights

    def find_lr(self, X: Any, y: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Find a learning rate by a short run whose learning rate grows; this estimator does not change.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The inputs.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            What is to be predicted.
        sample_weight : array-like of shape (n_samples,), optional
            How much each row counts.

        Returns
        -------
        dict
            As of ``layerloop.find_lr``.
        """
        _options.check(self)
        if self.solver == "lbfgs":
            raise ValueError("find_lr: lbfgs has no learning rate; a line search finds the length of each step")
        run = type(self)(**self.get_params())
        values, encoded, weights, generator = run._prepare(X, y, sample_weight, True, False)
        row_weights, mean = run._weighted_rows(weights, len(encoded))
        options = run._library_options(_options.batch_size(run, len(encoded)), mean)
        options.setdefault("seed", run._seed(generator))
        data = run._data(_validate.inputs(values), encoded, row_weights)
        return named_rates(find_lr(run._network, data, json.dumps(options), thread_limit()))

    def _predicting_threads(self) -> int:
        affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return max(1, min(thread_limit(), affinity))

    def _begin(self, values: Any, encoded: np.ndarray, first: bool, generator: np.random.RandomState) -> None:
        """Make the network and what is counted, or go on with what there is."""
        self.n_outputs_ = 1 if encoded.ndim == 1 and self.out_activation_ != "softmax" else self._outputs(encoded)
        output = "sigmoid" if self.out_activation_ == "logistic" else self.out_activation_
        text = _options.specification(self, self.n_features_in_, self.n_outputs_, output)
        self._dtype = np.float32 if values.dtype in (np.float32, np.float16) else np.float64
        if first:
            self._memory = None
            self._exposed = None
            self._network = self._started(text, generator)
            self.n_iter_, self.t_ = 0, 0
            if self.solver != "lbfgs":
                self.loss_curve_ = []
                self._no_improvement_count = 0
                self.best_loss_ = None if self.early_stopping else np.inf
                self.validation_scores_ = [] if self.early_stopping else None
                self.best_validation_score_ = -np.inf if self.early_stopping else None
        elif self.__dict__.get("_network") is None:
            self._network, self._memory = Network(text, 0), None
        expected = max(self._outputs(encoded), 2 if encoded.ndim == 1 else 1)
        if self.network is not None and self._network.outputs != expected:
            raise ValueError(f"network: {self.network!r} has {self._network.outputs} outputs, and y needs {expected}")
        if self._take_changes():
            self._memory = None
        self._exposed = None
        self.n_layers_ = len(of_network(self._network, np.float32)[0]) + 1

    def _outputs(self, encoded: np.ndarray) -> int:
        return encoded.shape[1]

    def _started(self, text: str, generator: np.random.RandomState) -> Network:
        """Make a network with scikit-learn's weights, where it is one that scikit-learn has."""
        is_known = isinstance(self.activation, str) and self.activation in _options.ACTIVATIONS
        if self.network is not None or not is_known:
            return Network(text, int(generator.randint(2**31 - 1)))
        network = Network(text, 0)
        factor = 2.0 if self.activation == "logistic" else 6.0
        tensors = network.tensors()
        for name in [name for name in tensors if name.endswith("weight")]:
            n_out, n_in = tensors[name].shape
            bound = np.sqrt(factor / (n_in + n_out))
            weight = generator.uniform(-bound, bound, (n_in, n_out))
            bias = generator.uniform(-bound, bound, n_out)
            network.set_tensor(name, np.ascontiguousarray(weight.T, dtype=np.float32).ravel())
            network.set_tensor(name[: -len("weight")] + "bias", bias.astype(np.float32))
        return network

    def _weighted_rows(self, weights: Any, rows: int) -> tuple[Any, float]:
        """Give the weights of the rows with a mean of the row scale, and the mean that they had."""
        scale = self._row_scale()
        if weights is None:
            return (None, 1.0) if scale == 1.0 else (np.full(rows, scale, dtype=np.float32), 1.0)
        mean = float(weights.mean())
        return np.ascontiguousarray(weights * (scale / mean), dtype=np.float32), mean

    def _library_options(self, batch: int, mean_weight: float) -> dict[str, Any]:
        options: dict[str, Any] = {
            "epochs": int(self.max_iter),
            "batch": batch,
            "shuffle": bool(self.shuffle),
            "optimizer": _options.optimizer(self),
            "learning_rate": float(self.learning_rate_init),
            "l2": float(self.alpha) / (batch * mean_weight),
        }
        if self.learning_rate not in _options.RATES:
            options["schedule"] = self.learning_rate
        loss = self._library_loss()
        if loss is not None:
            options["objective"] = {"loss": loss}
        options.update(self.options or {})
        return options

    def _library_loss(self) -> str | None:
        return None

    def _solve(self, values: Any, encoded: np.ndarray, weights: Any) -> None:
        """Train by L-BFGS on all rows."""
        rows = len(encoded)
        row_weights, mean = self._weighted_rows(weights, rows)
        data = self._data(_validate.inputs(values), encoded, row_weights)
        options = self._library_options(rows, mean)
        rules = self._rules(rows, rows, mean, encoded, weights, once=False)
        rules.update(gradient=float(self.tol), l2=options["l2"], gradients=int(self.max_fun))
        said = self._train(data, None, options, rules, None, False)
        self.n_iter_ = len(said["losses"])
        self.loss_ = said["losses"][-1] if said["losses"] else self.__dict__.get("loss_", np.inf)
        self._note(said)
        ended = self.n_iter_ == options["epochs"] or (said.get("stopped") == '"callback"' and not said["interrupted"])
        if ended and not said["converged"]:
            warn_not_converged(
                f"lbfgs failed to converge after {self.n_iter_} iteration(s): more of them (max_iter={self.max_iter}, "
                f"max_fun={self.max_fun}) or scaled inputs may help"
            )

    def _seed(self, generator: np.random.RandomState) -> int:
        """Give the seed of the order of the rows: the same in each call of ``partial_fit``."""
        if isinstance(self.random_state, (int, np.integer)):
            return int(self.random_state)
        return int(generator.randint(2**31 - 1))

    def _rules(
        self, rows: int, batch: int, mean: float, encoded: np.ndarray, weights: Any, once: bool
    ) -> dict[str, Any]:
        scale, offset = self._loss_terms(encoded, weights)
        patience = self.n_iter_no_change
        best = self.__dict__.get("best_validation_score_" if self.early_stopping is True else "best_loss_")
        batches = -(-rows // batch)
        return {
            "tol": float(self.tol),
            "patience": None if patience == np.inf or self._by_metric() else int(patience),
            "adaptive": self.solver == "sgd" and self.learning_rate == "adaptive",
            "power_t": float(self.power_t) if self.solver == "sgd" and self.learning_rate == "invscaling" else None,
            "learning_rate": float(self.learning_rate_init),
            "rows": rows,
            "batches": batches,
            "seen": float(self.__dict__.get("t_", 0)),
            "scale": scale,
            "offset": offset,
            "penalty": 0.5 * float(self.alpha) * batches / (rows * mean),
            "score": None,
            "best": None if best is None or not np.isfinite(best) else float(best),
            "without": int(self.__dict__.get("_no_improvement_count", 0)),
            "once": once,
            "gradient": None,
            "l2": 0.0,
            "gradients": None,
        }

    def _by_metric(self) -> bool:
        return isinstance(self.early_stopping, str)

    def _descend(
        self, values: Any, encoded: np.ndarray, weights: Any, generator: np.random.RandomState, incremental: bool
    ) -> None:
        """Train by batches."""
        held = self._hold_back(encoded, generator) if self.early_stopping else None
        rest = None if held is None else np.setdiff1d(np.arange(len(encoded)), held)
        x, y, w = self._part(values, encoded, weights, rest)
        if isinstance(self.batch_size, (int, np.integer)) and self.batch_size > len(y):
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=4
            )
        batch = _options.batch_size(self, len(y))
        row_weights, mean = self._weighted_rows(w, len(y))
        data = self._data(_validate.inputs(x), y, row_weights)
        validation = None
        if held is not None:
            x_held, y_held, w_held = self._part(values, encoded, weights, held)
            validation = self._data(_validate.inputs(x_held), y_held, None if w_held is None else w_held.astype(np.float32))
        options = self._library_options(batch, mean)
        options.setdefault("seed", self._seed(generator))
        rules = self._rules(len(y), batch, mean, y, w, once=incremental)
        if self.early_stopping is True:
            rules["score"] = self._score_column()
            options.setdefault("metrics", [])
        elif self._by_metric():
            self._add_early_stopping(options)
        if incremental:
            options["epochs"] = 1
        memory = self.__dict__.get("_memory") if incremental else None
        said = self._train(data, validation, options, rules, memory, True)
        self._conclude(said, incremental)

    def _add_early_stopping(self, options: dict[str, Any]) -> None:
        patience = self.max_iter if self.n_iter_no_change == np.inf else self.n_iter_no_change
        rule = {"metric": self.early_stopping, "better": None, "patience": int(patience)}
        rule.update(min_delta=float(self.tol), start_epoch=1, restore_best=True)
        options["early_stopping"] = rule
        metric = self.early_stopping.split("_", 1)[-1]
        if metric not in ("loss", "accuracy", "r2"):
            options["metrics"] = [*options.get("metrics", []), metric]

    def _part(self, values: Any, encoded: np.ndarray, weights: Any, rows: Any) -> tuple[Any, Any, Any]:
        if rows is None:
            return values, encoded, weights
        return _validate.select(values, rows), encoded[rows], None if weights is None else weights[rows]

    def _score_column(self) -> str:
        return "val_r2"

    def _hold_back(self, encoded: np.ndarray, generator: np.random.RandomState) -> np.ndarray:
        """Choose the rows to validate on."""
        rows = len(encoded)
        count = int(np.ceil(rows * self.validation_fraction))
        if count < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        return np.sort(generator.permutation(rows)[:count])

    def _train(
        self, data: Data, validation: Data | None, options: dict[str, Any], rules: Any, memory: Any, keeps: bool
    ) -> dict[str, Any]:
        """Run the library's training."""
        with _display.shown(self.verbose, options["epochs"], score=self.early_stopping is True) as on_epoch:
            said = train(
                self._network,
                data,
                json.dumps(options),
                thread_limit(),
                validation=validation,
                rules=json.dumps(rules),
                memory=memory,
                keeps=keeps,
                on_epoch=on_epoch,
                run=None if self.run is None or rules["once"] else os.fspath(self.run),
            )
        if said["interrupted"]:
            warnings.warn("Training interrupted by user.", stacklevel=6)
        return said

    def _note(self, said: dict[str, Any]) -> None:
        history = said.get("history")
        if history is not None:
            self.history_ = history
            self.seconds_ = said["seconds"]

    def _conclude(self, said: dict[str, Any], incremental: bool) -> None:
        """Keep what the run did as scikit-learn's attributes."""
        losses = said["losses"]
        self._memory = said["memory"]
        self.n_iter_ = len(losses)
        self.loss_curve_ = [*self.__dict__.get("loss_curve_", []), *losses]
        self.t_ = int(said["seen"])
        self._no_improvement_count = said["without"]
        if losses:
            self.loss_ = losses[-1]
        self._note(said)
        if self.early_stopping is True:
            scores = said["scores"] + ([float("nan")] if "diverged" in said else [])
            self.validation_scores_ = [*(self.validation_scores_ or []), *scores]
            self.best_validation_score_ = said["best"]
        elif not self.early_stopping:
            self.best_loss_ = said["best"]
        if "diverged" in said and not self.early_stopping:
            raise ValueError(
                f"Solver produced non-finite parameter weights. The input data may contain large values and need to "
                f"be preprocessed. ({said['diverged']})"
            )
        self._say_the_end(said, incremental)

    def _say_the_end(self, said: dict[str, Any], incremental: bool) -> None:
        early = said.get("stopped") == '"early-stopping"'
        if incremental or said["converged"] or early or self._by_metric():
            if self.verbose is True and said["converged"] and not incremental:
                what = "Validation score" if self.early_stopping else "Training loss"
                print(
                    f"{what} did not improve more than tol={self.tol:f} for {self.n_iter_no_change} consecutive "
                    "epochs. Stopping."
                )
        elif self.n_iter_ == self.max_iter:
            warn_not_converged(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the optimization hasn't "
                "converged yet."
            )

    def _outputs_of(self, X: Any) -> np.ndarray:
        """Give the outputs of the network: rows x outputs, in X's precision."""
        fitted = self.__dict__
        predictor = fitted.get("_predictor")
        if (
            type(X) is np.ndarray
            and predictor is not None
            and fitted["_exposed"] is None
            and "feature_names_in_" not in fitted
            and X.ndim == 2
            and X.dtype.kind == "f"
            and X.dtype.itemsize >= 4
            and X.flags.c_contiguous
            and X.shape[1] == fitted["n_features_in_"]
            and X.shape[0] > 0
            and X.dtype.isnative
            and X.dtype.itemsize <= 8
        ):
            return predictor.outputs(X)
        return self._checked_outputs(X)

    def _checked_outputs(self, X: Any) -> np.ndarray:
        self._check_fitted()
        values = _validate.matrix(X, self)
        _validate.check_names(self, X, reset=False)
        _validate.check_width(self, values)
        if self._take_changes():
            self._predictor = Predictor(self._network, self._predicting_threads())
        if isinstance(values, _validate.Sparse):
            outputs = self._predictor.outputs_of(_validate.inputs(values))
            return outputs.astype(np.float32 if values.dtype == np.float32 else np.float64)
        return self._predictor.outputs(values)

    def __sklearn_is_fitted__(self) -> bool:
        return self.__dict__.get("_predictor") is not None

    def __getstate__(self) -> dict[str, Any]:
        if self.__dict__.get("_network") is not None:
            self._take_changes()
        state = {name: value for name, value in self.__dict__.items() if name not in _STATE}
        network = self.__dict__.get("_network")
        if network is not None:
            state["_saved"] = (network.spec, network.tensors())
        memory = self.__dict__.get("_memory")
        if memory is not None:
            state["_saved_memory"] = memory.to_bytes()
        state["_version"] = 1
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        saved, memory = state.pop("_saved", None), state.pop("_saved_memory", None)
        state.pop("_version", None)
        self.__dict__.update(state)
        if saved is None:
            return
        text, tensors = saved
        self._exposed = None
        self._network = Network(text, 0)
        for name, values in tensors.items():
            self._network.set_tensor(name, np.ascontiguousarray(values, dtype=np.float32).ravel())
        self._memory = None if memory is None else Memory.of_bytes(memory)
        self._predictor = Predictor(self._network, self._predicting_threads())
