"""Measures of a training agree with their definitions, at the moment they are asked for."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.nn.contract.penalties import L2
from cortex_lab.nn.layers.dense import Dense
from cortex_lab.optimize import StepDecay
from cortex_lab.study import Probe, Session, steps
from tests.nn.trainings import blobs, dense


def test_measures_agree_with_their_definitions():
    training = dense(layers=[Dense(8, activation="relu"), Dense(5, activation="tanh"), Dense(3)])
    session = Session(training)
    session.record(Probe("update_ratio['dense_2']"))
    session.step(12)
    before = training.network.params.copy()
    kernels = {n: training.network.parameters[n].copy() for n in ("dense_2/kernel", "dense_2/bias")}
    session.step(to="backward:dense_1")
    pending_ratio = training.measure("update_ratio['dense_2']")
    session.step()
    y, targets = training.buffers["dense_3"], training.buffers["target:dense_3"]
    assert session.observation["accuracy"] == (y.argmax(axis=1) == targets).mean()
    logits = y - np.log(np.exp(y).sum(axis=1, keepdims=True))
    assert session.observation["loss"] == pytest.approx(
        -logits[np.arange(len(y)), targets.astype(int)].mean()
    )
    gradients = training.network.gradients
    whole = np.sqrt(sum((g**2).sum() for g in gradients.values()))
    part = np.sqrt((gradients["dense_2/kernel"] ** 2).sum() + (gradients["dense_2/bias"] ** 2).sum())
    assert session.observation["grad_norm"] == pytest.approx(whole)
    assert session.observation["grad_norm['dense_2']"] == pytest.approx(part)
    change = [training.network.parameters[name] - old for name, old in kernels.items()]
    ratio = np.sqrt(sum((c**2).sum() for c in change) / sum((old**2).sum() for old in kernels.values()))
    assert (
        session.trace["update_ratio['dense_2']"][-1] == pytest.approx(ratio) == pytest.approx(pending_ratio)
    )
    assert session.observation["update_ratio"] == pytest.approx(
        np.linalg.norm(training.network.params - before) / np.linalg.norm(before)
    )
    dead = (training.buffers["dense_1"] <= 0).all(axis=0).mean()
    assert session.observation["dead_units['dense_1']"] == dead
    saturated = (np.abs(training.buffers["dense_2"]) > 0.96).mean()
    assert session.observation["saturated_units['dense_2']"] == saturated
    assert session.observation["epoch"] == 13 / training.batches.steps_per_epoch
    assert session.observation["weight_norm"] == pytest.approx(np.linalg.norm(training.network.params))


def test_before_an_update_the_step_under_way_is_measured():
    session = Session(dense())
    session.break_when("grad_norm['dense_2'] > 0")
    session.step(to="backward:dense_1")
    at_break = {
        key: session.process.measure(key)
        for key in ("loss", "accuracy", "epoch", "learning_rate", "grad_norm")
    }
    session.step()
    assert {key: session.observation[key] for key in at_break} == at_break


def test_a_breakpoint_on_a_layer_stops_with_the_batch_in_hand():
    watched = Session(dense())
    watched.record(Probe("grad_norm['dense_1']"))
    watched.step(40)
    norms = watched.trace["grad_norm['dense_1']"]
    bound = float(np.sort(norms[5:])[-2])
    crossing = int(np.flatnonzero(norms[5:] > bound)[0]) + 5
    session = Session(dense())
    session.step(5)
    session.break_when(f"grad_norm['dense_1'] > {bound!r}")
    stop = session.run(until=steps(100))
    assert (stop.kind, stop.step) == ("breakpoint", crossing)
    assert session.process.batch.rows.tolist() == session.process.batches.fetch(crossing).rows.tolist()


def test_what_is_not_measured_is_named():
    training = dense()
    for key in ("speed", "grad_norm['dense_9']", "dead_units['dense_2']", "validation_loss"):
        with pytest.raises(KeyError, match="it measures loss, accuracy"):
            training.measure(key)
    with pytest.raises(LookupError, match="no step"):
        training.measure("loss")
    list(training.walk())
    with pytest.raises(LookupError, match=r"session\.record"):
        training.measure("update_ratio")


def test_validation_scores_all_rows_at_once_and_again_after_an_edit():
    x, y = blobs(70, seed=1)
    session = Session(dense(validation=(x, y), validate_every=5))
    session.step(10)
    steps_, values = session.trace.recorded("validation_accuracy")
    assert steps_.tolist() == [5, 10]
    assert values[-1] == pytest.approx((session.process.network.predict(x).argmax(axis=1) == y).mean())
    session.edit("weights['dense_2/kernel']", 0.0)
    session.edit("weights['dense_2/bias']", 0.0)
    assert session.process.measure("validation_loss") == pytest.approx(np.log(3))


CHANGES = {
    "in place": lambda session, best: session.process.network.parameters["dense_2/kernel"].fill(0),
    "of a state in place": lambda session, best: session.process.network.state.fill(2),
    "by an edit": lambda session, best: session.edit("weights['dense_2/kernel']", 0.0),
    "of a state": lambda session, best: session.edit("state['batch_normalization_1/moving_mean']", 2.0),
    "by reviving": lambda session, best: session.edit("revived_unit['dense_1']", [0, 1, 2]),
    "by a rewind": lambda session, best: session.rewind(8),
    "by another state": lambda session, best: session.process.restore(best),
    "by drawing anew": lambda session, best: session.process.network.initialize(3),
}


@pytest.mark.parametrize("ops", ["reference", "cpu"])
@pytest.mark.parametrize("change", CHANGES)
def test_validation_is_of_the_weights_as_they_are(change, ops):
    x, y = blobs(70, seed=1)
    session = Session(dense(validation=(x, y), validate_every=1, metrics="f1_macro", ops=ops))
    training = session.process
    session.step(5)
    best = training.snapshot()
    session.step(5)
    keys = [key for key in training.keys if key.startswith("validation")]
    before = {key: training.measure(key) for key in keys}
    assert all(before[key] == session.trace[key][-1] for key in keys)
    CHANGES[change](session, best)
    after = {key: training.measure(key) for key in keys}
    found = training.objective.score(*training.validation, training.metrics)
    assert after == {f"validation_{key}": value for key, value in found.items()} != before


def test_validation_is_run_once_for_all_that_is_asked_of_it(monkeypatch):
    x, y = blobs(70, seed=1)
    training = dense(validation=(x, y), validate_every=5, metrics=["f1_macro", "accuracy"])
    runs, means = [], training.objective.means
    monkeypatch.setattr(training.objective, "means", lambda *asked: runs.append(asked) or means(*asked))
    session = Session(training)
    session.step(10)
    session.edit("learning_rate", 0.5)
    training.measure("validation_loss")
    assert len(runs) == 2


def test_rows_count_as_much_as_their_weights():
    x, y = blobs()
    weights = np.ones(len(y))
    weights[:45] = 0.0
    weighted = dense(row_weights=weights, batch_size=90, layers=[Dense(3)], data=(x, y))
    alone = dense(batch_size=45, layers=[Dense(3)], data=(x[45:], y[45:]))
    for training in (weighted, alone):
        for _ in range(5):
            list(training.walk())
    np.testing.assert_allclose(weighted.network.params, alone.network.params, rtol=1e-9)


def studied() -> Any:
    """A session with something to say of all keys, of which some are recorded."""
    x, y = blobs()
    layers = [cl.Dense(8, activation="relu"), cl.Dense(4, activation="tanh"), cl.Dense(3)]
    network = cl.Network(layers, 6, ops="reference")
    return cl.train(
        network, (x, y), "softmax_cross_entropy", cl.SGD(StepDecay(0.1, 2, 0.5)), validate_every=1,
        batch_size=16, validation=blobs(40, seed=1), metrics="f1_macro", penalties={"*/kernel": L2(0.1)},
    )  # fmt: skip


def halved(session: Any) -> None:
    session.network.params[...] *= 0.5


CHANGED = {
    "an edit": lambda session, path: session.edit("weights['dense_2/kernel']", 0.5),
    "in place": lambda session, path: halved(session),
    "in place and noticed": lambda session, path: (halved(session), session.edit("frozen", ["dense_1"])),
    "the learning rate": lambda session, path: session.edit("learning_rate", 0.7),
    "rows": lambda session, path: session.edit("excluded_rows", list(range(50))),
    "revived": lambda session, path: session.edit("revived_unit['dense_1']", [0, 1]),
    "the best": lambda session, path: session.restore_best(),
    "gone back": lambda session, path: (halved(session), session.step(3), session._go_back_to(5, True)),
    "a branch": lambda session, path: session.fork(**{"weights['dense_1/bias']": [1.0]}).branches[0],
    "adopted": lambda session, path: session.fork(**{"weights['dense_1/bias']": [1.0]}).keep(0),
    "a file": lambda session, path: (halved(session), session.save(path), resumed(path))[-1],
}


def resumed(path: Any) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        train = cl.train
        patch.setattr(cl, "train", partial(train, resume_from=path))
        return studied()


@pytest.mark.parametrize("change", CHANGED)
def test_after_an_edit_every_key_is_right_or_absent(change, tmp_path):
    session, twin = studied(), studied()
    for each in (session, twin):
        each.step(5)
    before = {key: twin.observation[key] for key in twin.process.keys if "update_ratio" not in key}
    assert session.observation["weight_norm"] == before["weight_norm"]
    changed = CHANGED[change](session, tmp_path / "run.h5")
    session = changed if hasattr(changed, "trace") else session
    shown = {}
    for key in session.process.keys:
        try:
            shown[key] = session.observation[key]
        except LookupError:
            continue
    assert {"validation_loss", "validation_f1_macro", "weight_norm", "penalty", "loss"} <= shown.keys()
    for key, value in shown.items():
        assert value == (session.process.measure(key) if session.process.stands(key) else before[key]), key
    if change == "in place":
        halved(session)
        assert session.observation["weight_norm"] == session.process.measure("weight_norm")
    session.step()
    assert session.observation["loss"] == session.trace["loss"][-1]
