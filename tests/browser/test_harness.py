"""The harness itself: a button of a small notebook is clicked, and kernel and page agree about it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

CELLS = [
    "import ipywidgets as widgets\ncount = 0",
    """
def clicked(_):
    global count
    count += 1
    label.value = f"clicked {count}"

button, label = widgets.Button(description="Count"), widgets.Label("clicked 0")
button.on_click(clicked)
widgets.HBox([button, label])
""",
]


def png_size(path: Path) -> tuple[int, int]:
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", head[16:24])


def test_a_click_reaches_the_kernel_and_comes_back(notebook: Callable[..., Any], tmp_path: Path) -> None:
    lab = notebook("small.ipynb", CELLS)
    button = lab.page.get_by_role("button", name="Count")
    assert lab.value("count") == 0
    for expected in (1, 2):
        button.click()
        lab.output(1).get_by_text(f"clicked {expected}").wait_for()
        assert lab.value("count") == expected
    assert lab.value("{'some': [label.value, None, 1.5]}") == {"some": ["clicked 2", None, 1.5]}

    assert png_size(lab.screenshot(tmp_path / "page.png")) == (1280, 800)
    assert (tmp_path / "page.png").stat().st_size > 10_000
    width, height = png_size(lab.screenshot(tmp_path / "cell.png", lab.cell(1)))
    assert width < 1280 and height < 800

    lab.theme("dark")
    dark = lab.page.evaluate("getComputedStyle(document.body).getPropertyValue('--jp-layout-color1')")
    lab.theme("light")
    assert dark != lab.page.evaluate("getComputedStyle(document.body).getPropertyValue('--jp-layout-color1')")

    lab.reload()
    assert lab.value("count") == 2, "a reload must not restart the kernel"
    lab.run_cell(1)
    # Whatever has the focus: the cell that is to be run is run.
    button.focus()
    lab.run_cell(0)
    assert lab.value("count") == 0
    button.click()
    lab.wait_until(lambda: lab.value("count") == 1, "a click after all that")
    lab.restart_kernel()
    assert lab.value("'count' in globals()") is False
    assert lab.console_errors == []


def test_errors_are_told(notebook: Callable[..., Any]) -> None:
    from tests.browser.server import KernelError

    lab = notebook("failing.ipynb", ["x = 1", "1 / 0", "x = 2"], run=False)
    with pytest.raises(AssertionError, match="cell 1: ZeroDivisionError"):
        lab.run_all()
    assert lab.value("x") == 1
    with pytest.raises(KernelError, match="NameError"):
        lab.value("no_such_name")
    with pytest.raises(KernelError, match="ZeroDivisionError"):
        lab.run_code("1 / 0")
    lab.run_code("x = 5")
    assert lab.value("x") == 5
    with pytest.raises(TimeoutError, match="the impossible"):
        lab.wait_until(lambda: False, "the impossible", timeout=0.1)
    lab.page.evaluate("console.error('planted')")
    lab.wait_until(lambda: lab.console_errors, "the planted error")
    assert "planted" in lab.console_errors.pop()


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    from tests.browser.server import Server, write_notebook

    write_notebook(tmp_path, "small.ipynb", CELLS)
    with Server(tmp_path) as server:
        home, family = server.home, [psutil.Process(server.process.pid)]
        assert [entry["name"] for entry in server.request("contents")["content"]] == ["small.ipynb"]
        with pytest.raises(LookupError, match="no running kernel"):
            server.kernel_of("small.ipynb")
        server.request("kernels", "POST")
        family += family[0].children(recursive=True)
        assert len(family) > 1
    assert not home.exists()
    assert not [process for process in family if process.is_running() and process.status() != "zombie"]
