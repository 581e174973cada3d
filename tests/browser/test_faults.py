"""A fault with its words and its buttons, in a training that runs at its own pace."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.browser.test_tour import BenchOnPage

PICTURES = os.environ.get("CORTEX_LAB_SCREENSHOTS_IN")

CELLS = [
    """import cortex_lab as cl
digits = cl.data.load("digits")
x, y = digits.train.arrays()
x = x.reshape(len(x), -1)
x[17] = 3e38
network = cl.Network([cl.Dense(32, activation="relu"), cl.Dense(10)], (64,), seed=0)
broken = cl.train(network, (x, y), "softmax_cross_entropy", seed=0)
bench = broken.bench(map=False, speed=None)""",
]


def picture(lab: Any, name: str) -> None:
    """For those who look: both themes, where they said."""
    if PICTURES:
        for theme in ("light", "dark"):
            lab.theme(theme)
            lab.page.wait_for_timeout(400)
            lab.screenshot(Path(PICTURES) / f"{name}-{theme}.png", lab.page.locator(".cortex-bench").last)
        lab.theme("light")


def test_a_fault_is_said_and_its_buttons_put_it_right(notebook: Callable[..., Any]) -> None:
    lab = notebook("faults.ipynb", CELLS)
    lab.resize(1280, 1000)
    root = lab.page.locator(".cortex-bench")
    root.get_by_role("button", name="Run", exact=True).click()
    told = root.locator(".cortex-fault")
    told.get_by_text("was held back").wait_for()
    assert "17" in told.inner_text() and "last good step" in told.inner_text()
    status = root.locator('.cortex-view[data-view="status"]')
    lab.wait_until(lambda: status.get_attribute("data-state") == "error", "a status of its own")
    red = status.locator("b").evaluate("each => getComputedStyle(each).color")
    assert red == "rgb(200, 53, 31)"
    told.get_by_role("button", name="Show the batch").click()
    batch = root.locator('[data-view="batch_rows"] .cortex-figure')
    batch.wait_for(state="visible")
    lab.wait_until(lambda: "the first is row 17" in (batch.get_attribute("aria-label") or ""), "the batch")
    picture(lab, "fault")
    good = lab.value("broken.fault.last_good")
    told.get_by_role("button", name="Back to the last good step").click()
    lab.wait_until(lambda: not told.is_visible(), "the fault to go")
    assert lab.value("broken.step_number") == good and lab.value("broken.held_back") is None


MAPPED = [
    """import cortex_lab as cl
import numpy as np
digits = cl.data.load("digits")
layers = [cl.Flatten(), cl.Dense(16, activation="relu"), cl.Dense(10)]
network = cl.Network(layers, digits.input_shape, seed=0)
mapped = cl.train(network, digits, seed=0)
mapped.step(3)
good = network.params.copy()
weights = iter([good, np.nan, good])
bench = mapped.bench()""",
    "network.params[:] = next(weights)",
]


def test_a_map_that_failed_says_why_and_is_there_again_once_it_can_be(notebook: Callable[..., Any]) -> None:
    lab = notebook("maps.ipynb", MAPPED)
    bench = BenchOnPage(lab)
    panel = bench.panel("embedding_map")
    panel.scroll_into_view_if_needed()
    lab.wait_until(lambda: bench.inks("embedding_map") > 3, "a map")
    lab.run_cell(1)
    note = panel.locator(".cortex-note")
    note.get_by_text("not finite; the map goes on once it is").wait_for()
    lab.run_cell(1)
    lab.wait_until(lambda: not note.is_visible(), "the note to go")
    bench.click("Step")
    lab.wait_until(lambda: bench.step("embedding_map") == 4, "a map of the next step")
    assert bench.inks("embedding_map") > 3 and lab.value("bench.error") is None
