"""Updates whose kernels are found out once, against updates that look at their arguments each time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from cortex_lab.compute import get_ops
from cortex_lab.compute.cpu.kernels.updates import _corrected
from cortex_lab.compute.kernel import Kernel
from cortex_lab.optimize import SGD, Adam, Lion, Nadam, Optimizer, StepDecay
from cortex_lab.optimize.replaying import ReplayedUpdate
from tests.optimize.cases import OPTIMIZER_CASES

BACKENDS = ["reference", "cpu", pytest.param("gpu", marks=pytest.mark.gpu)]
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "scheduled": {"learning_rate": StepDecay(0.02, 2, 0.5), "weight_decay": 0.1},
    "clipped": {"clip_value": 0.8, "clip_norm": 2.0, "weight_decay": 0.1},
}
SHAPES = {"dense/kernel": (4, 8), "dense/bias": (8,)}
SIZE = 40

replaying = pytest.mark.parametrize("optimizer", [case.optimizer for case in OPTIMIZER_CASES], ids=repr)
in_every_way = pytest.mark.parametrize("settings", SETTINGS)
everywhere = pytest.mark.parametrize("backend", BACKENDS)


class Pair:
    """The same vectors twice: `ours` for updates made again, `theirs` for those by `optimizer.update`."""

    def __init__(self, optimizer: Optimizer, backend: str) -> None:
        self.ops, self.random = get_ops(backend), np.random.default_rng(0)
        self.ours, self.theirs = ({"params": self.ops.asarray(np.linspace(-1, 1, SIZE))} for _ in range(2))
        for each in (self.ours, self.theirs):
            each["gradient"] = self.ops.zeros((SIZE,))
            each["state"] = optimizer.init(self.ops, each["params"], SHAPES)

    def replayed(self, optimizer: Optimizer) -> ReplayedUpdate:
        return ReplayedUpdate(optimizer, self.ops, **self.ours)

    def gradients(self, count: int) -> Iterator[None]:
        for _ in range(count):
            values = self.ops.asarray(self.random.standard_normal(SIZE))
            self.ours["gradient"][...] = self.theirs["gradient"][...] = values
            yield

    def check(self) -> None:
        ours, theirs = ({**each, **each["state"]} for each in (self.ours, self.theirs))
        assert ours.keys() == theirs.keys()
        for name in ours.keys() - {"state"}:
            found, wanted = (self.ops.to_numpy(each[name]) for each in (ours, theirs))
            np.testing.assert_array_equal(found, wanted, err_msg=name)


def test_every_optimizer_of_the_catalogue_replays():
    assert not {type(case.optimizer) for case in OPTIMIZER_CASES if not type(case.optimizer).replays}


@everywhere
@in_every_way
@replaying
def test_updates_made_again_give_the_bits_of_updates(optimizer: Optimizer, settings: str, backend: str):
    optimizer = optimizer.replace(**SETTINGS[settings])
    pair = Pair(optimizer, backend)
    again = pair.replayed(optimizer)
    for step, _ in enumerate(pair.gradients(6)):
        if step == 3:
            pair.ours["gradient"][7] = pair.theirs["gradient"][7] = np.inf
        with np.errstate(all="ignore"):
            found, wanted = bool(again()), optimizer.update(pair.ops, **pair.theirs)
        assert found is wanted and (wanted is (step < 3) or step > 3)
        pair.check()


@everywhere
@in_every_way
@replaying
def test_captured_calls_are_any_later_update(optimizer: Optimizer, settings: str, backend: str):
    """One call, into which nothing of Python goes but what `begin` writes into arrays."""
    optimizer = optimizer.replace(**SETTINGS[settings])
    pair, captured = Pair(optimizer, backend), None
    again = pair.replayed(optimizer)
    for _ in pair.gradients(5):
        if captured is None:
            again()
            assert again.calls is not None
            captured = pair.ops.capture(again.calls)
        else:
            again.begin()
            captured()
        optimizer.update(pair.ops, **pair.theirs)
        assert bool(again.finite)
        pair.check()


@in_every_way
@replaying
def test_arguments_are_looked_at_once(optimizer: Optimizer, settings: str, monkeypatch: pytest.MonkeyPatch):
    optimizer = optimizer.replace(**SETTINGS[settings])
    pair, looked = Pair(optimizer, "cpu"), []
    again, prepare = pair.replayed(optimizer), Kernel.prepare
    monkeypatch.setattr(Kernel, "prepare", lambda *given, **more: looked.append(1) or prepare(*given, **more))
    for _ in pair.gradients(3):
        again()
    assert again.calls is not None
    assert len(looked) == len(again.calls)


def test_another_rate_is_written_and_anything_else_found_out_anew():
    optimizer = SGD(0.1, momentum=0.9)
    pair = Pair(optimizer, "cpu")
    again, state = pair.replayed(optimizer), pair.ours["state"]
    assert again.is_of(optimizer, state)
    faster = optimizer.replace(learning_rate=0.5)
    assert again.is_of(faster, state)
    for _ in pair.gradients(2):
        again()
        faster.update(pair.ops, **pair.theirs)
        pair.check()
    for other in (faster.replace(momentum=0.8), faster.replace(clip_norm=1.0), Lion(0.5), SGD(0.5)):
        assert not again.is_of(other, state)
    assert again.is_of(faster, state)
    assert not again.is_of(faster, dict(state))
    state["velocity"] = state["velocity"].copy()
    assert not again.is_of(faster, state)


def test_memory_that_an_edit_asks_for_is_there():
    pair = Pair(SGD(0.1), "reference")
    optimizer = SGD(0.1, momentum=0.9, clip_norm=0.5)
    again = pair.replayed(optimizer)
    for _ in pair.gradients(3):
        again()
        optimizer.update(pair.ops, **pair.theirs)
        pair.check()


def test_what_a_base_replays_is_not_promised_of_an_update_of_ones_own():
    class Own(Adam):
        def apply(self, ops: Any, params: Any, gradient: Any, state: Any, rate: float) -> Any:
            return super().apply(ops, params, gradient, state, rate)

    class Slower(Own):
        def rate(self, updates: int) -> float:
            return super().rate(updates) / 2

    class Faster(Adam):
        pass

    assert not Own.replays and not Slower.replays and Faster.replays and Nadam.replays


def test_the_corrections_of_adam_round_as_python_does():
    for beta_1 in (0.0, 0.5, 0.9, 0.95, 1 - 2**-20):
        for beta_2 in (0.0, 0.9, 0.99, 0.999, 0.9999999):
            for step in (1, 2, 3, 7, 10, 100, 1000, 54_321, 10**6, 10**9):
                rate, decay = 1e-3 * step**-0.5, 0.01 * beta_2
                wanted = rate / (1 - beta_1**step), 1 / (1 - beta_2**step), 1 - rate * decay
                assert _corrected(rate, float(step), beta_1, beta_2, decay) == wanted
