"""The contract every layer keeps, over the whole table of cases."""

from __future__ import annotations

import json
import tracemalloc
from itertools import combinations

import numpy as np
import pytest

from cortex_lab.nn.contract.layer import LAYERS, Buffer, layer_from_dict
from tests.nn import cases
from tests.nn.bench import InferenceBench, LayerBench

CASES = cases.CASES
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
accelerated = pytest.mark.parametrize("backend", ["cpu", pytest.param("gpu", marks=pytest.mark.gpu)])


def test_every_registered_layer_has_a_case():
    missing = set(LAYERS) - {type(case.layer).__name__ for case in CASES}
    assert not missing, f"add rows to tests/nn/cases for {sorted(missing)}"


def test_case_names_are_unique():
    names = [case.name for case in CASES]
    assert len(names) == len(set(names)), sorted(name for name in names if names.count(name) > 1)


@every_case
def test_description_survives_json(case):
    assert layer_from_dict(json.loads(json.dumps(case.layer.to_dict()))) == case.layer


@every_case
def test_output_has_the_shape_it_promises(case):
    bench = LayerBench(case)
    xs = case.draw(3)
    assert bench.run(xs).y.shape == (3, *case.layer.out_shape(*case.shapes))


SPARE = {
    "spare_ids": Buffer((3,), "int32"),
    "spare_flags": Buffer((7,), "bool", per_row=False),
    "spare_sums": Buffer((5,), "float64"),
    "spare_half": Buffer((), "float16"),
    "spare_counts": Buffer((2, 2), "uint64", per_row=False),
    "spare_numbers": Buffer((4,)),
}


@every_case
@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_scratch_is_what_it_was_declared_to_be(case, backend, monkeypatch):
    kind, own = type(case.layer), type(case.layer).scratch
    # What a layer has today is of the backend's dtype, which tells too little.
    monkeypatch.setattr(kind, "scratch", lambda self, *shapes: {**own(self, *shapes), **SPARE})
    bench, rows = LayerBench(case, backend, capacity=4), 3
    slots = bench.executor.bind(rows).slots["layer"]
    declared = case.layer.scratch(*case.shapes)
    assert declared.keys() >= SPARE.keys()
    held = {name: getattr(slots, name) for name in declared}
    for number, (name, buffer) in enumerate(declared.items()):
        array = held[name]
        assert array.dtype == np.dtype(buffer.dtype or bench.network.ops.dtype), name
        assert array.shape == ((rows, *buffer.shape) if buffer.per_row else buffer.shape), name
        assert array.flags.aligned and array.flags.c_contiguous, name
        array[...] = number % 2
    for number, name in enumerate(declared):
        assert (held[name] == number % 2).all(), name
    for first, second in combinations(held.values(), 2):
        assert not np.shares_memory(first, second)


@every_case
def test_gradient_along_random_directions(case):
    bench = LayerBench(case)
    random = np.random.default_rng(3)
    rows = 4
    xs = case.draw(rows, seed=5)
    direction = random.normal(size=(rows, *case.layer.out_shape(*case.shapes)))
    found = bench.run(xs, direction)
    start = bench.network.params.copy()

    for _ in range(3):
        moves = [random.normal(size=x.shape) if case.differentiable_input else np.zeros(x.shape) for x in xs]
        turn = random.normal(size=start.shape)
        predicted = sum(
            (dx * move).sum() for dx, move in zip(found.input_gradients, moves, strict=True) if dx is not None
        )
        predicted += sum(
            (found.gradients[name] * part).sum() for name, part in _named(bench.network, turn).items()
        )
        epsilon = 1e-5

        def value(scale, moves=moves, turn=turn):
            bench.network.params[...] = start + scale * turn
            shifted = (
                [x + scale * move for x, move in zip(xs, moves, strict=True)]
                if case.differentiable_input
                else xs
            )
            total = (bench.run(shifted).y * direction).sum()
            bench.network.params[...] = start
            return total

        measured = (value(epsilon) - value(-epsilon)) / (2 * epsilon)
        np.testing.assert_allclose(predicted, measured, rtol=1e-6, atol=1e-7)


@every_case
@accelerated
def test_backend_agrees_with_the_reference(case, backend):
    xs = case.draw(5, seed=11)
    direction = np.random.default_rng(4).normal(size=(5, *case.layer.out_shape(*case.shapes)))
    wanted = LayerBench(case, "reference").run(xs, direction)
    got = LayerBench(case, backend).run(xs, direction, poison=True)
    np.testing.assert_allclose(got.y, wanted.y, **case.tolerance)
    for mine, theirs in zip(got.input_gradients, wanted.input_gradients, strict=True):
        if theirs is not None:
            np.testing.assert_allclose(mine, theirs, **case.tolerance)
    for name, theirs in wanted.gradients.items():
        np.testing.assert_allclose(got.gradients[name], theirs, err_msg=name, **case.tolerance)


@every_case
def test_output_outside_training(case):
    xs = case.draw(5, seed=13)
    bench = InferenceBench(case)
    if case.inference is None:
        wanted = LayerBench(case).run(xs).y
    else:
        wanted = case.inference(xs, bench.parameters(), bench.states())
    np.testing.assert_allclose(bench.run(xs), wanted, rtol=1e-12, atol=1e-12)


@every_case
@accelerated
def test_backend_agrees_outside_training(case, backend):
    xs = case.draw(5, seed=14)
    wanted = InferenceBench(case).run(xs)
    np.testing.assert_allclose(InferenceBench(case, backend).run(xs), wanted, **case.tolerance)


# What is broadcast to a larger shape has no room in its first input.
IN_PLACE = [c for c in CASES if c.layer.in_place and c.layer.out_shape(*c.shapes) == c.shapes[0]]


@pytest.mark.parametrize("case", IN_PLACE, ids=lambda case: case.name)
@accelerated
def test_working_in_place_changes_nothing(case, backend):
    xs = case.draw(4, seed=15)
    bench = InferenceBench(case, backend, over_inputs=True)
    assert bench.in_place
    np.testing.assert_array_equal(bench.run(xs), InferenceBench(case, backend).run(xs))


def test_layers_that_draw_say_what_they_do_outside_training():
    silent = [case.name for case in CASES if case.layer.random and case.inference is None]
    assert not silent, f"give these cases an `inference`: {silent}"


@every_case
def test_rows_do_not_depend_on_how_many_come(case):
    """A batch of 1, and a smaller batch after a larger one, in the same memory."""
    bench = LayerBench(case)
    xs = case.draw(4, seed=2)
    bench.run(xs)
    alone = bench.run([x[:1] for x in xs], poison=True)
    fresh = LayerBench(case, capacity=1).run([x[:1] for x in xs])
    np.testing.assert_array_equal(alone.y, fresh.y)


@every_case
def test_a_pass_leaves_what_it_reads_alone(case):
    bench = LayerBench(case)
    params, state = bench.network.params.copy(), bench.network.state.copy()
    xs = case.draw(3, seed=9)
    direction = np.random.default_rng(5).normal(size=(3, *case.layer.out_shape(*case.shapes)))
    y = bench.run(xs, direction).y
    bound = bench.executor.bind(3)
    for i, x in enumerate(xs):
        np.testing.assert_array_equal(bound.buffers[f"in{i}"], x)
    np.testing.assert_array_equal(bound.buffers["layer"], y)
    if "gradient:layer" in bound.buffers:
        np.testing.assert_array_equal(bound.buffers["gradient:layer"], direction)
    np.testing.assert_array_equal(bench.network.params, params)
    np.testing.assert_array_equal(bench.network.state, state)


class Idle:
    """Ops whose kernels do nothing, so that what remains is the layer's own doing."""

    def __getattr__(self, name):
        return lambda *arguments, **options: None


# A layer that carries state from batch to batch has room for as many rows as it says, here a few.
ANY_ROWS = [case for case in CASES if not case.layer.is_view and not getattr(case.layer, "stateful", 0)]


@pytest.mark.parametrize("case", ANY_ROWS, ids=lambda case: case.name)
def test_a_training_pass_allocates_nothing_beside_its_kernels(case):
    rows = 5000
    slots = LayerBench(case, "cpu", rows).executor.bind(rows).slots["layer"]
    tracemalloc.start()
    try:
        case.layer.forward(Idle(), slots)
        case.layer.backward(Idle(), slots)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Views cost some hundred bytes each; an array with a single number per row would take more than this.
    assert peak < 4 * rows


@pytest.mark.parametrize("case", [case for case in CASES if case.oracle], ids=lambda case: case.name)
@pytest.mark.oracle
def test_agrees_with_pytorch(case):
    torch = pytest.importorskip("torch")
    bench = LayerBench(case)
    xs = case.draw(3, seed=21)
    direction = np.random.default_rng(6).normal(size=(3, *case.layer.out_shape(*case.shapes)))
    found = bench.run(xs, direction)
    tensors = [torch.tensor(x, requires_grad=case.differentiable_input) for x in xs]
    parameters = {name: torch.tensor(p, requires_grad=True) for name, p in bench.parameters().items()}
    y = case.oracle(tensors, parameters)
    np.testing.assert_allclose(found.y, y.detach().numpy(), rtol=1e-8, atol=1e-10)
    (y * torch.tensor(direction)).sum().backward()
    for dx, tensor in zip(found.input_gradients, tensors, strict=True):
        if dx is not None:
            np.testing.assert_allclose(dx, tensor.grad.numpy(), rtol=1e-7, atol=1e-9)
    for name, parameter in parameters.items():
        np.testing.assert_allclose(
            found.gradients[f"layer/{name}"], parameter.grad.numpy(), rtol=1e-7, atol=1e-9, err_msg=name
        )


def _named(network, flat):
    views, start = {}, 0
    for name, array in network.parameters.items():
        views[name] = flat[start : start + array.size].reshape(array.shape)
        start += array.size
    return views
