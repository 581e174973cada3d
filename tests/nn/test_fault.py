"""Numbers that are not finite are found before they get into the weights, and traced to where they began."""

from __future__ import annotations

import numpy as np
import pytest

from cortex_lab.nn import Network, Training
from cortex_lab.nn.layers.activation import ReLU, Tanh
from cortex_lab.nn.layers.conv2d import Conv2D
from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.layers.flatten import Flatten
from cortex_lab.nn.layers.normalization import BatchNormalization
from cortex_lab.nn.layers.pooling import MaxPooling2D
from cortex_lab.optimize import SGD, Adam, RMSprop
from cortex_lab.study import Session, steps
from cortex_lab.study.faults import UpdateHeldBack
from tests.nn.trainings import Rows, blobs, dense, state
from tests.optimize.cases import OPTIMIZER_CASES


def convolutional(x, y, **options):
    layers = [
        Conv2D(4, 3, activation="relu"), MaxPooling2D(2), Flatten(),
        Dense(8), ReLU(), Dense(6), Tanh(), Dense(3),
    ]  # fmt: skip
    return dense(SGD(0.05), layers, (x, y), ops="cpu", **options)


def images(seed=0):
    random = np.random.default_rng(seed)
    y = random.integers(0, 3, 96)
    x = random.normal(size=(96, 8, 8, 1)) * 0.1
    x[np.arange(96), 2 * y, 2 * y, 0] += 1
    return x.astype(np.float32), y


@pytest.mark.parametrize(
    ("parameter", "layer", "direction", "phase"),
    [
        ("conv2d_1/kernel", "conv2d_1", "weights", "forward:conv2d_1"),
        ("dense_2/bias", "dense_2", "weights", "forward:dense_2"),
    ],
)
def test_a_planted_nan_is_found_where_it_is_before_it_spreads(parameter, layer, direction, phase):
    session = Session(convolutional(*images()))
    session.step(5)
    poisoned = session.process.network.parameters[parameter].copy()
    poisoned.flat[0] = np.nan
    session.edit(f"weights[{parameter!r}]", poisoned)
    others = state(session.process)
    stop = session.run(until=steps(10))
    assert stop.kind == "fault" and stop.step == 5
    fault = session.fault
    assert (fault.tensor, fault.layer, fault.direction, fault.phase) == (parameter, layer, direction, phase)
    assert fault.values == ("NaN",) and fault.step == 6 and fault.last_good_step == 5
    assert state(session.process) == others
    session.rewind(fault.last_good_step)
    assert session.run(until=steps(10)).kind == "condition" and np.isfinite(session.trace["loss"]).all()


@pytest.mark.parametrize(
    "optimizer", [Adam(0.01), SGD(0.05, momentum=0.9), RMSprop(0.01), Adam(clip_norm=1.0)]
)
def test_a_faulty_update_far_into_a_run_leaves_all_as_it_was_before_it(optimizer):
    def run(poison):
        session = Session(dense(optimizer, [Dense(8), ReLU(), Dense(3)], ops="cpu"))
        session.run(steps(20))
        session.edit("learning_rate", 0.02)
        session.run(steps(23))
        if poison:
            session.process.network.parameters["dense_2/bias"][0] = np.nan
        return session

    sound, session = run(False), run(True)
    told = []
    session.subscribe(lambda notice: told.append(notice.kind))
    with np.errstate(invalid="ignore"):
        stop = session.run(steps(10))
    assert (stop.kind, stop.step, session.step_number, len(session.trace)) == ("fault", 43, 43, 43)
    assert session.fault.tensor == "dense_2/bias" and session.phase == session.phases[-2]
    assert "step" not in told and [event.step for event in session.events] == [20, 43]
    session.edit("weights['dense_2/bias']", sound.process.network.parameters["dense_2/bias"])
    session.rewind(42)
    session.run(steps(11))
    sound.run(steps(10))
    assert state(session.process) == state(sound.process)


def test_an_overflow_names_its_layer_and_the_rows_that_caused_it():
    x, y = images()
    x[[11, 70]] *= 1e30
    session = Session(convolutional(x, y))
    session.edit("weights['dense_1/kernel']", np.full((36, 8), 1e15, np.float32))
    with np.errstate(all="ignore"):
        stop = session.run(until=steps(6))
        assert stop.kind == "fault"
        fault = session.fault
        assert (fault.tensor, fault.direction, fault.phase) == ("dense_1", "forward", "forward:dense_1")
    assert set(fault.rows) <= {11, 70} and fault.rows
    sentence = str(fault)
    assert "'dense_1'" in sentence and str(fault.rows[0]) in sentence and "session.rewind(step=" in sentence


def test_an_overflow_on_the_way_back_names_the_layer_that_made_it():
    session = Session(convolutional(*images()))
    session.step(2)
    session.step(to="backward:dense_2")
    kernel = session.process.network.parameters["dense_2/kernel"]
    session.edit("weights['dense_2/kernel']", np.full(kernel.shape, 3e38, np.float32))
    with np.errstate(all="ignore"):
        session.rewind(2)
        session.step(to="backward:tanh_1")
        session.edit("weights['dense_2/kernel']", np.full(kernel.shape, 3e38, np.float32))
        gradient = session.buffers["gradient:dense_2"]
        gradient[...] = 10.0
        stop = session.step()
    assert stop.kind == "fault" and session.fault.direction == "backward"
    assert session.fault.tensor == "gradient:relu_1" and set(session.fault.values) == {"infinity"}


def test_a_large_but_finite_gradient_is_no_fault():
    training = dense(layers=[Dense(3)], ops="cpu")
    session = Session(training)
    session.step(to="backward:dense_1")
    session.edit("gradient['dense_1/bias']", 1e25)
    with np.errstate(over="ignore"):
        assert training.fault() is None


def test_errors_in_the_data_name_input_and_rows():
    x, y = blobs()
    x[17] = np.nan
    session = Session(dense(data=(x, y)))
    with pytest.raises(ValueError, match=r"input 'input' holds missing.*\[17\]"):
        session.step(6)
    assert session.phase is None and session.error is not None
    with pytest.raises(ValueError, match="nothing would learn"):
        Training(Network([ReLU()], 3), Rows(x, y), "mean_squared_error", SGD(0.1))


# Updates that go too far -----------------------------------------------------------------------------


def exploding(optimizer, ops="cpu", **options):
    """A regression whose loss overflows while its gradient does not."""
    x = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
    network = Network([Dense(1)], 4, ops=ops)
    batches = Rows(x, x.sum(axis=1, keepdims=True))
    training = Training(network, batches, "mean_squared_error", optimizer, **options)
    return Session(training, snapshot_budget=600)


WATCHED = {
    "whole steps": lambda session: session.run(steps(100)),
    "one by one": lambda session: [session.step() for _ in range(100) if session.fault is None],
    "with a breakpoint": lambda session: (session.break_when("loss < -1"), session.run(steps(100))),
    "phase by phase": lambda session: [
        session.step(to=phase) for _ in range(100) for phase in session.phases if session.fault is None
    ],
}


@pytest.mark.parametrize("watched", WATCHED)
@pytest.mark.parametrize("optimizer", [SGD(1e12), SGD(1e12, momentum=0.9), SGD(1e12, weight_decay=1e-13)])
@pytest.mark.parametrize("ops", ["cpu", "reference"])
def test_an_update_that_would_make_weights_infinite_is_held_back(optimizer, ops, watched):
    session = exploding(optimizer, ops)
    with np.errstate(all="ignore"):
        WATCHED[watched](session)
    fault, good = session.fault, session.step_number
    assert (fault.layer, fault.direction, fault.phase, fault.values) == (
        "dense_1", "weights", "update", ("infinity",)
    )  # fmt: skip
    assert (fault.step, fault.last_good) == (good + 1, good) and good > 1
    assert f"step {fault.step}" in str(fault) and "'dense_1/kernel'" in str(fault)
    assert np.isfinite(session.process.network.params).all() and len(session.trace) == good
    twin = exploding(optimizer, ops)
    twin.stop_on_fault = False
    with np.errstate(all="ignore"):
        twin.step(good)
    assert state(session.process) == state(twin.process)
    session.edit("learning_rate", 0.0)
    with np.errstate(all="ignore"):
        assert session.step().kind == "step"


@pytest.mark.parametrize("ops", ["cpu", "reference"])
@pytest.mark.parametrize("case", OPTIMIZER_CASES, ids=lambda case: repr(case.optimizer))
def test_no_optimizer_leaves_the_numbers_there_are(case, ops):
    network = Network([Dense(3)], 6, ops=ops)
    limit = float(np.finfo(network.ops.dtype).max)
    session = Session(Training(network, Rows(*blobs()), "softmax_cross_entropy", case.optimizer))
    session.step(to=session.phases[-2])
    session.edit("learning_rate", limit)
    session.edit("weights['dense_1/kernel']", 0.9999 * limit)
    session.edit("gradient['dense_1/kernel']", -np.linspace(1, 2, 18).reshape(6, 3))
    before = state(session.process)
    with np.errstate(all="ignore"):
        assert session.step().kind == "fault" and session.fault.tensor == "dense_1/kernel"
        assert state(session.process) == before and session.fault.phase == "update"
        session.step(force=True)
    assert session.process.tainted and not np.isfinite(network.params).all()


def test_what_layers_and_losses_remember_and_changes_by_hand_are_held_back_too():
    x, y = blobs()
    x[:, 0] *= 1e25
    session = Session(dense(SGD(0.01), [BatchNormalization(), Dense(3)], (x, y), ops="cpu"))
    with np.errstate(all="ignore"):
        assert session.step(9).kind == "fault"
    assert session.fault.tensor == "batch_normalization_1/moving_variance" and session.step_number == 0
    assert np.isfinite(session.process.network.state).all() and session.fault.phase == "update"
    session = Session(dense(SGD(0.01), [Dense(3)], ops="cpu"))
    session.step(to=session.phases[-2])
    session.pending_update["dense_1/bias"] = np.full(3, np.inf)
    assert session.step().kind == "fault" and session.fault.tensor == "dense_1/bias"


# After a fault ---------------------------------------------------------------------------------------


def poisoned(optimizer, parameter="dense_1/kernel", step=12, **options):
    """A session that stands at a fault right after `step`."""
    session = Session(dense(optimizer, [Dense(8, activation="relu"), Dense(3)], ops="cpu", **options))
    session.step(step)
    poisoned = session.process.network.parameters[parameter].copy()
    poisoned.flat[1] = np.nan
    session.edit(f"weights[{parameter!r}]", poisoned)
    with np.errstate(invalid="ignore"):
        assert session.step(4).kind == "fault"
    return session


@pytest.mark.parametrize(
    "optimizer", [Adam(0.01), SGD(0.05, momentum=0.9), Adam(0.01, clip_norm=1.0)], ids=repr
)
def test_after_a_fault_nothing_goes_on_and_every_step_named_is_whole(optimizer):
    session = poisoned(optimizer)
    before = state(session.process)
    for going in (session.step, session.run, session.resume):
        with pytest.raises(UpdateHeldBack, match=r"session.rewind\(step=12\)"):
            going()
    assert state(session.process) == before and session.fault.last_good == 12
    with np.errstate(invalid="ignore"):
        session.step(force=True)
        assert session.step_number == 13 and np.isnan(session.process.network.params).sum() > 1
        stop = session.step()
    assert stop.kind == "fault" and session.fault.last_good == session.fault.last_good_step == 12
    assert "session.rewind(step=12)" in stop.reason and "step 13" in stop.reason
    session.rewind(session.fault.last_good)
    sound = Session(dense(optimizer, [Dense(8, activation="relu"), Dense(3)], ops="cpu"))
    sound.step(12)
    for each in (session, sound):
        assert each.run(steps(8)).kind == "condition"
    assert state(session.process) == state(sound.process)


def test_an_unwatched_nan_is_traced_back_over_many_steps():
    session = Session(dense(SGD(0.05, momentum=0.9), [Dense(3)], ops="cpu"), snapshot_budget=4000)
    session.step(30)
    session.stop_on_fault = False
    session.process.network.parameters["dense_1/bias"][0] = np.nan
    with np.errstate(invalid="ignore"):
        session.step(45)
        session.stop_on_fault = True
        stop = session.step()
    assert stop.kind == "fault" and session.fault.last_good == 30 and session.step_number == 75
    session.rewind(30)
    assert np.isfinite(session.process.network.params).all() and session.step(5).kind == "step"


def test_weights_that_were_never_finite_are_to_be_put_in():
    training = dense(SGD(0.05), [Dense(3)], ops="cpu")
    training.network.params[...] = np.nan
    session = Session(training)
    with np.errstate(invalid="ignore"):
        stop = session.step()
    assert session.fault.last_good is None and "rewind" not in stop.reason and "put others in" in stop.reason
    session.edit("weights['dense_1/kernel']", 0.1)
    session.edit("weights['dense_1/bias']", 0.0)
    assert session.step(3).step == 3


RATES = [1e3, 1e8, 1e15, 1e25, 1e38]


@pytest.mark.parametrize("optimizer", [SGD, Adam])
@pytest.mark.parametrize("rate", RATES)
def test_a_step_named_last_good_can_be_learned_from_or_is_said_to_be_large(optimizer, rate):
    session = Session(dense(optimizer(rate), [Dense(8, activation="relu"), Dense(3)], ops="cpu"))
    with np.errstate(all="ignore"):
        stop = session.run(until=steps(30))
    if stop.kind != "fault":
        return
    fault = session.fault
    session.rewind(fault.last_good)
    largest = float(np.abs(session.process.network.params).max())
    assert np.isfinite(largest)
    if largest > 1e6:
        assert "session.diagnose()" in stop.reason
        assert fault.last_good < fault.step - 1 or f"up to {largest:.0e}" in stop.reason


OVER = {
    "rewound": lambda session: session.rewind(session.fault.last_good),
    "rewound further": lambda session: session.rewind(3),
    "repaired": lambda session: (
        np.nan_to_num(session.process.network.params, copy=False),
        session.step(),
    ),
    "its gradient repaired": lambda session: (session.process.network.gradient.fill(0), session.step()),
    "forced, and mended later": lambda session: (
        session.step(force=True),
        np.nan_to_num(session.process.network.params, copy=False),
        session.step(),
    ),
}


@pytest.mark.parametrize("way", OVER)
def test_a_fault_is_over_once_a_step_went_through_or_was_undone(way):
    session = poisoned(SGD(0.05))
    assert session.fault is not None and session.held_back is session.fault
    with np.errstate(all="ignore"):
        OVER[way](session)
    assert session.fault is None and session.held_back is None
    assert session.goes_through_faults
    if "gradient" not in way:
        assert session.step().kind == "step" and session.fault is None


def test_a_fault_that_was_forced_through_stays_one():
    session = poisoned(SGD(0.05))
    fault = session.fault
    with np.errstate(all="ignore"):
        session.step(force=True)
        assert session.fault is fault
        assert session.step().kind == "fault" and session.fault is not fault


REPAIRS = {
    "excluded_rows": lambda session: session.edit("excluded_rows", list(session.fault.rows)),
    "by hand": lambda session: np.nan_to_num(session.process.network.params, copy=False),
    "gradient": lambda session: session.process.network.gradient.fill(0),
}


@pytest.mark.parametrize("repair", REPAIRS)
def test_a_fault_can_be_repaired_where_it_stands(repair):
    if repair == "excluded_rows":
        x, y = images()
        x[[11, 70]] *= 1e30
        session = Session(convolutional(x, y))
        session.edit("weights['dense_1/kernel']", np.full((36, 8), 1e15, np.float32))
        with np.errstate(all="ignore"):
            assert session.run(until=steps(6)).kind == "fault"
    else:
        session = poisoned(SGD(0.05))
    at = session.step_number
    with np.errstate(all="ignore"):
        REPAIRS[repair](session)
        session.step()
    assert session.step_number == at + 1
    after = state(session.process)
    session.step(to="loss")
    session.rewind(at + 1)
    assert state(session.process) == after
