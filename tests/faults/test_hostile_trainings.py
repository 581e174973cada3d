"""A training whose file says what it never said is refused by one error, or goes on right to the end."""

from __future__ import annotations

import os

import pytest

import cortex_lab as cl
from cortex_lab.ground.files import DamagedFile
from cortex_lab.nn.run import saving
from tests.faults import hostile_trainings
from tests.faults.tally import Tally


def test_every_entry_with_junk_in_its_place(tmp_path, monkeypatch):
    # Of a hundred files that nobody keeps.
    monkeypatch.setattr(os, "fsync", lambda _: None)
    tally = Tally()
    hostile_trainings.resume_all(tally, tmp_path, every=21)
    assert not tally.wrong, "\n".join(f"{name}: {why}" for name, why in tally.wrong[:20])
    assert tally.tried > 150


@pytest.mark.parametrize("lost", ["best/", "trace", "optimizer/", "parameters/", "states/"])
def test_what_lacks_an_array_changes_nothing(tmp_path, lost):
    path = tmp_path / "run.h5"
    description, arrays = hostile_trainings.saved(path)
    del arrays[next(name for name in arrays if name.startswith(lost))]
    saving.write(path, description, arrays)
    network = hostile_trainings.network()
    before = network.params.copy(), network.state.copy()
    with pytest.raises(DamagedFile):
        hostile_trainings.training(network, resume_from=path)
    assert all((now == then).all() for now, then in zip((network.params, network.state), before, strict=True))


def test_a_plateau_of_what_is_not_recorded_any_more_is_named(tmp_path):
    x, y = hostile_trainings.X, hostile_trainings.Y

    def train(**options):
        return cl.train(cl.Network([cl.Dense(2)], 3), (x, y), batch_size=4, **options)

    session = train(validation=(x, y))
    cl.ReduceOnPlateau().attach(session)
    session.step(3)
    session.save(tmp_path / "run.h5")
    with pytest.warns(UserWarning) as told:
        resumed = train(validation=None, resume_from=tmp_path / "run.h5")
    assert any("ReduceOnPlateau(key='validation_loss'" in str(each.message) for each in told)
    assert resumed.attached == () and resumed.step_number == 3
