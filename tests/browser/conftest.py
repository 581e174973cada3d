"""Fixtures for tests in a real browser. Every test of this folder is marked `browser` and runs last.

browser      Chromium, one for the session
lab          a page of JupyterLab, one for all tests; an error in the browser's console fails the test
notebook     `notebook(name, cells)` opens a notebook of these cells on it and runs them, unless `run=False`;
             with `keep=True` one of that name that is open already stays as it is
"""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
NOTEBOOKS = HERE.parents[1] / "notebooks"
FAILURES = HERE / "failures"

_failed = pytest.StashKey[bool]()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [item for item in items if HERE in item.path.parents]
    for item in ours:
        item.add_marker(pytest.mark.browser)
    # Playwright keeps an event loop running in the main thread, which other tests need not meet.
    items[:] = [item for item in items if HERE not in item.path.parents] + ours


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    if report.failed and call.when == "call":
        item.stash[_failed] = True
    return report


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    for package in ("playwright", "jupyterlab"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: pip install 'cortex-lab[lab,test]'")
    from tests.browser.harness import Browser, chromium

    if chromium() is None:
        pytest.skip("no Chromium found: install it, or name it in the environment as CHROMIUM")
    try:
        started = Browser()
    except Exception as error:  # a driver, or a browser, that does not start
        pytest.skip(f"Chromium does not start (on Debian: apt install chromium libatomic1): {error}")
    with started:
        yield started


class Shared:
    """One JupyterLab and one page of it for all tests; a page on which a test failed is not used again."""

    def __init__(self, browser: Any, server: Any) -> None:
        self._browser, self._server = browser, server
        self._open = contextlib.ExitStack()
        self._lab: Any = None

    @property
    def lab(self) -> Any:
        if self._lab is None:
            self._lab = self._open.enter_context(self._browser.lab(self._server))
        return self._lab

    def give_up(self) -> None:
        self._open.close()
        self._lab = None


@pytest.fixture(scope="session")
def shared(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    from tests.browser.server import Server

    folder = tmp_path_factory.mktemp("notebooks")
    shutil.copy(NOTEBOOKS / "00_tour.ipynb", folder)
    with Server(folder) as server:
        found = Shared(browser, server)
        yield found
        found.give_up()


@pytest.fixture
def lab(shared: Shared, request: pytest.FixtureRequest) -> Iterator[Any]:
    lab = shared.lab
    yield lab
    errors = "errors in the browser's console:\n" + "\n".join(lab.console_errors)
    if request.node.stash.get(_failed, False):
        lab.screenshot(FAILURES / f"{request.node.name}.png")
        print(errors)
        shared.give_up()
        return
    found = bool(lab.console_errors)
    lab.tidy()
    assert not found, errors


@pytest.fixture
def notebook(lab: Any) -> Callable[..., Any]:
    from tests.browser.server import write_notebook

    def open_it(name: str, cells: list[str], keep: bool = False, run: bool = True) -> Any:
        if not (keep and lab.notebook == name):
            write_notebook(lab.server.source, name, cells)
            lab.open(name)
            if run:
                lab.run_all()
        return lab

    return open_it
