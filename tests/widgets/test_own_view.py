"""A view of one's own: one file outside the package, and it is in the bench and drawn by every renderer."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cortex_lab.widgets import Bench
from cortex_lab.widgets.views import VIEWS
from tests.waiting import wait_until
from tests.widgets.toys import Page, ToySession

SOURCE = '''
"""How large the parameters are, over the steps somebody looked at."""

import numpy as np

from cortex_lab.widgets import Axis, Bars, Chart, Knob, Line, Plot, View


class ParameterNorms(View):
    title = "Norms"

    def __init__(self, session):
        super().__init__(session)
        self.order, self.scale, self.logarithm = 2, 1.0, False
        self.shown = "all"
        self.pinned = None

    @property
    def knobs(self):
        return (
            Knob("order", "count", 2, limits=(1, 3), label="order"),
            Knob("scale", "number", 1.0, limits=(0, 10), label="scale"),
            Knob("shown", "choice", "all", ("all", "kernels")),
            Knob("logarithm", "switch", False, label=("Plain", "Logarithm")),
        )

    def collect(self, exact):
        parameters = self.session.network.parameters
        return {name: values.copy() for name, values in parameters.items() if self.shown in ("all", name)}

    def chart(self, data):
        norms = [self.scale * np.linalg.norm(values.ravel(), self.order) for values in data.values()]
        bars = Plot((Bars(norms, names=tuple(data)),), "norms")
        line = Plot((Line(np.arange(len(norms)), norms, "norm"),), x=Axis((0, 3)), y=Axis((0, 20)))
        return Chart((bars, line), "row", subject=self.shown)
'''


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Any]:
    """The module of the view, known to nobody but the registry."""
    path = tmp_path / "norms_of_my_own.py"
    path.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[path.stem], VIEWS.others["norms_of_my_own:ParameterNorms"]


@pytest.fixture
def bench(own: Any) -> Iterator[Bench]:
    bench = Bench(ToySession(), map=False, interval=0.02)
    yield bench
    bench.close()


def test_it_draws_itself_in_every_way(own: Any) -> None:
    view = own.ParameterNorms(ToySession())
    assert view.figure().layout.title.text == "Norms" and len(view.figure().data) == 2
    assert view.png(dpi=40).startswith(b"\x89PNG") and "data:image/png" in view.html()
    frame = view.frame()
    kernel = view.session.network.parameters["conv/kernel"]
    assert frame["value"][0] == pytest.approx(np.linalg.norm(kernel))


def test_the_bench_shows_it_with_its_knobs_and_in_its_picture(bench: Bench) -> None:
    assert [*bench.views] == [
        "loss_curve", "weight_histogram", "activations", "parameter_norms", "component_map",
    ]  # fmt: skip
    page = Page(bench)
    page.say("hello")
    wait_until(lambda: page.last("parameter_norms"), "its panel")
    marks = [mark["kind"] for plot in page.last("parameter_norms")["plots"] for mark in plot["marks"]]
    assert marks == ["bars", "line"]
    bench.step(3)
    bench.wait()
    wait_until(lambda: page.last("parameter_norms")["step"] == 3, "its panel to follow")
    assert bench.png().startswith(b"\x89PNG")


def test_its_knobs_can_be_turned_by_hand_and_by_code(bench: Bench) -> None:
    view, page = bench.views["parameter_norms"], Page(bench)
    page.say("hello")
    found = {name: widget for (owner, name), widget in bench.controls.knobs.items() if owner == view.name}
    found["order"].value, found["scale"].value, found["shown"].value = 3, 2.5, "kernels"
    found["logarithm"].click()
    wait_until(
        lambda: (view.order, view.scale, view.shown, view.logarithm) == (3, 2.5, "kernels", True), "hands"
    )
    wait_until(lambda: page.last("parameter_norms").get("subject") == "kernels", "the drawing to follow")
    wait_until(lambda: found["logarithm"].description == "Plain", "the switch to say what it does now")
    bench.turn("parameter_norms", "order", 1)
    wait_until(lambda: found["order"].value == 1, "the knob to follow")


def test_a_number_beyond_its_limits_is_refused_and_taken_back(bench: Bench) -> None:
    entry = bench.controls.knobs["parameter_norms", "scale"]
    entry.value = 11.0
    wait_until(lambda: bench.error is not None, "an error")
    assert str(bench.error) == "scale must be from 0 to 10, got 11.0"
    wait_until(lambda: entry.value == 1.0, "the value that holds")


def test_shared_knobs_follow_on_every_view_that_has_them(bench: Bench) -> None:
    assert bench.views["parameter_norms"].pinned == bench.pinned == 0
    bench.pinned = 6
    assert bench.views["parameter_norms"].pinned == 6


def test_it_never_takes_the_place_of_a_built_in_view(own: Any) -> None:
    class LossCurve(own.View):
        def collect(self, exact: bool) -> int:
            return 1

        def chart(self, data: int) -> Any:
            return own.Chart(note="mine")

    bench = Bench(ToySession(), map=False)
    mine = VIEWS.kind_of(LossCurve)
    assert (
        type(bench.loss_curve).__module__.startswith("cortex_lab.") and type(bench.views[mine]) is LossCurve
    )
    assert bench.views[mine].title == "Loss curve"
    bench.close()
    del VIEWS.others[mine]
