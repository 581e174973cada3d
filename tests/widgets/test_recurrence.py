"""States, gates and gradients of recurrent layers, against recurrences computed by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.widgets import NetworkMap, NothingToShow, Recurrence
from cortex_lab.widgets.chart.marks import Line, Tiles
from tests.widgets import session_kinds

STEPS = 6
X = np.random.default_rng(3).normal(size=(8, STEPS, 1)).astype(np.float32)


def trained(*layers: Any, x: np.ndarray = X, shape: Any = (STEPS, 1), **options: Any) -> Any:
    network = cl.Network(list(layers), shape, seed=0)
    wide = network.graph.shape(network.graph.outputs[0])
    y = np.zeros((len(x), *wide), np.float32)
    return cl.train(network, (x, y), "mse", **{"batch_size": 8, "seed": 0, "validation": None, **options})


def plain(**options: Any) -> Any:
    """h' = 2 x + h / 2, which is what comes out."""
    session = trained(cl.SimpleRNN(1, activation="linear", **options))
    parameters = session.network.parameters
    parameters["simple_rnn_1/kernel"], parameters["simple_rnn_1/recurrent_kernel"] = [[2.0]], [[0.5]]
    return session


def states_of(x: np.ndarray) -> np.ndarray:
    h, found = 0.0, []
    for value in x[:, 0]:
        found.append(h := 2 * value + h / 2)
    return np.array(found)


@pytest.mark.parametrize("sequences", [False, True])
def test_a_plain_layer_forgets_by_half_at_each_step(sequences: bool) -> None:
    data = Recurrence(plain(return_sequences=sequences), pinned=5).look().found
    np.testing.assert_allclose(data.states["state"][:, 0], states_of(X[5]), rtol=1e-5)
    np.testing.assert_allclose(data.by_lag, 2 * 0.5 ** np.arange(STEPS), rtol=1e-6)
    assert not data.gates and data.counts.all() and not data.carries


def test_the_gradient_of_the_loss_is_that_of_the_last_state_times_its_own() -> None:
    session = plain()
    frame = Recurrence(session, pinned=5).frame()
    last = states_of(X[5])[-1]
    assert frame["lag"].tolist() == [5, 4, 3, 2, 1, 0]
    expected = np.abs(2 * last) * frame["gradient of the last state"]
    np.testing.assert_allclose(frame["of the loss"], expected, rtol=1e-5)
    np.testing.assert_allclose(frame["state"], states_of(X[5]), rtol=1e-5)


def test_what_reads_backwards_counts_its_lags_from_the_first_step() -> None:
    found = Recurrence(plain(go_backwards=True, return_sequences=True), pinned=5).look().found
    np.testing.assert_allclose(found.states["state"][:, 0], states_of(X[5, ::-1])[::-1], rtol=1e-5)
    np.testing.assert_allclose(found.by_lag, 2 * 0.5 ** np.arange(STEPS), rtol=1e-6)
    assert found.lags.tolist() == [0, 1, 2, 3, 4, 5]


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def test_gates_and_cells_of_an_lstm_are_those_of_its_equations() -> None:
    session = trained(cl.LSTM(3), cl.Dense(1))
    session.step(2)
    found = Recurrence(session, pinned=2).look().found
    kernel, recurrent, bias = (
        np.asarray(session.network.parameters[f"lstm_1/{name}"], float)
        for name in ("kernel", "recurrent_kernel", "bias")
    )
    h, c = np.zeros(3), np.zeros(3)
    for step in range(STEPS):
        i, f, g, o = np.split(X[2, step] @ kernel + h @ recurrent + bias, 4)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        c = f * c + i * g
        h = o * np.tanh(c)
        for name, values in (("input", i), ("forget", f), ("candidate", g), ("output", o)):
            np.testing.assert_allclose(found.gates[name][step], values, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(found.states["cell"][step], c, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(found.states["state"][step], h, rtol=1e-4, atol=1e-6)


def test_the_update_gate_of_a_gru_mixes_its_state() -> None:
    session = trained(cl.GRU(2), cl.Dense(1))
    found = Recurrence(session, pinned=2).look().found
    z, g, h = found.gates["update"], found.gates["candidate"], found.states["state"]
    np.testing.assert_allclose(h[1:], z[1:] * h[:-1] + (1 - z[1:]) * g[1:], rtol=1e-4, atol=1e-6)


def test_the_gradient_is_exactly_0_where_a_mask_leaves_steps_out() -> None:
    words = np.random.default_rng(0).integers(1, 9, (8, STEPS))
    words[:, 4:] = 0
    layers = cl.Embedding(10, 2, mask_zero=True), cl.LSTM(3), cl.Dense(1)
    view = Recurrence(trained(*layers, x=words, shape=(STEPS,)))
    found = view.look().found
    assert found.counts.tolist() == [True] * 4 + [False] * 2
    for by_lag in (found.by_lag, found.of_loss):
        assert by_lag is not None and (by_lag[:2] == 0).all() and (by_lag[2:] > 0).all()
    chart = view.drawing()
    zero = next(
        mark for mark in chart.plots[-1].marks if isinstance(mark, Line) and mark.label == "exactly 0"
    )
    assert np.flatnonzero(np.isfinite(zero.y)).tolist() == [0, 1]
    assert "2 of them left out by a mask" in chart.caption and chart.plots[-1].detail == "exactly 0 at 2"


def test_what_a_stateful_layer_carries_in_has_no_gradient() -> None:
    session = trained(cl.LSTM(3, stateful=8), cl.Dense(1))
    session.step(2)
    view = Recurrence(session)
    assert view.look().found.carries
    chart = view.drawing()
    zero = next(
        mark for mark in chart.plots[-1].marks if isinstance(mark, Line) and mark.label == "exactly 0"
    )
    assert np.flatnonzero(np.isfinite(zero.y)).tolist() == [STEPS] and "exactly 0" in chart.caption


@pytest.mark.parametrize("merge_mode", ["concat", "sum"])
@pytest.mark.parametrize("sequences", [False, True])
def test_both_ways_of_a_bidirectional_can_be_looked_at(merge_mode: str, sequences: bool) -> None:
    layer = cl.Bidirectional(cl.SimpleRNN(1, activation="linear", return_sequences=sequences), merge_mode)
    session = trained(layer)
    for way in ("forward", "backward"):
        session.network.parameters[f"bidirectional_1/{way}_kernel"] = [[2.0]]
        session.network.parameters[f"bidirectional_1/{way}_recurrent_kernel"] = [[0.5]]
    view = Recurrence(session, pinned=1)
    for way, x in (("forward", X[1]), ("backward", X[1, ::-1])):
        view.way = way
        found = view.look().found
        state = found.states["state"][:, 0]
        np.testing.assert_allclose(state if way == "forward" else state[::-1], states_of(x), rtol=1e-5)
        if merge_mode == "concat":
            np.testing.assert_allclose(found.by_lag, 2 * 0.5 ** np.arange(STEPS), rtol=1e-6)
        else:
            assert found.by_lag is None


def test_a_click_on_a_unit_draws_its_gates_and_one_on_a_node_shows_its_layer() -> None:
    session = session_kinds.sequences()
    view = Recurrence(session)
    tiles = view.drawing().plots[0].marks[0]
    assert isinstance(tiles, Tiles) and tiles.acts == 0 and tiles.values.shape == (1, 6, 7)
    assert view.act(4).turns == (("recurrence", "unit", 4), ("recurrence", "of", "one unit"))
    view.unit, view.of = 4, "one unit"
    np.testing.assert_array_equal(view.frame()["forget"], view.look().found.gates["forget"][:, 4])
    number = [*session.network.graph.inputs, *session.network.layers].index("gru_1")
    assert ("recurrence", "layer", "gru_1") in NetworkMap(session).act(number).turns


def test_what_does_not_suit_is_said() -> None:
    session = session_kinds.dataset()
    assert not Recurrence.fits(session)
    with pytest.raises(NothingToShow, match=r"No layer of this network reads a sequence.*\nlayer_microscope"):
        session.views.recurrence()
    view = Recurrence(session_kinds.sequences())
    with pytest.raises(KeyError, match="no recurrent layer 'dense_1'; there are lstm_1, gru_1"):
        view.layer = "dense_1"
    for knob, value in (("unit", 6), ("of", "some"), ("way", "backward")):
        with pytest.raises(ValueError, match=knob):
            setattr(view, knob, value)
    with pytest.raises(IndexError, match="there is no row 99"):
        view.pinned = 99
    view.session.network.params[...] = np.nan
    assert "not finite" in view.drawing().caption and view.png(dpi=30)
