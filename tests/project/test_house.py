"""The house keeps its rules: who imports whom, how long a file is, what the front needs, no local paths."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.project import house

ROOT = Path(__file__).parents[2]

BLOCKED = (
    "ipywidgets", "plotly", "anywidget", "matplotlib", "IPython", "jupyterlab", "numba", "cupy", "cudnn",
    "sklearn", "openTSNE", "torch", "keras",
)  # fmt: skip

IMPORT_BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}} (blocked by the test)", name=name)
        return None

sys.meta_path.insert(0, Blocked())
import cortex_lab
missing = [name for name in getattr(cortex_lab, "__all__", []) if not hasattr(cortex_lab, name)]
assert not missing, missing
"""


def test_rooms_import_only_what_they_may() -> None:
    broken = house.broken_room_rules(ROOT)
    assert not broken, "\n" + "\n".join(broken)


def test_no_file_is_too_long() -> None:
    broken = house.long_files(ROOT)
    assert not broken, f"past {house.LONGEST_FILE} lines, split them:\n" + "\n".join(broken)


def test_the_text_names_no_path_of_one_machine() -> None:
    broken = house.machine_paths(ROOT)
    assert not broken, "\n" + "\n".join(broken)


@pytest.mark.parametrize("blocked", [(), BLOCKED], ids=["all-there", "no-extras"])
def test_the_front_imports_without_the_extras(blocked: tuple[str, ...]) -> None:
    code = IMPORT_BLOCKED.format(blocked=blocked)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_importing_the_front_imports_no_view() -> None:
    code = "import sys, cortex_lab; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    heavy = {"ipywidgets", "plotly", "anywidget", "matplotlib", "sklearn", "openTSNE", "torch"}
    assert not heavy & set(done.stdout.split())


PLANTED = {
    "study imports a room": (
        "study/session.py",
        "from cortex_lab.nn import Network\n",
        "study may import nothing",
    ),
    "ground imports a room": (
        "ground/described.py",
        "from cortex_lab.study import Session\n",
        "ground may import nothing",
    ),
    "relative": ("data/batches.py", "from ..compute import ops\n", "data may import nothing"),
    "relative, from a package": ("data/__init__.py", "from .. import nn\n", "data may import nothing"),
    "in a function": (
        "nn/run/plan.py",
        "def f():\n    import cortex_lab.widgets.bench\n",
        "nn may import compute",
    ),
    "by name": (
        "nn/run/plan.py",
        "import importlib as i\ni.import_module('cortex_lab.data')\n",
        "nn may import compute",
    ),
    "for types": (
        "embed/tsne.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from cortex_lab.data import Dataset\n",
        "embed may import compute, study",
    ),
    "the front": ("widgets/bench.py", "import cortex_lab as cl\n", "the front of the package is for users"),
    "a name of the front": (
        "nn/run/plan.py",
        "from cortex_lab import Network\n",
        "the front of the package is for users",
    ),
    "widgets at the front desk": (
        "lab/session.py",
        "from cortex_lab.widgets import Bench\n",
        "inside a function only",
    ),
    "widgets in the front": ("__init__.py", "from cortex_lab import widgets\n", "__init__ may import"),
    "the engine in the command": ("cli.py", "from cortex_lab import nn\n", "cli may import nothing"),
    "plotly outside widgets": ("study/trace.py", "def f():\n    import plotly.express\n", "in widgets only"),
    "numba outside compute": ("nn/conv.py", "from numba import njit\n", "in compute/cpu only"),
    "numba among the references": ("compute/kernels/fast.py", "import numba\n", "in compute/cpu only"),
    "cupy on the CPU": ("compute/cpu/pool.py", "import cupy\n", "in compute/gpu only"),
    "matplotlib at once": (
        "data/show.py",
        "import matplotlib.pyplot\n",
        "in widgets only or inside a function",
    ),
    "torch": ("compute/ops.py", "import torch\n", "in interop/recorder only"),
    "keras in an importer": ("interop/keras_files.py", "import keras\n", "in interop/recorder only"),
    "the front desk in the engine": (
        "nn/plan.py",
        "from cortex_lab.lab import train\n",
        "nn may import compute",
    ),
    "an importer in a view": (
        "widgets/bench.py",
        "from cortex_lab.interop import certificate\n",
        "widgets may import",
    ),
    "a new top-level module": ("helpers.py", "", "not a top-level module"),
    "a new room": ("utils/strings.py", "", "not a room"),
}


@pytest.mark.parametrize(("path", "source", "reason"), PLANTED.values(), ids=PLANTED)
def test_a_planted_violation_is_found(tmp_path: Path, path: str, source: str, reason: str) -> None:
    planted = tmp_path / "cortex_lab" / path
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.write_text(source)
    broken = house.broken_room_rules(tmp_path)
    assert len(broken) == 1 and reason in broken[0], broken
    assert broken[0].startswith(f"cortex_lab/{path}:")


ALLOWED = {
    "front desk": (
        "lab/session.py",
        "from cortex_lab.nn import Network\n\ndef bench():\n    from cortex_lab.widgets import Bench\n",
    ),
    "front": (
        "__init__.py",
        "from cortex_lab import data, lab\nfrom .nn import Network\nfrom .lab import train\n",
    ),
    "same room": (
        "study/session.py",
        "from . import trace\nfrom .trace import Trace\nimport cortex_lab.study.probe\n",
    ),
    "recorder": ("interop/recorder.py", "import torch\n"),
    "compute": (
        "compute/cpu/kernels/fast.py",
        "import numba\nfrom ...ops import Ops\nfrom cortex_lab.compute import kernel\n",
    ),
    "ground": ("study/session.py", "from cortex_lab.ground.described import Registry\n"),
    "picture": ("data/show.py", "def png():\n    import matplotlib.pyplot\n"),
    "widgets": ("widgets/bench.py", "import plotly\nfrom ..study import Session\nfrom ..nn import Network\n"),
}


@pytest.mark.parametrize(("path", "source"), ALLOWED.values(), ids=ALLOWED)
def test_what_is_allowed_is_allowed(tmp_path: Path, path: str, source: str) -> None:
    written = tmp_path / "cortex_lab" / path
    written.parent.mkdir(parents=True, exist_ok=True)
    written.write_text(source)
    assert house.broken_room_rules(tmp_path) == []


def test_a_long_file_and_a_machine_path_are_found(tmp_path: Path) -> None:
    (tmp_path / "fine.py").write_text("x = 1\n" * house.LONGEST_FILE)
    (tmp_path / "long.py").write_text("x = 1\n" * (house.LONGEST_FILE + 1))
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff\xfe/" + b"work/")
    (tmp_path / "notes.md").write_text(
        "fine: https://example.org/work/ and ../work/\nnot fine: " + "/" + "work/main\n"
    )
    assert house.long_files(tmp_path) == [f"long.py: {house.LONGEST_FILE + 1} lines"]
    assert house.machine_paths(tmp_path) == ["notes.md:2: /" + "work"]
