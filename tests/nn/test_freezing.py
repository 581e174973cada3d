"""What is frozen does not change in any way, and everything else learns as if the frozen were constants."""

from __future__ import annotations

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.nn import Network, Training
from cortex_lab.nn.train.freezing import Frozen
from cortex_lab.study import Session
from tests.nn.trainings import Rows, blobs, dense, state

PENALTIES = {"*/kernel": (cl.L2(0.01), cl.MaxNorm(0.5))}


def deep(ops="reference", seed=0):
    layers = [
        cl.Dense(7, activation="tanh"), cl.BatchNormalization(), cl.Dense(6, activation="relu"),
        cl.BatchNormalization(), cl.Dense(5, activation="tanh"), cl.Dense(3),
    ]  # fmt: skip
    return Network(layers, (6,), ops=ops, seed=seed)


def training(network=None, data=None, optimizer=None, **options):
    x, y = data or blobs()
    return Training(
        network or deep(), Rows(x, y), "softmax_cross_entropy", optimizer or cl.AdamW(0.02, weight_decay=0.1),
        seed=5, **options,
    )  # fmt: skip


def arrays(training):
    network = training.network
    return {name: a.copy() for name, a in {**network.parameters, **network.states}.items()}


def walk(training, steps):
    for _ in range(steps):
        list(training.walk())


@pytest.mark.parametrize(
    "optimizer",
    [
        cl.Adam(0.02, weight_decay=0.1, clip_norm=1.0), cl.AdamW(0.02, weight_decay=0.1),
        cl.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01), cl.Lion(0.01, weight_decay=0.1),
        cl.RMSprop(0.01, momentum=0.9, centered=True),
    ],
    ids=lambda optimizer: type(optimizer).__name__,
)  # fmt: skip
@pytest.mark.parametrize("frozen", [["dense_1", "batch_normalization_1"], ["dense_2"], ["*_2", "dense_4"]])
@pytest.mark.parametrize("ops", ["reference", "cpu"])
def test_frozen_parameters_keep_every_bit(optimizer, frozen, ops):
    given = training(deep(ops), optimizer=optimizer, penalties=PENALTIES)
    # Momentum and limits that are under way when the freezing begins must not go on.
    walk(given, 5)
    before, memory = arrays(given), {k: np.copy(v) for k, v in given.optimizer_state.items()}
    given.edit("frozen", frozen)
    walk(given, 10)
    nodes = given.frozen.nodes
    changed = {name.split("/")[0] for name, a in arrays(given).items() if (a != before[name]).any()}
    assert changed == {node for node in given.network.layers if node not in nodes}
    for key, value in memory.items():
        if value.shape == given.network.params.shape:
            for part in given.frozen.parts:
                np.testing.assert_array_equal(given.optimizer_state[key][part], value[part])
    for name, gradient in given.network.gradients.items():
        assert gradient.any() == (name.split("/")[0] not in nodes)


def test_the_others_have_the_gradient_of_the_loss():
    given = training(frozen=["batch_normalization_*", "dense_2", "dense_4"])
    network = given.network
    for name in network.states:
        network.states[name][...] = np.random.default_rng(1).uniform(0.5, 1.5, network.states[name].shape)
    x, y = blobs(12)

    def value_and_gradient(params):
        network.params[...] = params
        given.restore(given.snapshot() | {"batches": Rows(x, y, 12)})
        given.rehearse(given.phases[-2])
        return given.measure("loss"), network.gradient.copy()

    start = network.params.copy()
    _, gradient = value_and_gradient(start)
    free = np.ones(len(start), dtype=bool)
    for part in given.frozen.parts:
        free[part] = False
    assert not gradient[~free].any() and 0 < free.sum() < len(start)
    random = np.random.default_rng(2)
    for _ in range(8):
        direction = random.normal(size=len(start)) * free
        direction /= np.linalg.norm(direction)
        above = value_and_gradient(start + 1e-5 * direction)[0]
        below = value_and_gradient(start - 1e-5 * direction)[0]
        assert (above - below) / 2e-5 == pytest.approx(gradient @ direction, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("optimizer", [cl.Adam(0.02, clip_norm=0.5), cl.SGD(0.1, momentum=0.9)])
def test_a_head_learns_as_it_would_on_features_worked_out_before(optimizer):
    x, y = blobs()
    whole = training(frozen=["dense_1", "dense_2", "batch_normalization_*"], optimizer=optimizer)
    features = whole.network.activations(x, ["batch_normalization_2"])["batch_normalization_2"]
    head = Network([cl.Dense(5, activation="tanh"), cl.Dense(3)], (6,), ops="reference")
    for ours, theirs in (("dense_3", "dense_1"), ("dense_4", "dense_2")):
        for key in ("kernel", "bias"):
            head.parameters[f"{theirs}/{key}"][...] = whole.network.parameters[f"{ours}/{key}"]
    alone = training(head, (features, y), optimizer)
    walk(whole, 25)
    walk(alone, 25)
    assert whole.measure("loss") == pytest.approx(alone.measure("loss"), rel=1e-9)
    for ours, theirs in (("dense_3", "dense_1"), ("dense_4", "dense_2")):
        kernels = whole.network.parameters[f"{ours}/kernel"], head.parameters[f"{theirs}/kernel"]
        np.testing.assert_allclose(*kernels, rtol=1e-8, atol=1e-12)


def test_nothing_is_computed_backwards_where_nothing_before_learns():
    given = training(frozen=["dense_1", "batch_normalization_*", "dense_2"])
    backward = [step.node for step in given.plan.steps if step.action == "backward"]
    assert backward == ["dense_4", "dense_3"]
    assert "gradient:batch_normalization_2" not in given.buffers
    # The phases stay, empty, so that a breakpoint set before the freezing still has its place.
    assert given.phases == training().phases
    given = training(frozen=["dense_3"])
    assert [s.node for s in given.plan.steps if s.action == "backward"] == list(
        reversed(given.network.layers)
    )


def test_a_frozen_batch_normalization_uses_its_moving_statistics():
    given = training(frozen=["batch_normalization_1"])
    walk(given, 3)
    layer = "batch_normalization_1"
    network, buffers = given.network, given.buffers
    expected = network.parameters[f"{layer}/beta"] + buffers["dense_1"] * network.parameters[
        f"{layer}/gamma"
    ] / np.sqrt(1 + 1e-3)
    np.testing.assert_allclose(buffers[layer], expected)
    assert not network.states[f"{layer}/moving_mean"].any()
    assert network.states["batch_normalization_2/moving_mean"].any()
    # Nor does anything depend on what its buffers for the batch's statistics happen to hold.
    for bound in given.bounds.values():
        bound.slots[layer].mean[...] = bound.slots[layer].variance[...] = 7.0
    walk(given, 1)
    again = training(frozen=[layer])
    walk(again, 4)
    assert state(again) == state(given)


def test_nodes_that_share_parameters_are_frozen_together():
    layers = [
        cl.Node(cl.Dense(6, activation="tanh"), "one"), cl.Node(cl.Dense(6), "two", shares="one"),
        cl.Node(cl.Dense(3), "end"),
    ]  # fmt: skip
    network = Network(layers, (6,), ops="reference")
    assert Frozen(network, "two").nodes == Frozen(network, ["one"]).nodes == {"one", "two"}
    given = training(network, frozen="two")
    before = arrays(given)
    walk(given, 4)
    assert (network.parameters["one/kernel"] == before["one/kernel"]).all()
    assert (network.parameters["end/kernel"] != before["end/kernel"]).all()


def test_freezing_is_an_edit_that_rewinds_forks_saves_and_prints(tmp_path):
    def made(**options):
        return cl.train(
            cl.Network([cl.Dense(5, activation="relu"), cl.BatchNormalization(), cl.Dense(3)], 6), blobs(),
            "softmax_cross_entropy", cl.Adam(0.01), **options,
        )  # fmt: skip

    session = made(frozen=["dense_1"], snapshot_budget=4000)
    session.step(10)
    session.edit("frozen", [])
    session.step(10)
    session.edit("frozen", ["dense_1", "batch*"])
    session.step(10)
    losses, end = session.trace["loss"].copy(), state(session.process)
    # Edits after the step that is gone back to are gone, too; those before it are made again.
    session.rewind(step=25)
    assert session.process.frozen.patterns == ("dense_1", "batch*")
    session.step(5)
    np.testing.assert_array_equal(session.trace["loss"], losses)
    assert state(session.process) == end
    session.rewind(step=15)
    assert session.process.frozen.patterns == ()
    session.step(5)
    session.edit("frozen", ["dense_1", "batch*"])
    session.step(10)
    np.testing.assert_array_equal(session.trace["loss"], losses)
    assert state(session.process) == end
    scope: dict = {}
    script = session.script()
    assert "frozen=['dense_1']" in script and "session.edit('frozen', ['dense_1', 'batch*'])" in script
    exec(script, scope)
    assert state(scope["session"].process) == state(session.process) == end

    session.save(tmp_path / "training.h5")
    later = made(resume_from=tmp_path / "training.h5")
    assert later.process.frozen.patterns == ("dense_1", "batch*")
    branch = session.fork(frozen=[[], ["dense_1"]])
    branch.step(3)
    for each in (later, session):
        each.step(3)
    assert state(later.process) == state(session.process)
    assert [b.process.frozen.patterns for b in branch] == [(), ("dense_1",)]
    kernels = [b.network.parameters["dense_1/kernel"] for b in (*branch, session)]
    assert (kernels[1] == kernels[2]).all() and (kernels[0] != kernels[2]).any()


def test_buffers_and_losses_stay_readable_after_an_edit():
    session = Session(dense(layers=[cl.Dense(4, activation="relu"), cl.Dense(3)]))
    session.step(3)
    before, loss = session.process.buffers, session.process.measure("loss")
    session.edit("frozen", ["dense_1"])
    after = session.process.buffers
    np.testing.assert_array_equal(after["dense_2"], before["dense_2"])
    np.testing.assert_array_equal(after["target:dense_2"], before["target:dense_2"])
    assert session.process.measure("loss") == loss
    session.step(2)
    assert session.process.measure("grad_norm['dense_1']") == 0 < session.process.measure("grad_norm")
    assert not session.process.pending_update()["dense_1/kernel"].any()
    session.edit("weights['dense_1/kernel']", 0.25)
    session.step(2)
    assert (session.process.network.parameters["dense_1/kernel"] == 0.25).all()


@pytest.mark.parametrize(
    ("frozen", "error", "complaint"),
    [
        (["conv2d_*"], ValueError, r"no node matches 'conv2d_\*', to be frozen; there are dense_1, batch"),
        ("dense_9", ValueError, "no node matches 'dense_9'"),
        (["dense_*", "batch*"], ValueError, "nothing would learn: frozen="),
        ([1], TypeError, "frozen takes names of nodes or patterns"),
    ],
)
def test_what_cannot_be_frozen_is_named(frozen, error, complaint):
    with pytest.raises(error, match=complaint):
        training(frozen=frozen)
    given = training(frozen="dense_1")
    with pytest.raises(error, match=complaint):
        given.edit("frozen", frozen)
    assert given.frozen.patterns == ("dense_1",)
    walk(given, 1)


def test_inside_a_step_nothing_is_frozen():
    session = Session(training())
    session.step(to="loss")
    with pytest.raises(ValueError, match="between two steps"):
        session.edit("frozen", ["dense_1"])
    session.step()


@pytest.mark.parametrize("backend", ["cpu", pytest.param("gpu", marks=pytest.mark.gpu)])
def test_the_frozen_keep_every_bit_and_the_others_stay_near_the_reference(backend):
    found = {}
    for ops in (backend, "reference"):
        given = training(deep(ops), optimizer=cl.AdamW(0.01), penalties={"*/kernel": cl.L2(0.01)})
        walk(given, 3)
        before = {name: np.array(array) for name, array in given.parameters.items()}
        given.edit("frozen", ["dense_2", "batch_normalization_1"])
        walk(given, 10)
        for name, after in given.parameters.items():
            assert (after == before[name]).all() == (name.split("/")[0] in given.frozen.nodes)
        found[ops] = given.parameters
    for name, ours in found[backend].items():
        np.testing.assert_allclose(ours, found["reference"][name], rtol=1e-2, atol=1e-3)
