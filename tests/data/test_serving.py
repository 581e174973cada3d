"""Batches served in other ways: drawn by weight, in shares and parts, without end, and read ahead."""

from __future__ import annotations

import os
import threading
from itertools import islice

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.data import Batches, Dataset

ROWS = 60
X = np.arange(ROWS * 3, dtype=np.float32).reshape(ROWS, 3) / 100
Y = np.where(np.arange(ROWS) < 50, 0, np.where(np.arange(ROWS) < 57, 1, 2))


def batches(size=8, **options):
    return Batches(X, Y, batch_size=size, **options)


def served(source, epochs=1):
    return [source.fetch(step).rows.tolist() for step in range(epochs * source.steps_per_epoch)]


WAYS = {
    "plain": lambda each: each,
    "in order": lambda each: Batches(X, Y, batch_size=8, shuffle=False),
    "weighted": lambda each: each.weighted(np.arange(ROWS)),
    "balanced": lambda each: each.balanced(),
    "a share": lambda each: each.shard(1, 3),
    "read ahead": lambda each: each.prefetching(3),
    "all of it": lambda each: each.balanced().shard(0, 2).prefetching(2),
    "without some": lambda each: each.prefetching(2).balanced().excluding([0, 1, 59]),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_batch_is_a_function_of_its_step(way):
    source = WAYS[way](batches(seed=3))
    wanted = served(WAYS[way](batches(seed=3)), 3)
    assert served(source, 3) == wanted
    # In any order, again, after a copy, and out of a stream.
    for step in (7, 2, 2, 20, 3, 4, 0):
        assert source.fetch(step).rows.tolist() == wanted[step]
    batch = source.fetch(5)
    np.testing.assert_array_equal(batch.inputs, X[batch.rows])
    np.testing.assert_array_equal(batch.targets, Y[batch.rows])
    assert [each.rows.tolist() for each in islice(source.stream(2), 12)] == wanted[2:14]
    assert [each.rows.tolist() for each in islice(source.stream(2, ahead=4), 12)] == wanted[2:14]


@pytest.mark.parametrize("way", [way for way in WAYS if way != "in order"])
def test_a_training_goes_back_and_on_with_the_same_batches(way):
    def trained():
        network = cl.Network([cl.Dense(4), cl.Dense(3)], (3,), seed=0)
        return cl.train(network, WAYS[way](batches()), "softmax_cross_entropy", cl.SGD(0.1))

    session, straight = trained(), trained()
    straight.step(20)
    session.step(12)
    session.rewind(5)
    session.step(15)
    assert session.trace["loss"].tolist() == straight.trace["loss"].tolist()


# By weight ---------------------------------------------------------------------------------------------


def test_rows_come_as_often_as_their_weights_say():
    weights = np.where(np.arange(ROWS) % 2, 3.0, 1.0)
    weights[10] = 0
    counts = np.bincount(np.concatenate(served(batches().weighted(weights), 200)), minlength=ROWS)
    assert counts[10] == 0 and counts.sum() == 200 * ROWS
    assert counts[1::2].mean() / counts[[*range(0, 10, 2), *range(12, ROWS, 2)]].mean() == pytest.approx(
        3, 0.1
    )
    # Which row is drawn is a matter of the seed and the epoch.
    assert served(batches(seed=1).weighted(weights)) != served(batches(seed=2).weighted(weights))
    epochs = np.array_split(served(batches(ROWS).weighted(weights), 2), 2)
    assert epochs[0].tolist() != epochs[1].tolist()


def test_classes_come_equally_often_whatever_their_size():
    counts = np.bincount(Y[np.concatenate(served(batches().balanced(), 200))])
    assert counts == pytest.approx(np.full(3, 200 * ROWS / 3), rel=0.1)
    # What is left out is not drawn, nor what is of no known class.
    unknown = np.where(Y == 2, -1, Y)
    rows = np.concatenate(served(Batches(X, unknown, batch_size=8).balanced().excluding(range(40)), 20))
    assert rows.min() >= 40 and (unknown[rows] >= 0).all()


def test_weights_are_matched_as_rows_are():
    frame = pd.DataFrame({"x": X[:, 0], "y": Y}, index=pd.Index(range(100, 160), name="id"))
    weights = pd.Series(np.arange(ROWS), index=frame.index)[::-1]
    source = Dataset(frame, "x", "y").batches(8)
    assert served(source.weighted(weights)) == served(source.weighted(np.arange(ROWS)))


def test_of_several_targets_one_is_balanced():
    source = Batches(X, {"kind": Y, "size": X[:, :2]}, batch_size=8)
    assert served(source.balanced("kind")) == served(batches().balanced())


def test_rows_that_are_drawn_are_checked_whenever_they_come():
    x = X.copy()
    x[3] = np.nan
    # In the first epoch it is not drawn.
    source = Batches(x, Y, batch_size=8).weighted(np.where(np.arange(ROWS) == 3, 0.02, 1))
    first = next(step for step in range(400) if 3 in source.fetch(step).rows)
    assert first >= source.steps_per_epoch
    session = cl.train(cl.Network([cl.Dense(3)], (3,)), source, "softmax_cross_entropy", cl.SGD(0.01))
    with pytest.raises(ValueError, match=r"missing or infinite.*data rows \[3"):
        session.step(first + 1)


# Shares and parts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("of", [1, 2, 3, 4])
@pytest.mark.parametrize("way", ["plain", "weighted", "without some"])
def test_the_shares_of_a_batch_are_the_batch(way, of):
    whole = WAYS[way](batches(12))
    shares = [whole.shard(rank, of) for rank in range(of)]
    assert {share.steps_per_epoch for share in shares} == {whole.steps_per_epoch}
    for step in range(2 * whole.steps_per_epoch):
        rows = [share.fetch(step).rows for share in shares]
        assert sorted(np.concatenate(rows)) == sorted(whole.fetch(step).rows)
        assert max(map(len, rows)) - min(map(len, rows)) <= 1
    inner = [shares[-1].shard(rank, 2) for rank in range(2)] if of < 3 else []
    for step in range(whole.steps_per_epoch if inner else 0):
        rows = np.concatenate([each.fetch(step).rows for each in inner])
        assert sorted(rows) == sorted(shares[-1].fetch(step).rows)
    assert len({str(share.identity()) for share in shares}) == of


@pytest.mark.parametrize("size", [1, 3, 8, 20])
def test_the_gradients_of_the_parts_add_up_to_that_of_the_batch(size):
    source = batches()
    network = cl.Network([cl.Dense(4, activation="tanh"), cl.Dense(3)], (3,), seed=0, ops="reference")

    def gradient(batch):
        given = {"inputs": batch.inputs, "targets": batch.targets}
        one = Batches(given["inputs"], given["targets"], batch_size=len(batch), shuffle=False)
        training = cl.nn.Training(network.copy(), one, "softmax_cross_entropy", cl.SGD(1.0))
        before = training.network.params.copy()
        training.whole_step()
        return before - training.network.params

    for step in (2, source.steps_per_epoch - 1):
        batch, parts = source.fetch(step), source.parts(step, size)
        assert [*np.concatenate([part.rows for part in parts])] == [*batch.rows]
        assert max(map(len, parts)) <= size
        summed = sum(gradient(part) * (len(part) / len(batch)) for part in parts)
        np.testing.assert_allclose(summed, gradient(batch), rtol=1e-9, atol=1e-12)


# Read ahead --------------------------------------------------------------------------------------------


class Slow:
    """Rows that wait until they may be read, and note who reads them."""

    shape, dtype = (3,), np.dtype("float32")

    def __init__(self):
        self.may, self.read = threading.Event(), []

    def __len__(self):
        return ROWS

    def take(self, rows):
        if threading.current_thread() is not threading.main_thread():
            self.may.wait()
            self.read.append(rows)
            if self.broken:
                raise OSError("the disk fails")
        return X[rows]

    def put(self, rows, values):
        raise ValueError

    broken = False


def test_the_next_batches_are_read_while_one_is_used():
    rows = Slow()
    source = Batches(rows, Y, batch_size=8).prefetching(2)
    first = source.fetch(0)
    # This did not wait for those that come.
    assert len(first) == 8 and rows.read == []
    rows.may.set()
    order = source.order(0)
    np.testing.assert_array_equal(source.fetch(1).inputs, X[order[8:16]])
    np.testing.assert_array_equal(source.fetch(2).inputs, X[order[16:24]])
    assert [each.tolist() for each in rows.read[:2]] == [order[8:16].tolist(), order[16:24].tolist()]


def test_an_error_in_reading_ahead_comes_at_its_step():
    rows = Slow()
    source = Batches(rows, Y, batch_size=8).prefetching(1)
    source.fetch(0)
    rows.broken = True
    rows.may.set()
    with pytest.raises(OSError, match="the disk fails"):
        source.fetch(1)
    # Asked for again, it is read again.
    assert len(source.fetch(1)) == 8


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_forked_child_reads_with_a_thread_of_its_own():
    source = batches().prefetching(2)
    wanted = served(batches())
    source.fetch(0)
    child = os.fork()
    if child == 0:
        os._exit(0 if served(source) == wanted else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert served(source) == wanted


REFUSED = {
    "a weight below 0": (lambda: batches().weighted([-1, *[1] * (ROWS - 1)]), "that of row 0 is -1"),
    "a weight that is none": (lambda: batches().weighted([np.nan] * ROWS), "that of row 0 is nan"),
    "an infinite weight": (lambda: batches().weighted([*[1] * 59, np.inf]), "that of row 59 is inf"),
    "too few weights": (lambda: batches().weighted([1, 2]), "weights needs one weight for each of 60 rows"),
    "no weight at all": (lambda: batches().weighted(np.zeros(ROWS)), "weights of all rows are 0"),
    "none left": (
        lambda: batches().weighted(np.arange(ROWS) == 3).excluding([3]), "weights of all rows are 0"
    ),
    "no classes": (lambda: Batches(X, X, batch_size=8).balanced(), r"\.weighted\(weights\)"),
    "no known class": (lambda: Batches(X, -np.ones(ROWS, int), batch_size=8).balanced(), "no row of"),
    "no target": (lambda: Batches(X, None, batch_size=8).balanced(), "there are none"),
    "another target": (lambda: batches().balanced("kind"), "no target 'kind'.*there are targets"),
    "a rank too high": (lambda: batches().shard(3, 3), "rank.*from 0 to 2"),
    "no shares": (lambda: batches().shard(0, 0), "of .*at least 1|of .*1"),
    "many shares": (lambda: batches(8).shard(0, 5), "a batch of 4 rows has none for each of 5 shares.*as 6"),
    "far too many": (lambda: batches(8).shard(0, 70), "take fewer"),
    "parts of nothing": (lambda: batches().parts(0, 0), "size"),
    "nothing ahead": (lambda: batches().prefetching(0), "count"),
    "less than nothing ahead": (lambda: batches().stream(ahead=-1), "ahead"),
    "a stream from before": (lambda: batches().stream(-1), "start"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_served_is_refused(case):
    work, message = REFUSED[case]
    with pytest.raises((ValueError, KeyError, TypeError), match=message):
        work()


def test_it_says_how_it_serves():
    said = repr(batches().balanced().shard(1, 2))
    assert "drawn by weight with seed 0" in said and "share 1 of 2" in said
