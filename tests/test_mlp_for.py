"""What `mlp_for` describes for each kind of target and input, and that it trains."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.data import Dataset

ROWS = 60
RANDOM = np.random.default_rng(0)
NUMBERS = pd.DataFrame({"a": RANDOM.normal(300, 50, ROWS), "b": RANDOM.normal(size=ROWS)})
MIXED = NUMBERS.assign(c=RANDOM.choice(["x", "y", None], ROWS))
IDS = RANDOM.integers(0, 5, ROWS)
SIGMOID, SOFTMAX, SQUARES = "sigmoid_cross_entropy", "softmax_cross_entropy", "mean_squared_error"

TARGETS = {
    "words": (np.array(list("pqrst"))[IDS], 5, SOFTMAX),
    "two words": (np.where(IDS > 2, "yes", "no"), 1, SIGMOID),
    "bools": (IDS > 2, 1, SIGMOID),
    "0 and 1": ((IDS > 2).astype(int), 1, SIGMOID),
    "0 and 1 as floats": ((IDS > 2).astype(float), 1, SIGMOID),
    "1 and 2": (1 + (IDS > 2), 2, SOFTMAX),
    "-1 and 1": (np.where(IDS > 2, 1.0, -1.0), 1, SIGMOID),
    "ids": (IDS, 5, SOFTMAX),
    "odd numbers": (2 * IDS + 1, 5, SOFTMAX),
    "categories": (pd.Categorical(np.array(list("pqrst"))[IDS]), 5, SOFTMAX),
    "many whole numbers": (np.arange(ROWS) * 1000, 1, SQUARES),
    "floats": (RANDOM.normal(5e4, 1e3, ROWS), 1, SQUARES),
}


def described(data: Dataset) -> tuple[cl.TrainingSession, dict[str, str]]:
    session = cl.train(cl.models.mlp_for(data, hidden=(8,)), data, batch_size=16)
    session.run(3)
    return session, {name: loss.to_dict()["kind"] for name, loss in session.process.losses.items()}


@pytest.mark.parametrize("frame", [NUMBERS, MIXED], ids=["numbers", "prepared"])
@pytest.mark.parametrize("kind", TARGETS)
def test_what_is_predicted_says_how_it_ends(kind, frame):
    values, units, loss = TARGETS[kind]
    prepare = True if frame is MIXED and kind in ("words", "floats") else None
    frame = NUMBERS if prepare is None else frame
    data = Dataset(frame.assign(y=values), target="y", prepare=prepare).split(test=12, stratify=False)
    session, losses = described(data)
    (output,) = session.network.graph.outputs
    assert session.network.graph.shape(output) == (units,) and losses == {output: loss}
    assert not any("far from 0 to 1" in said for said in session.recipe.chosen)
    if loss == SQUARES:
        # Before it has learned anything, it predicts about what the rows to train on have on average.
        mean, deviation = np.mean(data.train.frame["y"]), np.std(data.train.frame["y"])
        assert abs(session.network.predict(data.test).mean() - mean) < 5 * deviation
    else:
        assert session.network.classify(data.test).shape == (12,) if session.network.classes else True


def test_scales_are_those_of_the_rows_to_train_on():
    data = Dataset(NUMBERS.assign(y=NUMBERS["a"] * 7), target="y").split(test=20)
    first, *_, last = cl.models.mlp_for(data).nodes.values()
    x, y = data.train.arrays()
    np.testing.assert_allclose(first.layer.mean, x.mean(axis=0, dtype=float))
    np.testing.assert_allclose(last.layer.mean, [y.mean(dtype=float)])
    assert last.layer.invert and not first.layer.invert


SEVERAL = {
    "several yes or no": (["p", "q"], {"dense_2": SIGMOID}),
    "several values": (["v", "w"], {"normalization_2": SQUARES}),
    "by name": ({"one": "p", "two": "v", "three": ["v", "w"], "four": "word"},
                {"one": SIGMOID, "two": SQUARES, "three": SQUARES, "four": SOFTMAX}),
}  # fmt: skip


@pytest.mark.parametrize("kind", SEVERAL)
@pytest.mark.parametrize("inputs", [["a", "b"], {"left": ["a"], "right": ["b"]}], ids=["one", "two"])
def test_several_targets_have_a_unit_or_a_head_each(kind, inputs):
    target, wanted = SEVERAL[kind]
    frame = NUMBERS.assign(p=IDS > 2, q=(IDS > 1).astype(int), v=NUMBERS["a"] ** 2, w=IDS * 0.5, word="x")
    frame["word"] = np.array(list("pqrst"))[IDS]
    frame["p"] = frame["p"].astype(int)
    session, losses = described(Dataset(frame, inputs, target).split(test=12, stratify=False))
    assert list(losses.values()) == list(wanted.values())
    if kind == "by name":
        assert list(losses) == list(wanted) and list(session.network.graph.outputs) == list(wanted)


def test_pictures_autoencoders_and_no_hidden_layer():
    digits = cl.data.load("digits")
    session, losses = described(digits)
    assert list(losses.values()) == [SOFTMAX]
    again = Dataset(MIXED, target="inputs", prepare=True).split(test=12)
    session, losses = described(again)
    assert list(losses.values()) == [SQUARES] and session.network.graph.shape("dense_2") == again.input_shape
    graph = cl.models.mlp_for(Dataset(NUMBERS.assign(y=IDS), target="y"), hidden=())
    assert [type(node.layer).__name__ for node in graph.nodes.values()] == ["Normalization", "Dense"]
    graph = cl.models.mlp_for(Dataset(NUMBERS.assign(y=IDS), target="y"), (4, 4), "tanh", 0.5)
    assert [type(node.layer).__name__ for node in graph.nodes.values()].count("Dropout") == 2


def test_a_graph_is_made_a_network_by_the_seed_and_can_be_one_first():
    data = Dataset(MIXED.assign(y=IDS), target="y", prepare=True).split(test=12)
    graph = cl.models.mlp_for(data, hidden=(8,))
    sessions = [
        cl.train(graph, data, batch_size=16, seed=3),
        cl.train(cl.Network(graph, seed=3), data, batch_size=16, seed=3),
    ]
    for session in sessions:
        session.run(3)
    np.testing.assert_array_equal(sessions[0].network.params, sessions[1].network.params)
    with pytest.raises(ValueError, match=r"split first, data = data\.split"):
        cl.train(graph, Dataset(MIXED.assign(c=None, y=IDS), target="y", prepare=True))


WRONG = {
    "no target": (lambda: Dataset(NUMBERS, target=None), {}, "'dataset' has no target"),
    "no Dataset": (lambda: NUMBERS, {}, "dataset must be a Dataset, cl.data.Dataset(frame, target=...)"),
    "no units": (lambda: Dataset(NUMBERS.assign(y=IDS), target="y"), {"hidden": (0,)}, "hidden must be"),
    "a number": (lambda: Dataset(NUMBERS.assign(y=IDS), target="y"), {"hidden": 64}, "hidden must be"),
    "a rate": (lambda: Dataset(NUMBERS.assign(y=IDS), target="y"), {"dropout": 2}, "dropout must be"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_no_network_can_be_for_is_refused(case):
    data, options, said = WRONG[case]
    with pytest.raises((ValueError, TypeError), match=re.escape(said)):
        cl.models.mlp_for(data(), **options)
