"""What stands beside a cause is told from it: wrong labels, narrow layers, classes of a row."""

from __future__ import annotations

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.nn.diagnosis import labels
from cortex_lab.nn.diagnosis.leakage import _explained
from cortex_lab.nn.diagnosis.noise import MISTAKEN, Mistakes, _smooth
from cortex_lab.nn.diagnosis.study import Case, Study
from cortex_lab.nn.diagnosis.units import bottlenecks


def test_labels_are_wrong_where_mistakes_do_not_become_fewer():
    order, every_fourth = np.arange(400), np.arange(400) % 4 == 0
    # Many among the surest third, too, but more and more of them.
    growing = np.arange(400) % 8 < np.linspace(0.2, 5, 400)
    level, rising = (Mistakes(order, mistaken, 8.0, 2) for mistaken in (every_fourth, growing))
    assert level.share > MISTAKEN and level.is_wrong_anywhere
    assert rising.share > MISTAKEN and not rising.is_wrong_anywhere
    assert not Mistakes(order, every_fourth, 3.0, 2).is_wrong_anywhere


def _slope(random, classes, steepness):
    """Labels that inputs tell a little of: none is wrong."""
    x = random.normal(size=(400, 2))
    chances = x @ random.normal(size=(2, classes)) if classes > 2 else x[:, :1] * [0, 1]
    return x, (steepness * chances + random.gumbel(size=(400, classes))).argmax(axis=1)


def _wrong(random, classes, share):
    """Classes that stand apart, and labels that are wrong here and there."""
    right = random.integers(0, classes, 400)
    x = random.normal(size=(400, classes)) + 4 * np.eye(classes)[right]
    wrong = random.random(400) < share
    return x, (right + wrong * random.integers(1, classes, 400)) % classes


def _diagnosed(x, y):
    network = cl.Network([cl.Dense(8, activation="relu"), cl.Dense(int(y.max()) + 1)], x.shape[1])
    data = x.astype(np.float32), y
    session = cl.train(network, data, "softmax_cross_entropy", cl.Adam(0.003))
    session.step(1)
    return list(labels.find(Study(Case.of(session))))


@pytest.mark.parametrize("steepness", [1.0, 1.5])
@pytest.mark.parametrize("classes", [2, 4])
def test_classes_that_overlap_are_no_wrong_labels(classes, steepness):
    for seed in range(2):
        found = _diagnosed(*_slope(np.random.default_rng(seed), classes, steepness))
        assert not any(wrong for finding, wrong in found if finding.kind == "label_noise"), found


@pytest.mark.parametrize(("classes", "share"), [(2, 0.2), (3, 0.2), (3, 0.3), (5, 0.3), (5, 0.4)])
def test_labels_that_are_wrong_anywhere_are_found(classes, share):
    found = _diagnosed(*_wrong(np.random.default_rng(2), classes, share))
    ((finding, wrong),) = found
    assert finding.kind == "label_noise" and wrong and len(finding.rows) > 20
    assert finding.edits == (("excluded_rows", sorted(finding.rows)),)


def test_a_smooth_model_sees_wrong_labels():
    random = np.random.default_rng(2)
    x = random.normal(size=(400, 2))
    right, wrong = x[:, 0] > 0, random.random(400) < 0.25
    told = _smooth(x, (right ^ wrong).astype(int))
    surest = told.order[:130]
    assert (told.mistaken[:130] == wrong[surest]).mean() > 0.95
    assert told.is_level and not _smooth(*_slope(random, 2, 2.0)).is_level


@pytest.mark.parametrize(("units", "named"), [(1, ["dense_1"]), (2, ["dense_1"]), (3, [])])
def test_layers_of_a_unit_or_two_are_bottlenecks(units, named):
    network = cl.Network([cl.Dense(8), cl.Dense(units), cl.Dense(4)], 5)
    found = bottlenecks(network, next(iter(network.graph.outputs)))
    assert len(found) == len(named) and all(network.graph.shape(name)[-1] == units for name in found)


def test_a_class_of_a_row_or_two_gives_nothing_away():
    random = np.random.default_rng(1)
    x, known = random.normal(size=(100, 3)), np.zeros(100, int)
    known[50:], known[0] = 1, 2
    x[0, 1] = 1e3
    assert (_explained(x, known) < 0.2).all()
    x[:, 2] = known
    assert _explained(x, known)[2] > 0.99
