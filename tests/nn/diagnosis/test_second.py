"""What a first cause hides is found, too, and what it only looks like is not."""

from __future__ import annotations

import os

import numpy as np
import pytest

import cortex_lab as cl
from benchmarks.planted import BASES
from benchmarks.planted_faults import FAULTS
from cortex_lab.nn.contract.initializers import Constant, RandomNormal

# The first is put right in a copy, by rows left out or by its edits, before the second shows.
HIDING = (
    ("NaN in inputs", "labels shuffled"),
    ("NaN in inputs", "rate too high"),
    ("row far out", "clipping"),
    ("weights zero", "rate too low"),
    ("dead from the start", "clipping"),
    ("one row normalized", "rate too low"),
)


@pytest.mark.parametrize(("first", "second"), HIDING)
def test_a_cause_that_another_hides_is_found(first, second):
    setup = BASES["perceptron"](0)
    for name in (first, second):
        FAULTS[name].plant(setup)
    found = setup.session().diagnose()
    assert [each.kind for each in found[:2]] == [FAULTS[name].kinds[0] for name in (first, second)], found
    assert found[1].sentence.endswith("put right.")


DECAYED = {
    "perceptron": lambda: cl.AdamW(0.05, weight_decay=30.0),
    "regression": lambda: cl.SGD(0.1, weight_decay=30.0),
}


@pytest.mark.parametrize("base", DECAYED)
def test_a_rate_is_not_too_high_because_decay_is(base):
    setup = BASES[base](1)
    setup.optimizer = DECAYED[base]()
    session = setup.session()
    found = session.diagnose()
    assert found[0].kind == "weight_decay" and not found.of("learning_rate_high"), found
    session.rewind(step=0)
    for edit in found[0].edits:
        session.edit(*edit)
    session.step(setup.steps)
    assert not session.diagnose().of("weight_decay")


# What an earlier session did, which a later one goes on from: the optimizer, and how weights began.
EARLIER = {
    "well": (lambda: cl.Adam(0.003), None, "zeros", None),
    "a rate too high": (lambda: cl.Adam(20.0), None, "zeros", "learning_rate_high"),
    "too much decay": (lambda: cl.AdamW(0.003, weight_decay=30.0), None, "zeros", "weight_decay"),
    "weights too large": (lambda: cl.Adam(0.003), RandomNormal(stddev=20.0), "zeros", "initialization"),
    "dead units": (lambda: cl.Adam(0.003), None, Constant(-20.0), "dead_units"),
}


@pytest.mark.parametrize(
    ("earlier", "new_optimizer"), [*((each, False) for each in EARLIER), ("too much decay", True)]
)
def test_what_an_earlier_session_did_is_told_by_fresh_weights(tmp_path, earlier, new_optimizer):
    optimizer, kernel, bias, kind = EARLIER[earlier]
    path = os.fspath(tmp_path / "training.h5")
    setup = BASES["perceptron"](1)
    setup.optimizer, setup.parts.kernel, setup.parts.bias = optimizer(), kernel, bias
    setup.session().save(path)
    with np.errstate(all="ignore"):
        session = setup.begun(
            resume_from=path, optimizer=cl.Adam(0.003) if new_optimizer else optimizer(),
            new_optimizer=new_optimizer,
        )  # fmt: skip
        session.step(40)
    found = session.diagnose()
    assert f"the steps before step {session.first_step}, which another session made" in found.skipped
    if kind is None:
        assert not found, found
        return
    # Of an optimizer that is gone, only what it left behind is seen.
    assert found[0].kind == ("initialization" if new_optimizer else kind), found
    assert "cannot be seen" in found[0].sentence and "without resume_from" in found[0].remedy
