"""A table that a Dataset prepares is, on every path, the one that was prepared by hand: bit for bit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import cortex_lab as cl
from cortex_lab.data import Batches, Dataset, Preparation
from cortex_lab.ground.files import DamagedFile

ROWS = 120
RANDOM = np.random.default_rng(1)
FRAME = pd.DataFrame(
    {
        "mass": np.where(np.arange(ROWS) % 9, RANDOM.normal(4000, 300, ROWS), np.nan),
        "depth": RANDOM.normal(17, 2, ROWS),
        "island": RANDOM.choice(["Biscoe", "Dream", "Rare"], ROWS, p=[0.5, 0.45, 0.05]),
        "sex": RANDOM.choice(["MALE", "FEMALE", None], ROWS),
        "species": RANDOM.choice(["Adelie", "Chinstrap", "Gentoo"], ROWS),
    },
    index=[f"bird {row}" for row in range(ROWS)],
)
COLUMNS = FRAME.columns[:-1].tolist()
NUMBERS = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
WORDS = OneHotEncoder(handle_unknown="ignore", categories=[["Biscoe", "Dream", "Rare"], ["MALE", "FEMALE"]])
RECIPE = make_column_transformer((NUMBERS, ["mass", "depth"]), (WORDS, ["island", "sex"]))
DATA = Dataset(FRAME, COLUMNS, "species", name="birds", prepare=RECIPE)
PARTS = DATA.split(test=30, validation=20)


def by_hand(rows: np.ndarray, of: pd.DataFrame = FRAME) -> np.ndarray:
    """Of the frame, what the transformer makes that was fitted on these rows."""
    return clone(RECIPE).fit(FRAME[COLUMNS].iloc[rows]).transform(of[COLUMNS]).astype(np.float32)


def plain(parts: Dataset, x: np.ndarray) -> Dataset:
    """The same data, prepared beforehand."""
    names = [f"x{place}" for place in range(x.shape[1])]
    frame = pd.DataFrame(x, columns=names).assign(species=FRAME["species"].to_numpy())
    return Dataset(frame, names, "species", dict(parts.splits), "birds")


def net(width: int = 8) -> cl.Network:
    return cl.Network([cl.Dense(5, activation="relu"), cl.Dense(3)], width)


def session(data: object, network: cl.Network | None = None, **options: object) -> cl.TrainingSession:
    made = cl.train(network or net(), data, batch_size=16, **options)
    made.run(12)
    return made


def same(one: cl.TrainingSession, other: cl.TrainingSession) -> None:
    for key in ("loss", "validation_loss"):
        if key in one.trace:
            np.testing.assert_array_equal(one.trace[key], other.trace[key])
    np.testing.assert_array_equal(one.network.params, other.network.params)


TRAIN = PARTS.splits["train"]
X = by_hand(TRAIN)
HERE, HAND = session(PARTS), session(plain(PARTS, X))
RAW = FRAME.iloc[PARTS.splits["test"]]
TEST, SPECIES = X[PARTS.splits["test"]], RAW["species"].to_numpy()


def test_every_part_is_transformed_by_what_the_rows_to_train_on_say():
    for name, rows in PARTS.splits.items():
        np.testing.assert_array_equal(getattr(PARTS, name).arrays()[0], X[rows])
    np.testing.assert_array_equal(DATA.arrays()[0], by_hand(np.arange(ROWS)))
    np.testing.assert_array_equal(PARTS.select([3, 70]).arrays()[0], X[[3, 70]])
    np.testing.assert_array_equal(PARTS.test.select(PARTS.test.rows[:4]).arrays()[0], X[PARTS.test.rows[:4]])
    held = PARTS.splits["validation"]
    np.testing.assert_array_equal(PARTS.validation.relabel({held[0]: "Gentoo"}).arrays()[0], X[held])
    some = np.arange(0, ROWS, 2)
    np.testing.assert_array_equal(DATA.select(some).arrays()[0], by_hand(some)[some])
    left = np.setdiff1d(TRAIN, TRAIN[:20])
    np.testing.assert_array_equal(
        PARTS.exclude(TRAIN[:20]).test.arrays()[0], by_hand(left)[PARTS.splits["test"]]
    )
    again = PARTS.train.split(test=20)
    np.testing.assert_array_equal(
        again.test.arrays()[0], by_hand(again.splits["train"])[again.splits["test"]]
    )
    for fold in PARTS.folds(3):
        made = by_hand(fold.in_fold)
        np.testing.assert_array_equal(fold.train.arrays()[0], made[fold.in_fold])
        np.testing.assert_array_equal(fold.validation.arrays()[0], made[fold.out_of_fold])
    assert PARTS.preparation.notes[0].endswith("fitted on 70 rows: 4 columns to 8 numbers")


def test_a_training_goes_as_one_on_what_was_prepared_by_hand():
    same(HERE, HAND)
    same(session(DATA, validation=0.25), carved())
    other = FRAME.sample(40, random_state=0)
    x = by_hand(np.arange(ROWS))
    whole, held = DATA, (by_hand(np.arange(ROWS), other), other["species"].to_numpy())
    names = [f"x{place}" for place in range(8)]
    table = pd.DataFrame(x, columns=names).assign(species=FRAME["species"].to_numpy())
    wanted = session(Dataset(table, names, "species", name="birds"), validation=held)
    for validation in (
        other, Dataset(other, COLUMNS, "species", prepare=RECIPE), held,
        (other[COLUMNS], other["species"]), (other[COLUMNS], other["species"].to_numpy()), (other, "species"),
    ):  # fmt: skip
        same(session(whole, validation=validation), wanted)


def carved() -> cl.TrainingSession:
    parts = DATA.carve(0.25)
    return session(plain(parts, by_hand(parts.splits["train"])))


QUESTIONS = {
    "predict": lambda network, x: network.predict(x),
    "call": lambda network, x: network(x),
    "activations": lambda network, x: network.activations(x, ["dense_1"])["dense_1"],
    "gradient_of": lambda network, x: network.gradient_of("dense_2", rows=x),
    "checked_inputs": lambda network, x: network.checked_inputs(x)["input"],
    "classify": lambda network, x: np.asarray(network.classify(x)),
}
ROWS_AS = {
    "a frame": RAW,
    "a frame without the target": RAW[COLUMNS],
    "a frame in another order": RAW[COLUMNS[::-1]],
    "a frame with more": RAW.assign(more=None),
    "objects": RAW.astype(object),
    "a dict of a frame": {"input": RAW},
    "a split": PARTS.test,
    "a part": PARTS.select(PARTS.splits["test"]),
    "a part of another split": DATA.split(test=5, seed=9).select(PARTS.splits["test"]),
    "another Dataset": Dataset(RAW, COLUMNS, "species", prepare=True),
    "a Dataset as it is": Dataset(RAW.dropna(), COLUMNS, "species"),
}


@pytest.mark.parametrize("given", ROWS_AS)
@pytest.mark.parametrize("question", QUESTIONS)
def test_what_is_asked_of_raw_rows_is_what_is_asked_of_those_prepared_by_hand(question, given):
    ask, x = QUESTIONS[question], TEST
    if given == "a Dataset as it is":
        x = x[RAW.notna().all(axis=1).to_numpy()]
    found, wanted = ask(HERE.network, ROWS_AS[given]), ask(HAND.network, x)
    np.testing.assert_array_equal(found, wanted)


def test_scores_of_all_that_may_be_scored():
    wanted = HAND.score((TEST, SPECIES))
    given = {
        "a split": "test", "a part": PARTS.test, "a frame": RAW,
        "a Dataset": Dataset(RAW, COLUMNS, "species", prepare=RECIPE),
        "a pair": (RAW[COLUMNS], RAW["species"]), "a frame and its column": (RAW, "species"),
        "a frame and an array": (RAW[COLUMNS], SPECIES), "arrays": (TEST, SPECIES),
    }  # fmt: skip
    for name, each in given.items():
        assert HERE.score(each) == wanted, name
    assert HERE.score("validation") == HAND.score("validation")


def test_classes_come_out_by_name_on_the_index_of_the_rows():
    found = HERE.network.classify(RAW)
    assert found.index is RAW.index and set(found) <= {"Adelie", "Chinstrap", "Gentoo"}
    wanted = np.array(HERE.network.classes)[HERE.network.predict(RAW).argmax(axis=1)]
    assert found.tolist() == wanted.tolist() == HERE.network.classify(PARTS.test).tolist()
    yes = FRAME.assign(species=FRAME["species"] == "Gentoo")
    one = session(Dataset(yes, COLUMNS, "species", prepare=RECIPE), cl.Network([cl.Dense(1)], 8))
    assert one.network.classify(yes).tolist() == [str(each) for each in one.network.predict(yes)[:, 0] > 0]
    with pytest.raises(ValueError, match="knows no names of classes"):
        net().classify(X)
    several = cl.Network([cl.Node(cl.Dense(3), "a", ("input",)), cl.Node(cl.Dense(1), "b", ("input",))], 8)
    data = Dataset(FRAME.assign(b=1.5), COLUMNS, {"a": "species", "b": "b"}, prepare=RECIPE)
    both = session(data.split(test=10), several, loss={"a": "cross_entropy", "b": "mse"})
    assert list(both.network.classify(FRAME)) == ["a"]


def test_rewind_fork_edits_and_the_script_repeat_it(tmp_path):
    here, hand = session(PARTS), session(plain(PARTS, X))
    for one in (here, hand):
        one.rewind(4)
        one.edit("excluded_rows", TRAIN[:5])
        one.edit("labels", {int(TRAIN[7]): "Gentoo"})
        one.run(6)
    same(here, hand)
    forked, by = here.branch(), hand.branch()
    forked.run(3)
    by.run(3)
    same(forked, by)
    np.testing.assert_array_equal(here.network_at(6).predict(RAW), hand.network_at(6).predict(TEST))
    scope: dict = {}
    exec(str(here.script()), scope)
    same(scope["session"], here)


def test_a_training_is_resumed_by_the_preparation_in_its_file(tmp_path):
    path = tmp_path / "training.h5"
    went = session(PARTS)
    went.save(path)
    went.run(5)
    resumed = cl.train(net(), DATA.split(test=30, validation=20), batch_size=16, resume_from=path)
    resumed.run(5)
    same(resumed, went)
    np.testing.assert_array_equal(resumed.network.predict(RAW), went.network.predict(RAW))
    with pytest.raises(ValueError, match="other training data"):
        cl.train(net(), DATA.split(test=30, validation=20, seed=5), batch_size=16, resume_from=path)
    loaded = cl.Network.load(path)
    assert isinstance(loaded.preparations["input"], Preparation)


def test_a_network_keeps_what_it_has_learned_of_the_columns(tmp_path):
    went = session(PARTS)
    went.network.save(tmp_path / "network.h5")
    loaded = cl.Network.load(tmp_path / "network.h5")
    for network in (went.network.copy(), loaded, went.network.cut("dense_1", then=[cl.Dense(3)])):
        np.testing.assert_array_equal(network.checked_inputs(RAW)["input"], TEST)
    wanted = session((X[TRAIN], PARTS.train.arrays()[1]), loaded.copy())
    rows = FRAME.iloc[TRAIN]
    for data in (
        (rows, "species"), (rows[COLUMNS], rows["species"]), Dataset(rows, COLUMNS, "species", prepare=True),
        Dataset(rows, COLUMNS, "species", later=True),
        (rows[COLUMNS], rows["species"].to_numpy()),
    ):  # fmt: skip
        on = session(data, loaded.copy())
        np.testing.assert_array_equal(on.network.params, wanted.network.params)
        np.testing.assert_array_equal(on.network.checked_inputs(RAW)["input"], TEST)
    loaded.initialize(1)
    assert loaded.preparations == {} and loaded.reads == {}
    raw = session((FRAME[["depth", "species"]], "species"), cl.Network([cl.Dense(3)], 1))
    with pytest.raises(ValueError, match=r"has learned the columns 'depth' as they are, .*initialize"):
        cl.train(raw.network, Dataset(FRAME, ["depth"], "species", prepare=StandardScaler()))
    other = DATA.split(test=10, seed=4)
    with pytest.raises(ValueError, match=r"another preparation.*dataset\.prepared\(network\.preparations"):
        cl.Training(went.network, other.train.batches(8), "softmax_cross_entropy", cl.Adam())
    ours = other.prepared(went.network.preparations["input"])
    cl.Training(went.network, ours.train.batches(8), "softmax_cross_entropy", cl.Adam())


def test_inputs_with_names_have_a_preparation_each(tmp_path):
    inputs = {"numbers": ["mass", "depth"], "words": ["island", "sex"]}
    recipes = {"numbers": NUMBERS, "words": WORDS}
    parts = Dataset(FRAME, inputs, "species", prepare=recipes).split(test=30, validation=20)
    made = session(parts, cl.Network(cl.models.mlp_for(parts, hidden=(5,))))
    found = made.network.checked_inputs(RAW)
    np.testing.assert_array_equal(np.hstack([found["numbers"], found["words"]]), TEST)
    made.network.save(tmp_path / "network.h5")
    loaded = cl.Network.load(tmp_path / "network.h5")
    np.testing.assert_array_equal(loaded.predict(RAW), made.network.predict(RAW))
    named = {"numbers": RAW[["depth", "mass"]], "words": RAW}
    np.testing.assert_array_equal(loaded.predict(named), made.network.predict(parts.test))
    assert made.score(RAW) == made.score("test")
    with pytest.raises(TypeError, match="one for each input, 'numbers', 'words'"):
        Dataset(FRAME, inputs, "species", prepare={"numbers": NUMBERS})


def test_an_autoencoder_learns_what_the_preparation_makes():
    parts = Dataset(FRAME, COLUMNS, "inputs", prepare=RECIPE).split(test=30, validation=20, stratify=False)
    x, y = parts.test.arrays()
    np.testing.assert_array_equal(x, by_hand(parts.splits["train"])[parts.splits["test"]])
    np.testing.assert_array_equal(x, y)
    made = session(parts, cl.Network([cl.Dense(4), cl.Dense(8)], 8))
    assert made.score("test") == made.score((x, y))


def test_doubles_are_prepared_as_doubles():
    network = cl.Network([cl.Dense(3)], 8, ops="reference")
    cl.train(network, PARTS).step()
    found = network.checked_inputs(RAW)["input"]
    wanted = clone(RECIPE).fit(FRAME[COLUMNS].iloc[TRAIN]).transform(RAW[COLUMNS])
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, wanted)


def test_what_looks_at_the_answers_looks_at_those_to_train_on():
    numbers = FRAME[["mass", "depth"]].assign(noise=RANDOM.normal(size=ROWS)).fillna(0)
    frame = numbers.assign(species=FRAME["species"])
    parts = Dataset(frame, target="species", prepare=SelectKBest(k=2)).split(test=40)
    rows = parts.splits["train"]
    wanted = SelectKBest(k=2).fit(numbers.iloc[rows], frame["species"].iloc[rows])
    assert parts.preparation.features == wanted.get_feature_names_out().tolist()
    swapped = parts.relabel({int(row): "Gentoo" for row in rows[:60]})
    again = SelectKBest(k=2).fit(numbers.iloc[rows], swapped.frame["species"].iloc[rows])
    np.testing.assert_array_equal(swapped.preparation.transformer.scores_, again.scores_)


def test_rows_left_out_are_not_looked_at():
    wild = FRAME.copy()
    wild.loc["bird 7", "mass"] = np.inf
    data = Dataset(wild, COLUMNS, "species", prepare=RECIPE)
    with pytest.raises(ValueError, match=r"column 'mass' is infinite in 1 of 120 rows \(first: 7\)"):
        data.arrays()
    left = np.setdiff1d(np.arange(ROWS), [7])
    np.testing.assert_array_equal(data.exclude([7]).arrays()[0], by_hand(left)[left])


def test_what_a_dataset_says_of_its_preparation():
    assert "prepared when first asked for" in repr(DATA.split(test=9)) and "gaps: 'mass' 14" in repr(
        DATA.split(test=9)
    )
    for told in (repr(PARTS), PARTS._repr_html_(), repr(PARTS.test)):
        assert "fitted on 70 rows: 4 columns to 8 numbers" in told
    assert "fitted on 70 rows" in repr(HERE)
    assert PARTS.features[:2] == ["pipeline__mass", "pipeline__depth"] and PARTS.input_shape == (8,)
    assert Dataset(FRAME[["depth", "species"]], target="species").preparation is None
    with pytest.raises(ValueError, match=r"column 'mass' is NaN.*a preparation reads .*prepare=True"):
        Dataset(FRAME, COLUMNS, "species")


def test_batches_know_what_made_their_numbers():
    batches = PARTS.train.batches(8)
    network = net()
    training = cl.Training(network, batches, "softmax_cross_entropy", cl.Adam())
    cl.Session(training).run(3)
    np.testing.assert_array_equal(network.predict(RAW), network.predict(TEST))
    assert isinstance(batches, Batches) and list(batches.preparations) == ["inputs"]


FRESH = """
import sys
import numpy as np, pandas as pd, cortex_lab as cl
frame = pd.read_csv({raw!r}, index_col=0, keep_default_na=True)
network = cl.Network.load({path!r})
assert 'skrub' in sys.modules
np.save({out!r}, network.predict(frame))
frame["species"] = network.classify(frame)
frame.to_csv({named!r})
"""


def test_from_a_file_to_a_trained_network_to_new_rows_and_back_in_a_fresh_process(tmp_path):
    days = pd.date_range("2007-11-01", periods=ROWS).strftime("%Y-%m-%d")
    notes = [None if row % 3 else f"nest {row} seen {row % 7} times" for row in range(ROWS)]
    table = FRAME.assign(day=days, notes=notes, clutch=RANDOM.choice(["Yes", "No"], ROWS))
    table.iloc[:90].to_csv(tmp_path / "birds.csv", index_label="id")
    table.iloc[90:].drop(columns="species").to_csv(tmp_path / "new.csv")
    data = cl.data.read(tmp_path / "birds.csv", target="species", index="id").split(test=0.2, validation=0.1)
    made = cl.train(cl.models.mlp_for(data, hidden=(8,)), data)
    made.run(10)
    new = pd.read_csv(tmp_path / "new.csv", index_col=0)
    wanted = made.network.predict(new)
    for save, name in ((made.network.save, "network.h5"), (made.save, "training.h5")):
        save(tmp_path / name)
        paths = {"raw": "new.csv", "path": name, "out": "out.npy", "named": "named.csv"}
        script = FRESH.format(**{key: str(tmp_path / each) for key, each in paths.items()})
        environment = {**os.environ, "PYTHONPATH": str(Path(cl.__file__).parents[1])}
        subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, env=environment)
        np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), wanted)
        named = pd.read_csv(tmp_path / "named.csv", index_col=0)["species"]
        assert named.tolist() == made.network.classify(new).tolist() and named.index.equals(new.index)


def test_a_file_that_lacks_its_preparation_is_damaged(tmp_path):
    from cortex_lab.nn.run import saving

    description, arrays = saving.describe_network(HERE.network)
    path = tmp_path / "network.h5"
    for lost in ("content", "columns"):
        own = dict(description)
        kept = {k: v for k, v in arrays.items() if lost != "content" or not k.startswith("preparations/")}
        if lost == "columns":
            own.pop("reads")
        saving.write(path, {"kind": "network", **own}, kept)
        with pytest.raises(DamagedFile, match="preparations"):
            cl.Network.load(path)
