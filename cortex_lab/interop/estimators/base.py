"""What the estimators share: parameters, fitting, going on, and what of it is kept in a file."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from cortex_lab.data import Dataset
from cortex_lab.ground import checks
from cortex_lab.interop.estimators.answers import EstimatorAnswers, instead
from cortex_lab.interop.estimators.callbacks import each_epoch
from cortex_lab.interop.estimators.kept import KeptFits
from cortex_lab.interop.estimators.kinds import (
    Augmentations,
    Folder,
    Layers,
    Losses,
    Optimizers,
    PenaltiesOf,
    Rows,
    Seed,
    Targets,
    Until,
)
from cortex_lab.interop.estimators.rows import by_sixteens, in_an_order_of_their_own, is_table
from cortex_lab.interop.estimators.settings import fingerprint, settings_of, with_settings
from cortex_lab.lab import TrainingSession, train
from cortex_lab.nn import Layer, Network
from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.layers.flatten import Flatten
from cortex_lab.nn.train.copies import copied
from cortex_lab.study import Stop
from cortex_lab.study.conditions import as_condition

LARGEST_BATCH = 200
"""Rows of a batch, if nothing else is said: as in scikit-learn's own networks."""
OF_A_RUN = ("epochs", "until", "warm_start", "random_state", "memory")
"""Parameters that say how far and from where to learn, and nothing of what is learned."""


class NetworkEstimator(EstimatorAnswers, CallbackSupportMixin, BaseEstimator):
    """A network as one of scikit-learn's estimators; `NetworkClassifier` says what the parameters are."""

    def __init__(
        self,
        layers: Layers = (64,),
        activation: str | Layer = "relu",
        *,
        loss: Losses = None,
        optimizer: Optimizers = "adam",
        epochs: int = 100,
        batch_size: int | str = "auto",
        until: Until = None,
        validation: float | None = None,
        penalties: PenaltiesOf = None,
        augment: Augmentations = None,
        memory: Folder = None,
        warm_start: bool = False,
        random_state: Seed = None,
    ) -> None:
        self.layers = layers
        self.activation = activation
        self.loss = loss
        self.optimizer = optimizer
        self.epochs = epochs
        self.batch_size = batch_size
        self.until = until
        self.validation = validation
        self.penalties = penalties
        self.augment = augment
        self.memory = memory
        self.warm_start = warm_start
        self.random_state = random_state

    # Parameters -----------------------------------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name; if `deep`, settings of descriptions too, as `optimizer__learning_rate`."""
        found = super().get_params(deep=False)
        if deep:
            for name, value in list(found.items()):
                found |= settings_of(name, value)
        return found

    def set_params(self, **params: Any) -> Any:
        """Set parameters, or settings of a description such as `optimizer__learning_rate`."""
        nested: dict[str, dict[str, Any]] = {}
        for name in [name for name in params if "__" in name]:
            parameter, _, setting = name.partition("__")
            nested.setdefault(parameter, {})[setting] = params.pop(name)
        known = self._get_param_names()
        for name in params:
            if name not in known and (said := instead(name, known)):
                raise ValueError(f"Invalid parameter {name!r} for estimator {type(self).__name__}: {said}")
        super().set_params(**params)
        for name, settings in nested.items():
            if name not in self._get_param_names():
                super().set_params(**{name: settings})
            setattr(self, name, with_settings(name, getattr(self, name), settings, self))
        return self

    # Fitting --------------------------------------------------------------------------------------

    @with_callbacks
    def fit(self, X: Rows, y: Targets = None, sample_weight: ArrayLike | None = None) -> Any:
        """Learn from rows `X` with targets `y`.

        Parameters
        ----------
        X
            (rows, features), (rows, height, width, channels) and the like; or a frame, whose columns may be
            words, categories and tensors too.
        y
            (rows,) or (rows, outputs).
        sample_weight
            (rows,): how much each row counts. Rows of weight 0 are left out.

        After Ctrl-C the estimator is fitted as far as it came, and KeyboardInterrupt goes on.
        FloatingPointError, which says where and what to do, if a step would have left NaN or infinity; the
        network stands before that step.
        """
        going_on = bool(self.warm_start) and self.__sklearn_is_fitted__()
        checks.whole("epochs", self.epochs, least=1)
        session = self._session(X, y, sample_weight, going_on)
        there = 0 if going_on else session.step_number // session.process.batches.steps_per_epoch
        self._learn(session, self.epochs - there, X, y)
        whole = session.step_number == self.epochs * session.process.batches.steps_per_epoch
        if self._kept is not None and not going_on and whole and there < self.epochs:
            self._kept.keep(session, self.epochs)
        return self

    def _partial_fit(self, X: Rows, y: Targets, sample_weight: ArrayLike | None) -> Any:
        """Go on for one epoch of these rows."""
        session = self._session(X, y, sample_weight, self.__sklearn_is_fitted__(), anew=True)
        self._learn(session, 1, X, y)
        return self

    def _session(
        self, X: Rows, y: Targets, sample_weight: ArrayLike | None, going_on: bool, anew: bool = False
    ) -> TrainingSession:
        """The session to go on with, at its step, or a new one."""
        if not going_on:
            # A fit that fails leaves no network of other rows beside the classes of these.
            for name in ("network_", "session_"):
                self.__dict__.pop(name, None)
        inputs, targets = self._rows(X, y, first=not going_on)
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, inputs, dtype=np.float64, ensure_non_negative=True)
        rows = np.arange(len(targets)) if weights is None else np.flatnonzero(weights)
        inputs, targets = _chosen(inputs, rows), targets[rows]
        weights = None if weights is None else weights[rows]
        size = self._batch_size()
        whole = self.validation is None and self.augment is None and len(rows) <= size
        if whole and isinstance(inputs, np.ndarray):
            order, weights = in_an_order_of_their_own(inputs, targets, weights, size)
            inputs, targets, rows = inputs[order], targets[order], rows[order]
        if weights is not None and (weights == 1).all():
            weights = None
        params = self.get_params(deep=False).items()
        said = {name: fingerprint(value) for name, value in params if name not in OF_A_RUN}
        key = None
        if not anew and (self.warm_start or self.memory is not None):
            key = joblib.hash((inputs, targets, weights))
        if going_on:
            self._refuse_another_network(said)
            network, state = self.network_, self._optimizer_state()
            there = key is not None and key == self._key and hasattr(self, "session_")
            if there and said == self._said:
                return self.session_
            self._epochs_before = self.n_iter_
        else:
            self.seed_ = self._seed()
            network, state = self._network(inputs, targets), None
            self._epochs_before = 0
        self._kept = None
        if self.memory is not None and key is not None and self.until is None and not going_on:
            self._kept = KeptFits.of(self.memory, (type(self).__name__, said), key, self.seed_)
        session = self._trained(network, inputs, targets, weights, min(size, len(rows)))
        if state is not None and said["optimizer"] == self._said["optimizer"]:
            training = session.process
            training.update.restore(training.optimizer, state)
            session = TrainingSession(training, session.dataset)
        self.rows_, self._key, self._said = rows, key, said
        self.network_, self.session_ = network, session
        return session

    def _trained(
        self,
        network: Network,
        inputs: np.ndarray | pd.DataFrame,
        targets: np.ndarray,
        weights: np.ndarray | None,
        size: int,
    ) -> TrainingSession:
        """A session on these rows, from the furthest that was kept of a fit like this one, if any was."""
        return train(
            network,
            (inputs, targets),
            self._head()[1] if self.loss is None else self.loss,
            self.optimizer,
            batch_size=size,
            seed=self.seed_,
            validation=self.validation,
            sample_weight=weights,
            penalties=self.penalties,
            augment=self.augment,
            resume_from=None if self._kept is None else self._kept.furthest(self.epochs),
            **self._options(),
        )

    def _learn(self, session: TrainingSession, passes: int, X: Rows, y: Targets) -> None:
        until = None if self.until is None else as_condition(self.until)
        try:
            # A kept fit may have gone as far already.
            stop = each_epoch(self, session, passes, until, X, y) if passes > 0 else None
        finally:
            epochs = -(-session.step_number // session.process.batches.steps_per_epoch)
            self.n_iter_ = self._epochs_before + epochs
        if stop is not None:
            self._refuse_unfinished(session, stop)

    def _refuse_unfinished(self, session: TrainingSession, stop: Stop) -> None:
        if stop.kind == "interrupt":
            raise KeyboardInterrupt(f"{type(self).__name__} is fitted as far as step {stop.step}")
        if stop.kind == "fault":
            raise FloatingPointError(f"{stop.reason}; estimator.session_ stands there")
        if stop.kind == "breakpoint" or stop.kind == "pause":
            warnings.warn(f"{type(self).__name__} stopped at step {stop.step}: {stop.reason}", stacklevel=4)

    # Rows -----------------------------------------------------------------------------------------

    def _rows(self, X: Rows, y: Targets, first: bool) -> tuple[Any, np.ndarray]:
        """Inputs as the network reads them and targets as it learns them; what they are called if `first`."""
        inputs = self._inputs(X, y, first)
        return inputs, self._targets(y, first)

    def _inputs(self, X: Rows, y: Targets = None, first: bool = False) -> Any:
        """A frame that holds more than numbers as it is; else an array."""
        options: dict[str, Any] = {"reset": first}
        if first:
            self._table = is_table(X)
        elif self._table and not isinstance(X, pd.DataFrame):
            raise TypeError(f"{type(self).__name__} was fitted on a frame with words; give rows as one")
        if self._table:
            options["skip_check_array"] = True
        else:
            options |= {"dtype": "numeric", "allow_nd": True}
        if (not first and y is None) or not self.__sklearn_tags__().target_tags.required:
            found = validate_data(self, X, **options)
        elif "skip_check_array" in options:
            found = validate_data(self, X, y, **options)[0]
        else:
            found = validate_data(self, X, y, multi_output=True, **options)[0]
        if (
            isinstance(found, np.ndarray)
            and found.dtype.kind in "iub"
            and not (found.dtype == np.uint8 and found.ndim > 2)
        ):
            return found.astype(np.float64)
        return found

    def _targets(self, y: Targets, first: bool) -> np.ndarray:
        raise NotImplementedError

    def _batch_size(self) -> int:
        size: Any = self.batch_size
        return LARGEST_BATCH if isinstance(size, str) and size == "auto" else checks.whole("batch_size", size)

    def _optimizer_state(self) -> dict[str, Any]:
        """What the optimizer remembers now, whoever stepped the session; or did, in a file."""
        session = self.__dict__.get("session_")
        return self._kept_state if session is None else copied(session.process.update.state)

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    # The network ----------------------------------------------------------------------------------

    def _head(self) -> tuple[Sequence[Any], Any]:
        """The last layers of a network for these targets, and the loss that goes with them."""
        raise NotImplementedError

    def _options(self) -> dict[str, Any]:
        """What else `train` is told."""
        return {}

    def _listed(self) -> list[Any]:
        return list(self.layers) if isinstance(self.layers, (list, tuple)) else [self.layers]

    def _hidden(self, inputs: np.ndarray | pd.DataFrame) -> list[Any]:
        """The layers before the last; numbers in the first place see each row as a vector."""
        layers = self._listed()
        flat = len(getattr(inputs, "shape", ())) > 2 and (
            not layers or isinstance(layers[0], (int, np.integer))
        )
        return [Flatten()] * flat + [
            Dense(int(layer), activation=self.activation) if isinstance(layer, (int, np.integer)) else layer
            for layer in layers
        ]

    def _network(self, inputs: np.ndarray | pd.DataFrame, targets: np.ndarray) -> Network:
        layers = [*self._hidden(inputs), *self._head()[0]]
        if isinstance(inputs, pd.DataFrame):
            target = max(map(str, inputs)) + "+"
            shape = Dataset(inputs.assign(**{target: 0.0}), target=target).input_shape
        else:
            shape = inputs.shape[1:]
        return Network(layers, input_shape=shape, seed=self.seed_)

    def _refuse_another_network(self, said: Mapping[str, Any]) -> None:
        for name in ("layers", "activation"):
            if said[name] != self._said[name]:
                raise ValueError(
                    f"{name} is another than at the first fit, and a fit that goes on has the same network; "
                    "set warm_start=False, or clone(estimator), to begin anew"
                )

    # What it knows --------------------------------------------------------------------------------

    def _outputs(self, X: Rows) -> np.ndarray:
        check_is_fitted(self)
        return by_sixteens(self.network_.predict, self._inputs(X))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "network_")

    def __getstate__(self) -> dict[str, Any]:
        """All but the session, which holds the rows; the network as the bytes of its file."""
        state: Any = dict(super().__getstate__())
        if "session_" in state:
            state["_kept_state"] = self._optimizer_state()
        state.pop("session_", None)
        if "network_" in state:
            state["network_"] = _bytes_of(state["network_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        if "network_" in state:
            state["network_"] = _network_of(state["network_"])
        super().__setstate__(state)


def _chosen(inputs: np.ndarray | pd.DataFrame, rows: np.ndarray) -> Any:
    return inputs.iloc[rows] if isinstance(inputs, pd.DataFrame) else inputs[rows]


def _bytes_of(network: Network) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        network.save(Path(folder) / "network.h5")
        return (Path(folder) / "network.h5").read_bytes()


def _network_of(written: bytes) -> Network:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "network.h5").write_bytes(written)
        return Network.load(Path(folder) / "network.h5")
