"""What `Ops` has beside kernels, for whoever repeats a step: join, capture and a switch for small numbers."""

from __future__ import annotations

from inspect import signature

import numpy as np
import pytest

from cortex_lab.compute import get_ops
from cortex_lab.compute.kernel import REGISTRY

BACKENDS = ["reference", "cpu", pytest.param("gpu", marks=pytest.mark.gpu)]


def step(ops, x, w, y, total):
    ops.matmul(x, w, y)
    ops.add(y, y, out=y)
    ops.sum_rows(y, total)


@pytest.mark.parametrize("rows", [3, 700])
@pytest.mark.parametrize("backend", BACKENDS)
def test_captured_calls_give_what_the_calls_give_with_what_arrays_hold_then(backend: str, rows: int):
    ops, random = get_ops(backend), np.random.default_rng(0)
    x, w, y, total = (ops.zeros(shape) for shape in ((rows, 300), (300, 150), (rows, 150), (150,)))
    recording = ops.recording()
    step(recording, x, w, y, total)
    assert len(recording.calls) == 3
    again = ops.capture(recording.calls)
    for _ in range(3):
        x[...] = ops.asarray(random.standard_normal(x.shape))
        w[...] = ops.asarray(random.standard_normal(w.shape))
        again()
        found = ops.to_numpy(total).copy()
        step(ops, x, w, y, total)
        np.testing.assert_array_equal(found, ops.to_numpy(total))


CHANGING = {
    "random_uniform": (None, "seed", "step", 2),
    "random_normal": (None, "seed", "step", 2),
    "dropout_mask": (None, 0.3, "seed", "step", 2),
    "dropout": (None, None, None, 0.3, "seed", "step", 2),
    "update_sgd": (None, None, None, "rate", 0.9, True),
    "update_adam": (None, None, None, None, "rate", 0.9, 0.99, 1e-8, "step", 0.1),
    "update_nadam": (None, None, None, None, "rate", 0.9, 0.99, 1e-8, "step", "rate", "rate", "rate"),
    "update_adagrad": (None, None, None, "rate", 1e-7, True),
    "update_adadelta": (None, None, None, None, "rate", 0.9, 1e-7),
    "update_rmsprop": (None, None, None, None, None, "rate", 0.9, 0.8, 1e-7, True),
    "update_lion": (None, None, None, "rate", 0.9, 0.99),
    "update_muon": (None, None, None, "rate", 0.9, 5),
    "decay_weights": (None, "rate"),
}
"""Kernels with numbers that change from step to step, which then are arrays; None is an array as before."""
SHAPES = {"update_muon": (5, 10)}
"""Of those that do not work on vectors."""


def test_every_kernel_that_draws_or_updates_is_tried():
    drawing = {name for name, kernel in REGISTRY.items() if kernel.reference.__module__.endswith(".random")}
    updating = {name for name in REGISTRY if name.startswith("update_")}
    assert set(CHANGING) == drawing | updating | {"decay_weights"}


@pytest.mark.parametrize("name", CHANGING)
@pytest.mark.parametrize("backend", BACKENDS)
def test_numbers_that_change_from_step_to_step_may_be_arrays(backend: str, name: str):
    ops, random = get_ops(backend), np.random.default_rng(0)
    shape = SHAPES.get(name, (50,))
    held = {"seed": ops.xp.array(0), "step": ops.xp.array(1), "rate": ops.xp.array(0.0)}
    theirs = [ops.asarray(random.random(shape) + 0.1) if a is None else a for a in CHANGING[name]]
    ours = [held.get(str(a), a) if isinstance(a, (str, float, int)) else a.copy() for a in theirs]
    recording = ops.recording()
    getattr(recording, name)(*ours)
    again = ops.capture(recording.calls)
    for a, b, given in zip(ours, theirs, CHANGING[name], strict=True):
        if given is None:
            a[...] = b
    for step in (2, 3):
        now = {"seed": 2**40 + step, "step": step, "rate": 0.01 * step}
        for key, array in held.items():
            array[...] = now[key]
        again()
        getattr(ops, name)(*(now.get(str(given), b) for given, b in zip(CHANGING[name], theirs, strict=True)))
        for a, b, given in zip(ours, theirs, CHANGING[name], strict=True):
            if given is None:
                np.testing.assert_array_equal(ops.to_numpy(a), ops.to_numpy(b))


def noting() -> dict[str, tuple[int, int]]:
    """Kernels that note whether all is finite, each with where its parameters and its gradient stand."""
    given = {name: list(signature(kernel.reference).parameters)[1:] for name, kernel in REGISTRY.items()}
    vectors = {name: [a for a in ("params", "gradient", "a") if a in names] for name, names in given.items()}
    return {
        name: (names.index(vectors[name][0]), names.index(vectors[name][-1]))
        for name, names in given.items()
        if "finite" in names
    }


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", noting())
def test_what_is_not_finite_is_noted_wherever_it_lies_and_stays_noted(backend: str, name: str):
    """Long enough to be shared out; parameters that were lost before are nobody's news."""
    ops, size, (of_params, of_gradient) = get_ops(backend), 200_001, noting()[name]
    numbers = [*CHANGING.get(name, (None,))]
    finite = ops.zeros((), "bool")
    args = [ops.asarray(np.full(size, 0.5)) if a is None else {"rate": 0.1, "step": 1}.get(str(a), a)
            for a in numbers]  # fmt: skip

    def noted() -> bool:
        with np.errstate(all="ignore"):
            getattr(ops, name)(*args, finite)
        return bool(finite)

    finite.fill(True)
    assert noted()
    for place in (0, size // 2, size - 1):
        for wrong in (np.nan, np.inf, -np.inf):
            args[of_gradient][place] = wrong
            assert not noted()
            # All is well again but for what the update made of it.
            for array in args:
                if hasattr(array, "shape"):
                    array[...] = 0.5
            assert not noted()
            finite.fill(True)
            assert noted()
        if of_params != of_gradient:
            args[of_params][place] = np.nan
            assert noted()
            args[of_params][place] = 0.5


@pytest.mark.parametrize("backend", BACKENDS)
def test_joined_calls_are_all_there_in_their_order(backend: str):
    ops, seen = get_ops(backend), []
    a, out = ops.asarray(np.ones((4, 4))), ops.zeros((4, 4))
    recording = ops.recording()
    for _ in range(2):
        recording.matmul(a, a, out)
    calls = [*recording.calls, lambda: seen.append(float(out[0, 0])), *recording.calls]
    joined = ops.join(calls)
    assert sum(made for _, made in joined) == len(calls)
    out[...] = 0
    for call, _ in joined:
        call()
    assert seen == [4.0] and float(out[0, 0]) == 4


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_a_recording_is_asked_that_is_no_kernel_its_ops_answers(backend: str):
    ops = get_ops(backend)
    recording = ops.recording()
    assert recording.dtype == ops.dtype and recording.xp is ops.xp
    assert recording.zeros((2,)).shape == (2,)
    with pytest.raises(AttributeError, match="no kernel 'no_such'"):
        recording.no_such  # noqa: B018
    assert not recording.calls


def test_the_reference_leaves_small_numbers_alone():
    assert get_ops("reference").flushed(lambda: (np.full(8, 5e-324) * 1.0 != 0).all())
