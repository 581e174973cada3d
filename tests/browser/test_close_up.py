"""Panels of a layer close up, of its recurrence and of the last step: they draw, react and link."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.harness import Lab
from tests.browser.test_panels import Views
from tests.browser.test_views import INKS, click, shown, where

CELLS = [
    """from cortex_lab.widgets import Bench
from tests.widgets import session_kinds

session = session_kinds.sequences()
PANELS = ["network_map", "recurrence", "layer_microscope", "optimization"]
bench = Bench(session, map=False, layout=PANELS)
session.step(12)
bench.show()""",
]
PANELS = ["recurrence", "layer_microscope", "optimization"]


@pytest.fixture
def views(lab: Lab, notebook: Callable[..., Any]) -> Views:
    notebook("close_up.ipynb", CELLS, keep=True)
    found = Views(lab)
    found.page.bring_to_front()
    found.root.wait_for()
    return found


@pytest.mark.parametrize("name", PANELS)
def test_a_panel_draws_and_tells(views: Views, name: str) -> None:
    shown(views, name)
    assert views.panel(name).evaluate(INKS) > 8
    views.wait(lambda: not views.panel(name).locator(".cortex-note").is_visible(), f"{name} without a note")


def test_a_node_is_shown_by_all_of_them_and_a_unit_by_a_click(views: Views) -> None:
    click(views, "network_map", *where(views, "network_map", "gru_1: GRU"))
    said = "[bench.views.layer_microscope.node, bench.views.recurrence.layer]"
    views.wait(lambda: views.lab.value(said) == ["gru_1"] * 2, "the node in both views")
    plain = views.picture("recurrence")
    click(views, "recurrence", *where(views, "recurrence", "state [2, "))
    views.wait(lambda: views.lab.value("bench.views.recurrence.unit") == 2, "the unit in Python")
    views.wait(lambda: views.picture("recurrence") != plain, "gates of the unit")
    click(views, "layer_microscope", *where(views, "layer_microscope", "activation [3]"))
    chosen = "[bench.views.layer_microscope.unit, bench.views.layer_microscope.show]"
    views.wait(lambda: views.lab.value(chosen) == [3, "unit"], "the unit shown alone")


def test_buttons_revive_a_unit_and_freeze_the_layer(views: Views) -> None:
    views.lab.run_code("bench.turn('layer_microscope', 'node', 'lstm_1')")
    shown(views, "layer_microscope")
    panel = views.panel("layer_microscope")
    before = views.lab.value("session.network.parameters['lstm_1/kernel'].tolist()")
    panel.get_by_role("button", name="Revive unit").click()
    now = "session.network.parameters['lstm_1/kernel'].tolist()"
    views.wait(lambda: views.lab.value(now) != before, "fresh weights")
    panel.get_by_role("button", name="Freeze the layer").click()
    views.wait(lambda: views.lab.value("sorted(session.process.frozen.nodes)") == ["lstm_1"], "it to rest")
    panel.get_by_role("button", name="Thaw the layer").click()
    views.wait(lambda: views.lab.value("sorted(session.process.frozen.nodes)") == [], "it to learn again")
    assert views.lab.value("bench.error is None")


def test_a_step_changes_what_the_last_step_did(views: Views) -> None:
    step = views.lab.value("session.step_number")
    views.lab.run_code("session.step()")
    shown(views, "optimization", step + 1)
    assert "noise" in (views.figure("optimization").get_attribute("aria-label") or "")
