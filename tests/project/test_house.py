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

# In which no modules import one another in a circle.
BUILT = sorted(room for room in house.ROOMS if (ROOT / house.PACKAGE / room).is_dir())
# That a training has, to order its phases by; all else is its parts'.
MOST_ATTRIBUTES = 17

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


@pytest.mark.parametrize("room", BUILT)
def test_no_modules_of_a_room_import_one_another_in_a_circle(room: str) -> None:
    broken = house.circles(ROOT / house.PACKAGE / room)
    assert not broken, "\n" + "\n".join(broken)


@pytest.mark.parametrize("room", house.FLOORS)
def test_no_import_inside_a_room_leads_upward(room: str) -> None:
    broken = house.upward(ROOT / house.PACKAGE / room, house.FLOORS[room])
    assert not broken, "\n" + "\n".join(broken)


def test_nobody_but_a_training_writes_its_attributes() -> None:
    package = ROOT / house.PACKAGE
    training = package / "nn" / "train" / "training.py"
    # `study` and `optimize` have processes of other kinds, which are their own.
    files = [path for room in ("nn", "lab", "widgets") for path in sorted((package / room).rglob("*.py"))]
    broken = house.written_from_outside(files, training, "Training")
    assert not broken, "ask it for the change, or a part of it:\n" + "\n".join(broken)
    held = house.attributes(training, "Training")
    assert len(held) <= MOST_ATTRIBUTES, f"a part of it may hold some of {sorted(held)}"


def test_a_name_means_one_class() -> None:
    # A batch of `data` and what `nn` asks of anybody's; a fault of any process and that of a training.
    assert house.named_twice(ROOT).keys() <= {"Batch", "Fault"}


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
    "matplotlib in a function": (
        "data/show.py",
        "def png():\n    import matplotlib.pyplot\n",
        "in widgets only",
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
    "picture": ("data/show.py", "def shown():\n    import IPython\n"),
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


def _planted(root: Path, files: dict[str, str]) -> Path:
    for path, source in files.items():
        written = root / house.PACKAGE / path
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(source)
    return root / house.PACKAGE / "nn"


CIRCLES = {
    "of two": {"nn/a.py": "from cortex_lab.nn import b\n", "nn/b.py": "from cortex_lab.nn.a import x\n"},
    "of three, across rooms": {
        "nn/low/a.py": "from ..high.b import x\n",
        "nn/high/b.py": "import cortex_lab.nn.high.c\n",
        "nn/high/c.py": "import cortex_lab.nn.low.a\n",
    },
    "for types": {
        "nn/a.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from cortex_lab.nn.b import x\n",
        "nn/b.py": "from cortex_lab.nn.a import x\n",
    },
    "in a function": {
        "nn/a.py": "def f():\n    from cortex_lab.nn import b\n",
        "nn/b.py": "from cortex_lab.nn.a import x\n",
    },
    "with a front": {"nn/__init__.py": "from cortex_lab.nn.a import x\n", "nn/a.py": "from . import y\n"},
}


@pytest.mark.parametrize("files", CIRCLES.values(), ids=CIRCLES)
def test_a_planted_circle_is_found(tmp_path: Path, files: dict[str, str]) -> None:
    broken = house.circles(_planted(tmp_path, {**files, "nn/alone.py": "from cortex_lab.nn import a\n"}))
    assert len(broken) == 1 and "alone" not in broken[0], broken
    assert all(path.split("/")[-1][:-3] in broken[0] for path in files if "__init__" not in path)


def test_a_planted_import_upward_is_found(tmp_path: Path) -> None:
    floors = ({"contract"}, {"layers", "losses"}, {"run"}, {"__init__"})
    allowed = {
        "nn/__init__.py": "from cortex_lab.nn.run.plan import Plan\n",
        "nn/run/plan.py": "from cortex_lab.nn import layers\nfrom .executor import x\n",
        "nn/run/executor.py": "from ..contract.layer import Layer\n",
        "nn/layers/__init__.py": "",
        "nn/contract/layer.py": "import cortex_lab.ground.numbers\n",
    }
    folder = _planted(tmp_path, allowed)
    assert house.upward(folder, floors) == []
    planted = {
        "contract/window.py": "def f():\n    from cortex_lab.nn.run import plan\n",
        "losses/binary.py": "import cortex_lab.nn.layers\n",
        "run/network.py": "from cortex_lab.nn import Network\n",
        "elsewhere/new.py": "from cortex_lab.nn.contract.layer import Layer\n",
    }
    _planted(tmp_path, {f"nn/{path}": source for path, source in planted.items()})
    broken = house.upward(folder, floors)
    assert [line.split(" ")[0] for line in broken] == [
        "nn/elsewhere:", "nn/contract/window.py:2:", "nn/losses/binary.py:1:", "nn/run/network.py:1:",
    ]  # fmt: skip


def test_a_name_of_two_classes_is_found(tmp_path: Path) -> None:
    source = "class Objective:\n    class _Inner: ...\n\nclass {}: ...\n"
    _planted(tmp_path, {"nn/a.py": source.format("One"), "optimize/b.py": source.format("Other")})
    files = [f"{house.PACKAGE}/nn/a.py", f"{house.PACKAGE}/optimize/b.py"]
    assert house.named_twice(tmp_path) == {"Objective": files}


WRITTEN = (
    "training.step_number += 1", "session.process.anything = 2", "copy.step_number = 2",
    "copies[0].network = None", "a, copy.network = 1, 2", "del training.network",
    "setattr(training, name, 2)", "setattr(copy, 'network', 2)", "for training.network in ():\n    pass",
)  # fmt: skip
UNWRITTEN = (
    "self.network = training.network", "at.step_number = slots['a'].network = 1", "training.parts[0] = 1",
    "copy.other = 1", "training.update.set(rate=1)",
)  # fmt: skip


def test_a_planted_write_from_outside_is_found(tmp_path: Path) -> None:
    source = "class Training:\n    def __init__(self):\n        self.network, self.step_number = 1, 0\n"
    _planted(tmp_path, {"nn/training.py": source})
    owner = tmp_path / house.PACKAGE / "nn" / "training.py"
    assert house.attributes(owner, "Training") == {"network", "step_number"}
    for number, line in enumerate((*WRITTEN, *UNWRITTEN)):
        (other := tmp_path / f"other_{number}.py").write_text(line)
        broken = house.written_from_outside([owner, other], owner, "Training")
        assert len(broken) == (line in WRITTEN), (line, broken)
