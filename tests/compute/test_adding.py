"""Kernels of somebody else's, from files outside the package; and the page that says how."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cortex_lab.compute import get_ops, kernel, stub
from cortex_lab.compute.kernel import REGISTRY, TAKEN

ROOT = Path(__file__).parents[2]
FILES = ("shrinking", "use", "row", "shrinking_cpu", "check")
PAGE = (ROOT / "docs" / "adding-a-kernel.md").read_text(encoding="utf-8")


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch):
    """What is registered is as it was, after the test."""
    before = dict(REGISTRY)
    yield REGISTRY
    for name in set(REGISTRY) - set(before):
        REGISTRY.pop(name).unbind()


def imported(folder: Path, name: str, source: str):
    # A folder each: what was compiled of a file is taken for the file of the same second and size.
    folder = folder / str(len(list(folder.iterdir())))
    folder.mkdir()
    (folder / f"{name}.py").write_text(source)
    sys.path.insert(0, str(folder))
    try:
        sys.modules.pop(name, None)
        return __import__(name)
    finally:
        sys.path.remove(str(folder))


SOURCE = '''
from cortex_lab.compute import kernel

@kernel
def thrice(xp, x, out):
    """out = 3 * x."""
    xp.multiply(x, {factor}, out=out)
'''


@pytest.mark.parametrize("backend", ["reference", "cpu", pytest.param("gpu", marks=pytest.mark.gpu)])
def test_importing_a_file_outside_the_package_gives_every_backend_its_kernel(
    backend: str, tmp_path: Path, registry: dict
):
    ops = get_ops(backend)
    with pytest.raises(AttributeError, match="no kernel 'thrice'"):
        ops.thrice  # noqa: B018
    imported(tmp_path, "somebody_elses", SOURCE.format(factor=3))
    x = ops.asarray([1.0, 2.0])
    ops.thrice(x, out=x)
    assert ops.to_numpy(x).tolist() == [3, 6]
    assert "thrice" not in stub.written()


def test_declared_again_by_its_own_module_it_takes_its_own_place(tmp_path: Path, registry: dict):
    ops, x = get_ops("cpu"), np.ones(1, np.float32)
    for factor in (3, 4):
        imported(tmp_path, "somebody_elses", SOURCE.format(factor=factor))
        ops.thrice(x, out=x)
    assert x[0] == 12
    with pytest.raises(ValueError, match="already a kernel called 'thrice', of somebody_elses; give yours"):
        imported(tmp_path, "a_third_persons", SOURCE.format(factor=5))


def test_an_override_that_comes_later_is_used_and_may_leave_arguments_to_the_reference(
    tmp_path: Path, registry: dict
):
    declared = imported(tmp_path, "somebody_elses", SOURCE.format(factor=3)).thrice
    ops, x, done = get_ops("cpu"), np.ones(2, np.float32), []
    ops.thrice(x, out=x)

    @declared.override("cpu")
    def faster(ops, x, out):
        return (lambda: done.append(x)) if len(x) == 2 else NotImplemented

    ops.thrice(x, out=x)
    assert len(done) == 1 and x.tolist() == [3, 3]
    ops.thrice(x[:1], out=x[:1])
    assert len(done) == 1 and x.tolist() == [9, 3]


@pytest.mark.parametrize("name", sorted(name for name in TAKEN if name[0] != "_"))
def test_a_name_that_ops_has_for_something_else_is_refused(name: str, registry: dict):
    def reference(xp):
        pass

    reference.__name__ = name
    with pytest.raises(ValueError, match=f"no kernel can be called '{name}'"):
        kernel(reference)
    assert name not in REGISTRY


@pytest.mark.parametrize("portable", ["", "1"], ids=["", "portable"])
def test_what_the_page_says_is_so(portable: str, tmp_path: Path):
    blocks = re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE, re.DOTALL)
    assert [name for name, _ in blocks] == [f"{name}.py" for name in FILES]
    for name, source in blocks:
        (tmp_path / name).write_text(source)
    places = os.pathsep.join([str(tmp_path), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": places, "CORTEX_LAB_PORTABLE": portable}
    program = "import use, check"
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
