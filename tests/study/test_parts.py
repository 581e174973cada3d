"""The parts of the room lean on each other in one direction."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import cortex_lab.study

ROOM = Path(cortex_lab.study.__file__).parent


def imported(path: Path) -> set[str]:
    """The modules of the room that a file imports, wherever in it, for types too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cortex_lab.study"):
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            found |= {name.split(".")[2] for name in names if name and name.count(".") > 1}
    return {name for name in found if (ROOM / f"{name}.py").exists()}


def test_no_circle_is_left_in_the_room():
    leans_on = {path.stem: imported(path) for path in ROOM.glob("*.py") if path.stem != "__init__"}
    assert len(leans_on) > 20 and "journal" in leans_on["stepping"]
    TopologicalSorter(leans_on).prepare()
