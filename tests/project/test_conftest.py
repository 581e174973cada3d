"""In CI a browser or oracle test that skips is a failure; elsewhere and for other tests it is a skip."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"

SKIPPING = """
import pytest

@pytest.mark.browser
def test_browser():
    pytest.skip("no Chromium here")

@pytest.mark.oracle
@pytest.mark.skipif(True, reason="no PyTorch here")
def test_oracle():
    pass

@pytest.mark.gpu
def test_gpu():
    pytest.skip("no device here")

@pytest.mark.browser
@pytest.mark.xfail(reason="known", strict=True)
def test_known():
    assert False

@pytest.mark.browser
def test_fine():
    pass
"""

SKIPPED_MODULE = """
import pytest
pytest.importorskip("a_module_that_nobody_has")

@pytest.mark.oracle
def test_never_seen():
    pass
"""


def run_pytest(folder: Path, ci: str | None) -> tuple[int, str]:
    markers = "".join(f"\n  {name}: of this kind" for name in ("browser", "oracle", "gpu"))
    (folder / "pytest.ini").write_text(f"[pytest]\nmarkers ={markers}\n")
    (folder / "conftest.py").write_text(CONFTEST.read_text(encoding="utf-8"))
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "PYTEST_ADDOPTS")}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    command = [sys.executable, "-m", "pytest", "-ra", "-p", "no:cacheprovider", str(folder)]
    done = subprocess.run(
        command, env=environment | ({"CI": ci} if ci else {}), cwd=folder, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


def outcomes(output: str) -> dict[str, int]:
    return {kind: int(count) for count, kind in re.findall(r"(\d+) (\w+)", output.splitlines()[-1])}


@pytest.mark.parametrize("ci", ["true", "1"])
def test_a_browser_or_oracle_test_may_not_skip_in_ci(tmp_path: Path, ci: str) -> None:
    (tmp_path / "test_some.py").write_text(SKIPPING)
    status, output = run_pytest(tmp_path, ci)
    assert status == 1, output
    found = outcomes(output)
    assert (found["failed"], found["error"]) == (1, 1), (
        output
    )  # pytest calls what fails before its call an error
    assert (found["skipped"], found["xfailed"], found["passed"]) == (1, 1, 1), output
    assert "a test marked browser may not skip in CI: Skipped: no Chromium here" in output
    assert "a test marked oracle may not skip in CI: Skipped: no PyTorch here" in output


def test_elsewhere_they_may_skip(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(SKIPPING)
    (tmp_path / "test_module.py").write_text(SKIPPED_MODULE)
    status, output = run_pytest(tmp_path, None)
    assert status == 0, output
    assert outcomes(output)["skipped"] == 4, output


def test_nor_may_a_whole_module_of_them_in_ci(tmp_path: Path) -> None:
    (tmp_path / "test_module.py").write_text(SKIPPED_MODULE)
    status, output = run_pytest(tmp_path, "true")
    assert status not in (0, 5), output
    assert "may not skip in CI" in output


def test_a_module_without_such_tests_may_skip_in_ci(tmp_path: Path) -> None:
    (tmp_path / "test_module.py").write_text(SKIPPED_MODULE.replace("oracle", "gpu"))
    (tmp_path / "test_fine.py").write_text("def test_fine():\n    pass\n")
    status, output = run_pytest(tmp_path, "true")
    assert status == 0, output
