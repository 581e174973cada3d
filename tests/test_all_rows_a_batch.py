"""Rows left out of a training whose batch is all of them: the batch is all that are left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from tests.nn.trainings import state

ROWS, FAR = 60, 17


def made() -> tuple[pd.DataFrame, Any]:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(ROWS, 3)).astype(np.float32), columns=["a", "b", "c"])
    frame["y"] = (frame.a > 0).astype(int)
    frame.loc[FAR, "b"] = 1e6
    frame.index = pd.Index([f"row {number}" for number in range(ROWS)])
    return frame, started(frame)


def started(frame: pd.DataFrame, **options: Any) -> Any:
    network = cl.Network([cl.Dense(4, activation="relu"), cl.Dropout(0.2), cl.Dense(2)], 3, seed=1)
    return cl.train(
        network, (frame[["a", "b", "c"]], frame.y), optimizer=cl.Adam(0.01), batch_size=ROWS,
        validation=None, **options,
    )  # fmt: skip


def by_remedy(session: Any, frame: pd.DataFrame) -> Any:
    (edit,) = [edit for finding in session.diagnose() for edit in finding.edits if edit[0] == "excluded_rows"]
    return edit[1]


CHOSEN: dict[str, Callable[[Any, pd.DataFrame], Any]] = {
    "numbers": lambda session, frame: [FAR],
    "an array": lambda session, frame: np.array([FAR, 2, 3]),
    "a mask": lambda session, frame: frame.b > 1e5,
    "an index": lambda session, frame: frame.index[[FAR, 40]],
    "all but one": lambda session, frame: range(1, ROWS),
    "a remedy": by_remedy,
}


@pytest.mark.parametrize("chosen", CHOSEN)
def test_a_batch_is_all_rows_that_are_left(chosen, tmp_path):
    frame, session = made()
    session.step(3)
    session.edit("excluded_rows", CHOSEN[chosen](session, frame))
    session.step(4)
    left = ROWS - len(session.process.batches.excluded)
    assert left < ROWS and FAR not in session.process.batches.rows
    assert len(session.process.batch.rows) == left == session.process.batches.batch_size
    assert session.process.batches.steps_per_epoch == 1
    after = state(session.process)

    made_again: dict[str, Any] = {}
    exec(session.script(), made_again)
    again = made_again["session"]
    assert state(again.process) == after and (again.trace["loss"] == session.trace["loss"]).all()

    session.save(tmp_path / "training.h5")
    gone_on = started(frame, resume_from=tmp_path / "training.h5")
    assert state(gone_on.process) == after

    for each in (session, gone_on):
        each.step(2)
    assert state(gone_on.process) == state(session.process)

    earlier = session.branch_at(2)
    session.rewind(step=5)
    session.step(2)
    assert state(session.process) == after
    session.rewind(step=2)
    for each in (session, earlier):
        each.step()
        assert len(each.process.batch.rows) == ROWS
    assert state(earlier.process) == state(session.process)


def test_rows_come_back_whatever_was_frozen_meanwhile():
    _, session = made()
    session.step(2)
    session.edit("excluded_rows", [FAR])
    session.edit("frozen", ["dense_1"])
    session.step(2)
    assert len(session.process.batch.rows) == ROWS - 1
    session.branch_at(1).step()
    session.rewind(step=1)
    session.step()
    assert len(session.process.batch.rows) == ROWS


def test_the_last_row_is_not_left_out():
    _, session = made()
    before = state(session.process)
    with pytest.raises(ValueError, match="no rows to make batches of"):
        session.edit("excluded_rows", range(ROWS))
    assert state(session.process) == before
    session.step()
