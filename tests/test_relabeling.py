"""Labels and weights of rows changed before and while a network is trained: an overlay, replayed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.data import Dataset

DRAW = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {"x": DRAW.normal(size=24), "z": DRAW.normal(size=24), "kind": ["ant", "bee", "cat"] * 8},
    index=[f"r{row}" for row in range(24)],
)


def trained(frame: pd.DataFrame = FRAME, **how):
    network = cl.Network([cl.Dense(3)], 2, seed=1)
    return cl.train(network, Dataset(frame, ["x", "z"], "kind"), optimizer=cl.SGD(0.1), batch_size=6, **how)


# What is typed, and the frame that says the same from the start.
RELABELED = FRAME.assign(kind=FRAME["kind"].where(~FRAME.index.isin(["r0", "r4"]), "cat"))
LABELS = {
    "by number": {0: "cat", 4: "cat"},
    "by a Series on ones own index": pd.Series(["cat", "cat"], index=["r0", "r4"]),
    "by a Series of numbers": pd.Series(["cat", "cat"], index=pd.Index([0, 4], name="row")),
    "by labels of the index": (pd.Index(["r0", "r4"]), "cat"),
    "by a mask": (FRAME.index.isin(["r0", "r4"]), "cat"),
    "by a mask of pandas": (pd.Series(FRAME.index.isin(["r0", "r4"]), index=FRAME.index), "cat"),
    "one for each": ([0, 4], ["cat", "cat"]),
}


@pytest.mark.parametrize("typed", LABELS)
def test_other_labels_are_taken_up_at_the_next_batch(typed):
    before, session, other = FRAME.copy(), trained(), trained(RELABELED)
    session.edit("labels", LABELS[typed])
    session.step(8)
    other.step(8)
    np.testing.assert_array_equal(session.network.params, other.network.params)
    pd.testing.assert_frame_equal(FRAME, before)
    assert session.dataset.frame["kind"].tolist() == before["kind"].tolist()
    assert [event.value for event in session.events if event.name == "labels"] == [{0: "cat", 4: "cat"}]


def edited():
    session = trained()
    session.step(3)
    session.edit("labels", {0: "cat", 4: "cat"})
    session.edit("row_weights", {5: 0.0, 6: 3.0})
    session.step(2)
    session.edit("labels", {0: "bee"})
    session.edit("excluded_rows", [7])
    session.step(6)
    return session


def test_it_is_an_event_that_rewind_fork_script_and_file_replay(tmp_path):
    session = edited()
    params = session.network.params.copy()
    plain = trained()
    plain.step(11)
    assert not np.array_equal(plain.network.params, params)
    assert session.process.batches.relabeled_rows == {"targets": {0: "bee", 4: "cat"}}
    session.save(tmp_path / "half.h5")
    assert "session.edit('labels', {0: 'cat', 4: 'cat'})" in str(session.script())
    session.rewind(5)
    assert session.process.batches.relabeled_rows == {"targets": {0: "cat", 4: "cat"}}
    assert session.process.batches.excluded.tolist() == []
    session.rewind(2)
    assert session.process.batches.relabeled_rows == {} and session.process.batches.reweighted_rows == {}
    session = edited()
    assert np.array_equal(session.network_at(11).params, params)
    fork = session.branch()
    fork.step(3)
    session.step(3)
    assert np.array_equal(fork.network.params, session.network.params)
    on = trained(resume_from=tmp_path / "half.h5")
    assert on.process.batches.relabeled_rows == {"targets": {0: "bee", 4: "cat"}}
    assert on.process.batches.reweighted_rows == {5: 0.0, 6: 3.0}
    on.step(3)
    assert np.array_equal(on.network.params, session.network.params)


def test_weights_of_rows_are_taken_up_beside_those_that_were_given():
    own = np.linspace(0.5, 2, 24)
    session, other = trained(sample_weight=own), trained(sample_weight=np.where(np.arange(24) == 3, 0, own))
    session.edit("row_weights", {3: 0.0})
    session.step(8)
    other.step(8)
    np.testing.assert_allclose(session.network.params, other.network.params, rtol=1e-6)


def test_values_and_ids_and_several_targets_are_changed_too():
    x = FRAME[["x", "z"]].to_numpy()
    for target, value, loss in ((FRAME["x"].to_numpy(), 2.5, "mse"), (np.arange(24) % 3, 1, None)):
        changed = target.copy()
        changed[5] = value
        runs = []
        for given in (target, changed):
            network = cl.Network([cl.Dense(1 if loss else 3)], 2, seed=1)
            session = cl.train(network, (x, given), loss or "softmax_cross_entropy", batch_size=6)
            if given is target:
                session.edit("labels", {5: value})
            session.step(5)
            runs.append(session.network.params)
        np.testing.assert_array_equal(*runs)


def test_a_dataset_is_changed_before_it_is_trained_on():
    whole = Dataset(FRAME, ["x", "z"], "kind").split(test=6, seed=2)
    other = whole.relabel({0: "cat", 4: "cat"})
    assert other.frame["kind"].tolist() == RELABELED["kind"].tolist() and other.classes == whole.classes
    assert whole.frame["kind"].tolist() == FRAME["kind"].tolist()
    assert other.test.rows.tolist() == whole.test.rows.tolist()
    assert other.class_counts.tolist() == [7, 7, 10] and other.arrays()[1].tolist()[:5] == [
        2,
        1,
        2,
        0,
        2,
    ]
    assert Dataset(RELABELED, ["x", "z"], "kind").like(other).classes == other.classes
    less = whole.exclude(pd.Index(["r0", "r4"]))
    assert len(less) == 22 and not {0, 4} & set(np.concatenate(list(less.splits.values())))
    assert whole.exclude(FRAME["x"] > 0).frame["x"].max() <= 0
    weighted = whole.reweight(([1, 2], 0.5)).reweight({2: 3.0})
    assert weighted.weight == "weight" and weighted.frame["weight"].tolist()[:4] == [1, 0.5, 3, 1]
    assert weighted.columns == ["x", "z"] and "weight" not in whole.frame
    session = cl.train(cl.Network([cl.Dense(3)], 2), weighted)
    assert set(np.unique(session.process.row_weights)) <= {0.0, 0.5, 1.0, 3.0}
    with pytest.raises(ValueError, match="row 0 cannot be 'cow'"):
        whole.relabel({0: "cow"})


WRONG = {
    "an unknown label": ("labels", {0: "cow"}, ValueError, "row 0 cannot be 'cow'; there are 'ant'"),
    "no such row": ("labels", {24: "cat"}, IndexError, "there is no row 24; rows go from 0 to 23"),
    "no row": ("labels", {"x": "cat"}, ValueError, "a row in labels must be a row number, got 'x'"),
    "no labels": ("labels", "cat", ValueError, "labels must be {row number: value}"),
    "too few": ("labels", ([0, 1, 2], ["cat", "ant"]), ValueError, "2 values are no one value for each"),
    "a negative weight": ("row_weights", {0: -1.0}, ValueError, "must be a finite number of at least 0"),
    "a word for a weight": ("row_weights", {0: "x"}, ValueError, "row_weights: row 0 must be"),
    "nothing that counts": ("row_weights", (np.arange(24), 0.0), ValueError, "no row would count any more"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_is_told_and_nothing_has_changed(name):
    what, value, error, says = WRONG[name]
    session = trained()
    with pytest.raises(error, match=says):
        session.edit(what, value)
    assert not session.events and session.process.batches.relabeled_rows == {}
    session.step()


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("part", ["train", "validation", "test", "whole"])
def test_rows_are_judged_by_the_labels_that_they_have_now(part, named):
    """By score and results alike, and by metrics too; other data keep their own."""
    target = {"dense_1": "kind"} if named else "kind"
    data = Dataset(FRAME, ["x", "z"], target).split(validation=6, test=6, seed=2)
    session = cl.train(cl.Network([cl.Dense(3)], 2, seed=1), data, batch_size=6, optimizer=cl.SGD(0.1))
    session.step(3)
    asked = data if part == "whole" else getattr(data, part)
    row = int(asked.rows[0])
    before, (old, *_) = session.score(asked), session.results(asked)["loss"]
    assert before["loss"] == pytest.approx(session.results(asked)["loss"].mean(), rel=1e-5)
    new = next(kind for kind in ("ant", "bee", "cat") if kind != FRAME["kind"].iloc[row])
    session.edit("labels", {"dense_1": {row: new}} if named else {row: new})
    session.step(1)
    for ask in (asked, part) if part != "whole" else (asked,):
        results, found = session.results(ask), session.score(ask, metrics=["accuracy"])
        changed = asked.frame.assign(kind=asked.frame["kind"].where(asked.frame.index != row, new))
        said = (results["prediction"].to_numpy() == changed["kind"].to_numpy()).mean()
        assert found["loss"] == pytest.approx(results["loss"].mean(), rel=1e-5)
        assert found["accuracy"] == pytest.approx(said)
        assert session.score(changed)["loss"] == pytest.approx(found["loss"], rel=1e-5)
    # What is no row of the data trained on is what it says.
    copied = session.score(asked.frame)["loss"]
    assert copied != pytest.approx(found["loss"], rel=1e-3)
    assert np.isfinite(old)
