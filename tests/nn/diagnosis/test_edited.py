"""What did harm before something was edited by hand stays the cause, and is not advised again."""

from __future__ import annotations

import re

import numpy as np
import pytest

import cortex_lab as cl
from benchmarks.planted import BASES
from cortex_lab.nn.contract.initializers import Constant

NETWORKS = ["convolutional", "regression"]


def setup(base, optimizer, steps=60):
    made = BASES[base](1)
    made.optimizer, made.steps = optimizer, steps
    return made


def taken(session, steps):
    with np.errstate(all="ignore"):
        session.step(steps)


def typed(remedy, session):
    """Do what a remedy says, from the first code in it on."""
    exec(remedy[re.search(r"\[?session\.", remedy).start() :], {"session": session, "cl": cl})


EDITS = {
    "excluded_rows": [5], "frozen": [], "learning_rate": 15.0, "optimizer['beta_1']": 0.8,
    "weights": None, "revived_unit": [0, 1], "dropout_rate": 0.2,
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), EDITS.items(), ids=EDITS)
@pytest.mark.parametrize("base", ["perceptron", "regression"])
def test_an_edit_is_no_new_start(base, name, value):
    made = setup(base, cl.Adam(20.0), 100)
    if name == "dropout_rate":
        made.parts.between = (cl.Dropout(0.1),)
    session = made.session()
    parameter = next(iter(session.network.parameters))
    if name == "weights":
        name, value = f"weights[{parameter!r}]", 0.5 * session.network.parameters[parameter]
    if name == "revived_unit":
        name = f"revived_unit[{parameter.split('/')[0]!r}]"
    session.edit(name, value)
    taken(session, 20)
    first = session.diagnose()[0]
    assert first.kind == "learning_rate_high" and "rewind(step=0)" in first.remedy
    assert ("until step 100" in first.sentence) == (name == "learning_rate")
    typed(first.remedy, session)
    taken(session, 100)
    assert not session.diagnose()


RATHER = [("perceptron", 0.003), ("convolutional", 1e-6), ("regression", 1e-6)]


@pytest.mark.parametrize(("base", "rate"), RATHER)
def test_a_rate_that_did_harm_is_not_advised_again(base, rate):
    session = setup(base, cl.Adam(30.0)).session()
    session.edit("learning_rate", rate)
    taken(session, 60)
    found = session.diagnose()
    assert found[0].kind == "learning_rate_high" and "until step 60" in found[0].sentence
    assert "session.rewind(step=0)" in found[0].remedy and not found.of("learning_rate_low")
    typed(found[0].remedy, session)
    taken(session, 100)
    assert not session.diagnose()


@pytest.mark.parametrize("base", ["lstm", "regression"])
def test_what_was_mended_and_learns_again_is_told_no_more(base):
    session = setup(base, cl.Adam(0.2), 3).session()
    session.edit("learning_rate", 0.005)
    taken(session, 200)
    assert not session.diagnose()


@pytest.mark.parametrize("base", NETWORKS)
def test_what_decay_took_is_brought_back_by_beginning_anew(base):
    session = setup(base, cl.AdamW(0.004, weight_decay=30.0), 200).session()
    first = session.diagnose()[0]
    assert first.kind == "weight_decay" and "rewind(step=0)" in first.remedy
    before = session.trace["loss"][-20:].mean()
    typed(first.remedy, session)
    taken(session, 200)
    assert session.trace["loss"][-20:].mean() < 0.7 * before and not session.diagnose()


@pytest.mark.parametrize(("base", "steps"), [("perceptron", 0), ("convolutional", 3)])
def test_weights_that_were_never_finite_are_put_in_anew(base, steps):
    made = setup(base, cl.Adam(0.01), steps)
    made.parts.between = (cl.BatchNormalization(),)

    def spoil(network):
        for arrays in (network.parameters, network.states):
            next(iter(arrays.values())).flat[:2] = np.nan

    made.prepare = spoil
    session = made.session()
    found = session.diagnose()
    assert found[0].kind == "not_finite" and "rewind" not in found[0].remedy
    typed(found[0].remedy, session)
    session.step(30)
    assert session.step_number == 30 and not session.diagnose()


RATES = {"Adam": cl.Adam(1e-8), "SGD": cl.SGD(1e-7), "RMSprop": cl.RMSprop(1e-8)}


@pytest.mark.parametrize(
    ("base", "optimizer"), [("autoencoder", "Adam"), ("regression", "SGD"), ("perceptron", "RMSprop")]
)
def test_a_higher_rate_that_is_advised_lasts(base, optimizer):
    session = setup(base, RATES[optimizer], 100).session()
    first = session.diagnose()[0]
    assert first.kind == "learning_rate_low"
    typed(first.remedy, session)
    taken(session, 200)
    assert not session.diagnose() and session.trace["loss"][-20:].mean() < 0.9 * session.trace["loss"][0]


SCHEDULES = [
    cl.CosineDecay(8.0, 200), cl.StepDecay(8.0, 500), cl.PiecewiseConstant((500,), (8.0, 1.0)),
    cl.Warmup(5, cl.PolynomialDecay(8.0, 400)),
]  # fmt: skip


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_a_schedule_is_lowered_by_code(schedule):
    session = setup("regression", cl.Adam(schedule)).session()
    first = session.diagnose()[0]
    assert first.kind == "learning_rate_high" and f"cl.{type(schedule).__name__}(" in first.remedy
    typed(first.remedy, session)
    assert session.process.optimizer.learning_rate == first.edits[0][1]
    assert type(session.process.optimizer.learning_rate) is type(schedule)


def test_a_function_of_one_column_is_a_note_and_no_leak():
    x = np.random.default_rng(2).normal(size=(600, 3)).astype(np.float32)
    network = cl.Network([cl.Dense(1)], input_shape=3)
    session = cl.train(network, (x, 3 * x[:, 0] + 1), "mean_squared_error", cl.SGD(0.1))
    session.step(50)
    found = session.diagnose()
    assert not found and [each.kind for each in found.notes] == ["leakage"]


def test_all_layers_that_are_dead_are_revived_at_once():
    made = setup("perceptron", cl.Adam(0.01))
    made.parts.bias, made.parts.deep = Constant(-20.0), 2
    session = made.session()
    first = session.diagnose()[0]
    assert first.kind == "dead_units" and len(first.edits) == 2
    typed(first.remedy, session)
    taken(session, 60)
    assert not session.diagnose()
