"""The kernel cache can only help, and nothing needs Numba."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.house import imports

# Disk cache and self-test have to do with Numba's inside: `run` does without the portable switch.
ROOT = Path(__file__).resolve().parents[2]
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
    environment = {**os.environ, "CORTEX_LAB_PORTABLE": "", **variables}
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


def test_in_jupyter_it_is_told_where_no_red_box_is_drawn_around_it(tmp_path: Path):
    kernel = "import sys, types\nshell = types.SimpleNamespace(kernel=True)\n"
    kernel += "sys.modules['IPython'] = types.SimpleNamespace(get_ipython=lambda: shell)\n"
    done = run(kernel + PROGRAM, tmp_path)
    assert "compiling its CPU kernels" in done.stdout and not done.stderr


@pytest.mark.parametrize("choice", ["enable", "disable"])
def test_garbage_is_collected_as_before_once_kernels_are_compiled(choice: str, tmp_path: Path):
    done = run(COLLECTING.format(choice=choice, enabled=choice == "enable"), tmp_path)
    assert "compiling its CPU kernels" in done.stderr


def files(cache: Path, suffix: str, name: str = "*") -> list[Path]:
    found = sorted(cache.rglob(f"{name}{suffix}"))
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


def test_machine_code_for_other_arguments_in_its_place_is_noticed(tmp_path: Path):
    program = """
import numpy as np
from cortex_lab.compute import get_ops
ops, out = get_ops("cpu"), np.empty((3, 5), np.float32)
x, w = np.ones((3, 4), np.float32), np.ones((4, 5), np.float32)
ops.dense(x, w, None, "linear", out)
assert (out == 4).all()
x.flags.writeable = False
ops.dense(2 * x, w, None, "linear", out)
ops.dense(x, w, None, "linear", out)
assert (out == 4).all()
"""
    run(program, tmp_path)
    one, other = files(tmp_path, ".nbc", "linear._small_dense-*")
    held = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(held)
    assert "compiling" in run(program, tmp_path).stderr
    assert run(program, tmp_path).stderr == ""


def test_kernels_of_other_sources_are_stale(filled: Path):
    changed = "import hashlib\nimport cortex_lab.compute.cpu.numba_inside as c\nc._SOURCES = 'others'\n"
    run(PROGRAM, filled)
    assert "compiling" in run(changed + PROGRAM, filled).stderr


def test_whatever_compiled_functions_import_is_in_their_key():
    """Every module of ours that a module of `cpu/kernels` imports, or that one of those does."""
    from cortex_lab.compute.cpu.numba_inside import sources

    known, found = {path.resolve() for path in sources()}, set[Path]()
    waiting = [path for path in known if path.parent.parts[-2:] == ("cpu", "kernels")]
    while waiting:
        path = waiting.pop()
        found.add(path)
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for each in imports(path.read_text(encoding="utf-8"), module, path.name == "__init__.py"):
            waiting += [file for file in _files_of(each.name) if file not in found]
    names = {path.stem for path in found}
    assert {"activation", "checks", "philox", "simd", "random", "work"} <= names
    assert found <= known


def _files_of(name: str) -> list[Path]:
    """The files of ours that importing `name`, of a module or of something in it, reads."""
    parts = [part for part in (name, name.rpartition(".")[0]) if part.startswith("cortex_lab.")]
    folders = [ROOT.joinpath(*part.split(".")) for part in parts]
    files = [file for each in folders for file in (each.with_suffix(".py"), each / "__init__.py")]
    return [file for file in files if file.is_file()]


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


# What goes wrong, and what the line then says. Each is done before anything of ours is imported.
CHANGES = {
    "a name is gone": ("import numba.core.caching as m; del m.IndexDataCacheFile", "IndexDataCacheFile"),
    "a module is gone": (
        "import sys; sys.modules['numba.core.compiler_machinery'] = None", "compiler_machinery",
    ),
    "a way in is gone": (
        "import numba.core.lowering as m; del m.BaseLower.create_cfunc_wrapper", "create_cfunc_wrapper",
    ),
    "a name of functions is gone": (
        "import numba.core.funcdesc as m; del m.FunctionDescriptor.llvm_cfunc_wrapper_name",
        "llvm_cfunc_wrapper_name",
    ),
    "arrays begin with their data": (
        """
from numba.core.datamodel import models
made = models.StructModel.__init__
def turned(self, manager, kind, members):
    made(self, manager, kind, members[4:] + members[:4] if len(members) == 7 else members)
models.StructModel.__init__ = turned
""",
        "lays out arguments in another way",
    ),
    "arrays have another member": (
        """
from numba import types
from numba.core.datamodel import models
made = models.StructModel.__init__
def longer(self, manager, kind, members):
    made(self, manager, kind, members + [("flags", types.int64)] if len(members) == 7 else members)
models.StructModel.__init__ = longer
""",
        "lays out arguments in another way",
    ),
    "truth is a bit": (
        """
from llvmlite import ir
from numba.core.datamodel.models import BooleanModel
BooleanModel.get_argument_type = lambda self: ir.IntType(1)
""",
        "lays out arguments in another way",
    ),
    "Numba cannot be imported": (
        "import sys; sys.modules['numba'] = None\nimport importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *a: True if name == 'numba' else find(name, *a)",
        "numba",
    ),
    "a kernel is wrong": (
        """
from cortex_lab.compute.kernels.updates import update_sgd
reference = update_sgd.reference
update_sgd.reference = lambda xp, params, *rest: reference(xp, params, *rest) and params.fill(7)
""",
        "does not give what its reference gives",
    ),
    "BLAS is gone": ("import scipy.linalg.cython_blas as m; del m.__pyx_capi__['sgemm']", "sgemm"),
    "BLAS is another": (
        """
from cortex_lab.compute.kernels.linear import matmul
reference = matmul.reference
matmul.reference = lambda xp, a, b, out: out.fill(7)
""",
        "BLAS, as compiled kernels call it, does not give what NumPy gives",
    ),
}  # fmt: skip


@pytest.mark.parametrize("change, reason", CHANGES.values(), ids=CHANGES)
def test_another_numba_leaves_everything_to_references_and_one_line_says_why(change: str, reason: str):
    check = "from cortex_lab.compute.kernel import REGISTRY\n"
    check += "assert not any(kernel.overrides for kernel in REGISTRY.values())\n"
    done = run(change + "\n" + PROGRAM + check)
    assert done.stdout == "fine\n"
    lines = [line for line in done.stderr.splitlines() if "is compiling" not in line]
    assert len(lines) == 1 and lines[0].startswith("cortex_lab runs without its compiled kernels (")
    assert reason in lines[0] and "pip install 'numba==" in lines[0]


def test_a_part_of_kernels_is_compiled_once_and_for_python_only_when_python_calls_it():
    program = """
from cortex_lab.compute.cpu.jit import compiled
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


def test_a_function_of_somebody_elses_that_changed_is_compiled_anew(tmp_path: Path):
    program = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
sys.dont_write_bytecode = True
import somebody_elses
print(somebody_elses.times(4))
"""
    for factor in (2, 3):
        # As long as before and on the same line: nothing but the text tells.
        source = f"import cortex_lab.compute.cpu.jit as j\n@j.compiled\ndef times(x): return {factor} * x\n"
        (tmp_path / "somebody_elses.py").write_text(source)
        assert run(program).stdout == f"{4 * factor}\n"


def test_functions_of_no_module_compile_beside_ours():
    program = """
import numba
import cortex_lab.compute.cpu.jit
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
