"""NaN and infinity: whatever layers, losses and optimizers are given, every backend hands them on alike."""

from __future__ import annotations

import numpy as np
import pytest

from cortex_lab.compute import get_ops
from cortex_lab.nn import Network
from cortex_lab.nn.contract.activation import ACTIVATIONS
from cortex_lab.nn.contract.penalties import L1, L2, MaxNorm, Penalties
from cortex_lab.nn.layers.conv2d import Conv2D
from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.losses.categorical import SoftmaxCrossEntropy
from tests.nn import cases
from tests.nn.bench import InferenceBench, LayerBench
from tests.nn.loss_cases import LOSS_CASES
from tests.nn.test_fusion import CASES as CHAINS
from tests.nn.test_fusion import SHAPE, used_for_a_while
from tests.nn.test_losses import evaluate
from tests.optimize.cases import OPTIMIZER_CASES
from tests.special import SPECIAL, assert_same, plant

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
accelerated = pytest.mark.parametrize("backend", ["cpu", pytest.param("gpu", marks=pytest.mark.gpu)])


def tried(random, made):
    """What a layer or network holds and is given, one of them with special values: (parameters, inputs)."""
    params, xs = made
    arrays = [*([params] if params.size else []), *(x for x in xs if x.dtype.kind == "f")]
    if arrays:
        plant(random, arrays[random.integers(len(arrays))])
    return params, xs


@pytest.mark.parametrize("case", cases.CASES, ids=lambda case: case.name)
@accelerated
def test_layers(case, backend):
    """Forward and backward, with special values in what is read: inputs, parameters, arriving gradients."""
    reference, other = LayerBench(case, "reference"), LayerBench(case, backend)
    start = np.array(reference.network.params)
    for seed, rows in enumerate((5, 1, 5, 3)):
        random = np.random.default_rng(seed)
        xs, direction = case.draw(rows, seed), random.normal(size=(rows, *case.layer.out_shape(*case.shapes)))
        params = start.copy()
        if seed == 3:
            plant(random, direction)
            if case.name.endswith("far-out") and backend == "gpu":
                # A slope that float32 rounds to 0 there makes NaN of infinity, where float64's is above 0.
                direction[np.isinf(direction)] = np.nan
        else:
            params, xs = tried(random, (params, xs))
        found = []
        for bench in (reference, other):
            bench.network.params[...] = bench.network.ops.asarray(params)
            found.append(bench.run(xs, direction, poison=True))
        wanted, got = found
        assert_same(got.y, wanted.y, message=f"output, seed {seed}")
        for ours, theirs in zip(got.input_gradients, wanted.input_gradients, strict=True):
            if theirs is not None:
                assert_same(ours, theirs, message=f"input gradient, seed {seed}")
        for name, theirs in wanted.gradients.items():
            assert_same(got.gradients[name], theirs, message=f"{name}, seed {seed}")


@pytest.mark.parametrize("case", cases.CASES, ids=lambda case: case.name)
@accelerated
def test_layers_outside_training(case, backend):
    reference, other = InferenceBench(case), InferenceBench(case, backend)
    start = np.array(reference.network.params)
    for seed, rows in enumerate((5, 1, 3)):
        params, xs = tried(np.random.default_rng(seed), (start.copy(), case.draw(rows, seed)))
        for bench in (reference, other):
            bench.network.params[...] = bench.network.ops.asarray(params)
        assert_same(other.run(xs), reference.run(xs), message=f"seed {seed}")


def _after(layer, name):
    return Dense(19, activation=name) if layer is Dense else Conv2D(19, 2, activation=name)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("layer", [Dense, Conv2D])
@accelerated
def test_activations_within_layers(layer, name, backend):
    shape = (6,) if layer is Dense else (4, 5, 3)
    case = cases.Case(_after(layer, name), (shape,))
    test_layers(case, backend)
    test_layers_outside_training(case, backend)


@pytest.mark.parametrize("name", CHAINS)
@accelerated
def test_fused_chains(name, backend):
    network = used_for_a_while(CHAINS[name][0]())
    networks = [Network(network.graph, ops=get_ops(each)) for each in ("reference", backend)]
    for seed in range(6):
        random = np.random.default_rng(seed)
        x = random.normal(size=(5, *SHAPE))
        params, state = (np.array(network.params, np.float64), np.array(network.state, np.float64))
        plant(random, (x, params, *([state] if state.size else []))[seed % (3 if state.size else 2)])
        found = []
        for each in networks:
            each.params[...], each.state[...] = each.ops.asarray(params), each.ops.asarray(state)
            found.append(each.predict(x))
        assert_same(found[1], found[0], message=f"seed {seed}")


@pytest.mark.parametrize("case", LOSS_CASES, ids=lambda case: case.name)
@accelerated
def test_losses(case, backend):
    for seed, rows in enumerate((7, 1, 33, 16)):
        random = np.random.default_rng(seed)
        y, target = case.draw(random, rows)
        plant(random, target if seed == 3 and target.dtype.kind == "f" else y)
        wanted, got = (evaluate(case.loss, y, target, None, each) for each in ("reference", backend))
        assert_same(got[0], wanted[0], message=f"rows, seed {seed}")
        assert_same(got[1], wanted[1], message=f"gradient, seed {seed}")


@pytest.mark.parametrize("case", OPTIMIZER_CASES, ids=lambda case: repr(case.optimizer))
@pytest.mark.parametrize(
    "settings", [{}, {"clip_value": 0.5, "weight_decay": 0.1}, {"clip_norm": 1.0}], ids=str
)
@accelerated
def test_optimizers(case, settings, backend):
    optimizer = case.optimizer.replace(**settings)
    memory = sorted(optimizer.arrays)
    for seed, where in enumerate(("params", "gradient", *memory, "gradient")):
        random, found = np.random.default_rng(seed), []
        params, *gradients = random.normal(size=(4, 37))
        for each in ("reference", backend):
            ops, chance = get_ops(each), np.random.default_rng(seed)
            held = ops.asarray(params.copy())
            state = optimizer.init(ops, held, {"kernel": (6, 5), "bias": (7,)})
            for step, gradient in enumerate(gradients):
                slope = gradient.copy()
                if step == 1:
                    values = {"params": held, "gradient": slope, **state}[where]
                    changed = np.array(ops.to_numpy(values), np.float64)
                    plant(chance, changed)
                    values[...] = changed if where == "gradient" else ops.asarray(changed)
                were = np.isfinite(ops.to_numpy(held))
                finite = optimizer.update(ops, held, ops.asarray(slope), state)
                are = np.isfinite(ops.to_numpy(held))
                if not np.isfinite(slope).all() or (were & ~are).any():
                    assert not finite
                assert finite or not np.isfinite(slope).all() or not are.all()
            found.append((ops.to_numpy(held), {key: ops.to_numpy(state[key]) for key in memory}))
        (wanted, remembered), (got, ours) = found
        assert_same(got, wanted, 1e-3, 1e-4, message=f"params after special values in {where}")
        for key in memory:
            assert_same(ours[key], remembered[key], 1e-3, 1e-4, message=f"{key} after those in {where}")


@pytest.mark.parametrize("penalty", [L1(0.1), L2(0.1), MaxNorm(1.0)], ids=str)
@accelerated
def test_penalties(penalty, backend):
    for seed, special in enumerate(SPECIAL):
        found = []
        for each in ("reference", backend):
            network = Network([Dense(5)], (6,), ops=get_ops(each), seed=seed)
            network.parameters["dense_1/kernel"][2, 3] = special
            network.gradient[...] = 0
            bound = Penalties({"*/kernel": penalty}).bind(network)
            value = bound.value(network.ops)
            bound.add_gradient(network.ops)
            bound.constrain(network.ops)
            vectors = (network.gradient, network.params)
            found.append((value, *map(network.ops.to_numpy, vectors)))
        for ours, theirs in zip(found[1], found[0], strict=True):
            assert_same(ours, theirs)


@pytest.mark.oracle
@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"leaky_relu"}))
def test_activations_are_those_of_pytorch(name):
    import torch

    nn = torch.nn.functional
    functions = {
        "linear": lambda x: x, "swish": nn.silu, "softmax": lambda x: nn.softmax(x, -1), "tanh": torch.tanh,
        "sigmoid": torch.sigmoid, "hard_sigmoid": nn.hardsigmoid,
        "hard_swish": nn.hardswish, "exponential": torch.exp, "log_softmax": lambda x: nn.log_softmax(x, -1),
        "gelu_tanh": lambda x: nn.gelu(x, approximate="tanh"),
    }  # fmt: skip
    x = np.array([[*SPECIAL, -1.0, 2.0], [np.inf, 0, 1, 2, 3], [-np.inf, 0, 1, 2, 3]])
    y = np.empty(x.shape)
    get_ops("reference").activate(name, x, y)
    wanted = (functions.get(name) or getattr(nn, name))(torch.tensor(x))
    np.testing.assert_allclose(y, wanted.numpy(), rtol=1e-6)


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_what_is_left_out_adds_no_nan(backend):
    ops = get_ops(backend)
    x = ops.asarray([[-np.inf, 1.0, 2.0, 0.5], [np.nan, 1.0, 3.0, np.inf]])
    ops.keep_largest(x, 2, None, x)
    np.testing.assert_array_equal(x, [[0, 1, 2, 0], [np.nan, 0, 0, np.inf]])
    # A class ruled out by a score of minus infinity.
    logits = np.array([[1.0, -np.inf, 2.0, 0.0]])
    for loss in (SoftmaxCrossEntropy(), SoftmaxCrossEntropy(one_hot=True)):
        rows, gradient = evaluate(loss, logits, np.eye(4)[[2]] if loss.one_hot else [2], backend=backend)
        np.testing.assert_allclose(rows, [0.4076059644], rtol=1e-6)
        np.testing.assert_allclose(gradient, [[0.24472847, 0, 0.66524096 - 1, 0.09003057]], rtol=1e-5)


def test_a_unit_that_is_no_number_shows_after_every_activation():
    for name in ACTIVATIONS:
        for backend in ("reference", "cpu"):
            ops = get_ops(backend)
            x = ops.asarray(np.full((3, 20), np.nan))
            ops.activate(name, x, x)
            assert np.isnan(x).all(), (name, backend)
