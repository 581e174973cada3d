"""Parameters that no loss leads to stay as they are, whatever the optimizer does to others."""

from __future__ import annotations

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.nn import Network, Training
from tests.nn.trainings import Rows, blobs
from tests.optimize.cases import OPTIMIZER_CASES

PENALTIES = {"*/kernel": (cl.L1(0.01), cl.L2(0.01), cl.MaxNorm(0.5))}


def two_heads(ops, shared=False):
    nodes = [
        cl.Node(cl.Dense(5, activation="tanh"), "body", "input"),
        cl.Node(cl.Dense(3), "trained", "body"),
        cl.Node(cl.Dense(3), "unused", "body", shares="trained" if shared else None),
        cl.Node(cl.Dense(5), "aside", "input"),
        cl.Node(cl.BatchNormalization(), "after", "aside"),
    ]
    return Network(nodes, (6,), ["trained", "unused", "after"], ops=ops, seed=0)


def training(network, optimizer, **options):
    x, y = blobs()
    return Training(network, Rows(x, y), {"trained": "softmax_cross_entropy"}, optimizer, seed=5, **options)


def walk(given, steps):
    for _ in range(steps):
        list(given.walk())


@pytest.mark.parametrize("case", OPTIMIZER_CASES, ids=lambda case: repr(case.optimizer))
@pytest.mark.parametrize("ops", ["reference", "cpu"])
def test_an_unused_head_keeps_every_bit(case, ops):
    network = two_heads(ops)
    optimizer = case.optimizer.replace(learning_rate=0.01, weight_decay=0.1, clip_norm=1.0)
    given = training(network, optimizer, penalties=PENALTIES)
    before = {name: array.copy() for name, array in network.parameters.items()}
    first = {key: np.copy(given.optimizer_state[key]) for key in optimizer.arrays}
    walk(given, 5)
    changed = {name for name, array in network.parameters.items() if (array != before[name]).any()}
    assert {name.split("/")[0] for name in changed} == {"body", "trained"}
    assert [part.stop - part.start for part in given.frozen.parts] == [
        sum(a.size for name, a in before.items() if name.split("/")[0] in ("unused", "aside", "after"))
    ]
    for key, memory in first.items():
        for part in given.frozen.parts:
            np.testing.assert_array_equal(given.optimizer_state[key][part], memory[part])


def test_the_others_learn_as_without_it():
    nodes = [cl.Node(cl.Dense(5, activation="tanh"), "body"), cl.Node(cl.Dense(3), "trained")]
    alone = Network(nodes, (6,), ops="reference")
    whole = two_heads("reference")
    for name, array in alone.parameters.items():
        array[...] = whole.parameters[name]
    x, y = blobs()
    optimizer = cl.AdamW(0.02, weight_decay=0.1, clip_norm=0.5)
    one = training(whole, optimizer)
    other = Training(alone, Rows(x, y), "softmax_cross_entropy", optimizer, seed=5)
    walk(one, 10)
    walk(other, 10)
    for name, array in alone.parameters.items():
        np.testing.assert_allclose(whole.parameters[name], array, rtol=1e-10, atol=1e-13)


def test_parameters_that_one_of_several_nodes_learns_through_learn():
    network = two_heads("reference", shared=True)
    given = training(network, cl.AdamW(0.02))
    before = network.parameters["trained/kernel"].copy()
    walk(given, 2)
    assert (network.parameters["trained/kernel"] != before).all()


def test_freezing_and_thawing_leave_an_unused_head_alone():
    network = two_heads("reference")
    given = training(network, cl.SGD(0.1, momentum=0.9, weight_decay=0.1))
    before = {name: array.copy() for name, array in network.parameters.items()}
    for frozen, moving in ((["body"], {"trained"}), ([], {"body", "trained"})):
        given.edit("frozen", frozen)
        walk(given, 2)
        changed = {n.split("/")[0] for n, array in network.parameters.items() if (array != before[n]).any()}
        assert changed == moving
    # By hand it can be changed all the same.
    given.edit("weights['unused/kernel']", 0.5)
    walk(given, 2)
    assert (network.parameters["unused/kernel"] == 0.5).all()


def test_where_a_loss_leads_to_all_nothing_rests():
    x, y = blobs()
    network = Network([cl.Dense(4, activation="relu"), cl.Dense(3)], (6,), ops="reference")
    assert Training(network, Rows(x, y), "softmax_cross_entropy", cl.AdamW(0.01)).frozen.parts == []
