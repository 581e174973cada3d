"""Every kind of session that has rows, one after the other in the same cell: each panel shows something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.browser.test_tour import BenchOnPage

SHOWN = ("arrays", "autoencoder", "sequences", "several_inputs_and_outputs", "regression")

CELLS = [
    f"""from tests.widgets.session_kinds import KINDS
kinds = iter({SHOWN})""",
    """kind = next(kinds)
session = KINDS[kind]()
session.step(3)
bench = session.bench()""",
]
THREADS = """sorted({each.name for each in __import__("threading").enumerate()
                if each.name.startswith("cortex-lab") and bench.id not in each.name})"""


def test_every_panel_shows_something_of_every_kind_and_of_the_cell_that_ran_last(
    notebook: Callable[..., Any],
) -> None:
    lab = notebook("kinds.ipynb", CELLS)
    bench = BenchOnPage(lab)
    for place, kind in enumerate(SHOWN):
        if place:
            lab.run_cell(1)
        assert lab.value("kind") == kind
        bench.root.wait_for()
        assert bench.root.count() == 1
        for panel in lab.value("bench.layout"):
            bench.panel(panel).scroll_into_view_if_needed()
            lab.wait_until(lambda panel=panel: bench.step(panel) >= 0, f"{panel} of {kind} to be drawn")
            lab.wait_until(lambda panel=panel: bench.inks(panel) > 3, f"{panel} of {kind} to show something")
            assert panel == "findings" or not bench.panel(panel).locator(".cortex-note").is_visible()
        assert lab.value("bench.error") is None
        # Those of the benches before have ended.
        lab.wait_until(lambda: lab.value(THREADS) == [], "no other bench's threads")
