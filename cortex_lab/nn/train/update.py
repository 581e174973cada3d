"""The last phase of a training step: how the parameters change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from cortex_lab.ground import checks
from cortex_lab.nn.contract.penalties import BoundPenalties
from cortex_lab.nn.run.network import Network
from cortex_lab.nn.train.copies import copied, put_back
from cortex_lab.nn.train.freezing import Frozen
from cortex_lab.optimize import Optimizer
from cortex_lab.optimize.replaying import ReplayedUpdate
from cortex_lab.study.settling import settled

Result = TypeVar("Result")


@dataclass
class Update:
    """What moves the parameters of `network`: an optimizer with its state, unless they rest; and penalties.

    `loss_state` is what losses remember. Nothing but `make` changes what lasts, but for `restore`.
    """

    network: Network
    optimizer: Optimizer
    state: dict[str, Any]
    frozen: Frozen
    penalties: BoundPenalties | None
    loss_state: Mapping[str, Any]
    replayed: ReplayedUpdate | None = None
    """Updates of an optimizer that `replays`, once there was one."""

    @classmethod
    def of(
        cls,
        network: Network,
        optimizer: Optimizer,
        frozen: Frozen,
        penalties: BoundPenalties | None,
        loss_state: Mapping[str, Any],
    ) -> Update:
        """An update before the first step."""
        state = optimizer.init(network.ops, network.params, _shapes(network))
        return cls(network, optimizer, state, frozen, penalties, loss_state)

    @property
    def penalizes(self) -> bool:
        return self.penalties is not None

    def finish_gradient(self) -> list[Callable[[], None]]:
        """What is left to do, after the backward pass, until the whole gradient can be looked at."""
        network, calls = self.network, []
        if network.shares_parameters:
            calls.append(network.gather_gradients)
        if self.penalties:
            calls.append(self._add_penalties)
        if self.frozen.parts:
            calls.append(self.frozen.rest_gradient)
        return calls

    def make(self, changes: Mapping[str, np.ndarray], settling: Sequence[Callable[[], Any]]) -> Any:
        """Move the parameters, those in `changes` by what it says, and let layers and losses settle the step.

        Whether the gradient was finite, and all is that it leaves: a bool, or an array () of a device.
        """
        if changes or settling or self.frozen.parts:
            return self._make(self.state, changes, settling)
        return self._optimize(self.state)

    def foreseen(
        self,
        changes: Mapping[str, np.ndarray],
        settling: Sequence[Callable[[], Any]],
        look: Callable[[], Result],
    ) -> Result:
        """The result of `look()`, to which weights, and what layers and losses remember, are as `make` would
        leave them."""
        network = self.network
        arrays = [network.params, network.state, *self.loss_state.values()]

        def make_and_look() -> Result:
            with np.errstate(all="ignore"):
                self._make(copied(self.state), changes, settling)
            return look()

        def put_back(_: BaseException | None) -> None:
            for array, values in zip(arrays, before, strict=True):
                network.ops.copy(values, out=array)

        with network.turns.lock:
            network.turns.await_readers()
            before = [array.copy() for array in arrays]
            return settled(make_and_look, put_back)

    def pending(self, changes: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """By parameter, the change that `make` would add now."""
        # Made and taken back: limits work on the parameters themselves.
        network, found, start = self.network, {}, 0
        with network.turns.lock:
            before = network.params.copy()
            change = self.foreseen({}, (), lambda: network.ops.to_numpy(network.params - before))
        for name, array in network.parameters.items():
            own = change[start : start + array.size].reshape(array.shape)
            found[name] = changes.get(name, own)
            start += array.size
        return found

    def restore(self, optimizer: Optimizer, state: Mapping[str, Any]) -> None:
        """Have another optimizer, or this one as it was."""
        put_back(self.network.ops.copy, state, self.state)
        self.optimizer = optimizer

    def remember(self, name: str, value: object) -> None:
        """Have the optimizer remember something else: an array like the parameters, or a number."""
        if name not in self.state:
            known = ", ".join(each for each in self.state if each not in ("clipped", "decayed", "scaled"))
            raise KeyError(f"{type(self.optimizer).__name__} remembers no {name!r}; it remembers {known}")
        held = self.state[name]
        if not hasattr(held, "shape"):
            whole = isinstance(held, int)
            self.state[name] = checks.whole(name, value, least=0) if whole else checks.number(name, value)
            return
        values = checks.numbers(name, value, "an array of numbers, or a number")
        with np.errstate(over="ignore"):
            found = values.astype(self.network.ops.dtype)
        if values.shape not in ((), tuple(held.shape)) or not np.isfinite(found).all():
            wanted = f"finite numbers of shape {tuple(held.shape)}, as {found.dtype} holds them"
            raise checks.refused(name, wanted, value)
        found = np.broadcast_to(found, held.shape).copy()
        self.network.ops.copy(self.network.ops.asarray(found), out=held)

    def set(self, **hyperparameters: Any) -> None:
        """Have the optimizer go on with other hyper-parameters."""
        optimizer = self.optimizer.replace(**hyperparameters)
        parts = optimizer.parts(_shapes(self.network))
        for name in ("decayed", "scaled"):
            self.state.pop(name, None)
        self.state.update(parts)
        self.optimizer = optimizer

    def drop_penalties(self) -> None:
        """Go on without penalties and limits."""
        self.penalties = None

    def learning_rate(self, under_way: bool) -> float:
        """The learning rate of the update to come, if a step is `under_way`, or else of the last one."""
        rate = self.optimizer.learning_rate
        if isinstance(rate, float):
            return rate
        updates = self.state["updates"]
        return self.optimizer.rate(updates if under_way else max(updates - 1, 0))

    def penalty(self) -> float:
        """What the penalties add to the loss, with the parameters as they are."""
        return self.penalties.value(self.network.ops) if self.penalties else 0.0

    def _add_penalties(self) -> None:
        if self.penalties:
            self.penalties.add_gradient(self.network.ops)

    def _make(
        self, state: dict[str, Any], changes: Mapping[str, np.ndarray], settling: Sequence[Callable[[], Any]]
    ) -> Any:
        network, ops = self.network, self.network.ops
        by_hand = {name: network.parameters[name] + ops.asarray(change) for name, change in changes.items()}
        finite = self._move(state)
        for name, values in by_hand.items():
            network.parameters[name][...] = values
        for settle in settling:
            settle()
        if not (by_hand or settling):
            return finite
        # The optimizer has looked at the parameters that it left.
        left = [*by_hand.values(), network.state, *self.loss_state.values()]
        if isinstance(finite, ops.xp.ndarray) and ops.xp is not np:
            for array in left:
                ops.note_finite(array, finite)
        elif finite:
            finite = all(map(ops.all_finite, left))
        return finite

    def _move(self, state: dict[str, Any]) -> Any:
        if not self.frozen.parts:
            return self._optimize(state)
        with self.frozen.at_rest(state):
            return self._optimize(state)

    def _optimize(self, state: dict[str, Any]) -> Any:
        network, optimizer = self.network, self.optimizer
        given = network.ops, network.params, network.gradient, state
        if state is self.state and _replays(optimizer):
            if self.replayed is None or not self.replayed.is_of(optimizer, state):
                self.replayed = ReplayedUpdate(optimizer, *given)
            finite = self.replayed()
        else:
            finite = optimizer.update(*given)
        if self.penalties:
            self.penalties.constrain(network.ops)
        return finite


def _shapes(network: Network) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in network.parameters.items()}


def _replays(optimizer: Optimizer) -> bool:
    if optimizer.weight_decay_excludes or optimizer.learning_rate_factors:
        # Then an update is made in parts.
        return False
    return optimizer.replays and type(optimizer).update is Optimizer.update
