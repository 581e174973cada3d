"""Any number of threads look at a network while another trains: each sees one step, and disturbs nothing."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.nn.run.turns import Turns
from cortex_lab.study import Session
from tests.nn.bench import InferenceBench
from tests.nn.cases import CASES
from tests.nn.trainings import blobs, dense

SECONDS = 120
"""After which a thread that was waited for counts as stuck."""


@contextmanager
def often_in_turn():
    """Threads give way to each other a thousand times as often as usual."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def beside(*looks):
    """Each of `looks` is called again and again in a thread of its own; yields lists of what they gave."""
    over, answers, errors = threading.Event(), [[] for _ in looks], []

    def keep_looking(look, found):
        try:
            while not over.is_set():
                found.append(look())
        except BaseException as error:
            errors.append(error)

    pairs = zip(looks, answers, strict=True)
    threads = [threading.Thread(target=keep_looking, args=pair, daemon=True) for pair in pairs]
    with often_in_turn():
        for thread in threads:
            thread.start()
        try:
            yield answers
        finally:
            over.set()
            for thread in threads:
                thread.join(SECONDS)
    assert not errors and not any(thread.is_alive() for thread in threads)


def in_thread(function):
    """The result of `function()` called in another thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result(SECONDS)


# Whose turn it is -------------------------------------------------------------------------------------


def change(turns, act):
    with turns.lock:
        turns.await_readers()
        return act()


class Visitor(threading.Thread):
    """A thread that reads or changes until it is told to leave."""

    def __init__(self, turn):
        super().__init__(daemon=True)
        self.turn, self.inside, self.leave = turn, threading.Event(), threading.Event()
        self.start()

    def run(self):
        self.turn(lambda: self.inside.set() or self.leave.wait(SECONDS))

    def gone(self):
        self.leave.set()
        self.join(SECONDS)
        return not self.is_alive()


def test_several_read_at_once_and_a_change_waits_for_them_and_keeps_others_waiting():
    turns = Turns()
    readers = [Visitor(turns.reading) for _ in range(2)]
    assert all(reader.inside.wait(SECONDS) for reader in readers)
    writer = Visitor(partial(change, turns))
    while not turns._waiting:
        pass
    late = Visitor(turns.reading)
    assert readers[0].gone() and not writer.inside.is_set()
    assert readers[1].gone() and writer.inside.wait(SECONDS) and not late.inside.is_set()
    assert writer.gone() and late.inside.wait(SECONDS) and late.gone()


def test_a_thread_does_not_wait_for_itself():
    turns = Turns()
    reading, changing = turns.reading, partial(change, turns)
    assert changing(lambda: reading(lambda: changing(lambda: reading(lambda: 1)))) == 1
    assert reading(lambda: reading(lambda: changing(lambda: 2))) == 2

    def read():
        writer = Visitor(changing)
        while not turns._waiting:
            pass
        reading(lambda: None)
        assert not writer.inside.is_set()
        return writer

    writer = reading(read)
    assert writer.inside.wait(SECONDS) and writer.gone()


def test_who_comes_to_read_waits_for_one_change_only():
    turns = Turns()
    reading, changing = turns.reading, partial(change, turns)
    first = Visitor(reading)
    assert first.inside.wait(SECONDS)
    writer = Visitor(changing)
    while not turns._waiting:
        pass
    second = Visitor(reading)
    while len(turns._moved._waiters) < 2:
        pass
    with turns.lock:
        # Another change is waited for already.
        turns._waiting += 1
    assert first.gone() and writer.inside.wait(SECONDS) and not second.inside.is_set()
    assert writer.gone() and second.inside.wait(SECONDS) and second.gone()


def test_an_error_ends_a_turn():
    turns = Turns()
    for turn in (turns.reading, partial(change, turns)):
        with pytest.raises(ZeroDivisionError):
            turn(lambda: 1 / 0)
    assert in_thread(lambda: change(turns, lambda: 3)) == 3


# While a session trains -------------------------------------------------------------------------------


def check_undisturbed(make, steps, *looks):
    """That steps beside threads that look, with `looks(network)`, are those of a session left alone, and that
    what was seen is what the network is after one step or another."""
    alone, watched = make(), make()
    network, passed = watched.process.network, []

    def note(notice=None):
        passed.append((network.params.copy(), network.state.copy()))

    note()
    watched.subscribe(lambda notice: note() if notice.kind == "step" else None)
    with beside(*(partial(look, network) for look in looks)) as answers:
        watched.step(steps)
        # On a busy machine a thread may come to look late.
        while min(map(len, answers)) < 2 and watched.step_number < 100 * steps:
            watched.step()
    alone.step(watched.step_number)
    assert network.params.tobytes() == alone.process.network.params.tobytes()
    assert network.state.tobytes() == alone.process.network.state.tobytes()
    for key in alone.trace.keys:
        if key != "seconds":
            np.testing.assert_array_equal(watched.trace[key], alone.trace[key], err_msg=key)
    twin, known = network.copy(), [set() for _ in looks]
    for params, state in passed:
        twin.params[...], twin.state[...] = params, state
        for look, found in zip(looks, known, strict=True):
            found.add(look(twin).tobytes())
    for found, seen in zip(known, answers, strict=True):
        assert len(seen) > 1 and {answer.tobytes() for answer in seen} <= found


def test_ten_thousand_steps_beside_threads_that_look():
    x, y = blobs(300, seed=1)
    layers = [cl.Dense(8, activation="relu"), cl.BatchNormalization(), cl.Dropout(0.1), cl.Dense(3)]
    options = {"validation": (x, y), "validate_every": 200, "ops": "cpu"}
    check_undisturbed(
        lambda: Session(dense(layers=layers, **options)), 10_000, lambda network: network.predict(x[:16])
    )


NETWORKS = {
    "reference": ((6,), [cl.Dense(8, activation="relu"), cl.BatchNormalization(), cl.Dense(3)], "reference"),
    "fused": ((8, 8, 3), cl.models.resnet(8, (8, 8, 3)), "cpu"),
    "recurrent": ((5, 6), [cl.LSTM(8), cl.Dense(10)], "cpu"),
}


def made(name):
    """A session on one of `NETWORKS`, and rows for it."""
    shape, layers, ops = NETWORKS[name]
    random = np.random.default_rng(0)
    x, y = random.normal(size=(48, *shape)).astype(np.float32), random.integers(0, 3, 48)
    session = cl.train(
        cl.Network(layers, shape, ops=ops), (x, y), "softmax_cross_entropy", cl.Adam(0.01), batch_size=8,
        validation=(x, y), validate_every=3,
    )  # fmt: skip
    return session, x


@pytest.mark.parametrize("name", NETWORKS)
def test_other_networks_beside_threads_that_look(name):
    _, x = made(name)
    check_undisturbed(
        lambda: made(name)[0], 200 if name == "reference" else 12,
        lambda network: network.predict(x),
        lambda network: network.activations(x, [network.layers[0]])[network.layers[0]],
        lambda network: network.copy().params,
    )  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_two_trainings_side_by_side(name):
    alone, *both = (made(name)[0] for _ in range(3))
    alone.step(12)
    with often_in_turn(), ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda session: session.step(12), both))
    for session in both:
        assert session.network.params.tobytes() == alone.network.params.tobytes()
        np.testing.assert_array_equal(session.trace["validation_loss"], alone.trace["validation_loss"])


def test_scores_and_diagnoses_are_asked_for_from_other_threads():
    x, y = blobs(300, seed=1)
    session = cl.train(
        cl.Network([cl.Dense(8, activation="relu"), cl.Dense(3)], 6), (x, y), "softmax_cross_entropy",
        cl.Adam(0.01), validation=(x, y), validate_every=10,
    )  # fmt: skip
    session.step(10)
    objective = session.process.objective
    inputs, targets = session.process.checked_rows(x, y)
    passed = []

    def look(notice=None):
        passed.append((objective.score(inputs, targets), objective.row_losses(inputs, targets).tobytes()))

    look()
    session.subscribe(look)
    looks = (
        lambda: session.score((x, y)),
        lambda: objective.row_losses(inputs, targets).tobytes(),
        session.diagnose,
    )
    with beside(*looks) as (scores, losses, diagnoses):
        session.step(100)
    assert scores and losses and diagnoses
    assert all(score in [known for known, _ in passed] for score in scores)
    assert set(losses) <= {known for _, known in passed}


def test_nobody_waits_for_ever():
    """Whatever the stepping thread calls may look at the network, and so may others while it rests."""
    x, y = blobs(40)
    networks, asked = [], []

    def looks_itself(y_true, y_pred):
        asked.extend(network.predict(x) for network in networks)
        return float((y_true == y_pred).mean())

    training = dense(validation=(x, y), validate_every=2, metrics=looks_itself, ops="cpu")
    session, network = Session(training), training.network
    networks.append(network)
    session.subscribe(lambda notice: asked.append(in_thread(lambda: network.predict(x))))
    training.tap = lambda phase, step, buffers: asked.append(in_thread(lambda: network.predict(x)))
    with beside(
        lambda: network.predict(x), lambda: session.between_steps(lambda: network.predict(x)).result()
    ):
        session.step(6)
        session.step(to="backward:dense_1")
        before = in_thread(lambda: network.predict(x))
        dict(session.pending_update)
        assert in_thread(lambda: network.predict(x)).tobytes() == before.tobytes()
        session.edit("weights['dense_2/kernel']", 0.0)
        session.rewind(3)
        fork = session.fork(learning_rate=[0.1, 0.01])
        branches = [threading.Thread(target=branch.step, args=(3,), daemon=True) for branch in fork]
        for branch in branches:
            branch.start()
        assert len([branch.process.network.predict(x) for branch in fork]) == 2
        for branch in branches:
            branch.join(SECONDS)
        session.adopt(fork[0])
    assert session.step_number == 6 and np.isfinite(session.trace["validation_looks_itself"][1::2]).all()
    assert len(asked) > 6 * len(session.phases)


def test_the_best_weights_come_back_all_at_once():
    x, y = blobs(60)
    session = cl.train(
        cl.Network([cl.Dense(8, activation="relu"), cl.Dense(3)], 6), (x, y), "softmax_cross_entropy",
        cl.Adam(0.05), validation=(x, y), validate_every=5,
    )  # fmt: skip
    session.step(20)
    best = session.network_at(session.best().step).predict(x)
    session.edit("weights['dense_2/kernel']", 0.0)
    seen = []
    session.subscribe(lambda notice: seen.append(in_thread(lambda: session.network.predict(x))))
    session.restore_best()
    assert len(seen) == len(session.events) - 1 == 4
    assert {answer.tobytes() for answer in seen} == {best.tobytes()}
    session.network.parameters["dense_1/bias"][:] = 1
    session.restore_best()
    assert [event.name for event in session.events[5:]] == ["weights['dense_1/bias']"] + [
        f"weights[{name!r}]" for name in session.network.parameters
    ]


# Without a training -----------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 4])
def test_threads_that_predict_together(count):
    network = cl.Network(cl.models.resnet(8, (8, 8, 3)), (8, 8, 3))
    random = np.random.default_rng(0)
    inputs = [random.normal(size=(3 + k, 8, 8, 3)).astype(np.float32) for k in range(count)]
    wanted = [network.predict(x).tobytes() for x in inputs]
    with often_in_turn(), ThreadPoolExecutor(count) as pool:
        for _ in range(20):
            assert [y.tobytes() for y in pool.map(network.predict, inputs)] == wanted
    assert [len(executors) <= count for executors in network._evaluators.values()] == [True]


def test_every_layer_in_two_threads():
    together = threading.Barrier(2)

    def predict(network, x):
        together.wait(SECONDS)
        return [network.predict(x).tobytes() for _ in range(3)]

    with often_in_turn(), ThreadPoolExecutor(2) as pool:
        for case in CASES:
            network = InferenceBench(case, "cpu").network
            inputs = [
                {f"in{i}": part for i, part in enumerate(case.draw(rows, seed))}
                for rows, seed in ((4, 0), (4, 1))
            ]
            wanted = [network.predict(x).tobytes() for x in inputs]
            found = pool.map(predict, [network, network], inputs)
            assert [set(answers) for answers in found] == [{each} for each in wanted], case.name
