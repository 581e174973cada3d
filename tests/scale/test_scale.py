"""A training on the workers of a cluster has the bits of one process, whoever comes and goes."""

from __future__ import annotations

import os
import signal
import warnings

import numpy as np
import pytest
from distributed import Client, LocalCluster

import cortex_lab as cl
from cortex_lab.scale import WorkersLost, WrongWorker, seat, team
from cortex_lab.scale.block import SharedBlock
from tests.nn.test_shards import NETWORKS, made
from tests.nn.trainings import state

NAMES = [*NETWORKS, "augmentation"]


@pytest.fixture(scope="module")
def client():
    options = {"threads_per_worker": 1, "dashboard_address": ":0", "processes": True}
    with LocalCluster(n_workers=4, **options) as cluster, Client(cluster) as found:
        yield found


def addresses(client):
    return sorted(client.scheduler_info()["workers"])


def session_of(name="dropout and noise", **options):
    if name != "augmentation":
        return made(name, **options)
    return made("convolutional", augment=cl.Augmentation(shift_range=0.1, horizontal_flip=True), **options)


def studied(session):
    """A training that is stepped in all ways, edited and sent back."""
    cl.ReduceOnPlateau("loss", factor=0.5, patience=1, min_delta=0.5).attach(session)
    session.run(cl.steps(4))
    session.edit("excluded_rows", [3, 5, 8])
    session.step(2)
    session.rewind(step=3)
    session.step(to="loss")
    session.step(3)
    return session


def same(one, other):
    """Whether two sessions have recorded the same numbers, and stand at the same bits."""
    for key in one.trace.keys:
        if key != "seconds":
            np.testing.assert_array_equal(other.trace[key], one.trace[key], err_msg=key)
    return state(one.process) == state(other.process)


@pytest.fixture(scope="module")
def alone():
    """Each training in this process."""
    return {name: studied(session_of(name)) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("count", "shared"), [(1, True), (2, False), (4, True)])
def test_bits_are_those_of_one_process(client, alone, name, count, shared):
    session = session_of(name)
    session.use_cluster(client, workers=addresses(client)[:count], shared_memory=shared)
    assert same(alone[name], studied(session))
    computing = [seat for seat in session.team.seats if seat.steps]
    assert len(computing) == count and all((s.wire.into is not None) == shared for s in computing)


def test_what_is_looked_at_after_a_step_is_as_if_it_had_been_computed_here(client):
    here, there = made("convolutional"), made("convolutional", cluster=client)
    for session in (here, there):
        session.record(cl.Probe(next(key for key in session.process.keys if key.startswith("dead_units"))))
        session.record(cl.Probe("grad_norm"))
        session.step(3)
    for name, array in here.buffers.items():
        np.testing.assert_array_equal(there.buffers[name], array, err_msg=name)
    np.testing.assert_array_equal(there.frame["loss"], here.frame["loss"])
    assert all((there.gradients[name] == array).all() for name, array in here.gradients.items())
    # Looking has changed nothing.
    here.step(2)
    there.step(2)
    assert same(here, there)


def test_edits_reach_the_workers(client):
    found = []
    for cluster in (None, client):
        session = made(cluster=cluster)
        session.step(2)
        session.edit("hyperparameter['dropout_1.rate']", 0.6)
        session.step()
        session.edit("frozen", ["dense_1"])
        session.edit("labels", {1: 2, 4: 0})
        session.edit("weights['dense_2/bias']", np.ones(3))
        session.step(2)
        session.edit("row_weights", {7: 3.0})
        session.step(to="backward:dense_2")
        session.edit("gradient['dense_2/bias']", np.zeros(3))
        session.step(2)
        found.append(session)
    assert same(*found)


def test_sessions_fork_break_and_go_on_from_files_as_ever(client, tmp_path):
    here, there = made(), made(cluster=client)
    for session in (here, there):
        session.step(3)
    there.save(tmp_path / "run.h5")
    again = made(resume_from=tmp_path / "run.h5")
    (branch,) = there.fork()
    for session in (here, there, again, branch):
        session.step(2)
        session.break_when("loss > 0")
        assert session.run(cl.steps(5)).kind == "breakpoint"
        session.clear_breakpoints()
        session.step()
    assert len({state(session.process) for session in (here, there, again, branch)}) == 1
    assert there.script() == here.script()


def test_weights_several_outputs_and_losses_that_remember(client):
    numbers = np.random.default_rng(1)
    x, y = numbers.normal(size=(60, 6)).astype(np.float32), numbers.integers(-1, 3, 60)
    layers = [
        cl.Dense(8, activation="tanh", name="trunk"),
        cl.Node(cl.Dense(3), inputs="trunk", name="kind"),
        cl.Node(cl.Dense(2), inputs="trunk", name="features"),
    ]
    loss = {"kind": "softmax_cross_entropy", "features": cl.CenterLoss(3)}
    found = []
    for cluster in (None, client):
        network = cl.Network(layers, 6, outputs=["kind", "features"], seed=2)
        session = cl.train(
            network, (x, {"kind": y, "features": np.maximum(y, 0)}), loss, cl.SGD(0.1), batch_size=23,
            shards=3, cluster=cluster, sample_weight=np.linspace(0.1, 2, 60), validation=None,
            penalties={"*/kernel": cl.L2(0.01)},
        )  # fmt: skip
        session.step(7)
        found.append(session)
    assert same(*found)


def test_a_fault_is_held_back_and_named_with_its_row(client):
    row = int(made("convolutional").process.batches.fetch(1).rows[33])
    x = np.random.default_rng(0).normal(size=(96, *NETWORKS["convolutional"][0])).astype(np.float32)
    x[row] = 3e38
    session = made("convolutional", data=(x, np.arange(96) % 3), cluster=client)
    stop = session.step(2)
    assert stop.kind == "fault" and session.fault.rows == (row,) and session.step_number == 1


def test_a_worker_is_sent_and_sends_no_more_than_the_gradient_each_way(client):
    for shared in (True, False):
        session = made("LSTM")
        session.use_cluster(client, workers=addresses(client)[:2], shared_memory=shared)
        session.step()
        before = session.team.traffic
        session.step(4)
        for address, counts in session.team.traffic.items():
            sent, received = np.subtract(counts, before[address]) / 4
            # Beside them there are the weights and losses of 40 rows.
            assert max(sent, received) <= session.network.params.nbytes + 400


def killed(client, address):
    """End a worker at once, and nobody tells."""
    os.kill(client.run(os.getpid, workers=[address])[address], signal.SIGKILL)


def test_a_worker_that_comes_computes_from_the_next_step_on(client):
    straight, session = made(), made()
    straight.step(8)
    client.wait_for_workers(4)
    first = addresses(client)[:1]
    session.use_cluster(client, workers=first)
    session.step(3)
    session.team._chosen, session.team.look_every = None, 0.0
    session.step(5)
    assert len([s for s in session.team.seats if s.steps]) == 4
    assert same(straight, session)


def test_an_interrupt_in_mid_step_loses_nothing(client, monkeypatch):
    straight, session = made(), made(cluster=client)
    straight.step(5)
    session.step(2)
    ready = team.Team._ready

    def interrupted(*given):
        monkeypatch.setattr(team.Team, "_ready", ready)
        raise KeyboardInterrupt

    monkeypatch.setattr(team.Team, "_ready", interrupted)
    with pytest.raises(KeyboardInterrupt):
        session.step()
    assert session.step_number == 2
    session.step(3)
    assert same(straight, session)


class OtherRows:
    """Batches that are others in every process."""

    batch_size, steps_per_epoch = 8, 4

    def fetch(self, step):
        x = np.full((8, 24), os.getpid() % 1000, np.float32)
        return cl.data.batch.Batch(x, np.arange(8) % 3, np.arange(8))


def test_other_data_and_other_versions_are_refused_by_name(client, monkeypatch):
    layers = [cl.Dense(3)]
    with pytest.raises(WrongWorker, match=r"tcp://.* reads other data: .*checksum"):
        cl.train(
            cl.Network(layers, 24),
            OtherRows(),
            "softmax_cross_entropy",
            shards=2,
            validation=None,
            cluster=client,
        )
    here = seat.about("cpu")
    other = {**here, "versions": {**here["versions"], "numpy": "1.0"}}
    monkeypatch.setattr(seat, "about", lambda ops: other)
    with pytest.raises(WrongWorker, match=r"tcp://.* has numpy .*, and here it is 1\.0; install the same"):
        made(cluster=client)


def test_another_processor_is_told_of(client, monkeypatch):
    here = seat.about("cpu")
    monkeypatch.setattr(team, "about", lambda ops: {**here, "bits": 0})
    with pytest.warns(UserWarning, match=r"tcp://.* give other bits .*CORTEX_LAB_PORTABLE=1"):
        session = made()
        session.use_cluster(client, workers=addresses(client)[:1])


def test_what_cannot_be_computed_by_workers_is_refused_by_name(client):
    with pytest.raises(ValueError, match=r"a single shard: give shards=4"):
        made(shards=1, cluster=client)
    with pytest.raises(ValueError, match=r"shards=41 is more than the 40 rows"):
        made(shards=41, cluster=client)
    with pytest.raises(ValueError, match=r"mixes rows of a batch.*leave out mixup"):
        made("convolutional", augment=cl.Augmentation(mixup=0.2), cluster=client)
    with pytest.raises(ValueError, match=r"no worker 'tcp://nowhere:1'; it has tcp://"):
        made().use_cluster(client, workers=["tcp://nowhere:1"])
    with pytest.raises(TypeError, match=r"cluster .*distributed\.Client.*4"):
        made(cluster=4)


def test_losses_are_those_of_their_shards_in_whichever_order_workers_answer(client, monkeypatch):
    ask = team.Team._ask

    def answered_in_another_order(self, *given):
        first, *others = ask(self, *given).items()
        return dict([*others, first])

    def found(session):
        session.step()
        slots = session.process.record.known.slots
        return [part.found.tolist() for at in slots.values() for part in at.parts]

    here = found(made())
    monkeypatch.setattr(team.Team, "_ask", answered_in_another_order)
    assert found(made(cluster=client)) == here


def test_a_slow_worker_is_named(client):
    session = made()
    session.use_cluster(client, workers=addresses(client)[:2])
    session.step(10)
    for each, seconds in zip(session.team.seats, (0.001, 0.05), strict=True):
        each.recent.extend([seconds] * seat.LOOKED_AT)
    slow = session.team.seats[1].address
    with pytest.warns(UserWarning, match=rf"{slow} takes .* ms for a shard, others .*retire_workers"):
        session.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        session.step()


def test_a_client_that_was_closed_is_refused(client):
    closed = Client(client.scheduler.address)
    closed.close()
    with pytest.raises(ValueError, match=r"does not answer.*give a new one"):
        session_of().use_cluster(closed)
    with pytest.raises(ValueError, match=r"does not answer.*give a new one"):
        session_of(cluster=closed)


def test_what_leads_to_a_client_is_told_how_to_be_one(client):
    address = client.scheduler.address
    for given, said in ((address, repr(address)), (client.cluster, "cluster")):
        with pytest.raises(TypeError, match=rf"cluster must be .*Client\({said}\)"):
            session_of(cluster=given)
        with pytest.raises(TypeError, match=rf"cluster must be .*Client\({said}\)"):
            session_of().use_cluster(given)


def test_workers_that_are_killed_cost_nothing_but_time(client):
    straight, session = made(), made()
    straight.step(10)
    client.wait_for_workers(4)
    *chosen, spared = addresses(client)
    session.use_cluster(client, workers=chosen)
    session.team.patience = 0.0
    killed(client, chosen[0])
    session.step(2)
    assert session.team.lost == chosen[:1]

    def kill(notice):
        if session.step_number == 4:
            killed(client, chosen[1])

    unsubscribe = session.subscribe(kill)
    session.step(4)
    unsubscribe()
    assert session.team.lost == chosen[:2] and [each.address for each in session.team.seats] == chosen[2:]
    killed(client, chosen[2])
    with pytest.raises(WorkersLost, match=r"step 7.*stands after step 6.*use_cluster\(None\)"):
        session.step(2)
    assert session.step_number == 6
    session.use_cluster(client, workers=[spared])
    session.step(2)
    session.use_cluster(None)
    assert session.team is None
    session.step(2)
    assert same(straight, session)


def test_shared_memory_has_no_name_once_nobody_writes_to_it():
    block = SharedBlock.create(1000)
    path, mark = block.told
    other = SharedBlock.open(path, mark)
    (place,) = block.write([np.arange(5)])
    del block
    assert not os.path.exists(path)
    np.testing.assert_array_equal(other.read([place])[0], np.arange(5))


def test_a_lost_scheduler_ends_the_run_with_its_state_whole(client):
    # The last test of this client: it closes its cluster.
    straight, session = made(), made(cluster=client)
    straight.step(4)
    session.team.patience = 0.0
    session.step(2)
    client.cluster.close()
    with pytest.raises(WorkersLost, match=r"its scheduler is not reached.*stands after step 2"):
        session.step()
    session.use_cluster(None)
    session.step(2)
    assert same(straight, session)
