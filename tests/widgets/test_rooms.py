"""Chart below views below bench, and what works without the packages of a front end."""

from __future__ import annotations

import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.project import house

ROOT = Path(__file__).parents[2]
WIDGETS = "cortex_lab.widgets"
PAGES = tuple(f"{WIDGETS}.{name}" for name in ("page", "program", "report_file", "map_page"))
"""What a page that is saved as a file is made of; a view may be one."""
FLOORS = ((f"{WIDGETS}.chart",), PAGES, (f"{WIDGETS}.views",))
FRONT_END = ("ipywidgets", "anywidget", "traitlets", "IPython")
HOMES = {
    "plotly": {"chart.plotly", "chart.plotted"},
    "matplotlib": {"chart.matplotlib", "chart.painted"},
    "ipywidgets": {"locked"},
    "anywidget": {"channel"},
    "traitlets": {"channel", "locked"},
}


def modules() -> dict[str, list[house.Import]]:
    """The imports of every module of the room, by dotted name."""
    found = {}
    for path in (ROOT / "cortex_lab" / "widgets").rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        found[name] = house.imports(path.read_text(encoding="utf-8"), name, is_package)
    return found


def within(name: str, known: dict[str, list[house.Import]]) -> str | None:
    """The module of the room that an imported name is, or is in."""
    while name.startswith(WIDGETS):
        if name in known:
            return name
        name = name.rpartition(".")[0]
    return None


def floor(name: str) -> int:
    return next((place for place, start in enumerate(FLOORS) if name.startswith(start)), len(FLOORS))


def test_nothing_imports_upward_and_no_circle_is_left() -> None:
    known = modules()
    arrows = {
        name: {target for each in found if (target := within(each.name, known)) not in (None, name)}
        for name, found in known.items()
    }
    upward = [(name, target) for name in arrows for target in arrows[name] if floor(target) > floor(name)]
    assert not upward, upward
    TopologicalSorter(arrows).prepare()


def test_each_package_of_a_front_end_has_one_home() -> None:
    found = {package: set() for package in HOMES}
    for name, imported in modules().items():
        for each in imported:
            package = each.name.partition(".")[0]
            if package in HOMES:
                found[package].add(name.removeprefix(f"{WIDGETS}."))
    assert found == HOMES


BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}} (blocked by the test)", name=name)
        return None

sys.meta_path.insert(0, Blocked())
from cortex_lab.widgets import *
from tests.widgets.toys import ToySession

def refused(what):
    try:
        what()
    except ImportError as error:
        return str(error)
    return ""

session = ToySession()
session.step(3)
views = [made(session) for made in (LossCurve, WeightHistogram, Activations, EmbeddingMap)]
"""


def run_without(blocked: tuple[str, ...], code: str) -> None:
    command = [sys.executable, "-W", "error", "-c", BLOCKED.format(blocked=blocked) + code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("blocked", "code"),
    [
        (
            FRONT_END,
            """
assert all(len(view.frame()) and view.html() and view.figure().data for view in views)
assert refused(lambda: Bench(session)) == "the bench needs Jupyter widgets: pip install 'cortex-lab[lab]'"
""",
        ),
        (
            (*FRONT_END, "plotly", "matplotlib"),
            """
assert all(len(view.frame()) for view in views)
assert all("plotly: pip install 'cortex-lab[lab]'" in refused(view.figure) for view in views)
assert all("matplotlib: pip install 'cortex-lab[lab]'" in refused(view.html) for view in views)
""",
        ),
    ],
    ids=["no-front-end", "numbers-only"],
)
def test_views_work_without_what_they_do_not_need(blocked: tuple[str, ...], code: str) -> None:
    run_without(blocked, code)
