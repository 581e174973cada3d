"""Validation rows shared out to the workers of a cluster: what is recorded is what one process records."""

from __future__ import annotations

import itertools
import os
import signal

import numpy as np
import pytest
from distributed import Client, LocalCluster

import cortex_lab as cl
from cortex_lab.nn.run.network import EVALUATION_ROWS
from cortex_lab.scale.judging import _spans

ROWS = 1000
RNG = np.random.default_rng(1)
X = RNG.normal(size=(ROWS, 6)).astype(np.float32)
CLASSES = RNG.integers(0, 3, ROWS)
VALUES = (X[:, :2] + 0.1 * RNG.normal(size=(ROWS, 2))).astype(np.float32)


@pytest.fixture(scope="module")
def client():
    options = {"threads_per_worker": 1, "dashboard_address": ":0", "processes": True}
    with LocalCluster(n_workers=3, **options) as cluster, Client(cluster) as found:
        yield found


def classes(**options):
    net = cl.Network([cl.Dense(8, activation="relu"), cl.BatchNormalization(), cl.Dense(3)], 6, seed=0)
    return (net, (X[:64], CLASSES[:64])), {"validation": (X, CLASSES), "metrics": ["f1_macro"], **options}


def values(**options):
    # Nothing is known of a third of them.
    gaps = VALUES.copy()
    gaps[::3] = np.nan
    net = cl.Network([cl.Dense(8, activation="tanh"), cl.Dense(2)], 6, seed=0)
    given = {"loss": cl.CensorLoss("mean_squared_error"), "validation": (X, gaps)}
    return (net, (X[:64], VALUES[:64])), given | options


def yes_or_no(**options):
    unknown = np.where(np.arange(ROWS) % 5, CLASSES > 0, np.nan)
    net = cl.Network([cl.Dense(1, activation="sigmoid")], 6, seed=0)
    given = {"loss": cl.CensorLoss("binary_cross_entropy"), "validation": (X, unknown)}
    return (net, (X[:64], (CLASSES[:64] > 0).astype(int))), given | options


KINDS = {"classes": classes, "values": values, "yes or no": yes_or_no}


def session_of(kind, **options):
    given, said = KINDS[kind](**options)
    return cl.train(
        *given, optimizer=cl.Adam(0.01), batch_size=16, shards=2, seed=3, validate_every=2, **said
    )


def same(one, other):
    assert any(key.startswith("validation") for key in one.trace.keys)
    for key in one.trace.keys:
        if key != "seconds":
            np.testing.assert_array_equal(other.trace[key], one.trace[key], err_msg=key)
    return (one.network.params == other.network.params).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("count", "shared"), [(1, True), (2, False), (3, True)])
def test_what_is_recorded_is_what_one_process_records(client, kind, count, shared):
    here, there = session_of(kind), session_of(kind)
    workers = sorted(client.scheduler_info()["workers"])[:count]
    there.use_cluster(client, workers=workers, shared_memory=shared)
    for session in (here, there):
        session.step(5)
        session.rewind(step=3)
        session.step(3)
    assert same(here, there)


def test_each_worker_is_sent_its_rows_once_and_no_others(client):
    session = session_of("classes", cluster=client)
    session.step(2)
    before = {seat: seat.wire.sent for seat in session.team.seats}
    session.step(8)
    # Four validations and eight steps: the parameters each time, and no row again.
    most = 12 * (session.network.params.nbytes + session.network.state.nbytes + 16 * 4)
    assert all(seat.wire.sent - sent <= most for seat, sent in before.items())
    assert 0 < most < X.nbytes / 3


def test_rows_of_one_piece_stay_here(client):
    few = X[:EVALUATION_ROWS], CLASSES[:EVALUATION_ROWS]
    here, there = session_of("classes", validation=few), session_of("classes", validation=few, cluster=client)
    for session in (here, there):
        session.step(4)
    assert same(here, there)


def test_a_worker_that_is_killed_is_done_without(client):
    here, there = session_of("classes"), session_of("classes", cluster=client)
    here.step(6)
    there.step(2)
    gone = there.team.seats[0].address
    process = client.run(os.getpid, workers=[gone])[gone]
    there.step(1)
    client.run(os.kill, process, signal.SIGKILL, workers=[gone], on_error="ignore")
    there.step(3)
    assert same(here, there) and gone in there.team.lost


@pytest.mark.parametrize("rows", [257, 512, 513, 1000, 5000])
@pytest.mark.parametrize("most", [1, 2, 3, 7])
def test_all_rows_are_dealt_out_in_whole_pieces(rows, most):
    spans = _spans(rows, most)
    assert spans[0][0] == 0 and spans[-1][1] == rows and 1 <= len(spans) <= most
    assert all(one[1] == other[0] for one, other in itertools.pairwise(spans))
    assert all(start < stop and start % EVALUATION_ROWS == 0 for start, stop in spans)
