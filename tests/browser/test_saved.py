"""Without a kernel: the picture and a line that says how to be live again; with one, the bench is back."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.browser.test_harness import write_notebook

ROOT = Path(__file__).parents[2]
PICTURES = os.environ.get("CORTEX_LAB_SCREENSHOTS_IN")

CELLS = [
    """import cortex_lab as cl
digits = cl.data.load("digits")
network = cl.Network([cl.Conv2D(4, 3, activation="relu"), cl.Flatten(), cl.Dense(10)], (8, 8, 1), seed=0)
session = cl.train(network, digits, "softmax_cross_entropy", seed=0)
session.step(12)
bench = session.bench(map=False)""",
]


@pytest.fixture
def lab(lab_on: Callable[..., Any], tmp_path: Path) -> Any:
    write_notebook(tmp_path, "saved.ipynb", CELLS)
    return lab_on(tmp_path, {"PYTHONPATH": str(ROOT)}, size=(1280, 1000))


def test_a_notebook_without_a_kernel_keeps_the_picture_and_says_how_to_be_live_again(lab: Any) -> None:
    lab.open("saved.ipynb")
    lab.run_all()
    root = lab.page.locator(".cortex-bench")
    root.wait_for()
    saved = lab.page.locator("[class^=cortex-lab-static] img")
    lab.wait_until(lambda: saved.count() == 1, "the picture", 20)
    assert not saved.is_visible()
    lab.command("docmanager:save")
    path = lab.server.folder / "saved.ipynb"
    notebook = nbformat.read(path, as_version=4)
    places = [
        output for output in notebook.cells[0].outputs if "cortex_lab_bench" in output.get("metadata", {})
    ]
    assert [dict(output.data) for output in places] == [{}]
    assert path.stat().st_size < 300_000 and "Column(" not in path.read_text()

    # The kernel is alive: the bench is back, and follows.
    lab.reload()
    root.wait_for()
    lab.run_code("session.step(3)")
    curve = root.locator('[data-view="loss_curve"]')
    lab.wait_until(lambda: curve.get_attribute("data-step") == "15", "the bench to follow again", 20)
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

    command = [sys.executable, "-m", "jupyter", "nbconvert", "--to", "html", "--stdout", str(path)]
    page = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "data:image/png;base64," in page and "To be live again" in page and "Column(" not in page
