"""What every test shares: what a marked test needs, which skips CI refuses, Hypothesis without deadlines."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path

import pytest

# What CI installs, so that there a skip would be a test silently lost.
NEVER_SKIPPED_IN_CI = ("browser", "oracle", "keras")


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")


def pytest_configure() -> None:
    if importlib.util.find_spec("hypothesis"):
        from hypothesis import settings

        # Two shared cores make any deadline a lottery; CI draws the same examples every time.
        settings.register_profile("cortex_lab", deadline=None, derandomize=in_ci(), print_blob=True)
        settings.load_profile("cortex_lab")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("oracle") and importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed: pip install 'cortex-lab[bench]'")
    if item.get_closest_marker("gpu") and not _has_gpu():
        pytest.skip("no CUDA device, or no CuPy")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    marked = [name for name in NEVER_SKIPPED_IN_CI if item.get_closest_marker(name)]
    if in_ci() and marked and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"a test marked {marked[0]} may not skip in CI: {_reason(report.longrepr)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    report = yield
    if in_ci() and report.skipped and _mentions_such_tests(collector.path):
        report.outcome = "failed"
        report.longrepr = (
            f"a module with browser or oracle tests may not skip in CI: {_reason(report.longrepr)}"
        )
    return report


def _reason(longrepr: object) -> object:
    return longrepr[2] if isinstance(longrepr, tuple) else longrepr


def _mentions_such_tests(path: Path) -> bool:
    if path.parent.name in NEVER_SKIPPED_IN_CI:
        return True
    pattern = rf"mark\.({'|'.join(NEVER_SKIPPED_IN_CI)})\b"
    return path.is_file() and re.search(pattern, path.read_text(encoding="utf-8")) is not None


def _has_gpu() -> bool:
    if importlib.util.find_spec("cupy") is None:
        return False
    import cupy

    try:
        return cupy.cuda.runtime.getDeviceCount() > 0
    except cupy.cuda.runtime.CUDARuntimeError:
        return False
