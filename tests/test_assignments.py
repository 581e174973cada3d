"""What people hold refuses an assignment that would do nothing, and says what to type instead."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.nn.train.edits import _OF_THE_WHOLE

X = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)


def held():
    network = cl.Network([cl.Dense(3)], 4)
    session = cl.train(network, (X, np.arange(12) % 3), batch_size=4)
    descent = cl.Session(cl.Descent(cl.Paraboloid(), cl.SGD(1e-3), [0.0, 0.0]))
    return {"network": network, "session": session, "dataset": cl.data.load("iris"), "descent": descent}


@pytest.mark.parametrize("kind", ["network", "session", "dataset", "descent"])
def test_every_name_is_assigned_and_read_again_or_is_refused(kind):
    thing = held()[kind]
    own = type(thing)
    for name in (*dir(own), *vars(thing), "a_note"):
        if name.startswith("_"):
            continue
        value, there = object(), vars(thing).get(name)
        if name in own.settable or getattr(getattr(own, name, None), "fset", None) is not None:
            continue
        with pytest.raises(AttributeError, match=f"{name}.*; .") as caught:
            setattr(thing, name, value)
        assert len(str(caught.value)) < 200 and vars(thing).get(name) is there


SETTINGS = [name for name in inspect.signature(cl.train).parameters if name != "network"]


@pytest.mark.parametrize("name", [*SETTINGS, *_OF_THE_WHOLE, "lr"])
def test_what_a_training_is_made_with_or_may_edit_is_named(name):
    session = held()["session"]
    edited = name in _OF_THE_WHOLE or name == "lr"
    said = f"session.edit.'{'learning_rate' if name == 'lr' else name}'" if edited else f"train.*{name}=..."
    with pytest.raises(AttributeError, match=said):
        setattr(session, name, 1)


@pytest.mark.parametrize("name", ["inputs", "target", "splits", "dtype", "weight", "group", "time"])
def test_what_a_dataset_is_made_with_is_named(name):
    dataset = held()["dataset"]
    for part in (dataset, dataset.split(test=0.2), dataset.select([0, 1])):
        with pytest.raises(AttributeError, match=f"Dataset.dataset.frame, {name}=..."):
            setattr(part, name, ["a"])


def test_what_may_be_assigned_is():
    things = held()
    things["session"].stop_on_fault = False
    things["dataset"].name = "flowers"
    things["network"].params *= 2
    things["network"].classes = ["a", "b", "c"]
    assert things["dataset"].split(test=0.2).test.name == "flowers.test"


def test_a_class_of_ones_own_has_what_it_wants():
    class Noted(cl.Network):
        def __init__(self):
            super().__init__([cl.Dense(3)], 4)
            self.note = "first"

    network = Noted()
    network.note = "second"
    assert network.note == "second"
    with pytest.raises(AttributeError, match="ops='gpu'"):
        network.ops = "gpu"
