"""A trained network goes on with other data: what it knows by name keeps its place, or data are refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.data import Dataset
from tests.tables import LABELS, table

OPTIONS = ("softmax_cross_entropy", cl.Adam(0.1))
AFRESH = r"network.initialize\(seed\)"
random = np.random.default_rng(0)


def beside(labels, seed=0):
    """A table whose labels two columns of numbers and one of words tell apart."""
    frame = table(labels, seed)
    place = np.searchsorted(np.sort(labels), frame.y)
    return frame.assign(c=np.array(["blue", "green", "red"])[place])[["a", "b", "c", "y"]]


def learned(data, units=3, inputs=5, loss=OPTIONS[0]):
    network = cl.Network([cl.Dense(units)], inputs)
    cl.train(network, data, loss, OPTIONS[1], batch_size=8).step(40)
    return network


FORMS = {
    "dataset": lambda f: Dataset(f, [name for name in f.columns if name != "y"], "y"),
    "selected": lambda f: Dataset(
        pd.concat([f, f.assign(y=f.y.iloc[0])], ignore_index=True), target="y"
    ).select(np.arange(len(f))),
    "frame": lambda f: (f, "y"),
    "frame alone": lambda f: f,
    "pair": lambda f: (f.drop(columns="y"), f.y),
    "by name": lambda f: Dataset(f, {"input": [n for n in f.columns if n != "y"]}, {"dense_1": "y"}),
}
KNOWN = {
    "the same": lambda f: f,
    "in another order": lambda f: f[["y", "c", "b", "a"]],
    "without a category": lambda f: f[f.c != "blue"].reset_index(drop=True),
    "without a class": lambda f: f[f.y != f.y.min()].reset_index(drop=True),
    "of one kind": lambda f: f[f.c == "green"].reset_index(drop=True),
    "in an order of its own": lambda f: f.assign(
        c=pd.Categorical(f.c, ["red", "green", "blue"]), y=pd.Categorical(f.y, sorted(set(f.y), reverse=True))
    ),
}
UNKNOWN = {
    "a category": (lambda f: f.assign(c=f.c.replace("blue", "yellow")), "'c'.*'yellow'"),
    "categories": (lambda f: f.assign(c="yellow"), "'c'.*'yellow'"),
    "words for numbers": (lambda f: f.assign(a="far"), "column 'a'.* words, .* numbers"),
    "a label": (lambda f: f.assign(y=f.y.replace("ant", "wasp")), "label 'wasp', in 16 of 48 rows"),
    "a column": (lambda f: f.rename(columns={"a": "z"}), "the columns 'a', 'b', 'c', and the data have 'z'"),
    "a column more": (lambda f: f.assign(z=1.0), "the columns 'a', 'b', 'c', and the data have 'z'"),
    "a column less": (lambda f: f.drop(columns="a"), "the columns 'a', 'b', 'c', and the data lack 'a'"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("change", KNOWN)
def test_known_names_keep_their_places(form, change):
    frame = beside(LABELS["strings"])
    network = learned(frame)
    before, scores = network.predict(frame), []
    knows = network.reads, network.categories, network.classes
    session = cl.train(network, FORMS[form](KNOWN[change](frame)), *OPTIONS, batch_size=8)
    for _ in range(2):
        scores.append(session.score(frame))
        assert (network.reads, network.categories, network.classes) == knows
        if len(scores) == 1:
            np.testing.assert_array_equal(network.predict(frame), before)
        session.step(12)
    # What is learned of some classes is not unlearned of what they are called.
    some = KNOWN[change](frame)
    right = np.array(network.classes)[network.predict(some).argmax(axis=1)] == some.y.astype(str)
    assert scores[0]["accuracy"] > 0.9 and right.mean() > 0.9


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("change", UNKNOWN)
def test_unknown_names_are_refused_by_name_and_nothing_has_changed(form, change, tmp_path):
    frame = beside(LABELS["strings"])
    network = learned(frame)
    network.save(tmp_path / "network.h5")
    made, message = UNKNOWN[change]
    for each in (network, network.copy(), cl.Network.load(tmp_path / "network.h5")):
        with pytest.raises(ValueError, match=f"{message}.*{AFRESH}"):
            cl.train(each, FORMS[form](made(frame)), *OPTIONS, batch_size=8)
        np.testing.assert_array_equal(each.predict(frame), network.predict(frame))
        assert each.reads == network.reads and each.classes == ["ant", "bee", "cow"]
    if change == "a category" or change == "a label":
        network.initialize(1)
        cl.train(network, FORMS[form](made(frame)), *OPTIONS, batch_size=8).step()


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("form", ["dataset", "pair"])
def test_labels_of_every_type_keep_their_codes(kind, form):
    labels = LABELS[kind]
    frame = beside(labels)
    network = learned(frame)
    some = frame[frame.y != labels[0]].reset_index(drop=True)
    session = cl.train(network, FORMS[form](some), *OPTIONS, batch_size=8)
    assert session.dataset.classes == network.classes
    assert session.score(frame)["accuracy"] > 0.9
    assert session.process.objective.by_output(session.process.batches.targets)["dense_1"].min() == 1
    if kind == "numbers from 1":
        floats = cl.train(network, FORMS[form](some.assign(y=some.y.astype(float))), *OPTIONS, batch_size=8)
        assert floats.dataset.classes == network.classes
    with pytest.raises(ValueError, match=f"which the network has not learned; .*{AFRESH}"):
        cl.train(network, FORMS[form](frame.assign(y=frame.y.astype(str) + "0")), *OPTIONS, batch_size=8)


@pytest.mark.parametrize("labels", [["no", "yes"], [False, True], [0, 1], [1, 2]], ids=str)
def test_of_yes_and_no_one_is_enough_where_both_are_known(labels):
    frame = beside(np.array(labels)[np.array([0, 1, 1])]).assign(c="x")
    frame["a"] = np.where(frame.y == labels[1], 2.0, -2.0)
    loss = "sigmoid_cross_entropy"
    network = learned(frame.drop(columns="c"), 1, 2, loss)
    for label in labels:
        some = frame[frame.y == label].drop(columns="c").reset_index(drop=True)
        session = cl.train(network, (some, "y"), loss, cl.SGD(0.01), batch_size=4)
        session.step(3)
        assert session.score(some, "accuracy")["accuracy"] == 1


@pytest.mark.parametrize("form", ["words", "a column", "by output"])
def test_words_in_arrays_keep_their_ids(form):
    words, x = np.array(["cat", "dog"])[np.arange(60) % 2], random.normal(size=(60, 2))
    x[:, 0] += 4 * (words == "dog")
    made = {
        "words": lambda y: y,
        "a column": lambda y: pd.Series(y),
        "by output": lambda y: {"dense_1": y},
    }[form]
    network = cl.Network([cl.Dense(2)], 2)
    cl.train(network, (x, made(words)), *OPTIONS).step(40)
    before = network.predict(x)
    with pytest.raises(ValueError, match=f"label 'ant', in 30 of 60 rows.*{AFRESH}"):
        cl.train(network, (x, made(np.where(words == "cat", "ant", words))), *OPTIONS)
    dogs = cl.train(network, (x[1::2], made(words[1::2])), *OPTIONS, batch_size=8)
    np.testing.assert_array_equal(network.predict(x), before)
    assert dogs.score((x, made(words)))["accuracy"] > 0.9


def test_each_of_several_outputs_keeps_its_classes():
    frame = table(LABELS["strings"]).assign(size=lambda f: np.where(f.a > 2, "big", "small"))
    nodes = [cl.Node(cl.Dense(3), "kind", ("input",)), cl.Node(cl.Dense(2), "size", ("input",))]
    network = cl.Network(nodes, 2, outputs=["kind", "size"])
    losses = dict.fromkeys(network.graph.outputs, OPTIONS[0])

    def goes_on(given):
        return cl.train(
            network,
            Dataset(given, ["a", "b"], {"kind": "y", "size": "size"}),
            losses,
            OPTIONS[1],
            batch_size=8,
        )

    goes_on(frame).step(30)
    assert network.classes == {"kind": ["ant", "bee", "cow"], "size": ["big", "small"]}
    big = goes_on(frame[frame["size"] == "big"].reset_index(drop=True))
    assert big.dataset.classes == network.classes
    with pytest.raises(ValueError, match=f"column 'size' of .* label 'tiny'.*{AFRESH}"):
        goes_on(frame.assign(size=frame["size"].replace("small", "tiny")))


def test_batches_by_hand_are_refused_where_they_have_other_names():
    frame = beside(LABELS["strings"])
    network = learned(frame)
    for change, message in (
        (lambda f: f[f.c != "blue"].reset_index(drop=True), "trained on the words .*'blue'.* in column 'c'"),
        (lambda f: f[f.y != "ant"].assign(c=f.c).reset_index(drop=True), "the (words|classes) "),
        (lambda f: f[["b", "a", "c", "y"]], "trained on the columns .*in this order"),
    ):
        batches = Dataset(change(frame), target="y").batches(8)
        for made in (cl.Training, cl.train):
            # Fewer words are fewer columns, too.
            with pytest.raises(ValueError, match=rf"{message}.*{AFRESH}|give rows of shape \(4,\)"):
                made(network, batches, *OPTIONS)
    cl.Training(network, Dataset(frame, target="y").batches(8), *OPTIONS).whole_step()


def test_names_that_nothing_was_learned_under_bind_nobody():
    frame = beside(LABELS["strings"])
    other = frame.rename(columns={"a": "z"}).assign(c=frame.c.str.upper(), y=frame.y.str.upper())
    network = cl.Network([cl.Dense(3)], 5)
    for given in (frame, other, frame):
        session = cl.train(network, given, *OPTIONS, batch_size=8)
        assert network.classes == session.dataset.classes and network.categories == session.dataset.categories
    assert session.fork(learning_rate=[0.1])[0].network.categories == network.categories
    session.step()
    assert session.network_at(0).classes == network.classes
    with pytest.raises(ValueError, match=AFRESH):
        cl.train(network, other, *OPTIONS, batch_size=8)
    session.rewind(0)
    cl.train(network, other, *OPTIONS, batch_size=8).step()
    assert network.classes == ["ANT", "BEE", "COW"]


def test_an_autoencoder_goes_on_with_the_words_it_knows():
    frame = beside(LABELS["strings"]).drop(columns="y")
    network = cl.Network([cl.Dense(5)], 5)
    cl.train(network, Dataset(frame, target="inputs"), "mean_squared_error", cl.Adam(0.05)).step(5)
    some = frame[frame.c != "blue"].reset_index(drop=True)[["c", "b", "a"]]
    session = cl.train(
        network, Dataset(some, target="inputs"), "mean_squared_error", cl.Adam(0.05), batch_size=8
    )
    x, y = session.dataset.arrays()
    np.testing.assert_array_equal(x, y)
    assert session.dataset.features == ["a", "b", "c=blue", "c=green", "c=red"]


GIVEN = {
    "ids": lambda y, ids: ids,
    "a list of ids": lambda y, ids: ids.tolist(),
    "a column of ids": lambda y, ids: pd.Series(ids),
    "reals": lambda y, ids: ids.astype("float32"),
    "bytes": lambda y, ids: ids.astype("uint8"),
    "bools": lambda y, ids: ids > 0,
    "a unit to itself": lambda y, ids: ids[:, None],
    "unknown ones": lambda y, ids: np.where(ids == 0, -1, ids),
}


@pytest.mark.parametrize("by_name", [False, True])
@pytest.mark.parametrize("given", GIVEN)
def test_ids_are_no_words(given, by_name):
    words, ids = np.array(["cat", "dog"])[np.arange(60) % 2], np.arange(60) % 2
    x = random.normal(size=(60, 2))

    def named(y):
        return {"dense_1": y} if by_name else y

    session = cl.train(cl.Network([cl.Dense(2)], 2), (x, named(words)), *OPTIONS)
    other = GIVEN[given](words, ids)
    remedy = "numpy.array(['cat', 'dog'])[y]"
    for call in (
        lambda: session.score((x, named(other))),
        lambda: cl.train(
            cl.Network([cl.Dense(2)], 2), (x, named(words)), *OPTIONS, validation=(x, named(other))
        ),
    ):
        with pytest.raises(ValueError, match="numbers for targets, and the training had words") as told:
            call()
        assert remedy in str(told.value)
    followed = eval(remedy, {"numpy": np, "y": ids})
    assert session.score((x, named(followed))) == session.score((x, named(words)))
