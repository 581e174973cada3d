"""The tour in a real browser: what a newcomer does on the lab bench; page and kernel must agree about it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.browser.harness import Lab

SCREENSHOT = Path(__file__).parents[2] / "docs" / "images" / "bench.png"
PANELS = ("loss_curve", "embedding_map", "weight_histogram", "activations")


class BenchOnPage:
    """The bench as the page shows it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.root = lab.page.locator(".cortex-bench")

    def click(self, name: str) -> None:
        self.root.get_by_role("button", name=name, exact=True).click()

    def panel(self, name: str) -> Any:
        return self.root.locator(f'.cortex-view[data-view="{name}"]')

    def step(self, panel: str = "loss_curve") -> int:
        """The step that a panel shows."""
        return int(self.panel(panel).get_attribute("data-step") or -1)

    def wait_for_step(self, step: int, panels: tuple[str, ...] = PANELS, timeout: float = 20) -> None:
        for panel in panels:
            # What is out of sight is not drawn.
            self.panel(panel).scroll_into_view_if_needed()
            self.lab.wait_until(lambda panel=panel: self.step(panel) == step, f"{panel} at {step}", timeout)

    def picture(self, panel: str) -> str:
        """What the canvas of a panel shows, as a data URL."""
        return self.panel(panel).evaluate('view => view.querySelector("canvas").toDataURL()')

    def inks(self, panel: str) -> int:
        """How many colors the canvas of a panel has: 1 if it is blank."""
        return self.panel(panel).evaluate(
            """view => { const canvas = view.querySelector("canvas"), context = canvas.getContext("2d");
                         const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
                         return new Set(new Uint32Array(data.buffer)).size; }"""
        )


@pytest.fixture
def bench(lab: Lab) -> BenchOnPage:
    """The bench of the tour, all of whose cells have run."""
    lab.open("00_tour.ipynb")
    lab.run_all(timeout=240)
    found = BenchOnPage(lab)
    found.root.wait_for()
    assert found.root.count() == 1
    found.root.scroll_into_view_if_needed()
    found.wait_for_step(lab.value("session.step_number"), timeout=60)
    return found


def test_the_tour_and_its_bench(bench: BenchOnPage, lab: Lab, tmp_path: Path) -> None:
    for panel in PANELS:
        assert bench.inks(panel) > 8, f"{panel} looks blank"
    saved = lab.page.locator("[class^=cortex-lab-static]")
    assert saved.count() == 1 and not saved.is_visible(), "the saved picture shows beside the live bench"

    before = lab.value("len(session.trace)")
    stood = lab.value("session.step_number")
    bench.click("Step")
    bench.wait_for_step(stood + 1)
    assert lab.value("len(session.trace)") == before + 1

    bench.click("Run")
    lab.wait_until(lambda: bench.step() > before + 20, "a curve that grows", 20)
    drawn = bench.step()
    lab.wait_until(lambda: bench.step() > drawn, "a curve that goes on growing", 20)
    bench.click("Pause")
    lab.wait_until(lambda: not lab.value("session.running or bench.trainer_busy"), "a pause")
    stopped = lab.value("session.step_number")

    # Picture and kernel agree, in every panel, also in the numbers.
    bench.wait_for_step(stopped)
    status = bench.panel("status")
    assert status.get_attribute("data-state") == "paused"
    assert f"{stopped:,}" in status.inner_text()
    assert lab.value("len(session.trace)") == stopped
    assert lab.value("bench.channel.drawn") > 10
    row = lab.value("bench.pinned")
    assert f"row {row}" in bench.panel("activations").locator(".cortex-figure").get_attribute("aria-label")

    bench.click("Step to")
    lab.wait_until(lambda: status.get_attribute("data-state") == "phase", "a stop inside a step")
    assert lab.value("session.phase") in status.inner_text()
    bench.click("Step")
    bench.wait_for_step(stopped + 1)

    lab.page.set_viewport_size({"width": 1280, "height": 1100})
    lab.wait_until(lambda: "settled" in bench.panel("embedding_map").inner_text(), "a map that rests", 90)
    take = os.environ.get("CORTEX_LAB_SCREENSHOTS") or not SCREENSHOT.exists()
    picture = lab.screenshot(SCREENSHOT if take else tmp_path / "bench.png", bench.root)
    assert picture.stat().st_size > 40_000

    light = {panel: bench.picture(panel) for panel in PANELS}
    lab.theme("dark")
    for panel in PANELS:
        bench.panel(panel).scroll_into_view_if_needed()
        lab.wait_until(lambda panel=panel: bench.picture(panel) != light[panel], f"{panel} in the dark", 30)
        assert bench.inks(panel) > 8, f"{panel} looks blank in the dark"


def test_the_saved_tour_keeps_a_picture_and_no_widget_state(bench: BenchOnPage, lab: Lab) -> None:
    import nbformat

    lab.run_code("bench.close()")
    lab.page.locator("[class^=cortex-lab-static] img").wait_for()
    assert bench.root.count() == 0
    lab.command("docmanager:save")
    notebook = nbformat.read(lab.server.folder / "00_tour.ipynb", as_version=4)
    pictures = [
        output.data
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if "cortex-lab-static" in output.get("data", {}).get("text/html", "")
    ]
    assert len(pictures) == 1 and len(pictures[0]["image/png"]) > 20_000
    assert "widgets" not in notebook.metadata
