"""Without a kernel: the picture and a line that says how to be live again; with one, the bench is back."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from nbconvert import HTMLExporter

from tests.browser.harness import CLOSE_ALL

PICTURES = os.environ.get("CORTEX_LAB_SCREENSHOTS_IN")

CELLS = [
    """import cortex_lab as cl
digits = cl.data.load("digits")
network = cl.Network([cl.Conv2D(4, 3, activation="relu"), cl.Flatten(), cl.Dense(10)], (8, 8, 1), seed=0)
session = cl.train(network, digits, "softmax_cross_entropy", seed=0)
session.step(12)
bench = session.bench(map=False)""",
]


def test_a_notebook_without_a_kernel_keeps_the_picture_and_says_how_to_be_live_again(
    notebook: Callable[..., Any],
) -> None:
    lab = notebook("saved.ipynb", CELLS)
    lab.resize(1280, 1000)
    root = lab.page.locator(".cortex-bench")
    root.wait_for()
    saved = lab.page.locator("[class^=cortex-lab-static] img")
    lab.wait_until(lambda: saved.count() == 1, "the picture")
    assert not saved.is_visible()
    lab.command("docmanager:save")
    path = lab.server.folder / "saved.ipynb"
    stored = nbformat.read(path, as_version=4)
    places = [
        output for output in stored.cells[0].outputs if "cortex_lab_bench" in output.get("metadata", {})
    ]
    assert [dict(output.data) for output in places] == [{"text/html": ""}]
    assert path.stat().st_size < 300_000 and "Column(" not in path.read_text()

    # The kernel is alive: the bench is back, and follows.
    lab.reload()
    root.wait_for()
    lab.run_code("session.step(3)")
    curve = root.locator('[data-view="loss_curve"]')
    lab.wait_until(lambda: curve.get_attribute("data-step") == "15", "the bench to follow again")
    assert not saved.is_visible()

    # It is started again under the page.
    lab.restart_kernel()
    line = lab.page.get_by_text("To be live again")
    line.wait_for()
    lab.wait_until(saved.is_visible, "the picture")
    assert not root.is_visible()
    if PICTURES:
        for theme in ("light", "dark"):
            lab.theme(theme)
            lab.page.wait_for_timeout(300)
            lab.screenshot(Path(PICTURES) / f"saved-{theme}.png")
        lab.theme("light")

    # And the notebook is opened again.
    lab.reload()
    line.wait_for()
    assert saved.is_visible() and not lab.page.get_by_text("model not found").count()
    assert lab.console_errors == []

    page, _ = HTMLExporter().from_filename(str(path))
    assert "data:image/png;base64," in page and "To be live again" in page and "Column(" not in page

    lab.page.evaluate(CLOSE_ALL)
    benches = "globalThis.cortexLabBenches?.size ?? 0"
    lab.wait_until(lambda: lab.page.evaluate(benches) == 0, "nothing of it to stay in the page")
