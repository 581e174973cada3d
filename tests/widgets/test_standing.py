"""Views follow what a network looks like, however it came about, and what a half step found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.widgets import WeightHistogram
from cortex_lab.widgets.chart.standing import standing
from cortex_lab.widgets.chart.view import VIEWS


def digits_session() -> Any:
    digits = cl.data.load("digits")
    layers = [cl.Conv2D(4, 3), cl.MaxPooling2D(2), cl.Flatten(), cl.Dense(10)]
    network = cl.Network(layers, input_shape=digits.input_shape, seed=0)
    return cl.train(network, digits, seed=0)


CHANGES: dict[str, Any] = {
    "a step": lambda session: session.step(),
    "half a step": lambda session: session.step(to="fetch"),
    "an edit": lambda session: session.edit("weights['dense_1/kernel']", np.ones((36, 10), np.float32)),
    "by hand": lambda session: session.network.parameters["dense_1/kernel"].__setitem__(..., 0.5),
    "two by hand": lambda session: session.network.params.__setitem__(
        slice(0, 2), session.network.params[1::-1].copy()
    ),
    "a rewind": lambda session: session.rewind(1),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", ["activations", "weight_histogram", "embedding_map"])
def test_every_view_of_a_network_sees_every_change(kind, change):
    session = digits_session()
    session.step(3)
    view = VIEWS[kind](session)
    state = view._subject if kind == "embedding_map" else lambda: view.state(True)
    before = state()
    assert state() == before
    CHANGES[change](session)
    assert state() != before


def test_weights_that_are_not_finite_are_themselves():
    session = digits_session()
    session.network.params[3] = np.nan
    assert standing(session, exact=True) == standing(session, exact=True)


@pytest.mark.parametrize("layer", ["dense_1", "conv2d_1", "max_pooling2d_1"])
def test_after_a_backward_phase_the_gradients_of_its_layer_are_shown(layer):
    session = digits_session()
    view = WeightHistogram(session)
    weights = view.drawing()
    session.step(to=f"backward:{layer}")
    chart = view.drawing()
    assert chart.subject == layer and f"backward:{layer}" in chart.caption
    wanted = [name for name in session.network.parameters if name.startswith(f"{layer}/")] or [layer]
    assert [plot.title for plot in chart.plots] == [
        f"gradient of {name.rpartition('/')[2]}" for name in wanted
    ]
    for plot, name in zip(chart.plots, wanted, strict=True):
        bars = plot.marks[0]
        assert len(plot.marks) == 1 and bars.values.sum() == session.buffers[f"gradient:{name}"].size
    assert np.count_nonzero(chart.plots[0].marks[0].values) > 1
    session.step()
    assert [plot.title for plot in view.drawing().plots] == [plot.title for plot in weights.plots]


def test_the_outline_is_of_the_first_step_whenever_the_bench_was_opened():
    session = digits_session()
    early = WeightHistogram(session)
    session.step(20)
    late = WeightHistogram(session)
    for view in (early, late):
        assert view.drawing().plots[0].marks[1].label == "at step 0"
    np.testing.assert_array_equal(late.drawing().plots[0].marks[1].y, early.drawing().plots[0].marks[1].y)
