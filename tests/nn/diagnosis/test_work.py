"""What a diagnosis finds hangs on the work that is to be done, not on how busy the machine is."""

from __future__ import annotations

import ast
import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest

import cortex_lab as cl
from benchmarks.planted import BASES
from cortex_lab.nn import diagnosis
from cortex_lab.nn.diagnosis import Case, diagnose, work


def case(tick, **changed):
    """A training with too high a rate, and a clock that has gone on by `tick` seconds whenever it is read."""
    setup = BASES["perceptron"](1)
    setup.optimizer, setup.steps = cl.Adam(20.0), 60
    clock = itertools.count(0.0, tick).__next__
    return dataclasses.replace(Case.of(setup.session()), clock=clock, **changed)


@pytest.mark.parametrize("tick", [0.001, 0.05])
def test_a_busy_machine_finds_the_same(tick):
    still, busy = (diagnose(case(each)) for each in (0.0, tick))
    assert repr(still) == repr(busy) and not still.skipped
    assert still[0].kind == "learning_rate_high"


def test_what_takes_many_times_as_long_as_it_should_is_left():
    found = diagnose(case(10.0))
    assert any(each.startswith("experiments, because") for each in found.skipped), found.skipped


def test_time_is_read_nowhere_but_from_the_clock_of_the_case():
    for path in Path(diagnosis.__file__).parent.glob("*.py"):
        names = {
            node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)
        }
        assert path.name == "study.py" or not names & {"perf_counter", "monotonic", "process_time"}, path


def test_a_step_takes_as_long_as_its_work():
    def seconds(units, batch_size, measured=0.0):
        network = cl.Network([cl.Dense(units), cl.Dense(2)], 8)
        data = np.zeros((64, 8), np.float32), np.zeros(64, int)
        loss = "softmax_cross_entropy"
        session = cl.train(network, data, loss, cl.SGD(0.1), batch_size=batch_size)
        return work.step_seconds(session.process, measured)

    assert seconds(8, 8) < seconds(800, 8) < seconds(800, 64)
    # Measured on a busy machine; and where it does what is not seen, such as a layer of one's own.
    assert seconds(8, 8, 0.04) == seconds(8, 8) and seconds(8, 8, 1.0) == 1.0
