"""The page about classes of one's own runs, and what such classes do wrong is said when it is done."""

from __future__ import annotations

import re
import sys
import types
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.compute.kernel import REGISTRY
from cortex_lab.widgets import Bars, Bench, Chart, View
from cortex_lab.widgets.views import VIEWS
from tests.widgets.toys import ToySession

PAGE = (Path(__file__).parents[1] / "docs" / "your-own.md").read_text(encoding="utf-8")


@pytest.fixture
def page(monkeypatch):
    module = types.ModuleType("page_of_my_own")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(block, module.__name__, "exec"), module.__dict__)
    yield module
    del VIEWS.others["page_of_my_own:ParameterNorms"]


def test_the_page_runs_and_what_it_made_is_saved_rewound_and_drawn(page, tmp_path):
    session = page.session
    after, losses = session.network.params.copy(), session.trace["loss"]
    assert losses[-1] < losses[0]
    session.rewind(10)
    session.step(10)
    assert session.network.params.tobytes() == after.tobytes()
    session.save(tmp_path / "own.h5")
    again = cl.Network.load(tmp_path / "own.h5")
    assert np.array_equal(again.predict(page.rows), session.network.predict(page.rows))
    frame = page.ParameterNorms(session).frame()
    wanted = np.linalg.norm(session.network.parameters["gain_1/gain"])
    assert wanted in frame["value"].astype(np.float32).to_numpy()
    bench = Bench(session, map=False)
    assert "parameter_norms" in bench.views and bench.png().startswith(b"\x89PNG")
    bench.close()


def test_the_gradients_of_the_page_are_those_of_its_formulas(page):
    network = cl.Network([cl.Dense(4, "tanh"), page.Gain(0.5), cl.Dense(2)], 3, seed=0, ops="reference")
    session = cl.train(
        network, (page.rows, page.rows[:, :2]), page.FourthPower(0.3), cl.SGD(1e-3), batch_size=40
    )
    params, weights = network.params, network.params.copy()
    session.step(1)
    found = network.gradient.copy()

    def loss(at):
        params[...] = at
        return float((0.3 * (network.predict(page.rows) - page.rows[:, :2]) ** 4).sum(axis=1).mean())

    for place in range(0, weights.size, 5):
        step = np.zeros_like(weights)
        step[place] = 1e-6
        assert (loss(weights + step) - loss(weights - step)) / 2e-6 == pytest.approx(found[place], abs=1e-6)
    params[...] = weights


LAYERS_BY_HAND = {
    "Plain": "class Plain(cl.Layer):\n    def __init__(self, k=2.0):\n        self.k = k",
    "Half": "class Half(cl.Dense):\n    def __init__(self, factor=2):\n        super().__init__(4 * factor)",
    "Fixed": "class Fixed(cl.Dense):\n    def __init__(self):\n        super().__init__(4)",
    "Loss": "class Loss(cl.Loss):\n    def __init__(self, k=2.0):\n        self.k = k",
    "Optimizer": "class Optimizer(cl.Optimizer):\n    def __init__(self, k=2.0):\n        self.k = k",
    "Schedule": "class Schedule(cl.Schedule):\n    def __init__(self, k=2.0):\n        self.k = k",
}


@pytest.mark.parametrize("name", LAYERS_BY_HAND)
def test_settings_that_no_file_would_keep_are_refused_when_it_is_made(name):
    there: dict = {"cl": cl}
    exec(LAYERS_BY_HAND[name], there)
    with pytest.raises(
        TypeError, match=rf"{name} has an __init__ of its own.*write @dataclass\(frozen=True\)"
    ):
        there[name]()


def test_what_passes_all_on_or_brings_fields_of_its_own_is_made():
    class Passing(cl.Dense):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)

    @dataclass(frozen=True)
    class Twice(cl.Layer):
        factor: float

        def __init__(self, factor):
            object.__setattr__(self, "factor", 2.0 * factor)

    assert Passing(4, "relu").units == 4 and Twice(3.0).factor == 6.0


def test_an_override_is_for_a_backend_and_returns_a_call():
    kernel = REGISTRY["multiply"]
    with pytest.raises(ValueError, match="one of cpu, gpu, got 'CPU'"):
        kernel.override("CPU")
    made = cl.compute.kernel(nothing_at_all)
    try:
        made.override("cpu")(lambda ops, x, out: None)
        with pytest.raises(TypeError, match="the override of 'nothing_at_all' for 'cpu' returned nothing"):
            cl.compute.as_ops("cpu").nothing_at_all(np.ones(3), np.ones(3))
        with pytest.raises(TypeError, match="returned nothing"):
            made.prepare(cl.compute.as_ops("cpu"), np.ones(3), np.ones(3))
    finally:
        REGISTRY.pop("nothing_at_all").unbind()


def nothing_at_all(xp, x, out):
    """out = x."""
    out[...] = x


@pytest.fixture
def forgotten_views():
    before = dict(VIEWS.others)
    yield
    VIEWS.others.clear()
    VIEWS.others.update(before)


def view(module, chart):
    def collect(self, exact):
        return 1

    return type(
        "Mine", (View,), {"__module__": module, "collect": collect, "chart": lambda self, data: chart()}
    )


def test_views_of_one_name_stand_side_by_side(forgotten_views):
    first, second = (view(module, lambda: Chart(note="mine")) for module in ("a", "b"))
    bench = Bench(ToySession(), map=False)
    assert {type(each) for each in bench.views.values()} >= {first, second}
    bench.close()


@pytest.mark.parametrize("chart", [lambda: {}["mine"], lambda: "no chart"])
def test_a_view_that_fails_leaves_the_picture_of_the_others(forgotten_views, chart):
    kind = view("a", chart)
    bench = Bench(ToySession(), map=False)
    assert bench.png().startswith(b"\x89PNG")
    bench.close()
    with pytest.raises((KeyError, TypeError), match=r"mine|Mine.chart\(data\) returns must be a Chart"):
        kind(ToySession()).figure()


def test_bars_say_what_they_lack():
    with pytest.raises(ValueError, match="say edges= for upright bars"):
        Bars([1, 2])
