"""What is built in and what somebody else calls the same are two things, in every registry."""

from __future__ import annotations

import dataclasses
import json
import sys
import textwrap

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.ground.described import NotDefined
from cortex_lab.nn.contract.initializers import INITIALIZERS, FromData, Identity, Orthogonal
from cortex_lab.nn.contract.layer import DESCRIBED, LAYERS, from_plain, layer_from_dict, to_plain
from cortex_lab.nn.contract.loss import LOSSES, loss_from_dict, resolve_loss
from cortex_lab.nn.run import saving
from cortex_lab.optimize import (
    FUNCTIONS,
    OPTIMIZERS,
    SCHEDULES,
    function_from_dict,
    optimizer_from_dict,
    schedule_from_dict,
)
from tests.nn.cases import CASES
from tests.nn.loss_cases import LOSS_CASES
from tests.optimize.cases import FUNCTION_CASES, OPTIMIZER_CASES, SCHEDULE_CASES

_DESCRIPTIONS = (
    *INITIALIZERS.values(), FromData((1.0, 2.0)), Identity(2.0), Orthogonal(),
    cl.L1(0.1), cl.L2(0.2), cl.MaxNorm(3.0),
)  # fmt: skip
# Registry, things that are in it, how one becomes data, and data one again.
REGISTRIES = {
    "layer": (LAYERS, [case.layer for case in CASES], to_plain, layer_from_dict),
    "initializer or penalty": (DESCRIBED, _DESCRIPTIONS, to_plain, from_plain),
    "loss": (LOSSES, [case.loss for case in LOSS_CASES], lambda loss: loss.to_dict(), loss_from_dict),
    "optimizer": (
        OPTIMIZERS, [case.optimizer for case in OPTIMIZER_CASES], lambda o: o.to_dict(), optimizer_from_dict
    ),
    "schedule": (SCHEDULES, SCHEDULE_CASES, lambda schedule: schedule.to_dict(), schedule_from_dict),
    "function": (
        FUNCTIONS, [case.function for case in FUNCTION_CASES], lambda f: f.to_dict(), function_from_dict
    ),
}  # fmt: skip
THINGS = [
    pytest.param(what, thing, id=f"{what}-{type(thing).__name__}")
    for what, (_, things, _, _) in REGISTRIES.items()
    for thing in {type(each): each for each in things}.values()
]
each_thing = pytest.mark.parametrize(("what", "thing"), THINGS)


@pytest.fixture(autouse=True)
def forgotten():
    """What a test defines is gone after it."""
    before = [(registry, dict(registry.others)) for registry, *_ in REGISTRIES.values()]
    yield
    for registry, others in before:
        registry.others.clear()
        registry.others.update(others)


def namesake(kind, registry, module="mine"):
    """A class of somebody's with the name of `kind`, as if defined in `module`."""
    made = type(kind.__name__, (kind,), {"__module__": module, "__qualname__": kind.__name__})
    return registry.add(made)


def of_kind(kind, thing):
    return kind(**{field.name: getattr(thing, field.name) for field in dataclasses.fields(thing)})


@pytest.mark.parametrize("what", REGISTRIES)
def test_every_class_is_tried(what):
    registry, things, *_ = REGISTRIES[what]
    assert set(registry.values()) == {type(thing) for thing in things} and registry.what == what


@each_thing
def test_a_namesake_takes_nobodys_place(what, thing):
    registry, _, write, read = REGISTRIES[what]
    built_in, described = type(thing), json.dumps(write(thing))
    name = registry.kind_of(built_in)
    own = of_kind(namesake(built_in, registry), thing)
    assert registry[name] is built_in and name in json.loads(described).values()
    assert json.dumps(write(thing)) == described and read(json.loads(described)) == thing
    again = read(json.loads(json.dumps(write(own))))
    assert type(again) is type(own) and again == own
    assert write(own) == {**write(thing), "kind": f"mine:{built_in.__name__}"}
    if what != "initializer or penalty":
        assert getattr(cl, built_in.__name__) is built_in


@each_thing
def test_what_is_not_defined_is_asked_for(what, thing):
    registry, _, write, read = REGISTRIES[what]
    kind = type(thing)
    described = write(of_kind(namesake(kind, registry), thing))
    registry.others.clear()
    with pytest.raises(NotDefined, match=rf"import it first: from mine import {kind.__name__}$"):
        read(described)
    with pytest.raises(NotDefined, match=f"{kind.__name__}' was defined in a notebook or script itself"):
        read({**described, "kind": f"__main__:{kind.__name__}"})
    with pytest.raises(NotDefined, match="was defined in a function of mine: define it here too"):
        read({**described, "kind": f"mine:make.<locals>.{kind.__name__}"})


@each_thing
def test_defining_a_class_again_replaces_it_alone(what, thing):
    registry, _, write, read = REGISTRIES[what]
    first, elsewhere = (namesake(type(thing), registry, module) for module in ("__main__", "other"))
    described = write(of_kind(first, thing))
    second = namesake(type(thing), registry, "__main__")
    assert type(read(described)) is second
    assert type(read({**described, "kind": f"other:{second.__name__}"})) is elsewhere


@pytest.mark.parametrize("what", REGISTRIES)
def test_a_bare_name_of_an_earlier_file_finds_the_only_class_of_that_name(what):
    registry, things, write, read = REGISTRIES[what]
    thing = things[0]
    mine = type("Mine", (type(thing),), {"__module__": "mine", "__qualname__": "Mine"})
    registry.add(mine)
    described = {**write(thing), "kind": registry.spell("Mine")}
    if what == "initializer or penalty":
        described = {**to_plain(thing), "kind": "Mine"}
    assert type(read(described)) is mine
    other = type("Mine", (type(thing),), {"__module__": "other", "__qualname__": "Mine"})
    registry.add(other)
    with pytest.raises(ValueError, match=f"several {what}s .*mine:Mine, other:Mine"):
        read(described)


def test_a_private_class_of_ones_own_comes_back_too():
    @dataclasses.dataclass(frozen=True)
    class _Twice(cl.Layer):
        factor: float = 2.0

    assert layer_from_dict(_Twice(3.0).to_dict()) == _Twice(3.0)


def test_a_loss_named_in_two_ways_is_refused():
    assert type(resolve_loss("huber")) is cl.Huber
    own = namesake(cl.Huber, LOSSES)
    with pytest.raises(ValueError, match=r"built-in cortex_lab\.Huber or mine:Huber; give the loss itself"):
        resolve_loss("huber")
    assert resolve_loss(own()) == own() and loss_from_dict({"kind": "huber"}) == cl.Huber()
    type("OfMine", (cl.Huber,), {"__module__": "mine", "__qualname__": "OfMine"})
    assert type(resolve_loss("of_mine")).__module__ == "mine"
    for unknown in ("absent", 3, None, ["huber"]):
        with pytest.raises(ValueError, match="there is no loss"):
            resolve_loss(unknown)


MODULE = """
from dataclasses import dataclass
import cortex_lab as cl
from cortex_lab.nn.contract.layer import describable
from cortex_lab.nn.contract.initializers import Constant as Usual

class Dense(cl.Dense):
    '''A namesake.'''

@describable
@dataclass(frozen=True)
class Constant(Usual):
    '''A namesake.'''

class SoftmaxCrossEntropy(cl.SoftmaxCrossEntropy): ...
class Adam(cl.Adam): ...
class StepDecay(cl.StepDecay): ...
class L2(cl.L2): ...
describable(L2)

@dataclass(frozen=True)
class Augmentation(cl.Augmentation): ...
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module that calls everything as we do."""
    (tmp_path / "namesakes.py").write_text(textwrap.dedent(MODULE))
    monkeypatch.syspath_prepend(tmp_path)
    yield __import__("namesakes")
    sys.modules.pop("namesakes")


def trained(own, resume_from=None):
    layers = [cl.Flatten(), own.Dense(4, bias_initializer=own.Constant(0.1)), cl.Dense(3)]
    network = cl.Network(layers, (3, 3, 1))
    random = np.random.default_rng(0)
    data = random.normal(size=(20, 3, 3, 1)).astype(np.float32), random.integers(0, 3, 20)
    rate = own.StepDecay(0.01, 3)
    return cl.train(
        network, data, own.SoftmaxCrossEntropy(), own.Adam(rate), batch_size=8, resume_from=resume_from,
        penalties={"*/kernel": own.L2(0.01)}, augment=own.Augmentation(horizontal_flip=True),
    )  # fmt: skip


def test_a_training_of_namesakes_is_resumed_and_one_of_ours_is_not_taken_for_it(own, tmp_path):
    session = trained(own)
    session.step(4)
    session.save(tmp_path / "training.h5")
    session.step(2)
    again = trained(own, tmp_path / "training.h5")
    again.step(2)
    np.testing.assert_array_equal(again.trace["loss"], session.trace["loss"])
    assert type(again.process.optimizer) is own.Adam
    network = cl.Network.load(tmp_path / "training.h5")
    kinds = [type(node.layer).__module__ for node in network.graph.nodes.values()]
    assert kinds == ["cortex_lab.nn.layers.flatten", "namesakes", "cortex_lab.nn.layers.dense"]
    for name in ("Dense", "SoftmaxCrossEntropy", "L2", "Augmentation"):
        others = type("Others", (), {**vars(own), name: getattr(cl, name)})
        with pytest.raises(ValueError, match=r"another|other network"):
            trained(others, tmp_path / "training.h5")


def test_an_earlier_file_calls_them_by_their_bare_names(tmp_path):
    class Ours(cl.Dense):
        """Its name is nobody else's."""

    class Mistake(cl.MeanSquaredError):
        """Likewise."""

    def train(resume_from=None):
        x = np.random.default_rng(0).normal(size=(32, 2))
        return cl.train(cl.Network([Ours(2)], 2), (x, x), Mistake(), cl.SGD(0.1), resume_from=resume_from)

    train().save(tmp_path / "now.h5")
    description, arrays = saving.read(tmp_path / "now.h5")
    description["graph"]["nodes"][0]["layer"]["kind"] = "Ours"
    description["losses"]["ours_1"]["kind"] = "mistake"
    saving.write(tmp_path / "then.h5", description, arrays)
    assert train(tmp_path / "then.h5").step_number == 0


def test_a_script_imports_namesakes_from_where_they_are(own):
    session = trained(own)
    session.step(3)
    script, scope = session.script(), {}
    assert (
        "from namesakes import Adam, Augmentation, Constant, Dense, L2, SoftmaxCrossEntropy, StepDecay"
        in script
    )
    for registry, *_ in REGISTRIES.values():
        registry.others.clear()
    sys.modules.pop("namesakes")
    exec(script, scope)
    np.testing.assert_array_equal(scope["session"].trace["loss"], session.trace["loss"])


def test_a_script_tells_two_of_one_name_apart(own):
    session = trained(own)
    session.step(1)
    session.edit("learning_rate", cl.StepDecay(0.02, 5))
    session.step(2)
    script, scope = session.script(), {}
    assert "import StepDecay as StepDecay_2" in script and "StepDecay_2(initial=0.02" in script
    exec(script, scope)
    np.testing.assert_array_equal(scope["session"].trace["loss"], session.trace["loss"])
    assert type(scope["session"].process.optimizer.learning_rate) is cl.StepDecay


def test_a_script_refuses_what_no_module_has():
    class Inner(cl.Dense):
        """Known to this function alone."""

    x = np.random.default_rng(0).normal(size=(32, 2))
    session = cl.train(cl.Network([Inner(2)], 2), (x, x), "mean_squared_error", cl.SGD(0.1))
    with pytest.raises(TypeError, match=r"cannot import .*Inner, .*define it in a module"):
        session.script()
    here = namesake(cl.SGD, OPTIMIZERS, "__main__")
    session = cl.train(cl.Network([cl.Dense(2)], 2), (x, x), "mean_squared_error", here(0.1))
    with pytest.raises(TypeError, match=r"cannot import SGD, .*define it in a module"):
        session.script()


def test_what_nobody_described_is_not_saved(tmp_path):
    class Constant:
        def draw(self, shape, fan, random):
            return np.ones(shape)

    network = cl.Network([cl.Dense(2, kernel_initializer=Constant())], 2)
    with pytest.raises(TypeError, match=r"cannot be saved: .*describable"):
        network.save(tmp_path / "network.h5")
    assert not list(tmp_path.iterdir())
