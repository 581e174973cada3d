"""A layer, a loss, an optimizer and what they are made with are one file each, of anybody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.nn.contract.layer import DESCRIBED, LAYERS
from cortex_lab.nn.contract.loss import LOSSES
from cortex_lab.optimize import OPTIMIZERS, SCHEDULES

HEAD = "from __future__ import annotations\nfrom dataclasses import dataclass\nimport cortex_lab as cl\n"

# By kind, its registry, a file that defines one called `Mine`, and where in a training it stands.
EXTENSIONS = {
    "layer": (LAYERS, """
from cortex_lab.nn.contract.layer import Parameter

@dataclass(frozen=True)
class Mine(cl.Layer):
    \"\"\"Multiplies each feature by a learned number.\"\"\"
    start: float = 1.0

    def parameters(self, *shapes):
        return {"factor": Parameter(shapes[0], "ones")}

    def forward(self, ops, at):
        ops.multiply(at.x, at.factor * self.start, out=at.y)

    def backward(self, ops, at):
        at.d_factor[...] = (at.x * at.dy).sum(axis=0) * self.start
        if at.dx is not None:
            ops.multiply(at.dy, at.factor * self.start, out=at.dx)
""", {"layers": lambda kind: [cl.Dense(4), kind(0.5), cl.Dense(2)]}),
    "loss": (LOSSES, """
@dataclass(frozen=True)
class Mine(cl.Loss):
    \"\"\"scale * the sum of fourth powers of the errors.\"\"\"
    scale: float = 1.0

    def evaluate(self, ops, at):
        error = at.y - at.target
        at.rows[...] = self.scale * (error**4).sum(axis=1)
        if at.dy is not None:
            at.dy[...] = 4 * self.scale * error**3 * at.weights[:, None]
""", {"loss": lambda kind: kind(0.25)}),
    "optimizer": (OPTIMIZERS, """
@dataclass(frozen=True, repr=False)
class Mine(cl.Optimizer):
    \"\"\"Steps as long whatever the gradient, on.\"\"\"
    share: float = 0.5

    @property
    def arrays(self):
        return ("mean",)

    def apply(self, ops, params, gradient, state, rate):
        state["mean"] += self.share * (gradient - state["mean"])
        params -= rate * ops.xp.sign(state["mean"])
""", {"optimizer": lambda kind: kind(learning_rate=0.01, share=0.25)}),
    "schedule": (SCHEDULES, """
@dataclass(frozen=True)
class Mine(cl.Schedule):
    \"\"\"One rate, then, after every other step, the other.\"\"\"
    first: float = 0.1
    second: float = 0.01

    def __call__(self, update):
        return (self.first, self.second)[update % 2]
""", {"optimizer": lambda kind: cl.SGD(kind(0.05, 0.02))}),
    "initializer": (DESCRIBED, """
import numpy as np
from cortex_lab.nn.contract.layer import describable

@describable
@dataclass(frozen=True)
class Mine:
    \"\"\"As given from one end to the other.\"\"\"
    end: float = 1.0

    def draw(self, shape, fan, random):
        return np.linspace(-self.end, self.end, int(np.prod(shape))).reshape(shape)
""", {"layers": lambda kind: [cl.Dense(4, kernel_initializer=kind(0.5)), cl.Dense(2)]}),
    "penalty": (DESCRIBED, """
from cortex_lab.nn.contract.layer import describable
from cortex_lab.nn.contract.penalties import Penalty

@describable
@dataclass(frozen=True)
class Mine(Penalty):
    \"\"\"strength * the sum of fourth powers of the weights.\"\"\"
    strength: float = 0.01

    def value(self, ops, params):
        return float(self.strength * (params**4).sum())

    def add_gradient(self, ops, params, gradient):
        gradient += 4 * self.strength * params**3
""", {"penalties": lambda kind: {"*/kernel": kind(0.1)}}),
}  # fmt: skip
USUAL = {
    "layers": [cl.Dense(4, activation="tanh"), cl.Dense(2)],
    "loss": "mean_squared_error",
    "optimizer": cl.Adam(0.01),
    "penalties": None,
}
BEFORE, AFTER = 5, 4


def data():
    random = np.random.default_rng(0)
    x = random.normal(size=(40, 3)).astype(np.float32)
    return x, np.stack([x.sum(axis=1), x[:, 0] * x[:, 1]], axis=1)


def go_on(path, kind, what):
    """What a fresh process does with a saved training once it has imported the file; all else is in this."""
    _, _, place = EXTENSIONS[what]
    given = {key: place[key](kind) if key in place else USUAL[key] for key in ("loss", "penalties")}
    session = cl.train(cl.Network.load(path), data(), **given, batch_size=8, resume_from=path)
    session.step(AFTER)
    return session.trace["loss"].tolist(), session.network.params.tolist()


FRESH = """
import importlib, json, sys
from tests.nn.test_extensions import go_on
found = {}
for what in sys.argv[2:]:
    kind = importlib.import_module(f"my_{what}").Mine
    found[what] = go_on(f"{sys.argv[1]}/{what}.h5", kind, what)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a file of each kind, which can be imported while the tests of this one run."""
    path = tmp_path_factory.mktemp("mine")
    for what, (_, source, _) in EXTENSIONS.items():
        (path / f"my_{what}.py").write_text(HEAD + source)
    before = [(registry, dict(registry.others)) for registry, *_ in EXTENSIONS.values()]
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(path)
        yield path
    for registry, others in before:
        registry.others.clear()
        registry.others.update(others)
    for what in EXTENSIONS:
        sys.modules.pop(f"my_{what}", None)


@pytest.fixture(scope="module")
def sessions(folder):
    """By kind, a session with one of a file outside the package, which was saved after some steps."""
    made = {}
    for what, (_, _, place) in EXTENSIONS.items():
        kind = __import__(f"my_{what}").Mine
        given = USUAL | {key: make(kind) for key, make in place.items()}
        network = cl.Network(given.pop("layers"), (3,), seed=0)
        made[what] = cl.train(network, data(), **given, batch_size=8)
        made[what].step(BEFORE)
        made[what].save(folder / f"{what}.h5")
        made[what].step(AFTER)
    return made


@pytest.fixture(scope="module")
def in_a_fresh_process(folder, sessions):
    paths = os.pathsep.join([str(folder), str(Path(__file__).parents[2])])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FRESH, str(folder), *sessions],
        env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("what", EXTENSIONS)
def test_importing_a_file_outside_the_package_registers_it(what, sessions):
    kind = sys.modules[f"my_{what}"].Mine
    registry = EXTENSIONS[what][0]
    assert registry.others[f"my_{what}:Mine"] is kind and registry.find(f"my_{what}:Mine") is kind


@pytest.mark.parametrize("what", EXTENSIONS)
def test_it_is_trained_with(what, sessions):
    session = sessions[what]
    losses = session.trace["loss"]
    assert len(losses) == BEFORE + AFTER and np.isfinite(losses).all()
    began = cl.Network(session.network.graph, seed=0)
    assert all((session.network.parameters[name] != start).any() for name, start in began.parameters.items())


@pytest.mark.parametrize("what", EXTENSIONS)
def test_a_fresh_process_that_imports_the_file_goes_on_with_it(what, sessions, in_a_fresh_process):
    losses, params = in_a_fresh_process[what]
    assert losses == sessions[what].trace["loss"].tolist()
    assert params == sessions[what].network.params.tolist()
