"""What `Ops` has beside kernels, for whoever repeats a step: joining, capturing, the denormal switch."""

from __future__ import annotations

import numpy as np
import pytest

from cortex_lab.compute import get_ops

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
    with get_ops("reference").flushing():
        assert (np.full(8, 5e-324) * 1.0 != 0).all()
