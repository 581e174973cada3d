"""Fixtures for tests in a real browser. Every test of this folder is marked `browser` and runs last.

lab_server   JupyterLab on a copy of notebooks/, one for the session
browser      Chromium, one for the session
lab          a page of that JupyterLab, one for each test; an error in the browser's console fails the test
lab_on       the same for another folder: `lab = lab_on(folder, size=(1600, 1000))`
"""

from __future__ import annotations

import contextlib
import importlib.util
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


@pytest.fixture(scope="session")
def lab_server(browser: Any) -> Iterator[Any]:
    from tests.browser.server import Server

    with Server(NOTEBOOKS) as server:
        yield server


@pytest.fixture
def lab(browser: Any, lab_server: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    with _page(browser, lab_server, request) as page:
        yield page


@pytest.fixture
def lab_on(browser: Any, request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    from tests.browser.server import Server

    with contextlib.ExitStack() as stack:

        def start(folder: Path, environment: dict[str, str] | None = None, **options: Any) -> Any:
            server = stack.enter_context(Server(folder, environment=environment))
            return stack.enter_context(_page(browser, server, request, **options))

        yield start


@contextlib.contextmanager
def _page(browser: Any, server: Any, request: pytest.FixtureRequest, **options: Any) -> Iterator[Any]:
    with browser.lab(server, **options) as lab:
        yield lab
        if request.node.stash.get(_failed, False):
            lab.screenshot(FAILURES / f"{request.node.name}.png")
            print("browser console:", *lab.console_errors, sep="\n  ")
        else:
            assert not lab.console_errors, "errors in the browser's console:\n" + "\n".join(
                lab.console_errors
            )
