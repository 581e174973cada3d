"""Small numbers are zero while a step runs, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.compute import get_ops
from cortex_lab.compute.cpu.machine import IS_X86

SMALL = np.float32(1e-40)
intel = pytest.mark.skipif(not IS_X86, reason="only x86 processors are slow with them")


def kept() -> bool:
    return bool((np.full(64, SMALL) * np.float32(1))[0] != 0)


@intel
def test_they_count_as_zero_inside_and_are_back_outside():
    flushed = get_ops().flushed
    assert kept()
    assert flushed(lambda: (kept(), flushed(kept), kept())) == (False, False, False)
    assert kept()


@intel
def test_an_error_puts_the_switch_back():
    with pytest.raises(ZeroDivisionError):
        get_ops().flushed(lambda: 1 / 0)
    assert kept()


@intel
def test_every_worker_flushes_and_the_caller_has_its_own_back():
    numbers = np.full(300_000, SMALL)
    ones = np.ones_like(numbers)
    get_ops().multiply(numbers, ones, out=ones)
    assert not ones.any()
    assert kept()


@intel
def test_the_code_between_the_phases_of_a_step_never_sees_it():
    get_ops("cpu")
    data = cl.data.load("digits")
    network = cl.Network([cl.Flatten(), cl.Dense(10)], data.input_shape, seed=0)
    session = cl.train(network, data, "softmax_cross_entropy", cl.Adam())
    session.step(to="loss")
    assert kept()
    session.step()
    assert kept()
    network.predict(np.zeros((3, *data.input_shape), np.float32))
    assert kept()


@intel
def test_adam_forgets_an_input_that_is_always_zero_for_good():
    inputs = np.tile(np.array([[1, 0]], np.float32), (4, 1))
    network = cl.Network([cl.Dense(1)], 2, seed=0)
    session = cl.train(
        network, (inputs, np.zeros((4, 1), np.float32)), "mean_squared_error", cl.Adam(), batch_size=4
    )
    mean = session.process.optimizer_state["mean"]
    mean[...] = 1e-37
    session.step(100)
    assert not np.any((mean != 0) & (np.abs(mean) < np.finfo(np.float32).tiny))
