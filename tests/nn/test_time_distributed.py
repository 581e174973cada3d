"""A layer at each step is that layer with the steps as rows."""

from __future__ import annotations

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.nn.layers.time_distributed import TimeDistributed
from tests.nn import cases
from tests.nn.bench import LayerBench
from tests.nn.cases import Case

STEPS = 2
CASES = [case for case in cases.CASES if len(case.shapes) == 1 and not getattr(case.layer, "stateful", 0)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_layer_with_one_input(case):
    wrapped = Case(
        TimeDistributed(case.layer),
        ((STEPS, *case.shapes[0]),),
        differentiable_input=case.differentiable_input,
    )
    (x,) = case.draw(3 * STEPS, seed=1)
    direction = np.random.default_rng(2).normal(size=(3 * STEPS, *case.layer.out_shape(*case.shapes)))
    by_row = LayerBench(case, capacity=3 * STEPS)
    by_step = LayerBench(wrapped, capacity=3)
    by_step.network.params[...] = by_row.network.params
    wanted = by_row.run([x], direction, poison=True)
    found = by_step.run([_in_steps(x)], _in_steps(direction), poison=True)
    np.testing.assert_array_equal(found.y, _in_steps(wanted.y))
    for ours, theirs in zip(found.input_gradients, wanted.input_gradients, strict=True):
        if theirs is not None:
            np.testing.assert_array_equal(ours, _in_steps(theirs))
    for name, theirs in wanted.gradients.items():
        np.testing.assert_array_equal(found.gradients[name], theirs, err_msg=name)
    for bench in (by_row, by_step):
        slots = bench.executor.bind(len(x) if bench is by_row else 3).slots["layer"]
        bench.case.layer.settle(bench.network.ops, slots)
    np.testing.assert_array_equal(by_step.network.state, by_row.network.state)


def _in_steps(array):
    return array.reshape(3, STEPS, *array.shape[1:])


def test_pictures_one_after_the_other_are_learned():
    random = np.random.default_rng(0)
    start, way = random.integers(0, 3, 300), random.integers(0, 2, 300)
    films = np.zeros((300, 3, 6, 5, 1), np.float32)
    for step in range(3):
        # A dot moves down or up.
        films[np.arange(300), step, np.where(way, start + step, 5 - start - step), 2] = 1
    network = cl.Network(
        [
            TimeDistributed(cl.Conv2D(4, 3, activation="relu")),
            TimeDistributed(cl.Flatten()),
            cl.GRU(8),
            cl.Dense(2),
        ],
        (3, 6, 5, 1),
    )
    assert network.parameters["time_distributed_1/kernel"].shape == (3, 3, 1, 4)
    assert network.graph.next_activation("time_distributed_1") == "relu"
    session = cl.train(network, (films, way), "softmax_cross_entropy", cl.Adam(0.01), batch_size=30)
    session.step(120)
    assert (network.predict(films).argmax(axis=1) == way).mean() > 0.97
    assert cl.Network(cl.Graph.from_dict(network.graph.to_dict())).graph == network.graph


def test_steps_keep_their_mask():
    layers = [cl.Embedding(5, 3, mask_zero=True), TimeDistributed(cl.Dense(4)), cl.LSTM(3)]
    assert cl.Graph.build(layers, (6,)).nodes["lstm_1"].inputs[1:] == ("embedding_1_mask",)
