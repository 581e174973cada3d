"""What a unit can see, against what its gradient says that it sees."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.nn.examine.receptive import receptive_field
from cortex_lab.nn.run.gradients import gradient_from
from tests.nn import cases
from tests.nn.bench import _network

EXACT = ("Conv1D", "Conv2D", "AveragePooling1D", "AveragePooling2D", "Dense", "Add", "Concatenate", "Permute")
"""Kinds of which all that may matter does, where no activation is in the way."""


def one_place(shape: tuple[int, ...], seed: int) -> np.ndarray:
    places = np.zeros(shape, bool)
    places.flat[np.random.default_rng(seed).integers(places.size)] = True
    return places


@pytest.mark.parametrize("case", cases.CASES, ids=lambda case: case.name)
def test_no_gradient_comes_from_outside_of_what_a_unit_can_see(case: Any) -> None:
    if not case.differentiable_input:
        pytest.skip("reads ids, which have no gradient")
    network = _network(case, "reference")
    graph = network.graph
    (name,) = graph.outputs
    xs = dict(zip(graph.inputs, case.draw(3, seed=2), strict=True))
    for seed in range(3):
        places = one_place(graph.shape(name), seed)
        fields = receptive_field(graph, name, places)
        for source in graph.inputs:
            try:
                found = gradient_from(network, name, source, xs, np.broadcast_to(places, (3, *places.shape)))
            except ValueError:
                continue
            field = fields.get(source, np.zeros(graph.shape(source), bool))
            assert field.shape == graph.shape(source) and not found[:, ~field].any()
            if type(case.layer).__name__ in EXACT and case.layer.activation in (None, "linear"):
                assert (found != 0).any(axis=0)[field].all() or getattr(case.layer, "groups", 1) > 1


def test_windows_add_up_through_the_layers() -> None:
    layers = [cl.Conv2D(2, 3, padding="same"), cl.MaxPooling2D(2), cl.Conv2D(3, 3), cl.Flatten(), cl.Dense(2)]
    graph = cl.Network(layers, (12, 12, 1)).graph
    places = np.zeros((4, 4, 3), bool)
    places[1, 2, 0] = True
    (field,) = receptive_field(graph, "conv2d_2", places).values()
    rows, columns, _ = np.nonzero(field)
    # Rows 1 to 3 of what is pooled are rows 2 to 7, and a window more; so for columns 2 to 4.
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (1, 8, 3, 10)
    assert field.sum() == 64 and receptive_field(graph, "dense_1", np.array([True, False]))["input"].all()


def test_a_step_of_a_sequence_sees_none_after_it_and_an_input_that_does_not_matter_is_left_out() -> None:
    nodes = [cl.Node(cl.LSTM(2, return_sequences=True), "lstm", ("words",)),
             cl.Node(cl.Dense(1), "other", ("numbers",))]  # fmt: skip
    graph = cl.Network(nodes, {"words": (5, 2), "numbers": (3,)}).graph
    places = np.zeros((5, 2), bool)
    places[2, 1] = True
    found = receptive_field(graph, "lstm", places)
    assert list(found) == ["words"] and found["words"].any(axis=1).tolist() == [True] * 3 + [False] * 2
    with pytest.raises(KeyError, match="no node 'gru'; there are lstm, other"):
        receptive_field(graph, "gru", places)
    with pytest.raises(ValueError, match=r"places of 'lstm' have shape \(5, 2\), got \(3,\)"):
        receptive_field(graph, "lstm", np.ones(3, bool))
