"""Broken by hand, read what is wrong, click the remedy, watch it recover; and a fault with its buttons."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.test_harness import write_notebook

ROOT = Path(__file__).parents[2]
PICTURES = os.environ.get("CORTEX_LAB_SCREENSHOTS_IN")

CELLS = [
    """import numpy as np
import cortex_lab as cl
digits = cl.data.load("digits")
x, y = digits.train.arrays()
x = x.reshape(len(x), -1)

def network():
    return cl.Network([cl.Dense(32, activation="relu"), cl.Dense(10)], (64,), seed=0)

session = cl.train(network(), (x, y), "softmax_cross_entropy", cl.Adam(1e-2), seed=0)
session.step(40)
bench = session.bench(map=False, speed=None)""",
    """bad = x.copy()
bad[17] = 3e38
broken = cl.train(network(), (bad, y), "softmax_cross_entropy", seed=0)
bench = broken.bench(map=False, speed=None)""",
]


@pytest.fixture
def lab(lab_on: Callable[..., Any], tmp_path: Path) -> Any:
    write_notebook(tmp_path, "faults.ipynb", CELLS)
    return lab_on(tmp_path, {"PYTHONPATH": str(ROOT)}, size=(1280, 1000))


def picture(lab: Any, name: str) -> None:
    """For those who look: both themes, where they said."""
    if PICTURES:
        for theme in ("light", "dark"):
            lab.theme(theme)
            lab.page.wait_for_timeout(400)
            lab.screenshot(Path(PICTURES) / f"{name}-{theme}.png", lab.page.locator(".cortex-bench").last)
        lab.theme("light")


def test_what_is_wrong_is_read_and_put_right(lab: Any) -> None:
    lab.open("faults.ipynb")
    lab.run_cell(0)
    root = lab.page.locator(".cortex-bench").last
    findings = root.locator('[data-view="findings"]')
    rate = root.get_by_label("learning rate", exact=True)
    rate.fill("10")
    rate.press("Enter")
    lab.wait_until(lambda: lab.value("bench.learning_rate") == 10, "the rate that breaks it")
    root.get_by_role("button", name="Run", exact=True).click()
    lab.wait_until(lambda: lab.value("session.step_number") > 150, "some steps", 20)
    root.get_by_role("button", name="Pause", exact=True).click()
    lab.wait_until(lambda: lab.value("not session.running and session.trace['loss'][-1] > 2"), "the harm")
    remedy = findings.get_by_role("button", name="learning_rate")
    lab.wait_until(remedy.count, "the finding", 30)
    assert "is too high" in findings.locator(".cortex-figure").get_attribute("aria-label")
    picture(lab, "findings")
    remedy.first.focus()
    lab.page.keyboard.press("Enter")
    lab.wait_until(lambda: lab.value("bench.learning_rate") < 1, "the remedy")
    assert lab.value("session.step_number") == 40
    assert "session.edit('learning_rate'" in lab.value("str(session.script())")
    root.get_by_role("button", name="Run", exact=True).click()
    lab.wait_until(
        lambda: lab.value("session.step_number > 150 and session.trace['loss'][-1] < 1"), "recovery"
    )
    root.get_by_role("button", name="Pause", exact=True).click()

    lab.run_cell(1)
    root = lab.page.locator(".cortex-bench").last
    root.get_by_role("button", name="Run", exact=True).click()
    told = root.locator(".cortex-fault")
    told.get_by_text("was held back").wait_for()
    assert "17" in told.inner_text() and "last good step" in told.inner_text()
    status = root.locator('.cortex-view[data-view="status"]')
    assert status.get_attribute("data-state") == "error"
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
