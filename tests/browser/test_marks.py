"""Every mark on the page, shown by a view that a cell defines: drawn in both themes, and told of when pointed at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.test_harness import write_notebook
from tests.widgets.cases import MARK_CASES

ROOT = Path(__file__).parents[2]

CELLS = [
    """from cortex_lab.widgets import Axis, Bench, Chart, Plot, View
from cortex_lab.widgets.chart.view import VIEWS
from tests.widgets.cases import MARK_CASES
from tests.widgets.toys import ToySession

def view_of(cls, marks):
    class Shown(View):
        title = cls.__name__
        place = "wide"

        def collect(self, exact):
            return self.session.step_number

        def chart(self, data):
            limits = (Axis((-1, 24), "across"), Axis((-1, 5), "up"))
            axes = limits if marks[0].on_axes else (None, None)
            return Chart(tuple(Plot((mark,), "example", x=axes[0], y=axes[1]) for mark in marks), "row", cls.kind)

    Shown.name = f"shown_{cls.kind}"
    return Shown

VIEWS.others.clear()
VIEWS.others.update({cls.kind: view_of(cls, marks) for cls, marks in MARK_CASES.items()})
bench = Bench(ToySession(), map=False).show()""",
]

INKS = """view => { const canvas = view.querySelector("canvas"), context = canvas.getContext("2d");
                    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
                    return new Set(new Uint32Array(data.buffer)).size; }"""

# Where something of the mark is, as shares of the width and height of the figure.
POINTED = {"tiles": (0.05, 0.4), "cells": (0.2, 0.4), "graph": (0.48, 0.54), "bars": (0.08, 0.5)}


@pytest.fixture
def lab(lab_on: Callable[..., Any], tmp_path: Path) -> Any:
    write_notebook(tmp_path, "marks.ipynb", CELLS)
    return lab_on(tmp_path, {"PYTHONPATH": str(ROOT)}, size=(1280, 1000))


def test_every_mark_is_drawn_on_the_page_in_both_themes(lab: Any) -> None:
    lab.open("marks.ipynb")
    lab.run_all()
    panels = {cls.kind: lab.page.locator(f'[data-view="shown_{cls.kind}"]') for cls in MARK_CASES}
    pictures = {}
    for kind, panel in panels.items():
        panel.scroll_into_view_if_needed()
        lab.wait_until(lambda panel=panel: panel.get_attribute("data-step") == "0", f"{kind} to be drawn")
        assert panel.evaluate(INKS) > 8, f"{kind} looks blank"
        assert panel.locator(".cortex-caption").inner_text() == kind and not panel.locator(".cortex-note").is_visible()
        pictures[kind] = panel.evaluate('view => view.querySelector("canvas").toDataURL()')
    lab.theme("dark")
    for kind, panel in panels.items():
        panel.scroll_into_view_if_needed()
        redrawn = 'view => view.querySelector("canvas").toDataURL()'
        lab.wait_until(lambda p=panel, k=kind: p.evaluate(redrawn) != pictures[k], f"{kind} in the dark")


def test_what_lies_under_the_pointer_is_told(lab: Any) -> None:
    lab.open("marks.ipynb")
    lab.run_all()
    for cls in MARK_CASES:
        panel = lab.page.locator(f'[data-view="shown_{cls.kind}"]')
        panel.scroll_into_view_if_needed()
        lab.wait_until(lambda panel=panel: panel.get_attribute("data-step") == "0", f"{cls.kind} to be drawn")
        tooltip = panel.locator(".cortex-tooltip")
        told = set()
        box = panel.locator(".cortex-figure").bounding_box()
        for i in range(1, 60):
            for share in (0.35, 0.5, 0.65):
                lab.page.mouse.move(box["x"] + i / 60 * box["width"], box["y"] + share * box["height"])
                if tooltip.is_visible():
                    told.add(tooltip.inner_text())
        assert told, f"nothing is told of {cls.kind}"
        assert all("NaN" not in text and "undefined" not in text for text in told) or cls.kind == "cells", told
