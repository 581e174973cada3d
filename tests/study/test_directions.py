"""Which way is better: known for certain, or asked for."""

from __future__ import annotations

import pytest

from cortex_lab.embed.tsne import TSNE
from cortex_lab.nn.examine.measures import MEASURES
from cortex_lab.optimize import SGD, Absolute, Descent, ReduceOnPlateau
from cortex_lab.study import Probe, Session, Trace, as_condition, distance_to, stalled, steps
from cortex_lab.study.direction import rises
from tests.study.walker import Walker

UNKNOWN = None
KEYS = {
    "loss": False, "accuracy": True, "learning_rate": UNKNOWN, "epoch": UNKNOWN, "grad_norm": False,
    "inputs_checksum": UNKNOWN,
    "weight_norm": UNKNOWN, "update_ratio": UNKNOWN, "dead_units": False, "saturated_units": False,
    "penalty": False, "validation_loss": False, "validation_accuracy": True,
    "value": False, "distance": False, "step_norm": False, "value_evaluations": UNKNOWN,
    "gradient_evaluations": UNKNOWN, "kl_divergence": False, "moved": False, "exaggeration": UNKNOWN,
    "seconds": UNKNOWN, "step": UNKNOWN, "ndcg": UNKNOWN, "profit": UNKNOWN, "test_error": False,
    "my_loss": False, "validation_neg_error": True, "top_3_accuracy": True,
}  # fmt: skip


def test_the_table_has_every_measure_of_ours():
    descent = Descent(Absolute(), SGD(0.1), [1.0, 1.0])
    assert {*MEASURES, *descent.keys, *TSNE.keys} <= set(KEYS)


@pytest.mark.parametrize(("key", "rising"), KEYS.items())
def test_a_key_is_known_by_its_name_or_asked_for(key, rising):
    for name in (key, f"{key}['a_layer']"):
        if rising is not UNKNOWN:
            assert rises(name) is rising
        else:
            with pytest.raises(ValueError, match=r"mode='max' if more is, mode='min' if less is"):
                rises(name)
        assert rises(name, "max") and not rises(name, "min")
        with pytest.raises(ValueError, match="mode must be 'min' or 'max', got 'up'"):
            rises(name, "up")


def test_what_the_process_knows_goes_before_the_name():
    assert rises("loss", known={"loss": True}) and not rises("loss", "min", {"loss": True})
    with pytest.raises(ValueError, match="whether more or less of 'accuracy'"):
        rises("accuracy", known={"accuracy": None})


OWN = ["drop_in_accuracy", "accuracy", "gain_error", "loss", "f1_macro", "neg_cost", "rate"]
# Every asker, of a session after some steps, for a key and a mode.
ASKERS = {
    "run": lambda session, key, mode: session.run(stalled(key, 2, mode=mode) | steps(3)),
    "break_when": lambda session, key, mode: session.break_when(stalled(key, 2, mode=mode)),
    "an expression": lambda session, key, mode: session.break_when(f"stalled({key!r}, 2, {mode!r})"),
    "fork": lambda session, key, mode: branched(session).best(key, mode=mode),
    "reductions": lambda session, key, mode: ReduceOnPlateau(key, mode=mode).reductions(session.trace),
}


def branched(session):
    fork = session.fork(rate=[0.1, 0.3])
    fork.step(3)
    return fork


@pytest.mark.parametrize("asker", ASKERS)
@pytest.mark.parametrize("key", OWN)
def test_the_name_of_a_measure_of_ones_own_says_nothing(key, asker):
    own = Probe(key, measure=lambda process: process.x[0])
    recorded = Session(Walker())
    recorded.record(own)
    for session in (Session(Walker(), probes=[Probe("norm"), own]), recorded):
        session.step(3)
        with pytest.raises(ValueError, match=rf"{key!r}.*mode='max'.*mode='min'"):
            ASKERS[asker](session, key, None)
        ASKERS[asker](session, key, "min")
    if key in ("loss", "rate"):
        # What the process measures itself is known again.
        recorded.record(Probe(key))
        assert key not in recorded.trace.directions


def test_the_distance_to_a_point_falls():
    session = Session(Walker(), probes=[Probe("how_far", measure=distance_to([0.0, 0, 0]))])
    session.step(3)
    assert ReduceOnPlateau("how_far").reductions(session.trace) == []


UNSURE = [
    stalled("rate"),
    steps(3) & stalled("rate"),
    steps(1) | stalled("rate"),
    ~stalled("rate"),
    "steps(3) and not stalled('rate', 2)",
]


@pytest.mark.parametrize("condition", UNSURE, ids=repr)
def test_a_run_asks_before_its_first_step_and_a_breakpoint_when_it_is_set(condition):
    session = Session(Walker())
    for ask in (session.run, session.break_when):
        with pytest.raises(ValueError, match=r"'rate'.*mode="):
            ask(condition)
    assert session.step_number == 0 and not session.breakpoints


def test_every_asker_takes_a_mode():
    session = Session(Walker())
    session.process.directions = {}
    fork = session.fork(rate=[0.1, 0.3])
    fork.step(3)
    with pytest.raises(ValueError, match=r"'rate'.*mode="):
        fork.best("rate")
    assert fork.best("rate", mode="max") == fork.best("rate", highest=True) == 1
    assert fork.best("rate", mode="min") == fork.best("rate", highest=False) == 0
    assert session.run(stalled("rate", 2, mode="max")).step == 3
    assert session.run(as_condition("stalled('rate', 2, 'min')")).step == 6
    trace = Trace(["profit"])
    for step in range(1, 6):
        trace.append(step, 0.0, {"profit": step})
    with pytest.raises(ValueError, match=r"'profit'.*mode="):
        ReduceOnPlateau("profit", patience=2).reductions(trace)
    assert ReduceOnPlateau("profit", patience=2, mode="max").reductions(trace) == []
    assert ReduceOnPlateau("profit", patience=2, mode="min").reductions(trace) == [3, 5]
