"""Who imports whom in `compute`: upward never, in a circle never, and from outside through its front only."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.project.house import imports

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "cortex_lab"
COMPUTE = "cortex_lab.compute"
# From the ground up. A module imports from floors below its own; on one floor, only from those before it.
FLOORS = (
    "blas_threads",
    "kernel",
    "work",
    "backend",
    "kernels.signs",
    "kernels.activation",
    "kernels.convolution",
    "kernels.recurrent",
    "kernels",
    "cpu.machine",
    "cpu.numba_inside",
    "cpu.jit",
    "cpu.llvm",
    "cpu.remembered",
    "cpu.denormals",
    "cpu.simd",
    "cpu.philox",
    "cpu.native",
    "cpu.functions",
    "cpu.microkernels",
    "cpu.work_stealing",
    "cpu.pool",
    "cpu.plain_work",
    "cpu.calling_convention",
    "cpu.kernels._arrays",
    "cpu.kernels.softmax",
    "cpu.kernels.activation_alone",
    "cpu.kernels.activation",
    "cpu.kernels._products",
    "cpu.kernels.linear",
    "cpu.kernels._direct",
    "cpu.kernels",
    "cpu.trial",
    "cpu.accelerate",
    "cpu",
    "gpu.functions",
    "gpu.launches",
    "gpu.products",
    "gpu.writing",
    "gpu.timing",
    "gpu.memory",
    "gpu.kernels.linear",
    "gpu.kernels",
    "gpu.accelerate",
    "gpu",
    "ops",
    "stub",
)


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules_under(folder: Path) -> dict[str, Path]:
    return {module_of(path): path for path in sorted(folder.rglob("*.py"))}


MODULES = modules_under(PACKAGE / "compute")


def floor_of(module: str) -> int:
    """The place of the longest name in FLOORS that is the module's, or that of a room it stands in."""
    name = module.removeprefix(f"{COMPUTE}.")
    while name not in FLOORS:
        assert "." in name, f"{module} stands on no floor: add it to FLOORS"
        name = name.rpartition(".")[0]
    return FLOORS.index(name)


def imported_by(module: str, path: Path, known: dict[str, Path]) -> set[str]:
    source = path.read_text(encoding="utf-8")
    found = set()
    for each in imports(source, module, path.name == "__init__.py"):
        # `from package import name` names a module, or something in one.
        target = each.name if each.name in known else each.name.rpartition(".")[0]
        if target in known:
            found.add(target)
    return found - {module}


@pytest.mark.parametrize("module", sorted(set(MODULES) - {COMPUTE}))
def test_no_module_imports_upward(module: str):
    # What tells a package's files apart is in the files; its front is imported with every one of them.
    found = imported_by(module, MODULES[module], MODULES) - {COMPUTE}
    upward = [each for each in found if floor_of(each) > floor_of(module)]
    assert not upward, f"{module} imports {upward}, which stand above it"


def test_there_is_no_circle():
    arrows = {module: imported_by(module, path, MODULES) - {COMPUTE} for module, path in MODULES.items()}
    while leaves := [module for module, targets in arrows.items() if not targets & set(arrows)]:
        for leaf in leaves:
            del arrows[leaf]
    assert not arrows, arrows


def test_the_cpu_has_one_door():
    """What is behind it comes in when it is asked for, by name."""
    outside = {name: path for name, path in MODULES.items() if not name.startswith(f"{COMPUTE}.cpu")}
    found = {target for name, path in outside.items() for target in imported_by(name, path, MODULES)}
    assert {each for each in found if each.startswith(f"{COMPUTE}.cpu")} == {f"{COMPUTE}.cpu.accelerate"}


def test_only_one_file_leans_on_what_numba_keeps_to_itself():
    public = {"numba", "numba.extending", "numba.core.cgutils"}
    leaning = set()
    for module, path in MODULES.items():
        for each in imports(path.read_text(encoding="utf-8"), module, path.name == "__init__.py"):
            inside = each.name.startswith("numba") and each.name not in public
            if inside and each.name.rpartition(".")[0] not in ("numba", "numba.extending"):
                leaning.add(module)
    assert leaning == {f"{COMPUTE}.cpu.numba_inside"}


OTHERS = sorted(path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "compute")


@pytest.mark.parametrize("room", OTHERS)
def test_other_rooms_import_the_front_only(room: str):
    for module, path in modules_under(PACKAGE / room).items():
        for each in imports(path.read_text(encoding="utf-8"), module, path.name == "__init__.py"):
            inside = each.name.startswith(f"{COMPUTE}.") and each.name.rpartition(".")[0] != COMPUTE
            assert not inside and each.name not in MODULES, f"{path}:{each.line} imports {each.name}"
