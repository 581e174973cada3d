"""Data, rows and splits handed over by habits of elsewhere: each works, or says what to type."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.data import Dataset

ROWS = 60
X = np.random.default_rng(0).normal(size=(ROWS, 4)).astype(np.float32)
IDS = np.arange(ROWS) % 3
FRAME = pd.DataFrame(X, columns=list("abcd"))
PRICED = FRAME.assign(price=X[:, 0] ** 2)
WORDS = PRICED.assign(city=np.array(["Bern", "Oslo", "Rome"])[IDS])
SWITCH = pd.Series([True, False] * (ROWS // 2), dtype=object)


def net(units=1, width=4):
    return cl.Network([cl.Dense(units)], width)


# Yes and no in a column of objects --------------------------------------------------------------------


@pytest.mark.parametrize("others", [[], ["a"]])
def test_yes_and_no_kept_as_objects_are_inputs(others):
    frame = PRICED.assign(on=SWITCH)[["on", *others, "price"]]
    plain, width = frame.astype({"on": bool}), 1 + len(others)
    assert np.array_equal(
        Dataset(frame, target="price").arrays()[0], Dataset(plain, target="price").arrays()[0]
    )
    network, inputs = net(1, width), frame.drop(columns="price")
    untrained = network.predict(inputs)
    assert np.array_equal(untrained, network.predict(plain.drop(columns="price")))
    for data in ((frame, "price"), (inputs, PRICED["price"].to_numpy()), Dataset(frame, target="price")):
        session = cl.train(net(1, width), data, validation=(inputs, PRICED["price"].to_numpy()))
        session.step(2)
        assert session.network.predict(inputs).shape == (ROWS, 1)


# Pairs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (((X, IDS), (X, IDS)), r"give the second as validation=\(inputs, targets\)"),
        (((FRAME, PRICED.price), (FRAME, PRICED.price)), r"validation=\(inputs, targets\)"),
        ((PRICED.price, PRICED), r"inputs stand first.*\(frame, 'price'\)"),
        (("price", PRICED), r"inputs stand first.*\(frame, 'price'\)"),
        ((PRICED.price, FRAME), r"inputs stand first.*\(frame, targets\)"),
        ((X[:, 0], X), r"inputs stand first.*\(inputs, targets\)"),
        ((IDS, X), r"inputs stand first.*\(inputs, targets\)"),
    ],
)
def test_pairs_that_are_none(data, said):
    with pytest.raises((TypeError, ValueError), match=said):
        cl.train(net(3), data)


# Datasets -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [PRICED.price, PRICED.price.to_numpy(), IDS, pd.Series(IDS)])
@pytest.mark.parametrize("called", ["inputs", "target"])
def test_values_where_a_dataset_names_columns(called, values):
    with pytest.raises(
        ValueError, match=rf"{called} names columns .*frame.assign\(label=y\), target='label'"
    ):
        Dataset(FRAME, **{called: values})


def test_names_in_arrays_are_names():
    assert Dataset(PRICED, np.array(["a", "b"]), "price").input_shape == (2,)
    with pytest.raises(KeyError, match="no column 'e'"):
        Dataset(PRICED, np.array(["a", "e"]), "price")


def test_a_target_in_the_place_of_the_inputs():
    with pytest.raises(KeyError, match=r"Dataset\(frame, target='price'\)"):
        Dataset(PRICED, "price")


def test_sizes_one_after_another():
    with pytest.raises(ValueError, match=r"split\(test=0.2, validation=0.1\)"):
        Dataset(PRICED, target="price").split(0.6, 0.2, 0.2)


# One row ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trained", [False, True])
def test_one_row_of_a_frame_is_a_frame(trained):
    network = net()
    if trained:
        cl.train(network, (PRICED, "price"))
    with pytest.raises(ValueError, match=r"frame.iloc\[\[0\]\]"):
        network.predict(FRAME.iloc[0])
    with pytest.raises(ValueError, match=r"pandas.DataFrame\(\[row\]\)"):
        network.predict(FRAME.iloc[0].to_dict())
    assert network.predict(pd.DataFrame([FRAME.iloc[0].to_dict()])).shape == (1, 1)


def test_one_row_with_words():
    network = cl.Network([cl.Dense(1)], 7)
    cl.train(network, (WORDS, "price"))
    with pytest.raises(ValueError, match=r"frame.iloc\[\[0\]\]"):
        network.predict(WORDS.iloc[0])
    assert network.predict(WORDS.iloc[[0]]).shape == (1, 1)


def test_words_before_any_training():
    data = Dataset(WORDS, target="price")
    network = cl.Network([cl.Dense(1)], data)
    for frame in (WORDS, WORDS[["city"]], WORDS.astype({"city": "category"})):
        with pytest.raises(ValueError, match=r"'city' holds words.*train it first"):
            network.predict(frame)
    assert network.predict(data).shape == (ROWS, 1)


# Splits -------------------------------------------------------------------------------------------------

SPLIT = {
    "arrays": lambda: cl.train(net(3), (X, IDS), validation=0.2),
    "frame": lambda: cl.train(net(), (PRICED, "price"), validation=0.2),
    "words": lambda: cl.train(net(3), (X, np.array(list("abc"))[IDS]), validation=0.2),
    "pair": lambda: cl.train(net(3), (X, IDS), validation=(X[:20], IDS[:20])),
}


@pytest.mark.parametrize("kind", SPLIT)
def test_a_split_that_is_not_there_names_those_that_are(kind):
    session = SPLIT[kind]()
    with pytest.raises(KeyError, match=r"no split 'test'.*'validation'"):
        session.score()
    session.run(cl.epochs(1), progress=False)
    loss = session.trace.recorded("validation_loss")[1][-1]
    assert session.score("validation")["loss"] == pytest.approx(loss, rel=1e-5)
    with pytest.raises(KeyError, match="did you mean 'validation'"):
        session.score("validate")


def test_a_split_written_otherwise():
    session = cl.train(net(), Dataset(PRICED, target="price").split())
    with pytest.raises(KeyError, match="did you mean 'test'"):
        session.score("tests")
    with pytest.raises(KeyError, match="did you mean 'validation'"):
        cl.train(net(3), (X, IDS), validation="validate")
    with pytest.raises(KeyError, match="not split; give a Dataset"):
        cl.train(net(3), (X, IDS)).score()


# What holds itself --------------------------------------------------------------------------------------


def _holding_itself(kind):
    found = kind()
    found.append(found) if kind is list else found.update(a=found)
    return found


PLACES = {
    "targets": lambda it: cl.train(net(3), (X, it)),
    "targets ": lambda it: cl.train(net(3), (X, {"dense_1": it})),
    "input": lambda it: cl.train(net(3), (it, IDS)),
    "input ": lambda it: cl.train(net(3), ({"input": it}, IDS)),
    "data": lambda it: cl.train(net(3), it),
    "loss|inputs and targets": lambda it: cl.train(net(3), (X, IDS), it),
    "validation": lambda it: cl.train(net(3), (X, IDS), validation=it),
    "validation ": lambda it: cl.train(net(3), (X, IDS), validation=(X, it)),
    "metric": lambda it: cl.train(net(3), (X, IDS), metrics=it, validation=0.2),
    "sample_weight": lambda it: cl.train(net(3), (X, IDS), sample_weight=it),
    "class_weight": lambda it: cl.train(net(3), (X, IDS), class_weight=it),
    "penalt": lambda it: cl.train(net(3), (X, IDS), penalties=it),
    "targets  ": lambda it: cl.train(net(3), (X, IDS)).score((X, it)),
    "targets   ": lambda it: cl.train(net(3), (X, IDS)).score((X, {"dense_1": it})),
    "input  ": lambda it: net(3).predict(it),
    "input   ": lambda it: net(3).predict({"input": it}),
    "target": lambda it: cl.data.Batches(X, it, batch_size=3),
    "data ": lambda it: cl.Normalization().adapt(it),
}
"""By a word of what is said: where it is given."""


@pytest.mark.parametrize("kind", [list, dict])
@pytest.mark.parametrize("place", PLACES)
def test_what_holds_itself_is_refused_by_name(place, kind):
    with pytest.raises((TypeError, ValueError, KeyError), match=place.strip()) as told:
        PLACES[place](_holding_itself(kind))
    assert not any(word in str(told.value) for word in ("unhashable", "sequence", "recursion"))
    assert len(str(told.value)) < 320
