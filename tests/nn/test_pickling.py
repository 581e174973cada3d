"""What pickle, joblib, torch and copy make of what people hold: the same again, or what to type instead."""

from __future__ import annotations

import copy
import io
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone

import cortex_lab as cl
from cortex_lab.study import Session
from tests.nn import cases


def through_joblib(thing):
    file = io.BytesIO()
    joblib.dump(thing, file)
    file.seek(0)
    return joblib.load(file)


def through_torch(thing):
    torch, file = pytest.importorskip("torch"), io.BytesIO()
    torch.save(thing, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


class Holding(BaseEstimator):
    def __init__(self, network=None):
        self.network = network


WAYS = {
    "pickle": lambda thing: pickle.loads(pickle.dumps(thing)),
    "the first pickle": lambda thing: pickle.loads(pickle.dumps(thing, protocol=0)),
    "joblib": through_joblib,
    "torch": through_torch,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "clone": lambda thing: clone(Holding(thing)).network,
}
KNOWN = ("reads", "categories", "classes", "named_at", "saw_bytes", "saw_large", "seed", "layers")


@pytest.mark.parametrize("case", cases.CASES, ids=lambda case: case.name)
def test_a_network_of_every_layer(case):
    inputs = {f"x{place}": shape for place, shape in enumerate(case.shapes)}
    network = cl.Network([cl.Node(case.layer, "it", inputs=list(inputs))], inputs, seed=3, ops="reference")
    network.params += 1
    for again in (pickle.loads(pickle.dumps(network)), copy.deepcopy(network)):
        assert type(again) is cl.Network and again.ops is network.ops
        assert again.graph.to_dict() == network.graph.to_dict()
        assert np.array_equal(again.params, network.params) and np.array_equal(again.state, network.state)
        assert not np.shares_memory(again.params, network.params)


@pytest.mark.parametrize("way", WAYS)
def test_a_network_that_was_trained_answers_alike_and_trains_on_alone(way):
    days = pd.to_datetime(["2024-01-01", "2024-01-02"])
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 2)), columns=days)
    frame = frame.assign(city=["Bern", "Oslo"] * 20, kind=np.where(frame.sum(axis=1) > 0, "up", "down"))
    network = cl.Network([cl.BatchNormalization(), cl.Dense(2)], 4)
    data = cl.data.Dataset(frame, target="kind")
    cl.train(network, data).run(5, progress=False)
    again = WAYS[way](network)
    for name in KNOWN:
        assert getattr(again, name) == getattr(network, name), name
    answer = network.predict(frame)
    assert np.array_equal(again.predict(frame), answer)
    session = cl.train(again, data)
    session.run(5, progress=False)
    assert np.array_equal(network.predict(frame), answer) and not np.array_equal(again.predict(frame), answer)
    assert np.array_equal(WAYS[way](again).predict(frame), again.predict(frame))


class Own(cl.Network):
    def __init__(self):
        super().__init__([cl.Dense(2)], 3)


@pytest.mark.parametrize("way", WAYS)
def test_a_network_of_ones_own_class_is_a_network_as_its_copy_is(way):
    own = Own()
    assert type(WAYS[way](own)) is type(own.copy()) is cl.Network


@pytest.mark.parametrize("way", WAYS)
def test_parameters_alone_are_what_they_were(way):
    network = cl.Network([cl.Dense(2)], 3)
    kept, kernel = WAYS[way](network.parameters), network.parameters["dense_1/kernel"].copy()
    network.params[...] = 0
    assert type(kept) is dict and list(kept) == list(network.parameters)
    assert np.array_equal(kept["dense_1/kernel"], kernel) and kernel.any()
    network.parameters.update(kept)
    assert np.array_equal(network.parameters["dense_1/kernel"], kernel)


def sessions():
    x = np.ones((8, 3))
    training = cl.train(cl.Network([cl.Dense(1)], 3), (x, x[:, 0]), "mse")
    descent = Session(cl.optimize.Descent(cl.optimize.Rosenbrock(), cl.SGD(0.01)))
    return {"training": training, "descent": descent, "trace": training.trace}


SAID = {"training": r"session.save\('it.h5'\)", "descent": r"session.fork\(\)", "trace": r"trace.frame\(\)"}


@pytest.mark.parametrize("way", [way for way in WAYS if way != "clone"])
@pytest.mark.parametrize("kind", SAID)
def test_a_session_and_its_trace_say_what_keeps_them(kind, way):
    with pytest.raises(TypeError, match=f"is not pickled, nor copied by copy: .*{SAID[kind]}"):
        WAYS[way](sessions()[kind])
    assert sessions()["training"].fork()[0].step_number == 0


@pytest.mark.parametrize("name", ["cpu", "reference"])
def test_a_backend_is_the_one_that_there_is(name):
    ops = cl.compute.get_ops(name)
    assert all(WAYS[way](ops) is ops for way in WAYS if way != "clone")
