"""Panels of data and of layers on the page: they draw, and a click in one is heard by all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.harness import Lab
from tests.browser.test_panels import STAGE, Views

CELLS = [
    """import cortex_lab as cl
from cortex_lab.widgets import Bench
from tests.widgets import session_kinds

session = session_kinds.dataset()
PANELS = ["loss_curve", "confusion_matrix", "sample_browser", "reliability", "network_map", "layer_table",
          "distributions", "recorded_curves"]
bench = Bench(session, map=False, layout=PANELS)
bench.views["layer_table"].look()
session.step(12)
bench.show()""",
]
PANELS = [
    "confusion_matrix", "sample_browser", "reliability", "network_map", "layer_table", "distributions",
    "recorded_curves",
]  # fmt: skip
CLASSES = ["ant", "bee", "cow"]
INKS = """view => { const canvas = view.querySelector("canvas"), context = canvas.getContext("2d");
                    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
                    return new Set(new Uint32Array(data.buffer)).size; }"""


@pytest.fixture
def views(lab: Lab, notebook: Callable[..., Any]) -> Views:
    notebook("views.ipynb", CELLS, keep=True)
    found = Views(lab)
    found.page.bring_to_front()
    found.lab.run_code("bench.selection, bench.moment = [], None")
    found.agree("selection", [])
    found.root.wait_for()
    return found


def shown(views: Views, name: str, step: int = 12) -> Any:
    """The figure of a panel, scrolled to, once it shows this step."""
    panel = views.panel(name)
    panel.scroll_into_view_if_needed()
    views.wait(lambda: panel.get_attribute("data-step") == str(step), f"{name} drawn")
    return views.figure(name)


def click(views: Views, name: str, x: float, y: float) -> None:
    """A click at this share of the width and of the height of a figure."""
    box = shown(views, name).bounding_box()
    views.page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])


def where(views: Views, name: str, wanted: str) -> tuple[float, float]:
    """A place of the figure, in shares of it, around which the page tells of something that begins so."""
    box, tooltip = shown(views, name).bounding_box(), views.panel(name).locator(".cortex-tooltip")
    for i in range(1, 40, 2):
        before = False
        for j in range(1, 24):
            views.page.mouse.move(box["x"] + i / 40 * box["width"], box["y"] + j / 24 * box["height"])
            told = tooltip.is_visible() and tooltip.inner_text().startswith(wanted)
            if told and before:
                return i / 40, (j - 0.5) / 24
            before = told
    raise AssertionError(f"{name} tells nowhere of {wanted!r}")


@pytest.mark.parametrize("name", PANELS)
def test_a_panel_draws_and_tells(views: Views, name: str) -> None:
    shown(views, name)
    assert views.panel(name).evaluate(INKS) > 8
    views.wait(lambda: not views.panel(name).locator(".cortex-note").is_visible(), f"{name} without a note")


def test_a_cell_of_the_matrix_selects_its_rows_everywhere(views: Views) -> None:
    rows = views.lab.value("[each.tolist() for each in bench.views['confusion_matrix'].look().members]")
    cell = next(place for place, each in enumerate(rows) if len(each) > 1)
    true, said = CLASSES[cell // 3], CLASSES[cell % 3]
    plain = views.picture("confusion_matrix")
    click(views, "confusion_matrix", *where(views, "confusion_matrix", f"{true}, {said}:"))
    views.agree("selection", rows[cell])
    views.wait(lambda: views.picture("confusion_matrix") != plain, "a frame around the cell")
    framed, whole = views.picture("confusion_matrix"), len(rows[cell])
    views.lab.run_code(f"bench.selection = [{rows[cell][0]}]")
    views.agree("selection", rows[cell][:1])
    views.wait(lambda: views.picture("confusion_matrix") not in (plain, framed), "another one for some of it")
    where(views, "confusion_matrix", f"{true}, {said}:")
    told = views.panel("confusion_matrix").locator(".cortex-tooltip").inner_text()
    assert whole > 1 and f"1 of {whole} selected" in told


def test_buttons_leave_out_the_rows_selected(views: Views) -> None:
    row = views.lab.value("int(bench.views['sample_browser'].frame().index[3])")
    views.lab.run_code(f"bench.selection = [{row}]")
    views.agree("selection", [row])
    shown(views, "sample_browser")
    panel = views.panel("sample_browser")
    figure = views.figure("sample_browser")
    said = lambda: figure.get_attribute("aria-label") or ""  # noqa: E731
    views.wait(lambda: "the 1 row selected" in said(), "the buttons to be about it")
    panel.get_by_role("button", name="Leave out").click()
    views.wait(lambda: views.lab.value("session.process.batches.excluded.tolist()") == [row], "the edit")
    assert views.lab.value("bench.error is None")


def test_a_node_or_a_line_is_shown_by_all_views(views: Views) -> None:
    click(views, "network_map", *where(views, "network_map", "dense_2: Dense"))
    three = "('network_map', 'layer_table', 'distributions')"
    nodes = f"[bench.views[name].node for name in {three}] + [bench.layer]"
    views.wait(lambda: views.lab.value(nodes) == ["dense_2"] * 4, "the node in all views")
    click(views, "layer_table", *where(views, "layer_table", "dense_1  6, parameters"))
    views.wait(lambda: views.lab.value(nodes) == ["dense_1"] * 4, "the layer in all views")


def test_a_click_on_curves_marks_the_step(views: Views) -> None:
    click(views, "recorded_curves", 0.5, 0.15)
    step = views.page.evaluate(f"({STAGE}).store.values.moment")
    assert 1 <= step <= 12
    views.wait(lambda: views.lab.value("bench.moment") == step, "the moment in Python")
