"""The files of the data room stand on each other in one order: no circle, not even inside a function."""

from __future__ import annotations

from graphlib import TopologicalSorter
from pathlib import Path

import cortex_lab.data
from tests.project.house import imports

ROOM = Path(cortex_lab.data.__file__).parent


def stands_on(path: Path) -> set[str]:
    module = f"cortex_lab.data.{path.stem}"
    found = imports(path.read_text(encoding="utf-8"), module, is_package=False)
    return {each.name.split(".")[2] for each in found if each.name.startswith("cortex_lab.data.")}


def test_no_file_imports_one_that_stands_on_it():
    rooms = {path.stem: stands_on(path) for path in ROOM.glob("*.py") if path.stem != "__init__"}
    order = list(TopologicalSorter(rooms).static_order())
    assert order.index("source") < order.index("tensor_array") < order.index("dataset")
