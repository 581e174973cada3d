"""The tour in a real browser: what a newcomer does on the lab bench; page and kernel must agree about it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import nbformat

from tests.browser.harness import Lab
from tests.widgets.reading_reports import Read

WATCH = """() => {
    const panel = document.querySelector('.cortex-bench .cortex-view[data-view="loss_curve"]');
    window.drawn = [];
    new MutationObserver(() => window.drawn.push([performance.now(), Number(panel.dataset.step)]))
        .observe(panel, { attributes: true, attributeFilter: ["data-step"] });
}"""
"""Note when the curve shows another step, and which."""


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

    def pause(self) -> int:
        """Click Pause; the step at which it stopped."""
        self.click("Pause")
        self.lab.wait_until(lambda: not self.lab.value("session.running or bench.trainer_busy"), "a pause")
        return self.lab.value("session.step_number")

    def rewind(self) -> None:
        """Back to step 0, on the page too."""
        self.lab.run_code("bench.rewind(0); bench.wait()")
        self.wait_for_step(0, ("loss_curve",))

    def wait_for_step(self, step: int, panels: tuple[str, ...] = PANELS) -> None:
        for panel in panels:
            # What is out of sight is not drawn.
            self.panel(panel).scroll_into_view_if_needed()
            self.lab.wait_until(lambda panel=panel: self.step(panel) == step, f"{panel} at {step}")

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


def open_bench(lab: Lab) -> BenchOnPage:
    """The tour, its cells run as far as the bench."""
    lab.open("00_tour.ipynb")
    tour = json.loads((lab.server.folder / "00_tour.ipynb").read_text())
    for place, cell in enumerate(tour["cells"]):
        if cell["cell_type"] == "code":
            lab.run_cell(place)
        if "session.bench()" in "".join(cell["source"]):
            break
    found = BenchOnPage(lab)
    found.root.wait_for()
    found.root.evaluate("bench => bench.scrollIntoView()")
    found.wait_for_step(0, ("loss_curve",))
    return found


def test_a_newcomer_sees_it_learn_breaks_it_and_puts_it_right(lab: Lab) -> None:
    bench = open_bench(lab)
    speed = bench.root.get_by_label("Run at")
    # At first slowly enough for most machines; a slow one has the chooser for it.
    for chosen in ("10 steps/s", "3 steps/s", "1 step/s"):
        if chosen != "10 steps/s":
            bench.rewind()
            speed.select_option(chosen)
        lab.wait_until(lambda chosen=chosen: lab.value("bench.speed_chooser.value") == chosen, "the speed")
        lab.page.evaluate(WATCH)
        bench.click("Run")
        lab.wait_until(lambda: bench.step() >= 100, "a hundred steps")
        stopped = bench.pause()
        first = [step for _, step in lab.page.evaluate("window.drawn") if step <= 100]
        if len({*first}) >= 20 and first[0] <= 20:
            break
    assert len({*first}) >= 20 and first[0] <= 20
    bench.wait_for_step(stopped)
    bench.click("Step")
    bench.wait_for_step(stopped + 1)
    stopped += 1

    # The map follows a run, while it runs.
    laid_out = bench.step("embedding_map")
    bench.panel("embedding_map").scroll_into_view_if_needed()
    bench.click("Run")
    lab.wait_until(lambda: bench.step("embedding_map") > laid_out, "the map to follow")
    good = bench.pause()

    rate = bench.root.get_by_label("learning rate", exact=True)
    rate.fill("10")
    rate.press("Enter")
    lab.wait_until(lambda: lab.value("bench.learning_rate") == 10, "the rate that breaks it")
    bench.click("Run")
    lab.wait_until(lambda: lab.value("session.step_number") > good + 30, "the harm")
    findings = bench.panel("findings")
    findings.scroll_into_view_if_needed()
    remedy = findings.get_by_role("button", name="learning_rate")
    lab.wait_until(remedy.count, "what is wrong")
    said = findings.locator(".cortex-figure").get_attribute("aria-label")
    assert "The learning rate 10 is too high" in said
    harmed = lab.value("session.trace['loss'][-1]")
    # It goes on at its pace, from before the harm.
    remedy.first.focus()
    lab.page.keyboard.press("Enter")
    lab.wait_until(lambda: lab.value("bench.learning_rate") < 1, "the remedy")
    lab.wait_until(lambda: lab.value("session.running"), "it to go on")
    lab.wait_until(lambda: bench.step() > good + 5, "some steps more")
    bench.pause()
    assert lab.value("bench.speed") == 10
    assert lab.value("session.trace['loss'][-5:].mean()") < min(1.0, harmed)
    script = lab.value("str(session.script())")
    assert f"session.step({good})\n" in script and "session.edit('learning_rate', 0." in script
    assert "session.edit('learning_rate', 10" not in script


def test_the_whole_tour_and_its_bench(lab: Lab, tmp_path: Path) -> None:
    lab.open("00_tour.ipynb")
    lab.run_all()
    bench = BenchOnPage(lab)
    bench.root.wait_for()
    assert bench.root.count() == 1
    bench.root.scroll_into_view_if_needed()
    bench.wait_for_step(lab.value("session.step_number"))
    for panel in PANELS:
        assert bench.inks(panel) > 8, f"{panel} looks blank"
    saved = lab.page.locator("[class^=cortex-lab-static]")
    assert saved.count() == 1 and not saved.is_visible(), "the saved picture shows beside the live bench"

    stood = lab.value("session.step_number")
    bench.root.get_by_label("Run at").select_option("as fast as it goes")
    lab.wait_until(lambda: lab.value("bench.speed is None"), "full speed")
    bench.click("Run")
    lab.wait_until(lambda: bench.step() > stood + 20, "a curve that grows")
    drawn = bench.step()
    lab.wait_until(lambda: bench.step() > drawn, "a curve that goes on growing")
    stopped = bench.pause()

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

    lab.resize(1280, 1100)
    lab.wait_until(lambda: "settled" in bench.panel("embedding_map").inner_text(), "a map that rests")
    take = os.environ.get("CORTEX_LAB_SCREENSHOTS") or not SCREENSHOT.exists()
    picture = lab.screenshot(SCREENSHOT if take else tmp_path / "bench.png", bench.root)
    assert picture.stat().st_size > 40_000

    light = {panel: bench.picture(panel) for panel in PANELS}
    lab.theme("dark")
    for panel in PANELS:
        bench.panel(panel).scroll_into_view_if_needed()
        lab.wait_until(lambda panel=panel: bench.picture(panel) != light[panel], f"{panel} in the dark")
        assert bench.inks(panel) > 8, f"{panel} looks blank in the dark"

    # Small enough as it is: a report that is too large leaves steps out.
    lab.run_code("from cortex_lab.widgets.report import MOMENTS, chosen_steps")
    report = Path(lab.value("str(session.report('run.html').absolute())"))
    try:
        assert 100_000 < report.stat().st_size < 5_000_000
        assert Read(report).steps == lab.value("chosen_steps(session, MOMENTS)")
    finally:
        report.unlink()

    lab.run_code("bench.close()")
    lab.page.locator("[class^=cortex-lab-static] img").wait_for()
    lab.wait_until(lambda: bench.root.count() == 0, "the bench to go")
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
