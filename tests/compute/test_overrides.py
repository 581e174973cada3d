"""Every accelerated kernel against its reference, in float64, on random shapes."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex_lab.compute import get_ops
from cortex_lab.compute.cpu.kernels import _direct
from cortex_lab.compute.cpu.pool import Workers, get_workers
from cortex_lab.compute.kernel import REGISTRY
from tests.compute.cases import CASES, Case, Draw
from tests.waiting import wait_for_rest

OPS = get_ops("cpu")
ACCELERATED = sorted(name for name, kernel in REGISTRY.items() if "cpu" in kernel.overrides)
seeds = st.integers(0, 2**32 - 1)


def copied(argument: Any, dtype: Any = None) -> Any:
    if isinstance(argument, tuple):
        return tuple(copied(part, dtype) for part in argument)
    if not isinstance(argument, np.ndarray):
        return argument
    turned = argument.ndim == 2 and not argument.flags.c_contiguous
    copy = argument.T.copy().T if turned else argument.copy()
    return copy.astype(dtype, order="K") if dtype and copy.dtype == np.float32 else copy


def accelerated(name: str, made: Case) -> tuple[Any, list[Any]]:
    args = [copied(argument) for argument in made.args]
    call = REGISTRY[name].overrides["cpu"](OPS, *args)
    assert call is not NotImplemented, f"{name} left its case to the reference"
    return call(), [args[position] for position in made.writes]


def expected(name: str, made: Case) -> tuple[Any, list[Any]]:
    args = [copied(argument, np.float64) for argument in made.args]
    result = REGISTRY[name].reference(np, *args)
    return result, [args[position] for position in made.writes]


def check(name: str, made: Case) -> None:
    (result, found), (wanted_result, wanted) = accelerated(name, made), expected(name, made)
    if isinstance(wanted_result, int):
        assert result == wanted_result
    elif result is not None:
        # A small loss is the logarithm of a float32 sum near 1, which rounds by 1e-7 a term.
        assert result == pytest.approx(wanted_result, rel=1e-5, abs=2e-6)
    for ours, theirs in zip(found, wanted, strict=True):
        if theirs is None:
            continue
        if made.exact:
            np.testing.assert_array_equal(ours, theirs.astype(ours.dtype))
        else:
            size = np.abs(theirs[np.isfinite(theirs)]).max(initial=1.0)
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5 * size)


def test_every_override_has_a_case():
    assert sorted(CASES) == ACCELERATED


@pytest.mark.parametrize("name", sorted(CASES))
@settings(max_examples=25)
@given(seed=seeds, large=st.booleans())
def test_agrees_with_its_reference(name: str, seed: int, large: bool):
    check(name, CASES[name](Draw(seed, large)))


@pytest.mark.parametrize("name", ["convolve", "convolve_and", "convolve_input_gradient"])
def test_light_convolutions_agree_in_every_tile(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_direct, "LIGHT", 0)
    _direct._window_plan.cache_clear()
    try:
        for seed in range(40):
            check(name, CASES[name](Draw(seed, large=False)))
    finally:
        _direct._window_plan.cache_clear()


@pytest.mark.parametrize("name", sorted(CASES))
@pytest.mark.parametrize("seed", range(3))
def test_same_bits_twice_whoever_works(name: str, seed: int, monkeypatch: pytest.MonkeyPatch):
    made = CASES[name](Draw(seed, large=True))
    first = accelerated(name, made)
    again = accelerated(name, made)
    # Helpers that are still awake find out that nothing more comes.
    wait_for_rest(get_workers())
    monkeypatch.setattr(get_workers(), "_helped", lambda wanted: [])
    serially = accelerated(name, made)
    for result, found in (again, serially):
        assert result == first[0]
        for ours, theirs in zip(found, first[1], strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("count", [1, 3, 5])
@pytest.mark.parametrize("name", sorted(CASES))
def test_any_number_of_workers(name: str, count: int, monkeypatch: pytest.MonkeyPatch):
    made = CASES[name](Draw(11, large=True))
    workers = Workers(count)
    for module in [each for name, each in sys.modules.items() if name.startswith("cortex_lab.compute.")]:
        if hasattr(module, "get_workers"):
            monkeypatch.setattr(module, "get_workers", lambda: workers)
    found, wanted = accelerated(name, made)[1], expected(name, made)[1]
    for ours, theirs in zip(found, wanted, strict=True):
        if theirs is not None:
            size = np.abs(theirs[np.isfinite(theirs)]).max(initial=1.0)
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5 * size)


def strange_forms(array: np.ndarray) -> list[np.ndarray]:
    """The same numbers as a strided view, in float64, and in Fortran order."""
    strided = np.repeat(array, 2, axis=-1)[..., ::2]
    return [strided, array.astype(np.float64), np.array(array, order="F")]


@pytest.mark.parametrize("name", sorted(set(CASES) - {"norm", "random_uniform", "dropout_mask"}))
def test_strange_arrays_give_the_same_answer(name: str):
    made = CASES[name](Draw(5, large=False))
    kernel, wanted = getattr(OPS, name), expected(name, made)[1]
    for position, argument in enumerate(made.args):
        if not isinstance(argument, np.ndarray) or argument.dtype != np.float32:
            continue
        for strange in strange_forms(argument):
            args = [copied(each) for each in made.args]
            args[position] = strange
            kernel(*args)
            for ours, theirs in zip((args[each] for each in made.writes), wanted, strict=True):
                if theirs is not None:
                    size = np.abs(theirs[np.isfinite(theirs)]).max(initial=1.0)
                    np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-5 * size)


@pytest.mark.parametrize("name", sorted(set(CASES) - {"norm"}))
def test_a_read_only_output_is_refused(name: str):
    made = CASES[name](Draw(5, large=False))
    for position in made.writes:
        if made.args[position] is None:
            continue
        args = [copied(each) for each in made.args]
        args[position].flags.writeable = False
        with pytest.raises(ValueError, match=r"read-only|readonly|not writeable"):
            getattr(OPS, name)(*args)


def test_a_class_that_does_not_exist_is_an_error_as_in_the_reference():
    logits, rows = np.zeros((2, 3), np.float32), np.zeros(2, np.float32)
    with pytest.raises(IndexError):
        OPS.softmax_cross_entropy(logits, np.array([0, 3]), np.ones(2, np.float32), rows, None)
