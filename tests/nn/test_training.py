"""Training as a Process: exact by phases, after rewinding, with edits, and in branches."""

from __future__ import annotations

import numpy as np
import pytest

from cortex_lab.nn import Network, Node, Training
from cortex_lab.nn.contract.penalties import L2, MaxNorm
from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.layers.dropout import Dropout, GaussianDropout
from cortex_lab.nn.losses.center import CenterLoss
from cortex_lab.optimize import SGD, Adam
from cortex_lab.study import Session
from tests.nn.trainings import Rows, blobs, dense, state


@pytest.mark.parametrize("ops", ["reference", "cpu"])
@pytest.mark.parametrize("optimizer", [SGD(0.1, momentum=0.9), Adam(0.01)], ids=["SGD", "Adam"])
def test_phase_by_phase_and_whole_steps_give_the_same_bits(ops, optimizer):
    whole, phased = Session(dense(optimizer, ops=ops)), Session(dense(optimizer, ops=ops))
    for _ in range(15):
        whole.step()
        for phase in phased.phases:
            phased.step(to=phase)
            assert len(phased.buffers) > 10
        assert state(phased.process) == state(whole.process)
    assert (whole.trace["loss"] == phased.trace["loss"]).all()


def test_phases_are_named_in_the_order_they_run():
    training = dense()
    names = ["dense_1", "dropout_1", "batch_normalization_1", "dense_2"]
    expected = (
        "fetch",
        *(f"forward:{n}" for n in names),
        "loss",
        *(f"backward:{n}" for n in names[::-1]),
        "update",
    )
    assert training.phases == expected == tuple(training.walk())


def test_a_tap_sees_every_phase_and_changes_nothing():
    plain, tapped = dense(), dense()
    seen = []
    tapped.tap = lambda phase, step, buffers: seen.append((phase, step, len(buffers) > 0))
    for training in (plain, tapped):
        for _ in range(3):
            list(training.walk())
    assert [phase for phase, _, _ in seen] == [*plain.phases] * 3 and state(plain) == state(tapped)


@pytest.mark.parametrize("ops", ["reference", "cpu"])
def test_going_back_with_dropout_and_moving_averages_is_exact(ops):
    session = Session(dense(ops=ops))
    states = [state(session.process)]
    for _ in range(60):
        session.step()
        states.append(state(session.process))
    losses = session.trace["loss"].copy()
    for step in (47, 33, 32, 31, 5, 0):
        session.rewind(step)
        assert state(session.process) == states[step]
        if step:
            assert session.observation["loss"] == losses[step - 1] == session.process.measure("loss")
    session.step(60)
    assert state(session.process) == states[60] and (session.trace["loss"] == losses).all()


def test_a_loss_that_remembers_is_part_of_the_state():
    x, y = blobs()
    network = Network(
        [Node(Dense(4, activation="tanh"), "features"), Node(Dense(3), "classes")],
        6, outputs=["features", "classes"], ops="reference",
    )  # fmt: skip
    losses = {"classes": "softmax_cross_entropy", "features": CenterLoss(3)}
    training = Training(
        network, Rows(x, {"classes": y, "features": y}), losses, SGD(0.1), loss_weights={"features": 0.1}
    )
    session = Session(training)
    session.step(20)
    centers = training.objective.state["features/centers"].copy()
    assert np.abs(centers).max() > 0.1
    observed = session.observation
    total = observed["loss['classes']"] + 0.1 * observed["loss['features']"]
    assert observed["loss"] == pytest.approx(total, rel=1e-12)
    session.step(20)
    session.rewind(20)
    assert (training.objective.state["features/centers"] == centers).all()


# Edits -----------------------------------------------------------------------------------------------


EDITS = [
    ("learning_rate", 0.05, None),
    ("excluded_rows", [1, 5, 7, 40], None),
    ("dropout_rate", 0.7, None),
    ("hyperparameter['dropout_1.rate']", 0.0, None),
    ("optimizer['beta_1']", 0.5, None),
    ("weights['dense_1/kernel']", np.full((6, 8), 0.1), None),
    ("revived_unit['dense_1']", [0, 3], None),
    ("state['batch_normalization_1/moving_mean']", 0.5, None),
    ("gradient['dense_2/bias']", [1.0, 2.0, 3.0], "backward:dense_1"),
    ("gradient['dense_2/kernel']", 0.0, "backward:dense_2"),
    ("pending_update['dense_1/bias']", np.arange(8.0), "backward:dense_1"),
]


@pytest.mark.parametrize(("name", "value", "phase"), EDITS, ids=[name for name, _, _ in EDITS])
def test_every_edit_changes_the_run_and_is_repeated_after_going_back(name, value, phase):
    plain, session = Session(dense()), Session(dense())
    plain.step(41)
    session.step(21)
    if phase:
        session.step(to=phase)
    session.edit(name, value)
    session.step(20)
    end = state(session.process)
    assert end != state(plain.process)
    for step in (35, 22):
        session.rewind(step)
        session.step(41 - step)
        assert state(session.process) == end
    session.rewind(21)
    session.step(20)
    assert state(session.process) == state(plain.process)


BAD_EDITS = [
    ("momentum", 0.9, KeyError, r"there are learning_rate, .*weights\['...'\]"),
    ("weights", 0.9, KeyError, "no 'weights' to edit"),
    ("learning_rate", -1.0, ValueError, "at least 0"),
    ("weights['dense_9/kernel']", 0.0, KeyError, "dense_1/kernel"),
    ("weights['dense_1/kernel']", np.zeros(3), ValueError, r"shape \(6, 8\)"),
    ("dropout_rate", 1.5, ValueError, "under 1"),
    ("hyperparameter['dense_1.units']", 3, KeyError, "dropout_1.rate"),
    ("optimizer['speed']", 3, KeyError, "beta_1"),
    ("gradient['dense_1/bias']", 0.0, ValueError, "between two steps"),
    ("pending_update['dense_1/bias']", 0.0, ValueError, "between two steps"),
    ("revived_unit['dense_1']", [99], ValueError, "units 0 to 7"),
    ("revived_unit['input']", [0], KeyError, "dense_1, dense_2"),
    ("revived_unit['dense_1']", [0.5], ValueError, "by their numbers"),
    ("revived_unit['dense_1']", [True, False], ValueError, "by their numbers"),
]


@pytest.mark.parametrize(("name", "value", "error", "says"), BAD_EDITS, ids=[each[0] for each in BAD_EDITS])
def test_a_refused_edit_changes_nothing(name, value, error, says):
    session = Session(dense())
    session.step(3)
    before, optimizer = state(session.process), session.process.optimizer
    with pytest.raises(error, match=says):
        session.edit(name, value)
    assert state(session.process) == before and session.process.optimizer == optimizer
    assert not session.events and not session.process.hyperparameters


def test_a_dropout_rate_is_what_the_masks_follow():
    training = dense(layers=[Dense(40), Dropout(0.5), GaussianDropout(0.2), Dense(3)])
    session = Session(training)
    session.step(2)
    assert 0.3 < (training.buffers["dropout_1/mask"] == 0).mean() < 0.7
    session.edit("hyperparameter['dropout_1.rate']", 0.0)
    session.step(7)
    assert training.bound.rows != 16 or (training.buffers["dropout_1/mask"] == 1).all()
    session.step(1)
    assert (training.buffers["dropout_1/mask"] == 1).all()
    session.edit("dropout_rate", 0.9)
    session.step(1)
    assert (training.buffers["dropout_1/mask"] == 0).mean() > 0.8
    assert training.network.graph.nodes["dropout_1"].layer.rate == 0.5


def test_weights_and_gradients_changed_in_place_are_events():
    session = Session(dense())
    session.step(4)
    session.process.network.parameters["dense_1/bias"][2] = 1.5
    session.step(to="backward:dense_1")
    session.buffers["gradient:dense_2/bias"][:] = 0
    bias = session.process.network.parameters["dense_2/bias"].copy()
    update = session.pending_update["dense_2/bias"]
    session.step()
    assert [(event.name, event.phase) for event in session.events] == [
        ("weights['dense_1/bias']", None),
        ("gradient['dense_2/bias']", "backward:dense_1"),
    ]
    assert (session.process.network.parameters["dense_2/bias"] == bias + update).all()
    end = state(session.process)
    session.step(3)
    session.rewind(5)
    assert state(session.process) == end


# Branches and the pending update ---------------------------------------------------------------------


def test_branches_with_equal_settings_never_part_by_a_bit():
    session = Session(dense(ops="cpu"))
    session.step(13)
    fork = session.fork(learning_rate=[0.01, 0.01, 0.1])
    fork.step(25)
    assert state(fork[0].process) == state(fork[1].process)
    distance = fork.distance()
    assert (distance.iloc[:, 1] == 0).all() and (distance.iloc[:, 2] > 0).all()
    assert fork[0].process.batch.rows.tolist() == fork[2].process.batch.rows.tolist()
    assert fork[0].buffers["dropout_1/mask"].tobytes() == fork[2].buffers["dropout_1/mask"].tobytes()
    session.step(25)
    assert state(session.process) == state(fork[0].process)


def test_a_branch_remembers_what_was_edited_before_it():
    session = Session(dense())
    session.step(3)
    session.edit("dropout_rate", 0.0)
    session.edit("excluded_rows", [0, 1, 2])
    branch = session.fork(learning_rate=[0.01])[0]
    for each in (session, branch):
        each.step(10)
    assert state(session.process) == state(branch.process)
    branch.rewind(8)
    session.rewind(8)
    assert state(session.process) == state(branch.process)


@pytest.mark.parametrize(
    "penalties", [None, {"*/kernel": (L2(0.01), MaxNorm(0.5))}], ids=["plain", "penalized"]
)
def test_the_pending_update_is_what_happens(penalties):
    session = Session(dense(penalties=penalties))
    session.step(3)
    session.step(to="backward:dense_1")
    before = {name: array.copy() for name, array in session.process.parameters.items()}
    optimizer_state = state(session.process)
    pending = dict(session.pending_update)
    assert state(session.process) == optimizer_state
    session.step()
    for name, array in session.process.parameters.items():
        np.testing.assert_allclose(array, before[name] + pending[name], rtol=1e-12)


def test_penalties_pull_and_limit_and_are_measured():
    free, held = (
        Session(dense()),
        Session(dense(penalties={"*/kernel": L2(0.1), "dense_1/kernel": MaxNorm(0.2)})),
    )
    for session in (free, held):
        session.step(40)
    kernels = [held.process.network.parameters[f"dense_{i}/kernel"] for i in (1, 2)]
    assert held.observation["penalty"] == pytest.approx(0.1 * sum((kernel**2).sum() for kernel in kernels))
    assert (np.linalg.norm(kernels[0], axis=0) <= 0.2 + 1e-12).all()
    assert np.linalg.norm(kernels[1]) < np.linalg.norm(free.process.network.parameters["dense_2/kernel"])
    assert "penalty" not in free.process.keys


PARTS = [name for name, value in vars(Training).items() if isinstance(value, property)]


@pytest.mark.parametrize("name", PARTS)
def test_what_its_parts_hold_is_read_and_not_written(name):
    training = dense()
    with pytest.raises(AttributeError):
        setattr(training, name, getattr(training, name))


@pytest.mark.parametrize("to", dense().phases[:-1])
def test_a_step_that_is_rehearsed_has_not_happened(to):
    training, other = dense(), dense()
    for _ in range(3):
        training.whole_step()
        other.whole_step()
    before = state(training)
    loaded = training.rehearse(to, step=7)
    assert loaded.step == 7 and (loaded.batch.rows == training.batches.fetch(7).rows).all()
    assert state(training) == before and training.step_number == 3 and not training.under_way
    for _ in range(3):
        training.whole_step()
        other.whole_step()
    assert state(training) == state(other)
    assert [training.measure(key) for key in ("loss", "epoch")] == [
        other.measure(key) for key in ("loss", "epoch")
    ]
