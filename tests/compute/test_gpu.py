"""Kernels on a GPU against their references in float64, and captured steps against steps that are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.compute import get_ops
from cortex_lab.compute.kernel import REGISTRY
from tests.compute.cases import CASES, Case, Draw
from tests.compute.gpu_cases import GPU_CASES

pytestmark = pytest.mark.gpu
OURS = (
    "activate", "activate_gradient", "add", "batch_normalize", "batch_normalize_gradient",
    "bias_activate", "convolve", "convolve_and", "convolve_input_gradient", "convolve_weight_gradient",
    "dense", "dense_gradient", "depthwise_convolve", "depthwise_convolve_input_gradient",
    "depthwise_convolve_weight_gradient", "dropout", "dropout_mask", "gru", "gru_gradient", "layer_normalize",
    "layer_normalize_gradient", "lstm", "lstm_gradient", "matmul", "moving_average", "multiply",
    "normalize_columns", "note_finite", "pick_rows", "pool_max", "pool_max_gradient", "random_uniform",
    "rms_normalize", "rms_normalize_gradient", "simple_rnn", "simple_rnn_gradient", "slopes_and_sums",
    "softmax_cross_entropy", "sum_rows", "update_adam", "update_sgd",
)  # fmt: skip
"""Those with a kernel of our own; what it does not cover runs its reference."""


def on_device(argument: Any, ops: Any) -> Any:
    if isinstance(argument, tuple):
        return tuple(on_device(part, ops) for part in argument)
    if not isinstance(argument, np.ndarray):
        return argument
    if argument.ndim == 0:
        return ops.xp.array(argument)
    if argument.ndim == 2 and not argument.flags.c_contiguous:
        return ops.asarray(argument.T, argument.dtype).T
    if argument.ndim == 3 and argument.strides[1] < 0:
        return ops.asarray(argument[:, ::-1], argument.dtype)[:, ::-1]
    if argument.ndim == 3 and not argument.flags.c_contiguous:
        width = argument.shape[2]
        half = ops.empty((*argument.shape[:2], 2 * width), argument.dtype)[..., width:]
        half[...] = ops.asarray(argument, argument.dtype)
        return half
    return ops.asarray(argument, argument.dtype)


def in_float64(argument: Any) -> Any:
    if isinstance(argument, tuple):
        return tuple(map(in_float64, argument))
    if not isinstance(argument, np.ndarray):
        return argument
    return argument.astype(np.float64) if argument.dtype == np.float32 else argument.copy()


def agree(found: list[Any], made: Case, name: str) -> None:
    args = [in_float64(argument) for argument in made.args]
    REGISTRY[name].reference(np, *args)
    for position, ours in zip(made.writes, found, strict=True):
        if ours is None:
            continue
        theirs = args[position]
        size = np.abs(theirs[np.isfinite(theirs)]).max(initial=1.0)
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5 * size)


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("given", sorted(CASES | GPU_CASES))
def test_a_kernel_agrees_with_its_reference(given: str, large: bool):
    ops, name = get_ops("gpu"), given.removeprefix("masked_").removeprefix("multiplied_")
    for seed in range(2 if large else 12):
        made = (CASES | GPU_CASES)[given](Draw(seed, large))
        args = [on_device(argument, ops) for argument in made.args]
        getattr(ops, name)(*args)
        agree([None if args[p] is None else ops.to_numpy(args[p]) for p in made.writes], made, name)


def test_our_kernels_are_there():
    get_ops("gpu")
    missing = [name for name in OURS if "gpu" not in REGISTRY[name].overrides]
    assert not missing


@pytest.mark.parametrize(
    "kinds", [("uint8", "float32"), ("float32", "float32"), ("int64", "int64"), ("uint8", "int64")]
)
def test_rows_are_picked(kinds: tuple[str, str]):
    ops, random = get_ops("gpu"), np.random.default_rng(0)
    data, rows = random.integers(0, 200, (50, 7, 3)).astype(kinds[0]), random.integers(0, 50, 33)
    scale = 1 / 255 if kinds == ("uint8", "float32") else 1.0
    out = ops.zeros((33, 21), kinds[1])
    ops.pick_rows(ops.asarray(data, kinds[0]), ops.asarray(rows, "int64"), scale, out)
    wanted = data[rows].reshape(33, 21) * np.float32(scale) if scale != 1 else data[rows].reshape(33, 21)
    np.testing.assert_allclose(ops.to_numpy(out), wanted, rtol=1e-6)


def perceptron() -> list[cl.nn.Layer]:
    return [cl.Dense(64, activation="relu"), cl.Dense(32, activation="tanh"), cl.Dense(10)]


def convolutions() -> list[cl.nn.Layer]:
    return [
        cl.Conv2D(8, 3, activation="relu"), cl.MaxPooling2D(2), cl.Conv2D(12, 3, padding="same"),
        cl.BatchNormalization(), cl.Flatten(), cl.Dropout(0.2), cl.Dense(10),
    ]  # fmt: skip


def session(layers: list[Any], shape: tuple[int, ...], ops: str, optimizer: Any, rows: int = 300) -> Any:
    random = np.random.default_rng(3)
    x, y = random.random((rows, *shape), dtype=np.float32), random.integers(0, 10, rows)
    batches = cl.data.Batches(x, y, batch_size=50, seed=1)
    network = cl.Network(layers, shape, seed=0, ops=ops)
    return cl.train(network, batches, "softmax_cross_entropy", optimizer)


NETS = [(perceptron, (40,)), (convolutions, (12, 12, 3))]
OPTIMIZERS = [cl.Adam(1e-3), cl.SGD(0.05, momentum=0.9), cl.AdamW(1e-3)]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("net", NETS, ids=["dense", "convolutions"])
def test_a_captured_step_gives_the_bits_of_a_walked_one_and_rewinds(net: Any, optimizer: Any):
    """As nothing depends on which block was last, also after a rewind."""
    make, shape = net
    whole, walked = (session(make(), shape, "gpu", optimizer) for _ in range(2))
    ops = get_ops("gpu")
    whole.step(20)
    for _ in range(20):
        for _ in walked.process.walk():
            pass
    ours, theirs = (ops.to_numpy(each.process.network.params) for each in (whole, walked))
    np.testing.assert_array_equal(ours, theirs)
    whole.rewind(9)
    whole.step(11)
    np.testing.assert_array_equal(ops.to_numpy(whole.process.network.params), ours)


@pytest.mark.parametrize("net", NETS, ids=["dense", "convolutions"])
def test_training_stays_near_that_of_the_reference(net: Any):
    make, shape = net
    layers = [each for each in make() if not isinstance(each, cl.Dropout)]
    gpu, reference = (session(layers, shape, ops, cl.SGD(0.05)) for ops in ("gpu", "reference"))
    for each in (gpu, reference):
        each.step(12)
    np.testing.assert_allclose(gpu.trace["loss"], reference.trace["loss"], rtol=2e-4)
    ours = get_ops("gpu").to_numpy(gpu.process.network.params)
    np.testing.assert_allclose(ours, reference.process.network.params, rtol=1e-2, atol=2e-4)


def test_a_gradient_that_is_not_finite_is_held_back_in_a_captured_step():
    stopped = session(perceptron(), (40,), "gpu", cl.Adam(1e-3))
    stopped.step(8)
    kept = get_ops("gpu").to_numpy(stopped.process.network.params).copy()
    stopped.edit("weights['dense_3/bias']", np.full(10, np.inf, np.float32))
    stop = stopped.step(1)
    assert stop.kind == "fault"
    assert np.isfinite(kept).all()


def test_two_sessions_at_once_do_not_meet():
    alone = session(perceptron(), (40,), "gpu", cl.Adam(1e-3))
    alone.step(12)
    first, second = (session(perceptron(), (40,), "gpu", cl.Adam(rate)) for rate in (1e-3, 0.1))
    for _ in range(12):
        first.step(1)
        second.step(1)
    ops = get_ops("gpu")
    np.testing.assert_array_equal(
        ops.to_numpy(first.process.network.params), ops.to_numpy(alone.process.network.params)
    )
