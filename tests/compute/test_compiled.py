"""The kernel cache can only help, and nothing needs Numba."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import numpy as np
from cortex_lab.compute import get_ops
ops = get_ops("cpu")
a, out = np.ones((50, 7), np.float32), np.empty(7, np.float32)
ops.sum_rows(a, out)
assert (out == 50).all()
print("fine")
"""


COLLECTING = """
import gc
import numpy as np
from cortex_lab.compute import get_ops
ops = get_ops("cpu")
gc.{choice}()
ops.sum_rows(np.ones((50, 7), np.float32), np.empty(7, np.float32))
assert gc.isenabled() is {enabled}
"""


def run(program: str, cache: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    if cache is not None:
        environment["NUMBA_CACHE_DIR"] = str(cache)
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cache = tmp_path_factory.mktemp("kernels")
    first = run(PROGRAM, cache)
    assert first.stderr.count("compiling its CPU kernels") == 1
    assert len(first.stderr.splitlines()) == 1
    return cache


@pytest.mark.parametrize("choice", ["enable", "disable"])
def test_garbage_is_collected_as_before_once_kernels_are_compiled(choice: str, tmp_path: Path):
    done = run(COLLECTING.format(choice=choice, enabled=choice == "enable"), tmp_path)
    assert "compiling its CPU kernels" in done.stderr


def files(cache: Path, suffix: str) -> list[Path]:
    found = sorted(cache.rglob(f"*{suffix}"))
    assert found
    return found


def test_a_second_process_compiles_nothing(filled: Path):
    assert run(PROGRAM, filled).stderr == ""


@pytest.mark.parametrize("suffix, damage", [(".nbi", b""), (".nbi", None), (".nbc", b"half"), (".nbc", None)])
def test_a_damaged_cache_is_written_anew(filled: Path, suffix: str, damage: bytes | None):
    for path in files(filled, suffix):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if damage is None else damage)
    assert "compiling" in run(PROGRAM, filled).stderr
    assert run(PROGRAM, filled).stderr == ""


def test_one_changed_byte_of_machine_code_is_noticed(filled: Path):
    for path in files(filled, ".nbc"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0xFF
        path.write_bytes(bytes(content))
    assert "compiling" in run(PROGRAM, filled).stderr


def test_kernels_of_other_sources_are_stale(filled: Path):
    changed = "import hashlib\nimport cortex_lab.compute.compiled as c\nc._SOURCES = 'others'\n"
    run(PROGRAM, filled)
    assert "compiling" in run(changed + PROGRAM, filled).stderr


def test_without_a_folder_to_write_to_it_works_all_the_same(tmp_path: Path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert run(PROGRAM, blocked / "cache").stdout == "fine\n"
    nowhere = "import numba.core.caching as caching\ncaching.CacheImpl._locator_classes = []\n"
    for _ in range(2):
        assert "compiling" in run(nowhere + PROGRAM).stderr


@pytest.mark.parametrize("missing", ["numba", "scipy"])
def test_without_numba_all_works_and_one_line_says_so(missing: str):
    block = f"""
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *a: None if name.split(".")[0] == {missing!r} else find(name, *a)
"""
    check = "from cortex_lab.compute.kernel import REGISTRY\n"
    check += "assert not any(kernel.overrides for kernel in REGISTRY.values())\n"
    check += "assert 'numba' not in sys.modules\n"
    done = run(block + PROGRAM + check)
    assert done.stdout == "fine\n"
    assert done.stderr.startswith(f"cortex_lab runs without {missing}: everything works")
    assert len(done.stderr.splitlines()) == 1


def test_numba_switched_off_is_as_good_as_none():
    done = run(PROGRAM, NUMBA_DISABLE_JIT="1")
    assert "NUMBA_DISABLE_JIT" in done.stderr


def test_a_part_of_kernels_is_compiled_once_and_for_python_only_when_python_calls_it():
    program = """
from cortex_lab.compute.compiled import compiled
@compiled
def part(x, times):
    return x * times
@compiled
def whole(x):
    return part(x, 2) + part(x, 3) + part(x, x)
assert whole(5) == 50
assert len(part.part.overloads) == 1 and not part.overloads
assert part(5, 4) == 20
assert len(part.part.overloads) == len(part.overloads) == 1
"""
    assert run(program).stdout == ""


def test_functions_of_no_module_compile_beside_ours():
    program = """
import numba
import cortex_lab.compute.compiled
made = {}
exec("def double(x): return 2 * x", made)
double = made["double"]
double.__module__ = None
assert numba.njit(double)(4) == 8
"""
    assert run(program).stderr == ""


def test_importing_the_package_does_not_import_numba():
    run("import sys, cortex_lab, cortex_lab.compute\nassert 'numba' not in sys.modules")


def test_the_reference_does_not_need_numba():
    program = "import sys\nfrom cortex_lab.compute import get_ops\nget_ops('reference')\n"
    run(program + "assert 'numba' not in sys.modules")
