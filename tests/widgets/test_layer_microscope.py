"""What a layer and its units are close up, against numbers computed by hand; and what the buttons do."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.widgets import LayerMicroscope, NothingToShow
from cortex_lab.widgets.chart.buttons import Buttons
from cortex_lab.widgets.chart.marks import Tiles
from cortex_lab.widgets.chart.unit_history import within_budget
from tests.widgets import session_kinds
from tests.widgets.hand import linear

X = np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 1.0], [-1.0, 1.0]])
Y = np.array([0, 1, 0, 1])
KERNEL = np.array([[1.0, -2.0, 0.0], [0.5, 3.0, 0.0]])


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def pictures() -> Any:
    random = np.random.default_rng(0)
    layers = [cl.Conv2D(4, 3, activation="relu"), cl.Flatten(), cl.Dense(6, activation="relu"), cl.Dense(3)]
    network = cl.Network(layers, (8, 8, 1), seed=0)
    data = random.random((30, 8, 8, 1)).astype(np.float32), np.arange(30) % 3
    return cl.train(network, data, "softmax_cross_entropy", batch_size=10, seed=0, validation=None)


class TestOneLinearLayer:
    session = linear(X, Y, KERNEL)

    def test_of_a_row_it_gives_what_the_kernel_makes_of_it_and_the_gradient_of_its_loss(self) -> None:
        data = LayerMicroscope(self.session, pinned=2).look()
        np.testing.assert_allclose(data.activation, X[2] @ KERNEL)
        np.testing.assert_allclose(data.gradient, softmax(X[2] @ KERNEL) - [1, 0, 0], rtol=1e-5)
        np.testing.assert_allclose(data.norms, np.linalg.norm(KERNEL, axis=0))
        frame = LayerMicroscope(self.session, pinned=2).frame()
        assert list(frame.columns) == ["activation mean", "activation max", "gradient norm", "weight norm"]
        np.testing.assert_allclose(frame["activation max"], X[2] @ KERNEL)

    def test_of_a_class_it_is_the_mean_of_its_rows(self) -> None:
        view = LayerMicroscope(self.session)
        view.of, view.of_class = "class mean", "1"
        data, mine = view.look(), X[Y == 1]
        np.testing.assert_allclose(data.activation, (mine @ KERNEL).mean(axis=0))
        np.testing.assert_allclose(
            data.gradient, (softmax(mine @ KERNEL) - [0, 1, 0]).mean(axis=0), rtol=1e-5, atol=1e-7
        )
        assert data.told == "the mean of 2 rows of class 1"
        view.of_class = "2"
        with pytest.raises(NothingToShow, match="None of the 4 rows looked at is of class '2'"):
            view.look()

    def test_of_a_unit_saliency_is_its_column_and_occlusion_what_each_input_adds(self) -> None:
        data = LayerMicroscope(self.session, pinned=2, unit=1).look()
        assert data.sees is not None and data.sees.all() and data.source == "input"
        np.testing.assert_allclose(data.saliency, KERNEL[:, 1])
        np.testing.assert_allclose(data.occlusion, KERNEL[:, 1] * (X[2] - X.mean(axis=0)), rtol=1e-5)
        values = X @ KERNEL[:, 1]
        assert data.rows.tolist() == np.argsort(-values).tolist()
        np.testing.assert_allclose(data.excitement, np.sort(values)[::-1])


def test_the_last_batch_is_what_was_trained_on() -> None:
    session = linear(X, Y, KERNEL)
    view = LayerMicroscope(session)
    view.of = "batch"
    with pytest.raises(NothingToShow, match=r"No batch has passed since.*\nPress Step"):
        view.look()
    session.step()
    data = view.look()
    np.testing.assert_allclose(data.activation, (X @ KERNEL).mean(axis=0), rtol=1e-6)
    expected = (softmax(X @ KERNEL) - np.eye(3)[Y]).mean(axis=0)
    np.testing.assert_allclose(data.gradient, expected, rtol=1e-5, atol=1e-7)
    assert data.told == "the mean of the last batch, 4 rows"


def test_a_unit_of_a_picture_sees_a_window_and_its_gradient_lies_in_it() -> None:
    session = pictures()
    session.step(6)
    view = LayerMicroscope(session, "conv2d_1", pinned=4, unit=2)
    data = view.look()
    i, j, unit = data.place
    assert unit == 2 and data.activation[..., 2].max() == data.activation[i, j, 2] > 0
    window = np.zeros((8, 8, 1), bool)
    window[i : i + 3, j : j + 3] = True
    np.testing.assert_array_equal(data.sees, window)
    kernel = session.network.parameters["conv2d_1/kernel"][:, :, 0, 2]
    np.testing.assert_allclose(data.saliency[i : i + 3, j : j + 3, 0], kernel, rtol=1e-5)
    assert not data.saliency[~window].any() and not data.occlusion[~window].any()
    x, usual = np.asarray(session.process.batches.inputs), view._sampled()[1]["input"].mean()
    falls = kernel * (x[4, i : i + 3, j : j + 3, 0] - usual)
    now = data.activation[i, j, 2]
    np.testing.assert_allclose(data.occlusion[i : i + 3, j : j + 3, 0], np.minimum(falls, now), atol=1e-5)
    assert data.steps.tolist() == sorted({*session.history.steps, 6})
    for step, norm in zip(data.steps, data.past_norms, strict=True):
        past = session.network_at(int(step)).parameters["conv2d_1/kernel"][..., 2]
        assert norm == pytest.approx(np.linalg.norm(past))


def test_what_a_unit_did_at_steps_gone_by_is_what_the_network_of_then_does() -> None:
    session = linear(X, Y, KERNEL)
    session.step(9)
    view = LayerMicroscope(session, "dense_1", unit=1)
    past = view.look().past
    assert past.steps.tolist() == [*session.history.steps, 9] and past.told.startswith("of 4 rows, computed")
    assert past.gradient is not None and f"history {past.told}" in view.drawing().caption
    for place, step in enumerate(past.steps.tolist()):
        kernel, bias = (session.network_at(step).parameters[f"dense_1/{each}"] for each in ("kernel", "bias"))
        given = X @ kernel + bias
        np.testing.assert_allclose(past.activation[place], given.mean(axis=0), rtol=1e-5, atol=1e-6)
        sizes = np.abs(softmax(given) - np.eye(3)[Y]).mean(axis=0)
        np.testing.assert_allclose(past.gradient[place], sizes, rtol=1e-4, atol=1e-6)
    lines = {plot.title: plot.marks[0] for plot in view.drawing().plots}
    np.testing.assert_array_equal(lines["mean activation"].y, past.activation[:, 1])
    np.testing.assert_array_equal(lines["size of gradient"].y, past.gradient[:, 1])


def test_each_snapshot_is_computed_once_and_anew_where_the_step_was(monkeypatch) -> None:
    session = pictures()
    session.step(12)
    view = LayerMicroscope(session, "conv2d_1", unit=2)
    ran: list[Any] = []
    run = view._passes.run

    def counted(weights: Any, *rest: Any) -> Any:
        ran.append(weights)
        return run(weights, *rest)

    monkeypatch.setattr(view._passes, "run", counted)
    first = view.look().past
    assert len(ran) == len(first.steps) + 1, "each step, and the row that is shown"
    ran.clear()
    view.unit = 3
    view.look()
    assert len(ran) == 2, "the present, and the row"
    session.rewind(4)
    session.edit("learning_rate", 0.5)
    session.step(8)
    anew = view.look().past
    before, after = (dict(zip(each.steps.tolist(), each.activation, strict=True)) for each in (first, anew))
    assert {0, 12} <= {*before} & {*after}
    for step in {*before} & {*after}:
        assert np.array_equal(before[step], after[step]) == (step <= 4)


def test_of_networks_too_large_there_are_fewer_rows_fewer_steps_and_then_none(monkeypatch) -> None:
    session = pictures()
    session.step(30)
    nodes = session.network.graph.nodes.values()
    per_row = 3 * sum(node.layer.multiply_adds(*node.in_shapes) for node in nodes)
    for passes, steps, rows in ((24 * 64, 24, 30), (24 * 5, 24, 5), (6, 6, 1), (1, 1, 1)):
        monkeypatch.setattr("cortex_lab.widgets.chart.unit_history.WORK", passes * per_row)
        assert within_budget(session.network, 30) == (steps, rows)
        view = LayerMicroscope(session, "dense_1", unit=0)
        past = view.look().past
        assert len(past.steps) <= steps and view.drawing().plots
        assert (len(past.steps) > 2) == (steps > 2) and (steps > 1 or "too long" in past.told)


def test_a_step_under_way_and_the_training_are_not_disturbed() -> None:
    session, other = pictures(), pictures()
    session.step(3)
    session.step(to="forward:conv2d_1")
    before = {name: values.copy() for name, values in session.buffers.items()}
    view = LayerMicroscope(session, "dense_1", unit=1)
    view.drawing()
    for name, values in session.buffers.items():
        np.testing.assert_array_equal(values, before[name])
    session.step(3), other.step(session.step_number)
    np.testing.assert_array_equal(session.network.params, other.network.params)


def test_clicks_choose_a_unit_and_buttons_are_edits_that_the_script_repeats() -> None:
    session = pictures()
    session.step(4)
    view = LayerMicroscope(session, "dense_1", unit=3)
    marks = [mark for plot in view.drawing().plots for mark in plot.marks]
    (buttons,) = [mark for mark in marks if isinstance(mark, Buttons)]
    assert buttons.names == ("Revive unit 3", "Reset the layer", "Freeze the layer")
    view.show = "layer"
    tiles = view.drawing().plots[0].marks[0]
    assert isinstance(tiles, Tiles) and tiles.acts == 100 and len(tiles.values) == 6
    turns = (("layer_microscope", "unit", 5), ("layer_microscope", "show", "unit"))
    assert view.act(105).turns == turns
    assert view.act(99) == view.act(7) and not view.act(99).edits
    old = session.network.parameters["dense_1/kernel"].copy()
    for number, columns in ((0, [3]), (1, range(6))):
        (edit,) = view.act(number).edits
        session.edit(*edit)
        changed = (session.network.parameters["dense_1/kernel"] != old).any(axis=0)
        assert np.flatnonzero(changed).tolist() == list(columns)
    session.edit(*view.act(2).edits[0])
    assert session.process.frozen.nodes == {"dense_1"}
    still = session.network.parameters["dense_1/kernel"].copy()
    session.step(2)
    np.testing.assert_array_equal(session.network.parameters["dense_1/kernel"], still)
    assert view._buttons(view.look())[2][0] == "Thaw the layer"
    session.edit(*view.act(2).edits[0])
    assert not session.process.frozen.nodes and view.act(3).edits == ()
    source = str(session.script())
    assert all(name in source for name in ("revived_unit['dense_1']", "frozen"))


@pytest.mark.parametrize(("knob", "value", "error"), [
    ("node", "lstm", KeyError),
    ("unit", 200, ValueError), ("unit", -1, ValueError), ("of", "rows", ValueError),
    ("show", "all", ValueError), ("pinned", 99, IndexError), ("of_class", "9", ValueError),
])  # fmt: skip
def test_what_cannot_be_is_refused_by_name(knob: str, value: Any, error: type[Exception]) -> None:
    view = LayerMicroscope(pictures())
    was = getattr(view, knob)
    with pytest.raises(error, match=knob if knob not in ("pinned", "node") else "there is no"):
        setattr(view, knob, value)
    assert getattr(view, knob) == was


@pytest.mark.parametrize("kind", session_kinds.KINDS)
def test_each_layer_of_each_kind_of_session_can_be_looked_at(kind: str) -> None:
    session = session_kinds.KINDS[kind]()
    view = LayerMicroscope(session)
    session.step(1)
    for node in view.nodes:
        for show, of in product(("layer", "unit"), view._ways):
            view.node, view.show, view.of = node, show, of
            chart = view.drawing()
            assert chart.plots and not chart.note, chart.note
    session.network.params[...] = np.nan
    view.of, view.node = "row", view.nodes[-1]
    assert "not finite" in view.drawing().caption and view.png(dpi=30)
