"""One's own table: numbers, words and labels in the forms that people hand over, read alike everywhere."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl

ROWS = 40
WORDS = {
    "strings": lambda words: words,
    "objects": lambda words: words.astype(object),
    "categories": lambda words: words.astype(pd.CategoricalDtype(["Rome", "Oslo", "Bern"])),
    "nullable strings": lambda words: words.astype("string"),
}


def table(kind="strings", rows=ROWS):
    random = np.random.default_rng(0)
    words = pd.Series(np.array(["Bern", "Oslo", "Rome"])[np.arange(rows) % 3])
    frame = pd.DataFrame({"age": random.normal(size=rows), "city": WORDS[kind](words)})
    return frame.assign(garden=frame["age"] > 0, price=random.normal(size=rows))


def trained(data, inputs, units=1, loss="mean_squared_error", **options):
    session = cl.train(
        cl.Network([cl.Dense(units)], inputs), data, loss, cl.Adam(0.1), batch_size=8, **options
    )
    session.step(3)
    return session


FORMS = {
    "a frame and a column": lambda frame: (frame, "price"),
    "a frame with a target": lambda frame: frame.rename(columns={"price": "target"}),
    "frame and column apart": lambda frame: (frame.drop(columns="price"), frame["price"]),
    "a Dataset": lambda frame: cl.data.Dataset(frame, target="price"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", WORDS)
def test_every_form_reads_every_kind_of_words_alike(form, kind):
    frame = table(kind)
    ours = trained(FORMS[form](frame), 5)
    order = ["Rome", "Oslo", "Bern"] if kind == "categories" else ["Bern", "Oslo", "Rome"]
    assert ours.network.categories == {"city": order} and "'city' (" in repr(ours)
    by_hand = pd.get_dummies(frame["city"])[order].to_numpy(float)
    x = np.column_stack([frame["age"], by_hand, frame["garden"]])
    theirs = trained((x.astype(np.float32), frame["price"].to_numpy(np.float32)), 5)
    assert ours.trace["loss"].tolist() == theirs.trace["loss"].tolist()
    # Other rows are read as those that were learned from, whichever words they have.
    some = frame[frame["city"].astype(str) == "Oslo"]
    assert (ours.network.predict(some) == ours.network.predict(x[some.index])).all()


@pytest.mark.parametrize("named", [False, True])
def test_words_of_a_pair_are_read_as_those_that_were_learned_from(named):
    frame = table()
    inputs = {"input": ["age", "city", "garden"]} if named else ["age", "city", "garden"]
    session = trained(cl.data.Dataset(frame, inputs, "price"), 5)
    some = frame[frame["city"] == "Oslo"]
    pairs = (some[["age", "city", "garden"]], some["price"]), (some, some["price"].to_numpy(np.float32))
    scores = [session.score(pair) for pair in pairs]
    assert scores[0] == scores[1] == session.score(some)
    with pytest.raises(ValueError, match="'Wien'"):
        session.score((some.assign(city="Wien"), pairs[1][1]))


def test_what_was_learned_of_words_is_saved_and_a_new_one_is_named(tmp_path):
    frame = table()
    session = trained((frame, "price"), 5, validation=0.2)
    session.save(tmp_path / "it.h5")
    network = cl.Network.load(tmp_path / "it.h5")
    assert (network.predict(frame) == session.network.predict(frame)).all()
    other = frame.assign(city=["Osloo", *frame["city"][1:]])
    for read in (network.predict, session.score):
        with pytest.raises(ValueError, match=r"'city' of .* holds 'Osloo', in 1 of .*did you mean 'Oslo'"):
            read(other)
    again = trained((frame, "price"), 5, validation=0.2)
    assert "Categorical.from_codes" in str(again.script())


BAD = {
    "a missing column": (lambda f: (f, "prize"), KeyError, "no column 'prize'.*did you mean 'price'"),
    "a frame alone": (lambda f: f, TypeError, r"give \(frame, 'price'\)"),
    "a gap among words": (
        lambda f: (f.assign(city=[None, *f["city"][1:]]), "price"), ValueError, "'city'.*gaps"
    ),
    "a gap": (lambda f: (f.replace(f["age"][3], np.nan), "price"), ValueError, "'age' is NaN.*median"),
    "gaps alone": (lambda f: (f.assign(age=np.nan), "price"), ValueError, r"'age' is NaN.*drop\(columns"),
    "numbers as words": (lambda f: (f.assign(city=f["age"].astype(str)), "price"), ValueError, "to_numeric"),
    "names": (
        lambda f: (pd.concat([f] * 3, ignore_index=True).assign(city=[f"n{i}" for i in range(120)]), "price"),
        ValueError, "120 different words.*drop",
    ),
    "two columns of one name": (lambda f: (pd.concat([f, f[["age"]]], axis=1), "price"), ValueError, "'age'"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_named_with_what_to_type(case):
    make, error, message = BAD[case]
    with pytest.raises(error, match=message) as caught:
        trained(make(table()), 5)
    assert len(str(caught.value)) < 420


NO_LABELS = {
    "one class": (["a"] * ROWS, "nothing to learn"),
    "one date": ([pd.Timestamp("2024-01-01")] * ROWS, r"y.min\(\)\).dt.total_seconds"),
    "dates": (pd.date_range("2024-01-01", periods=ROWS), r"y.min\(\)\).dt.total_seconds"),
    "lengths of time": (pd.to_timedelta(np.arange(ROWS), "h"), "dt.total_seconds"),
    "Decimals": ([Decimal(number) / 7 for number in range(ROWS)], r"astype\(float\)"),
    "numbers in words": ([f"{number}.5" for number in range(ROWS)], r"astype\(float\)"),
}


@pytest.mark.parametrize("form", ["a column", "an array"])
@pytest.mark.parametrize("kind", NO_LABELS)
def test_labels_that_are_none_are_told_from_such_that_want_units(kind, form):
    values, message = NO_LABELS[kind]
    frame = table()[["age"]].assign(y=values)
    data = (frame, "y") if form == "a column" else (frame[["age"]].to_numpy(), np.asarray(values))
    with pytest.raises(ValueError, match=message) as caught:
        cl.train(cl.Network([cl.Dense(1)], 1), data)
    assert "Dense(" not in str(caught.value) and len(str(caught.value)) < 300


@pytest.mark.parametrize("made", [dict, pd.DataFrame.to_records, pd.DataFrame.to_numpy])
def test_a_name_beside_what_is_no_frame_says_to_make_one(made):
    named = r", columns=\[..., 'price'\]" if made is pd.DataFrame.to_numpy else ""
    with pytest.raises(TypeError, match=rf"\(pandas.DataFrame\(data{named}\), 'price'\)") as caught:
        trained((made(table()), "price"), 5, loss=None)
    assert len(str(caught.value)) < 300


GIVEN_AWAY = {
    "a column beside its frame": lambda f: (f, f["price"]),
    "one of words": lambda f: (f, f["city"]),
    "one of bools": lambda f: (f, f["garden"]),
    "a frame beside its frame": lambda f: (f, f[["price"]]),
    "a Dataset": lambda f: cl.data.Dataset(f, ["age", "price"], "price"),
    "several columns": lambda f: cl.data.Dataset(f, ["age", "price", "garden"], ["price", "garden"]),
    "by name": lambda f: cl.data.Dataset(f, {"input": ["age", "price"]}, {"dense_1": "price"}),
    "a Dataset of words": lambda f: cl.data.Dataset(f, ["age", "city"], "city"),
    "one that is split": lambda f: cl.data.Dataset(f, ["age", "price"], "price").split(test=0.2),
}


@pytest.mark.parametrize("form", GIVEN_AWAY)
def test_a_target_among_the_inputs_is_named(form):
    with pytest.raises(ValueError, match=r"the inputs") as caught:
        cl.train(cl.Network([cl.Dense(3 if "words" in form else 1)], 2), GIVEN_AWAY[form](table()))
    named = {"price", "city", "garden"}
    assert any(f"column {name!r}" in str(caught.value) for name in named) and len(str(caught.value)) < 200


def test_inputs_that_are_all_predicted_and_columns_of_one_name_are_no_leak():
    frame = table()[["age", "price"]]
    for data in (cl.data.Dataset(frame, ["age", "price"], ["price", "age"]),
                 cl.data.Dataset(frame, ["age", "price"], "inputs"),
                 cl.data.Dataset(frame, {"input": ["age", "price"]}, {"dense_1": ["age", "price"]}),
                 cl.data.Dataset(table(), ["age", "garden"], ["price", "age"]),
                 (frame, frame["price"].shift(-1, fill_value=0.0))):  # fmt: skip
        cl.train(cl.Network([cl.Dense(2 - isinstance(data, tuple))], 2), data).step()


LABELS = {
    "an array": lambda words: words,
    "a list": lambda words: words.tolist(),
    "a column of its own": lambda words: words[:, None],
    "a Series": pd.Series,
    "a categorical": lambda words: pd.Series(pd.Categorical(words)),
}


@pytest.mark.parametrize("form", LABELS)
def test_labels_beside_arrays_may_be_words(form):
    ids = np.arange(ROWS) % 3
    x, words = np.eye(4, dtype=np.float32)[ids], np.array(["ant", "bee", "cow"])[ids]
    session = trained((x, LABELS[form](words)), 4, 3, "softmax_cross_entropy", validation=0.2)
    by_id = trained((x, ids), 4, 3, "softmax_cross_entropy", validation=0.2)
    assert session.trace["loss"].tolist() == by_id.trace["loss"].tolist()
    assert session.network.classes == ["ant", "bee", "cow"]
    assert session.score((x, LABELS[form](words))) == by_id.score((x, ids))
    with pytest.raises(ValueError, match="numbers for targets, and the training had words, 'ant', 'bee'"):
        session.score((x, ids))
    with pytest.raises(ValueError, match="'dog'"):
        session.score((x[:1], ["dog"]))


def test_targets_may_be_a_dict_by_output():
    ids, x = np.arange(ROWS) % 3, np.random.default_rng(0).normal(size=(ROWS, 4)).astype(np.float32)
    heads = [cl.Node(cl.Dense(3), "a", ("body",)), cl.Node(cl.Dense(1), "b", ("body",))]
    network = cl.Network([cl.Node(cl.Dense(4), "body"), *heads], 4)
    losses = {"a": "softmax_cross_entropy", "b": "mean_squared_error"}
    targets = {"a": np.array(["ant", "bee", "cow"])[ids], "b": x[:, 0]}
    session = cl.train(network, (x, targets), losses, cl.Adam(), batch_size=8)
    session.step(2)
    assert session.score((x, targets))["loss"] > 0
    with pytest.raises(ValueError, match="targets for 'a', losses for 'a', 'b'"):
        cl.train(network, (x, {"a": ids}), losses, cl.Adam())


def test_an_index_is_no_input_and_an_autoencoder_learns_its_inputs():
    frame = table()
    for index in (
        pd.Index(range(5, 5 + ROWS), name="age"),
        pd.Index([f"r{i}" for i in range(ROWS)], name="id"),
    ):
        assert cl.data.Dataset(frame.set_index(index), target="price").columns == ["age", "city", "garden"]
    data = cl.data.Dataset(frame.drop(columns="price"), target="inputs")
    assert data.features == ["age", "city=Bern", "city=Oslo", "city=Rome", "garden"]
    assert (data.arrays()[0] == data.arrays()[1]).all()
    trained(data, 5, 5)


def houses(rows=400, seed=0):
    """A table as people have it: numbers on their own scales, categories, and gaps."""
    random = np.random.default_rng(seed)
    city = random.choice(["Bern", "Oslo", "Rome"], rows)
    area, rooms = random.normal(100, 30, rows), random.integers(1, 6, rows)
    price = 3.0 * area + 40 * rooms + pd.Series(city).map({"Bern": 150, "Oslo": 50, "Rome": 0}).to_numpy()
    frame = pd.DataFrame({"area": area, "rooms": rooms, "city": city, "garden": random.random(rows) > 0.5})
    frame["price"] = price / 1000 + random.normal(0, 0.01, rows)
    frame.loc[random.choice(rows, 30, replace=False), "area"] = np.nan
    frame.loc[random.choice(rows, 30, replace=False), "city"] = None
    return frame


def test_a_table_with_gaps_says_what_to_type_until_it_is_trained_and_scored():
    frame = houses()
    with pytest.raises(ValueError, match=r"column 'area' is NaN.*fillna\(\{.*frame\['area'\].median\(\)"):
        cl.data.Dataset(frame.dropna(subset="city"), target="price")
    frame["area"] = frame["area"].fillna(frame["area"].median()) / 100
    with pytest.raises(ValueError, match=r"column 'city'.*fillna"):
        cl.data.Dataset(frame, target="price")
    frame["city"] = frame["city"].fillna("unknown")
    data = cl.data.Dataset(frame, target="price").split(test=0.2, validation=0.1)
    network = cl.Network([cl.Dense(32, activation="relu"), cl.Dense(1)], data)
    session = cl.train(network, data, batch_size=16, metrics=["r2"])
    session.run(cl.epochs(200))
    assert "minimizes mean_squared_error" in repr(session) and "learns by Adam(0.001)" in repr(session)
    assert session.score(metrics=["r2"])["r2"] > 0.7
    assert network.predict(frame.head()).shape == (5, 1)


def test_a_table_of_classes_is_trained_and_scored_in_three_lines():
    frame = houses().dropna()
    frame["dear"] = np.where(frame["price"] > frame["price"].median(), "dear", "cheap")
    frame["area"] /= 100
    network = cl.Network([cl.Dense(32, activation="relu"), cl.Dense(2)], 7)
    session = cl.train(network, (frame, "dear"), validation=0.2)
    session.run(cl.epochs(80))
    assert "softmax_cross_entropy" in repr(session)
    assert session.score(frame)["accuracy"] > 0.8
