"""What is answered to a habit exists, in every table of answers; every description answers alike."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
import scipy.special

import cortex_lab as cl
from cortex_lab.data.answers import Answers
from cortex_lab.ground import habits
from cortex_lab.ground.spelling import squeezed
from cortex_lab.lab.answers import ANSWERS as OF_SESSIONS
from cortex_lab.lab.session import TrainingSession
from cortex_lab.nn.contract import loss_names, spelling
from cortex_lab.nn.contract.activation import ACTIVATIONS
from cortex_lab.nn.contract.initializers import INITIALIZERS
from cortex_lab.nn.contract.loss import LOSSES, resolve_loss
from cortex_lab.nn.run.answers import _SURE, JUDGED
from cortex_lab.nn.run.answers import ANSWERS as OF_NETWORKS
from cortex_lab.study.history import History
from tests.nn import cases

X = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
HELD = (cl.Network, TrainingSession, cl.data.Dataset)
TEXTS = {
    "keywords": [text for texts in habits.KEYWORDS.values() for text in texts if not text.isidentifier()],
    "names": list(habits.NAMES.values()),
    "networks": list(OF_NETWORKS.values()),
    "sessions": list(OF_SESSIONS.values()),
    "datasets": list(Answers.answers.values()),
    "assigned": [text for kind in HELD for text in (*kind.assigning.values(), kind.remade)],
    "snapshots": list(History.answers.values()),
}


@pytest.mark.parametrize("table", TEXTS)
def test_what_an_answer_names_is_there(table):
    network = cl.Network([cl.Dense(3)], 4)
    known = {
        "cl": cl,
        "network": network,
        "session": cl.train(network, (X, np.arange(8) % 3), batch_size=4),
        "dataset": cl.data.load("digits"),
    }
    named = [
        found
        for text in TEXTS[table]
        for found in re.findall(r"\b(cl|network|session|dataset)((?:\.\w+)+)", text)
    ]
    assert named or table == "snapshots"
    for owner, path in named:
        thing = known[owner]
        for name in path.split(".")[1:]:
            # Before a step some are not there yet, and say so.
            assert hasattr(type(thing), name) or hasattr(thing, name), f"{owner}{path}"
            if hasattr(type(thing), name) and owner != "cl":
                break
            thing = getattr(thing, name)


def test_what_is_answered_is_not_there_in_truth():
    there = {*dir(cl.Network([cl.Dense(1)], 1))}
    assert not there & {*OF_NETWORKS} and not {*dir(TrainingSession)} & {*OF_SESSIONS}
    assert not {*dir(cl.data.Dataset)} & {*Answers.answers} and not {*dir(cl)} & {*habits.NAMES}
    assert all(name == squeezed(name) for name in (*habits.KEYWORDS, *habits.NAMES))


def descriptions():
    registries = (
        cl.nn.LAYERS,
        cl.nn.LOSSES,
        cl.optimize.OPTIMIZERS,
        cl.optimize.SCHEDULES,
        cl.optimize.FUNCTIONS,
    )
    return [kind for registry in registries for kind in registry.values()]


@pytest.mark.parametrize("kind", descriptions(), ids=lambda kind: kind.__name__)
def test_every_description_answers_an_argument_it_does_not_take(kind):
    settings = [each.name for each in dataclasses.fields(kind) if each.init and each.name != "name"]
    with pytest.raises(TypeError, match=f"{kind.__name__} takes no qqqqq=: it takes") as caught:
        kind(qqqqq=1)
    assert all(name in str(caught.value) for name in settings)
    for name in settings:
        if len(name) > 4 and name.upper() != name:
            with pytest.raises(ValueError, match=f"takes no {name.upper()}=.*{name}"):
                kind(**{name.upper(): 1})


@pytest.mark.parametrize("case", cases.CASES, ids=lambda case: case.name)
def test_every_layer_takes_a_name_that_is_no_setting(case):
    named = dataclasses.replace(case.layer, name="it")
    assert named == case.layer and repr(named) == repr(case.layer) and named.to_dict() == case.layer.to_dict()
    inputs = {f"x{place}": shape for place, shape in enumerate(case.shapes)}
    if len(inputs) == 1:
        graph = cl.Graph.build([named], {"x0": case.shapes[0]})
        assert "it" in graph.nodes and graph.nodes["it"].layer == case.layer
        assert cl.Graph.from_dict(graph.to_dict()).to_dict() == graph.to_dict()
    with pytest.raises(ValueError, match="a node is called 'it' and 'other'"):
        cl.Node(named, "other")


def test_names_are_kept_in_blocks_and_by_cutting():
    block = cl.Block([cl.Dense(3, name="inner")], name="block", repeat=2)
    net = cl.Network([block, cl.Dense(2, name="head")], 4)
    assert net.layers == ["block_1.inner", "block_2.inner", "head"]
    assert net.cut("block_1.inner", [cl.Dense(5, name="tail")]).layers == ["block_1.inner", "tail"]
    with pytest.raises(ValueError, match="kept for arrays"):
        cl.Network([cl.Dense(3, name="a/b")], 4)


SPELLINGS = (str, str.upper, lambda name: name.replace("_", "-"), lambda name: name.title().replace("_", ""))


@pytest.mark.parametrize("spell", SPELLINGS)
def test_every_name_in_every_spelling(spell):
    for name in LOSSES:
        # Keras' name for another thing, told by the last layer, in all spellings but our own.
        if squeezed(name) not in (
            *loss_names.CATEGORICAL,
            *loss_names.BINARY,
            "softmaxcrossentropy",
            "centerloss",
        ):
            assert loss_names.loss_name(spell(name), LOSSES) == name
    for name in cl.optimize.OPTIMIZERS:
        assert type(cl.optimize.as_optimizer(spell(name))).__name__ == name
    for name in ("same", "valid"):
        assert cl.Conv2D(1, 3, padding=spell(name)).padding == name


@pytest.mark.parametrize("table", ["_ACTIVATIONS", "_INITIALIZERS"])
def test_every_other_name_is_of_something_there(table):
    there = ACTIVATIONS if table == "_ACTIVATIONS" else INITIALIZERS
    later = {"hard_swish", "exponential"} - {*there}
    for name, ours in getattr(spelling, table).items():
        assert name == squeezed(name) and (ours in there or ours in later)


def test_every_activation_and_initializer_by_its_class_and_its_name():
    for name in ACTIVATIONS:
        pascal = "".join(part.title() for part in name.split("_"))
        for spelled in (name, name.upper(), pascal if pascal not in ("Relu6",) else name):
            assert cl.Dense(1, spelled).activation == name
        assert cl.Dense(1, cl.Activation(name)).activation == name
    for name in INITIALIZERS:
        for spelled in (name, name.upper(), "".join(part.title() for part in name.split("_"))):
            assert cl.Dense(1, kernel_initializer=spelled).kernel_initializer == name


@pytest.mark.parametrize("name", [*loss_names.SAME, *loss_names.WITHOUT])
def test_every_other_name_of_a_loss(name):
    for spelled in (name, name.upper(), f"{name}_loss"):
        if name in loss_names.WITHOUT:
            with pytest.raises(ValueError, match=r"there is no loss .* here: "):
                resolve_loss(spelled)
        else:
            assert loss_names.loss_name(spelled, LOSSES) == loss_names.SAME[name]


ENDS = {
    (None, 3): "softmax_cross_entropy",
    (None, 1): "sigmoid_cross_entropy",
    ("softmax", 3): "categorical_cross_entropy",
    ("sigmoid", 1): "binary_cross_entropy",
    ("hard_sigmoid", 1): "binary_cross_entropy",
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", [*loss_names.EITHER, *loss_names.CATEGORICAL, *loss_names.BINARY])
def test_every_cross_entropy_by_the_last_layer(name, end):
    activation, units = end
    if (units == 1) == (name in loss_names.CATEGORICAL) or (units > 1 and name in loss_names.BINARY):
        return
    found = resolve_loss(name, activation, (units,))
    assert found == resolve_loss(ENDS[end])
    with pytest.raises(ValueError, match="depends on the last layer"):
        resolve_loss(name)


NETWORKS = {
    f"{units} {end}": cl.Network([cl.Dense(units, activation=end)], 4)
    for units in (1, 3)
    for end in ("linear", "sigmoid", "hard_sigmoid", "softmax", "log_softmax")
}


@pytest.mark.parametrize("asked", JUDGED)
@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_answered_about_classes_fits_the_last_layer(name, asked):
    network, units = NETWORKS[name], int(name[0])
    with pytest.raises(AttributeError) as caught:
        getattr(network, asked)
    typed = str(caught.value).partition(": ")[2]
    found = eval(typed, {"network": network, "scipy": scipy, "numpy": np, "x": X})
    if asked == "predict_classes":
        raw = network.predict(X)
        wanted = (
            raw.argmax(-1) if units > 1 else raw > (0.5 if "sigmoid" in name or name[2:] == "softmax" else 0)
        )
        assert np.array_equal(found, wanted)
    elif asked != "decision_function":
        shares = found if asked == "predict_proba" else np.exp(found)
        assert ((shares >= 0) & (shares <= 1)).all()
        assert units == 1 or "sigmoid" in name or np.allclose(shares.sum(-1), 1, atol=1e-5)
    else:
        assert found.shape == (8, units)


@pytest.mark.parametrize(
    "end", [each for each in ACTIVATIONS if each not in ("linear", *_SURE, "log_softmax")]
)
def test_of_other_last_layers_nothing_is_said_to_be_a_probability(end):
    with pytest.raises(AttributeError, match=f"of {end}, are no probabilities; end the network in Dense"):
        _ = cl.Network([cl.Dense(1, activation=end)], 4).predict_proba


def test_a_session_answers_as_its_network():
    session = cl.train(NETWORKS["1 linear"], (X, np.arange(8) > 3), batch_size=4)
    with pytest.raises(AttributeError, match=r"expit.session.network.predict"):
        _ = session.predict_proba
