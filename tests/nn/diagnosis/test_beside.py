"""What stands beside a cause is told from it: wrong labels, narrow layers, classes of a row."""

from __future__ import annotations

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.nn.diagnosis.leakage import _explained
from cortex_lab.nn.diagnosis.noise import MISTAKEN, Mistakes, _smooth
from cortex_lab.nn.diagnosis.units import bottlenecks


def test_labels_are_wrong_where_mistakes_do_not_become_fewer():
    order, every_fourth = np.arange(400), np.arange(400) % 4 == 0
    # Many among the surest third, too, but more and more of them.
    growing = np.arange(400) % 8 < np.linspace(0.2, 5, 400)
    level, rising = (Mistakes(order, mistaken, 8.0, 2) for mistaken in (every_fourth, growing))
    assert level.share > MISTAKEN and level.is_wrong_anywhere
    assert rising.share > MISTAKEN and not rising.is_wrong_anywhere
    assert not Mistakes(order, every_fourth, 3.0, 2).is_wrong_anywhere


def test_a_smooth_model_sees_wrong_labels():
    random = np.random.default_rng(2)
    x = random.normal(size=(400, 2))
    right, wrong = x[:, 0] > 0, random.random(400) < 0.25
    told = _smooth(x, (right ^ wrong).astype(int))
    surest = told.order[:130]
    assert (told.mistaken[:130] == wrong[surest]).mean() > 0.95
    assert told.is_wrong_anywhere and not _smooth(x, right.astype(int)).is_wrong_anywhere


@pytest.mark.parametrize(("units", "named"), [(1, ["dense_1"]), (2, ["dense_1"]), (3, [])])
def test_layers_of_a_unit_or_two_are_bottlenecks(units, named):
    network = cl.Network([cl.Dense(8), cl.Dense(units), cl.Dense(4)], 5)
    found = bottlenecks(network, next(iter(network.graph.outputs)))
    assert len(found) == len(named) and all(network.graph.shape(name)[-1] == units for name in found)


def test_a_class_of_a_row_or_two_gives_nothing_away():
    random = np.random.default_rng(1)
    x, labels = random.normal(size=(100, 3)), np.zeros(100, int)
    labels[50:], labels[0] = 1, 2
    x[0, 1] = 1e3
    assert (_explained(x, labels) < 0.2).all()
    x[:, 2] = labels
    assert _explained(x, labels)[2] > 0.99
