"""Where there is not enough memory: what takes it is said, what would fit is done, and nothing is lost."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.compute import Ops, get_ops
from cortex_lab.nn import Network
from cortex_lab.nn.run.executor import Executor
from cortex_lab.nn.run.memory import bytes_by_buffer, bytes_of_row, gigabytes, not_enough
from cortex_lab.nn.run.plan import Plan

LAYERS = [cl.Conv2D(4, 3), cl.MaxPooling2D(), cl.Dropout(0.5), cl.Flatten(), cl.Dense(3)]
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(300, 12, 12, 1)).astype(np.float32), RNG.integers(0, 3, 300)


def huge() -> Network:
    """Its only large buffer is that of one layer, for which no machine has the memory."""
    layers = [cl.UpSampling2D(30_000), cl.UpSampling2D(30), cl.GlobalAveragePooling2D(), cl.Dense(3)]
    return cl.Network(layers, input_shape=(12, 12, 1))


class Limited:
    """A backend whose memory comes in pieces of `most` bytes at most."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.most = np.inf
        zeros = Ops.zeros

        def limited(ops: Ops, shape: tuple[int, ...], dtype=None):
            if np.prod(shape, dtype=float) * np.dtype(dtype or ops.dtype).itemsize > self.most:
                raise MemoryError("no more")
            return zeros(ops, shape, dtype)

        monkeypatch.setattr(Ops, "zeros", limited)


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> Limited:
    return Limited(monkeypatch)


def test_what_a_plan_takes_is_what_an_executor_has():
    for dense in (False, True):
        layers = [cl.Flatten(), cl.Dense(7)] if dense else LAYERS
        net = cl.Network([*layers], input_shape=(12, 12, 1))
        session = cl.train(net, (X, Y % 3 if not dense else Y), batch_size=32)
        plan, executor = session.process.plan, session.process.executor
        own = bytes_by_buffer(plan, net.ops.dtype, 32)
        assert list(own.values()) == sorted(own.values(), reverse=True)
        apart = sum(size for name, size in own.items() if not plan.buffers[name].per_row)
        # What lies at the beginning of a line, and numbers of eight bytes, leave some gaps.
        assert executor.nbytes == pytest.approx(apart + 32 * bytes_of_row(plan, net.ops.dtype), rel=0.02)


@pytest.mark.parametrize("options", [{}, {"shards": 2}])
def test_a_training_that_no_machine_can_hold_says_what_takes_the_memory(options):
    with pytest.raises(
        MemoryError, match=r"a training step of 4 rows takes .* TB .*\(up_sampling2d_2 .* TB, .*one row"
    ):
        cl.train(huge(), (X[:8], Y[:8]), batch_size=4, **options)


def test_an_answer_that_no_machine_can_hold_says_so():
    with pytest.raises(MemoryError, match=r"an answer of 1 rows takes .* TB"):
        huge().predict(X)


def test_answers_come_in_smaller_pieces_where_memory_is_short(limited):
    net = cl.Network([*LAYERS], input_shape=(12, 12, 1))
    session = cl.train(net, (X, Y), batch_size=32, validation=(X[:100], Y[:100]))
    limited.most = 50_000
    answers, score = net.predict(X), session.score((X, Y))
    session.step(3)
    limited.most = np.inf
    twin = cl.train(
        cl.Network([*LAYERS], input_shape=(12, 12, 1)), (X, Y), batch_size=32, validation=(X[:100], Y[:100])
    )
    np.testing.assert_allclose(answers, twin.network.predict(X), rtol=1e-5, atol=1e-6)
    assert score == pytest.approx(twin.score((X, Y)), rel=1e-5)
    twin.step(3)
    np.testing.assert_array_equal(net.params, twin.network.params)


def test_a_session_stays_as_it_is_when_another_plan_finds_no_memory(limited):
    net = cl.Network([*LAYERS], input_shape=(12, 12, 1))
    session = cl.train(net, (X, Y), batch_size=8)
    session.step(2)
    limited.most = 20_000
    with pytest.raises(MemoryError, match=r"a training step of 200 rows takes .*conv2d"):
        cl.train(net, (X, Y), batch_size=200)
    with pytest.raises(MemoryError, match=r"a training step of 8 rows takes .*conv2d"):
        session.edit("frozen", "conv2d_1")
    assert session.process.frozen.patterns == ()
    session.step(2)
    assert session.step_number == 4


@pytest.mark.parametrize(
    "free, said",
    [
        (None, r"of buffers \(.*\); take fewer rows at a time$"),
        (0, "not enough for one row"),
        (10**15, "but not in one piece"),
        (2_000_000, r"2\.0 MB are free, enough for \d+ rows at a time: batch_size=(\d+)$"),
    ],
)
def test_what_would_fit_is_said_where_the_device_tells(free, said):
    net = cl.Network([*LAYERS], input_shape=(12, 12, 1))
    ops = replace(get_ops("cpu"), backend=replace(get_ops("cpu").backend, free=lambda: free))
    session = cl.train(net, (X, Y), batch_size=32)
    found = re.search(said, str(not_enough(session.process.plan, ops, 10_000)))
    assert found
    if found.groups():
        rows = int(found.group(1))
        arrays = {name: net.arrays(name) for name in net.graph.nodes}
        takes = [Executor(session.process.plan, net.ops, arrays, each).nbytes for each in (rows, 2 * rows)]
        assert takes[0] < free < takes[1]


@pytest.mark.parametrize(
    "size, said", [(12, "12 bytes"), (1500, "1.5 kB"), (2.5e12, "2.5 TB"), (1e16, "10,000.0 TB")]
)
def test_sizes_are_read_as_people_say_them(size, said):
    assert gigabytes(size) == said


def test_what_is_free_is_asked_of_the_machine():
    free = get_ops("cpu").backend.free()
    assert free is None or free > 2**20


def test_a_plan_of_answers_shares_memory_by_turns():
    plan = Plan.inference(cl.Network([cl.Dense(100) for _ in range(9)], input_shape=100).graph)
    together = sum(bytes_by_buffer(plan, np.dtype("f4"), 1).values())
    assert bytes_of_row(plan, np.dtype("f4")) < together / 2
