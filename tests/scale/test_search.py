"""Trials of a search by the workers of a cluster."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from distributed import Client, LocalCluster

import cortex_lab as cl
from cortex_lab.search import Search
from cortex_lab.search.search import TrialFailed


@pytest.fixture(scope="module")
def client():
    options = {"threads_per_worker": 1, "dashboard_address": ":0", "processes": True}
    with LocalCluster(n_workers=2, **options) as cluster, Client(cluster) as found:
        yield found


def maker(done: Path | None = None, broken: bool = False):
    """A `make` that travels by its code, not by the name of a module that workers may not find."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)).astype(np.float32)
    y = (x[:, 0] > 0).astype(int)

    def make(trial):
        rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
        if broken:
            raise OSError("no such file")
        if done is not None:
            # The first that begins takes its worker with it.
            with (done / "begun").open("a") as file:
                file.write(f"{os.getpid()}\n")
            if len((done / "begun").read_text().split()) == 1:
                os.kill(os.getpid(), signal.SIGKILL)
        trial.set_user_attr("process", os.getpid())
        net = cl.Network([cl.Dense(4, activation="relu"), cl.Dense(2)], input_shape=4, seed=0)
        return cl.train(net, (x, y), optimizer=cl.Adam(rate), batch_size=20, validation=0.25, seed=0)

    return make


def test_workers_try_what_one_process_could_make_again(client, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = Search(maker(), epochs=2, folder="runs").run(5, cluster=client)
    assert len(found.frame()) == 5 and set(found.frame()["state"]) <= {"complete", "pruned"}
    processes = {trial.user_attrs["process"] for trial in found.study.trials}
    assert os.getpid() not in processes and processes <= set(client.run(os.getpid).values())
    assert len({trial.params["rate"] for trial in found.study.trials}) == 5
    best = found.best
    session = found.session(best.number)
    assert np.nanmin(session.trace["validation_loss"]) == best.value


def test_what_a_lost_worker_was_at_is_tried_by_another(client, tmp_path):
    (tmp_path / "done").mkdir()
    found = Search(maker(tmp_path / "done"), epochs=1, folder=tmp_path / "runs").run(3, cluster=client)
    states = sorted(found.frame()["state"])
    # The one that was begun there stays as it was left.
    assert (
        len(states) == 4 and states.count("running") == 1 and set(states) <= {"complete", "pruned", "running"}
    )


def test_what_raises_there_is_said_here(client, tmp_path):
    with pytest.raises(TrialFailed, match="no such file"):
        Search(maker(broken=True), epochs=1, folder=tmp_path).run(2, cluster=client)


@pytest.mark.parametrize(
    "options, error, said",
    [
        ({"cluster": "tcp://there"}, TypeError, "cluster must be a distributed.Client"),
        ({"cluster": SimpleNamespace(gather=list, asynchronous=True)}, TypeError, "that is not asynchronous"),
        ({"jobs": 2}, ValueError, "leave out jobs, or cluster"),
        ({"folder": None}, ValueError, "a place where they meet"),
    ],
)
def test_what_cannot_be_searched_there_is_refused(client, tmp_path, options, error, said):
    given = {"folder": tmp_path, "cluster": client, **options}
    search = Search(maker(), epochs=1, folder=given.pop("folder"))
    with pytest.raises(error, match=said):
        search.run(1, **given)
    assert not len(search.frame())
