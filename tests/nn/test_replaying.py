from __future__ import annotations

import math

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.compute import get_ops
from cortex_lab.compute.kernel import REGISTRY
from cortex_lab.nn import Training
from cortex_lab.nn.contract.layer import Slots
from cortex_lab.nn.run.replaying import Replayed
from tests.nn import cases
from tests.nn.bench import LayerBench

REPLAYING = [case for case in cases.CASES if case.layer.replays]
DRAWING = [case for case in cases.CASES if case.layer.random]
LARGE = {
    "dense": [cl.Dense(300, activation="relu"), cl.Dense(120, activation="tanh")],
    "linear": [cl.Dense(300), cl.Dense(50, activation="gelu")],
    "convolution": [
        cl.Conv2D(16, 3, padding="same", activation="relu"), cl.BatchNormalization(), cl.MaxPooling2D(2),
        cl.Conv2D(24, 5, strides=2), cl.AveragePooling2D(2), cl.Flatten(),
    ],
}  # fmt: skip


@pytest.mark.parametrize("backend", ["reference", "cpu", pytest.param("gpu", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("case", REPLAYING, ids=lambda case: case.name)
def test_a_replayed_pass_gives_what_a_first_one_gives(case, backend: str):
    rows, random = 4, np.random.default_rng(1)
    direction = random.normal(size=(rows, *case.layer.out_shape(*case.shapes)))
    old, fresh = LayerBench(case, backend), LayerBench(case, backend)
    old.run(case.draw(rows, seed=1), np.ones_like(direction), poison=True)
    values = old.network.ops.asarray(random.normal(size=old.network.params.shape))
    for bench in (old, fresh):
        bench.network.params[...] = values
    found, wanted = (bench.run(case.draw(rows, seed=2), direction, poison=True) for bench in (old, fresh))
    assert np.array_equal(found.y, wanted.y)
    for gradient, other in zip(found.input_gradients, wanted.input_gradients, strict=True):
        assert (gradient is None and other is None) or np.array_equal(gradient, other)
    for name, gradient in found.gradients.items():
        assert np.array_equal(gradient, wanted.gradients[name]), name


@pytest.mark.parametrize("name", LARGE)
def test_whole_steps_give_the_bits_of_steps_by_phase(name: str):
    """Large enough for every way that a kernel has of doing it; the last batch has fewer rows."""
    ours, other = _training(LARGE[name]), _training(LARGE[name])
    for _ in range(2 * ours.batches.steps_per_epoch + 1):
        ours.whole_step()
        for _ in other.walk():
            pass
        assert ours.measure("loss") == other.measure("loss")
    assert np.array_equal(ours.network.params, other.network.params)
    assert np.array_equal(ours.network.state, other.network.state)
    assert ours.reached == "update"
    assert ours.step_number == other.step_number


def test_a_whole_step_that_fails_says_how_far_it_came(monkeypatch: pytest.MonkeyPatch):
    session = cl.study.Session(_training(LARGE["dense"]))
    session.step(2)
    before = session.process.network.params.copy()

    update = type(session.process.optimizer).update

    def fail(*arguments):
        if session.process.step_number == 2:
            raise ZeroDivisionError("no update today")
        return update(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(type(session.process.optimizer), "update", fail)
        with pytest.raises(ZeroDivisionError) as raised:
            session.step(3)
    assert "raised in step 3, after backward:dense_1; the session is back at step 2" in str(
        raised.value.__notes__
    )
    assert np.array_equal(session.process.network.params, before)
    assert session.step(1).kind == "step"
    assert session.step_number == 3


def test_nothing_is_remembered_of_a_pass_that_failed():
    ops, seen = get_ops("cpu"), []

    def method(kernels, at):
        kernels.add(at.x, at.x, out=at.y)
        seen.append(None)
        if len(seen) == 1:
            raise ZeroDivisionError
        kernels.add(at.y, at.x, out=at.y)

    at = Slots(x=np.ones(3, np.float32), y=np.zeros(3, np.float32))
    replayed = Replayed(method, ops, at)
    with pytest.raises(ZeroDivisionError):
        replayed()
    for value in (1, 2, 3):
        at.x[...] = value
        replayed()
        assert at.y.tolist() == [3 * value] * 3
    assert len(seen) == 2


def test_a_kernel_is_looked_at_once(monkeypatch: pytest.MonkeyPatch):
    declared, looked = REGISTRY["dense"], []
    override = declared.overrides["cpu"]
    monkeypatch.setitem(
        declared.overrides, "cpu", lambda *arguments: looked.append(None) or override(*arguments)
    )
    network = cl.Network([cl.Dense(3)], (4,))
    x = np.ones((2, 4), np.float32)
    first = network.predict(x)
    network.params *= 2
    assert np.array_equal(network.predict(x), 2 * first)
    assert len(looked) == 1


def _training(layers: list) -> Training:
    random = np.random.default_rng(0)
    images = any(isinstance(layer, cl.Conv2D) for layer in layers)
    x = random.random((150, 20, 20, 3) if images else (150, 256), dtype=np.float32)
    batches = cl.data.Batches(x, random.integers(0, 5, len(x)), batch_size=64)
    network = cl.Network([*layers, cl.Dropout(0.2), cl.Dense(5)], x.shape[1:])
    return Training(network, batches, "softmax_cross_entropy", cl.Adam(1e-2))


@pytest.mark.parametrize("case", DRAWING, ids=lambda case: case.name)
def test_layers_that_draw_are_run_once_and_again_when_their_strength_is_edited(case, monkeypatch):
    """Seed and step lie in arrays; the strength is a number of the calls that were found."""
    layer, runs, forward = case.layer, [], type(case.layer).forward
    shapes = {f"in{i}": (8, *shape) for i, shape in enumerate(case.shapes)}

    def counted(self, ops, at):
        runs.append(None)
        forward(self, ops, at)

    def masks(training, rate):
        training.edit(f"hyperparameter['layer.{field}']", rate)
        for _ in range(2):
            training.whole_step()
            yield training.buffers["layer"].copy()

    field = next(iter(layer.constants(*case.shapes)))
    made = {name: [] for name in ("whole", "anew")}
    for name, found in made.items():
        inputs = {each: np.linspace(1, 2, math.prod(shape)).reshape(shape) for each, shape in shapes.items()}
        batches = cl.data.Batches(inputs, np.zeros(8, int), batch_size=8)
        layers = [cl.Node(layer, "layer", tuple(shapes)), cl.Flatten(), cl.Dense(2)]
        network = cl.Network(layers, dict(zip(shapes, case.shapes, strict=True)))
        training = Training(network, batches, "softmax_cross_entropy", cl.SGD(0.1), seed=2**63 + 5)
        with monkeypatch.context() as patch:
            patch.setattr(type(layer), "forward", counted)
            patch.setattr(type(layer), "replays", name == "whole")
            for rate in (0.3, 0.6):
                found += masks(training, rate)
    assert len(runs) == 2 + 4
    for ours, other in zip(*made.values(), strict=True):
        assert np.array_equal(ours, other)
    assert len({array.tobytes() for array in made["whole"]}) == 4


@pytest.mark.parametrize("kind", sorted({type(case.layer) for case in REPLAYING}, key=repr))
@pytest.mark.parametrize("method", ["forward", "backward"])
def test_what_a_layer_replays_is_not_promised_of_a_method_of_ones_own(kind: type, method: str):
    own = type("Own", (kind,), {method: lambda self, ops, at: None})
    assert kind.replays and not own.replays and type("Below", (own,), {}).replays is False
    assert type("Saying", (kind,), {method: lambda self, ops, at: None, "replays": True}).replays
    assert type("Renamed", (kind,), {}).replays


def test_a_pass_of_ones_own_is_run_at_each_step():
    passes = []

    class Growing(cl.Dense):
        """Stronger with each pass, which no kernel knows of."""

        def forward(self, ops, at):
            super().forward(ops, at)
            passes.append(None)
            at.y *= len(passes)

    training = _training([Growing(4)])
    for step in range(1, 4):
        training.whole_step()
        assert len(passes) == step
