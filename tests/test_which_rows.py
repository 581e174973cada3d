"""Which column, which rows and which numbers are meant: one answer, or a refusal that names both."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.data import Dataset

ROWS = 60


@pytest.fixture
def table() -> pd.DataFrame:
    random = np.random.default_rng(0)
    found = pd.DataFrame(
        {"area": random.normal(size=ROWS), "rooms": random.integers(1, 5, ROWS).astype(float)}
    )
    found["price"], found["rent"] = 2 * found.area + found.rooms, found.area - found.rooms
    return found


def network(outputs: int = 1) -> cl.Network:
    names = ("p", "q")[:outputs]
    return cl.Network([cl.nn.Node(cl.Dense(1), name, "input") for name in names], 2, seed=0)


# Targets by the name of their column -------------------------------------------------------------------

INPUTS = {"frame": lambda x: x, "array": lambda x: x.to_numpy()}
ALONE = {
    "series": lambda t, name: t[name],
    "frame of one": lambda t, name: t[[name]],
    "by output": lambda t, name: {"p": t[name]},
    "by output, frame of one": lambda t, name: {"p": t[[name]]},
}


@pytest.mark.parametrize("asked", ALONE)
@pytest.mark.parametrize("trained", ALONE)
@pytest.mark.parametrize("inputs", INPUTS)
def test_another_column_is_not_judged_as_the_target(table, inputs, trained, asked):
    x, of = table[["area", "rooms"]], INPUTS[inputs]
    session = cl.train(network(), (of(x), ALONE[trained](table, "price")), "mse", seed=0)
    right = session.score((of(x), table["price"].to_numpy()))
    assert session.score((of(x), ALONE[asked](table, "price"))) == right
    other = of(x), ALONE[asked](table, "rent")
    with pytest.raises(ValueError, match=r"column 'rent', and the training predicts 'price'"):
        session.score(other)
    with pytest.raises(ValueError, match=r"column 'rent', and the training predicts 'price'"):
        cl.train(network(), (of(x), ALONE[trained](table, "price")), "mse", validation=other)
    # Without a name it is what the caller says that it is.
    assert session.score((of(x), table["rent"].rename(None))) != right


@pytest.mark.parametrize("trained", ALONE)
@pytest.mark.parametrize("inputs", INPUTS)
def test_a_dataset_of_another_target_is_not_judged_either(table, inputs, trained):
    x = INPUTS[inputs](table[["area", "rooms"]])
    session = cl.train(network(), (x, ALONE[trained](table, "price")), "mse", seed=0)
    data = table[["area", "rooms", "rent"]]
    with pytest.raises(ValueError, match=r"'rent'.* training predicts .*'price'"):
        session.score(Dataset(data, target="rent"))


@pytest.mark.parametrize("inputs", INPUTS)
def test_targets_of_two_outputs_are_not_swapped(table, inputs):
    x = INPUTS[inputs](table[["area", "rooms"]])
    right = {"p": table["price"], "q": table["rent"]}
    session = cl.train(network(2), (x, right), seed=0)
    session.score((x, right))
    with pytest.raises(ValueError, match=r"column 'rent', and the training predicts 'price'"):
        session.score((x, {"p": table["rent"], "q": table["price"]}))


def test_targets_that_had_no_name_are_judged_by_a_column_of_any(table):
    x, y = table[["area", "rooms"]], table["price"]
    named = [
        cl.train(network(), (x, each), "mse", seed=0).score((x, y))
        for each in (y, y.rename(None), y.to_numpy())
    ]
    assert named[0] == named[1] == named[2]


def test_outputs_that_share_their_targets_say_so(table):
    x = table[["area", "rooms"]]
    assert "all its outputs learn the same targets" in repr(cl.train(network(2), (x, table["price"])))
    own = {"p": table["price"], "q": table["rent"]}
    assert "the same targets" not in repr(cl.train(network(2), (x, own)))
    assert "the same targets" not in repr(cl.train(network(), (x, table["price"]), "mse"))


# Words beside class ids --------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [np.asarray, list, pd.Series, lambda y: {"p": np.asarray(y)}])
def test_words_are_not_numbered_apart_from_the_training(table, form):
    words = np.array(list("abc") * (ROWS // 3))
    x, ids = table[["area", "rooms"]].to_numpy(), np.unique(words, return_inverse=True)[1]
    net = cl.Network([cl.nn.Node(cl.Dense(3), "p", "input")], 2, seed=0)
    session = cl.train(net, (x, ids), seed=0)
    some = words != "a"
    with pytest.raises(
        ValueError, match=r"words for targets, 'b', 'c', and the training had numbers.*searchsorted"
    ):
        session.score((x[some], form(words[some])))
    again = np.searchsorted(np.unique(words), words[some])
    assert session.score((x[some], again)) == session.score((x[some], ids[some]))


# Columns that were made of an index ----------------------------------------------------------------------

INDEXES = {
    "gaps": lambda t: t.drop(index=[0, 3]),
    "words": lambda t: t.set_axis([f"r{i}" for i in range(len(t))], axis=0),
    "named": lambda t: t.set_axis(pd.Index(range(5, 5 + len(t)), name="id"), axis=0),
    "two levels": lambda t: t.set_axis(pd.MultiIndex.from_product([range(2), range(ROWS // 2)]), axis=0),
    "called as a column": lambda t: t.rename_axis("area").drop(index=[1]),
}
TAKEN = {
    "frame": lambda d: d.frame,
    "train": lambda d: d.train.frame,
    "test": lambda d: d.test.frame,
    "head": lambda d: d.train.frame.head(20),
    "loc": lambda d: d.test.frame.loc[d.test.rows[:8]],
    "copy": lambda d: d.frame.copy(),
    "again": lambda d: Dataset(d.train.frame, target="price").split(test=0.3).train.frame,
}


@pytest.mark.parametrize("taken", TAKEN)
@pytest.mark.parametrize("index", INDEXES)
def test_a_frame_given_again_has_no_input_more_than_it_was_given_with(table, index, taken):
    data = Dataset(INDEXES[index](table), target="price").split(test=0.25)
    assert data.features == ["area", "rooms", "rent"]
    frame = TAKEN[taken](data)
    assert Dataset(frame, target="price").features == data.features
    net = cl.Network([cl.Dense(1)], data)
    session = cl.train(net, (frame, "price"), "mse", seed=0)
    assert np.isfinite(session.score((frame, "price"))["loss"])
    net.predict(INDEXES[index](table).head())


def test_a_column_of_an_index_is_an_input_where_it_is_asked_for(table):
    data = Dataset(table.drop(index=[0]), target="price")
    assert Dataset(data.frame, inputs=["index", "area"], target="price").features == ["index", "area"]
    table["index"] = 1.0
    assert "index" in Dataset(table, target="price").features


# Rows to validate on -------------------------------------------------------------------------------------


def test_validation_is_what_was_recorded(table):
    columns = ["area", "rooms", "price"]
    data = Dataset(table[columns], target="price").split(validation=0.3, test=0.2)
    given = table[columns].head(25)
    for validation, wanted in (
        (given, given), ((given, "price"), given), (Dataset(given, target="price"), given),
        ("validation", data.validation), (0.0, None),
    ):  # fmt: skip
        session = cl.train(network(), data, "mse", seed=0, validation=validation, validate_every=1)
        session.step()
        if wanted is None:
            assert "validation_loss" not in session.trace
            continue
        recorded = session.trace["validation_loss"][-1]
        for each in (session, session.branch()):
            assert each.score("validation")["loss"] == pytest.approx(recorded, rel=1e-6)
        assert session.score(wanted)["loss"] == pytest.approx(recorded, rel=1e-6)


@pytest.mark.parametrize("size", [0.2, 5, np.float32(0.25)])
def test_a_fraction_beside_a_validation_split_says_which_rows_are_left_out(table, size):
    data = Dataset(table, ["area", "rooms"], "price").split(validation=0.3)
    session = cl.train(network(), data, "mse", validation=size)
    assert "the 18 rows of the split 'validation' are neither learned nor validated on" in repr(session)
    assert "neither learned" not in repr(cl.train(network(), data, "mse"))
