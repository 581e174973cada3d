"""Tables on every path: other rows meet the training's by name, weights follow their rows, scripts repeat them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.data import Dataset, TensorArray

ROWS = 48
LABELS = {
    "strings": np.array(["ant", "bee", "cow"]),
    "numbers from 1": np.array([1, 2, 3]),
    "numbers with gaps": np.array([2, 3, 7]),
    "floats": np.array([1.0, 2.5, 4.0]) * 2,
    "signs": np.array([-1, 0, 1]),
    "dates": np.array(["2020-01-01", "2021-01-01", "2022-01-01"], "datetime64[ns]"),
}


def table(labels, seed=0, rows=ROWS, present=(0, 1, 2)):
    """Two columns that tell the labels apart."""
    random = np.random.default_rng(seed)
    kind = np.asarray(present)[random.permutation(np.arange(rows) % len(present))]
    frame = pd.DataFrame({"a": 2.0 * kind + random.normal(size=rows) / 4, "b": random.normal(size=rows)})
    return frame.assign(y=labels[kind])


def trained(data, loss="softmax_cross_entropy", units=3, steps=0, inputs=2, **options):
    network = cl.Network([cl.Dense(units)], input_shape=inputs)
    session = cl.train(network, data, loss, cl.Adam(0.1), **({"batch_size": 8} | options))
    if steps:
        session.step(steps)
    return session


# Other rows ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", LABELS)
def test_other_rows_meet_the_training_by_name_on_every_path(kind):
    labels = LABELS[kind]
    frame, other = table(labels), table(labels, seed=1, present=(0, 2))
    data = Dataset(frame, ["a", "b"], "y")
    turned = Dataset(other[["y", "b", "a"]], ["b", "a"], "y")
    session = trained(data, steps=60, validation=turned)
    network = session.network
    x = other[["a", "b"]].to_numpy(np.float32)
    outputs = network.predict(x)
    for given in (turned, other, other[["b", "a"]], Dataset(other, ["a"], None)):
        np.testing.assert_array_equal(network.predict(given), outputs)
        np.testing.assert_array_equal(network.activations(given)["dense_1"], outputs)
    np.testing.assert_array_equal(network.predict(turned.select([7, 2])), network.predict(x[[7, 2]]))
    right = (labels[outputs.argmax(axis=1)] == other.y.to_numpy()).mean()
    assert right > 0.9
    codes = np.searchsorted(labels, other.y.to_numpy())
    for given in (turned, other, (other[["b", "a"]], other.y), (x, other.y), (x, codes)):
        scores = session.score(given, metrics="f1_macro")
        assert scores["accuracy"] == pytest.approx(right)
        assert scores == session.score(turned, metrics="f1_macro")
    assert session.process.measure("validation_accuracy") == pytest.approx(right)
    assert network.classes == session.dataset.classes == [str(label) for label in session.dataset.labels]


def test_yes_or_no_meets_by_label_too():
    frame = table(np.array(["no", "yes"]), present=(0, 1))
    session = trained(
        Dataset(frame, ["a", "b"], "y"), "sigmoid_cross_entropy", 1, 60, metrics="accuracy", validation=0.2
    )
    yes = frame[frame.y == "yes"].reset_index(drop=True)
    assert session.score(yes)["accuracy"] > 0.9
    numbers = table(np.array([1, 2]), present=(0, 1))
    session = trained(
        Dataset(numbers, ["a", "b"], "y"), "sigmoid_cross_entropy", 1, 60, metrics="accuracy", validation=0.2
    )
    assert session.score(numbers[numbers.y == 2].reset_index(drop=True))["accuracy"] > 0.9


PICTURES = pd.DataFrame({"image": TensorArray(np.zeros((6, 4, 4, 1), np.float32)), "y": [0, 1] * 3})


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda f: f.rename(columns={"b": "c"}), KeyError, "no column 'b'"),
        (lambda f: f.drop(columns="y"), KeyError, "no column 'y'"),
        (
            lambda f: f.assign(y="wasp"),
            ValueError,
            r"'wasp', in 48 of 48 rows; there are 'ant', 'bee', 'cow'.*isin",
        ),
        (lambda f: f.assign(y=1), ValueError, "labels in 'y' that 'insects'.* 1, in 48"),
        (lambda f: f.assign(b="far"), ValueError, "column 'b' holds str"),
        (lambda f: f.assign(b=np.nan), ValueError, "column 'b' is NaN"),
    ],
)
def test_other_rows_that_do_not_fit_are_refused_by_name(change, error, message):
    frame = table(LABELS["strings"])
    data = Dataset(frame, ["a", "b"], "y", name="insects")
    session, other = trained(data), change(frame)
    columns = ["a", "b" if "b" in other and other.b.dtype.kind == "f" and other.b.notna().all() else "a"]
    for given in (other, Dataset(other.assign(z=0.0), ["z", *columns], None)):
        with pytest.raises(error, match=message):
            session.score(given)
        with pytest.raises(error, match=message):
            trained(data, validation=given)
    if "'y'" not in message and "wasp" not in message:
        with pytest.raises(error, match=message.partition(".*")[0]):
            session.network.predict(other)


def test_pictures_of_another_shape_and_targets_of_another_kind_are_refused():
    network = cl.Network([cl.Flatten(), cl.Dense(2)], (4, 4, 1))
    session = cl.train(
        network, Dataset(PICTURES, target="y"), "softmax_cross_entropy", cl.SGD(0.1), batch_size=2
    )
    small = PICTURES.assign(image=TensorArray(np.zeros((6, 2, 2, 1), np.float32)))
    with pytest.raises(ValueError, match="'image' of 'dataset' holds 2x2x1 where 4x4x1"):
        session.score(Dataset(small, target="y"))
    values = trained(Dataset(table(np.arange(3.0)), ["a", "b"], "y"), "mean_squared_error", 1)
    with pytest.raises(ValueError, match="column 'y' holds str"):
        values.score(table(LABELS["strings"]))


def test_class_ids_in_arrays_meet_only_labels_that_are_ids():
    frame = table(np.array([0, 1, 2]))
    session = trained((frame[["a", "b"]].to_numpy(), frame.y.to_numpy()), steps=30)
    data = Dataset(frame, ["a", "b"], "y")
    assert session.score(data) == session.score(data.arrays())
    for kind in ("strings", "numbers from 1"):
        with pytest.raises(ValueError, match="given class ids.*give arrays"):
            session.score(Dataset(table(LABELS[kind]), ["a", "b"], "y"))


def test_the_names_are_saved_and_copied_with_the_network(tmp_path):
    frame = table(LABELS["strings"]).rename(columns={"a": 0, "b": ("b", 1)})
    session = trained(Dataset(frame, [0, ("b", 1)], "y"), steps=3)
    network = session.network
    network.save(tmp_path / "network.h5")
    session.save(tmp_path / "training.h5")
    loaded = [cl.Network.load(tmp_path / name) for name in ("network.h5", "training.h5")]
    fork = session.fork(learning_rate=[0.1])[0]
    for each in (*loaded, network.copy(), session.network_at(2), fork.network):
        assert each.reads == {"input": [0, ("b", 1)]} and each.classes == ["ant", "bee", "cow"]
    turned = frame[[("b", 1), "y", 0]]
    np.testing.assert_array_equal(loaded[0].predict(turned), network.predict(frame))
    dated = frame.rename(columns={0: pd.Timestamp("2020-01-01")})
    trained(Dataset(dated, list(dated.columns[:2]), "y")).network.save(tmp_path / "dated.h5")
    assert cl.Network.load(tmp_path / "dated.h5").reads == {}
    trained((frame[[0]].to_numpy(), np.arange(ROWS) % 3), inputs=1)
    x = np.zeros((ROWS, 2))
    cl.train(network, (x, np.arange(ROWS) % 3), "softmax_cross_entropy", cl.SGD(0.1))
    assert network.reads == {} and network.classes is None


def test_pictures_in_a_frame_are_predicted_as_in_a_dataset():
    random = np.random.default_rng(0)
    frame = PICTURES.assign(image=TensorArray(random.normal(size=(6, 4, 4, 1)).astype(np.float32)))
    data = Dataset(frame, target="y")
    network = cl.Network([cl.Flatten(), cl.Dense(2)], (4, 4, 1))
    cl.train(network, data, "softmax_cross_entropy", cl.SGD(0.1), batch_size=2).step()
    cells = pd.DataFrame({"other": 0, "image": list(data.arrays()[0])})
    for given in (data, frame, cells):
        np.testing.assert_array_equal(network.predict(given), network.predict(data.arrays()[0]))


# Validation as a share -------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0.25, 12, np.float32(0.25), np.int64(12)])
def test_a_share_of_the_rows_is_kept_to_validate_on(size):
    frame = table(LABELS["numbers from 1"])
    data = Dataset(frame, ["a", "b"], "y").split(test=12, validation=0)
    x, ids = frame[["a", "b"]].to_numpy(np.float32), frame.y.to_numpy() - 1
    for given, total in ((data, 36), ((x, ids), 48), ((frame[["a", "b"]], frame.y), 48)):
        wanted = total * float(size) if size < 1 else size
        sessions = [trained(given, validation=size, seed=seed) for seed in (0, 0, 1)]
        first, again, other = (np.sort(session.process.batches.rows) for session in sessions)
        assert np.array_equal(first, again) and not np.array_equal(first, other)
        assert len(first) == total - wanted
        inputs, targets = (next(iter(part.values())) for part in sessions[0].process.validation)
        assert len(inputs) == len(targets) == wanted
        held = np.flatnonzero((x[:, None] == inputs[None]).all(axis=2).any(axis=1))
        assert (
            len(held) == wanted
            and not set(held) & set(first)
            and np.array_equal(np.sort(ids[held]), np.sort(targets))
        )
        assert np.ptp(np.bincount(targets)) <= 1
        if given is data:
            assert not set(held) & set(data.test.rows) and sessions[0].dataset.test.rows is data.test.rows


@pytest.mark.parametrize("wrong", [True, 1.5, -1, [1, 2, 3], {"a": 1}, "valdation", 48, 0.001])
def test_what_validation_cannot_be_is_told(wrong):
    frame = table(LABELS["strings"])
    for given in (Dataset(frame, ["a", "b"], "y"), (frame[["a", "b"]].to_numpy(), np.arange(ROWS) % 3)):
        with pytest.raises((TypeError, ValueError, KeyError), match="validation"):
            trained(given, validation=wrong)
    with pytest.raises(ValueError, match="batches of your own cannot be split"):
        trained(Dataset(frame, ["a", "b"], "y").batches(8), validation=0.2)


# Frames beside arrays --------------------------------------------------------------------------------


def test_a_frame_of_numbers_and_bools_and_a_column_are_a_dataset():
    frame = table(LABELS["strings"])
    x = frame[["a"]].assign(left=frame.b > 0, count=np.arange(ROWS, dtype="uint8"))
    session = trained((x, frame.y), inputs=3, steps=2)
    assert session.dataset.columns == ["a", "left", "count"] and session.dataset.target == "y"
    assert session.network.reads == {"input": ["a", "left", "count"]}
    arrays = trained((x, np.arange(ROWS) % 3), inputs=3, steps=2)
    assert arrays.dataset is None and arrays.network.reads == {"input": ["a", "left", "count"]}
    turned = x[["count", "a", "left"]]
    np.testing.assert_array_equal(arrays.network.predict(turned), arrays.network.predict(x))
    with pytest.raises(ValueError, match="column 'y' holds str"):
        trained((frame, np.arange(ROWS) % 3), inputs=3)
    with pytest.raises(ValueError, match=r"same index.*targets.loc\[inputs.index\].*reset_index"):
        trained((x, frame.y.sample(frac=1, random_state=0)), inputs=3)
    with pytest.raises(TypeError, match=r"cortex_lab.data.Dataset\(frame"):
        trained(frame)


# Weights ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*LABELS, "bools", "category"])
def test_class_weights_are_by_the_labels_of_the_column(kind):
    labels = {"bools": np.array([False, True]), "category": np.array(["b", "a", "c"])}.get(
        kind, LABELS.get(kind)
    )
    frame = table(labels, present=range(len(labels)))
    if kind == "category":
        frame["y"] = pd.Categorical(frame.y, categories=["c", "a", "b", "none"])
    data = Dataset(frame, ["a", "b"], "y").split(test=8)
    wanted = {label: 1.0 + place for place, label in enumerate(frame.y.unique())}
    options = {"units": 4 if kind == "category" else len(labels)}
    forms = [wanted, {str(label): weight for label, weight in wanted.items()}]
    forms += [{np.asarray(label)[()]: weight for label, weight in wanted.items()}] if kind != "dates" else []
    for form in forms:
        weights = trained(data, class_weight=form, **options).process.row_weights
        for row in data.train.rows:
            assert weights[row] == wanted[frame.y[row]]
    balanced = trained(data, class_weight="balanced", **options).process.row_weights[data.train.rows]
    sums = pd.Series(balanced).groupby(frame.y[data.train.rows].astype(str).to_numpy()).sum()
    assert np.allclose(sums, sums.iloc[0])
    for unknown in ("wasp", 99, None, True if kind != "bools" else 2):
        with pytest.raises(ValueError, match=r"class_weight has .*which is no label; they are"):
            trained(data, class_weight={unknown: 2.0}, **options)


def test_class_weights_of_arrays_are_by_class_id():
    x, y = np.zeros((ROWS, 2)), np.arange(ROWS) % 3
    for targets, key in ((y, 2), (y, np.uint8(2)), (y.astype(float), 2.0), (np.eye(3)[y], 2)):
        loss = cl.SoftmaxCrossEntropy(one_hot=targets.ndim == 2)
        weights = trained((x, targets), loss, class_weight={key: 5.0}).process.row_weights
        assert weights.tolist() == np.where(y == 2, 5.0, 1.0).tolist()
    yes = trained((x, y == 2), "sigmoid_cross_entropy", 1, class_weight={True: 5.0}).process.row_weights
    assert yes.tolist() == weights.tolist()
    for unknown in (3, -1, True, "2", None, 0.5):
        with pytest.raises(ValueError, match="by class id.*there are 0, 1, 2"):
            trained((x, y), class_weight={unknown: 1.0})
    several = np.ones((ROWS, 3))
    with pytest.raises(ValueError, match="use sample_weight"):
        trained((x, several), "sigmoid_cross_entropy", 3, class_weight={1: 2.0})


def chosen(data):
    """Ways of choosing rows, by name."""
    mask = np.arange(ROWS) % 3 == 0
    shuffled = np.random.default_rng(3).permutation(ROWS)
    return {
        "all": data,
        "split": data.split(test=10, validation=6),
        "selected": data.select([7, 2, 11, 40, 9, 0, 30, 31]),
        "shuffled": data.select(shuffled),
        "by a mask": data.select(mask),
        "by a mask in a list": data.select(mask.tolist()),
        "of a part": data.split(test=10).train.select(data.split(test=10).train.rows[::-2]),
        "split again": data.select(shuffled).split(test=10).train.split(validation=8, test=None),
        "masked again": data.select(shuffled).select(mask),
        "a train part": data.split(test=10).train,
    }


@pytest.mark.parametrize("way", chosen(Dataset(table(LABELS["strings"]), ["a", "b"], "y")))
def test_a_weight_follows_its_row_through_every_choice(way):
    frame = table(LABELS["strings"])
    data = chosen(Dataset(frame, ["a", "b"], "y"))[way]
    by_row = np.arange(1.0, ROWS + 1)
    given = by_row[data.rows]
    everything = pd.Series(by_row).sample(frac=1, random_state=1)
    for weights in (given, given.tolist(), data.frame.index.to_series() + 1, everything):
        session = trained(data, sample_weight=weights, batch_size=4)
        rows = session.process.batches.rows
        np.testing.assert_array_equal(session.process.row_weights[rows], by_row[rows])
        assert session.fork(learning_rate=[0.1])[0].process.row_weights is session.process.row_weights
    carved = trained(data, sample_weight=given, validation=4, batch_size=2)
    rows = carved.process.batches.rows
    np.testing.assert_array_equal(carved.process.row_weights[rows], by_row[rows])
    carved.edit("excluded_rows", rows[:1])
    carved.step()
    for wrong in (given[1:], given[:, None], 1.0):
        with pytest.raises(ValueError, match=f"one weight for each of {len(data)} rows"):
            trained(data, sample_weight=wrong, batch_size=4)


def test_weights_in_a_series_are_matched_by_the_index_of_the_frame():
    frame = table(LABELS["strings"])
    for index in (np.arange(ROWS)[::-1], [f"row {row}" for row in range(ROWS)]):
        own = frame.set_axis(index)
        weights = pd.Series(np.arange(1.0, ROWS + 1), own.index)
        data = Dataset(own, ["a", "b"], "y")
        assert trained(data, sample_weight=weights).process.row_weights.tolist() == weights.tolist()
        with pytest.raises(ValueError, match=r"index of sample_weight.*to_numpy\(\)"):
            trained(data, sample_weight=weights.sample(frac=1, random_state=0))
    x, y = frame[["a", "b"]].to_numpy(), np.arange(ROWS) % 3
    with pytest.raises(ValueError, match="one weight for each of 48 rows, got 3"):
        trained((x, y), sample_weight=[1, 2, 3])


# Scripts and resuming --------------------------------------------------------------------------------


def scripts():
    """Data and options, by what is special about them."""
    named, numbered = table(LABELS["strings"]), table(LABELS["numbers with gaps"])
    x, y = numbered[["a", "b"]].to_numpy(np.float32), np.arange(ROWS) % 3
    unused = named.assign(y=pd.Categorical(named.y, categories=["cow", "none", "bee", "ant"]))
    squares = {"loss": "mean_squared_error", "units": 1}
    data = Dataset(numbered, ["a", "b"], "y")
    weights = pd.Series(np.arange(1.0, ROWS + 1)).sample(frac=1, random_state=0)
    return {
        "labels that are numbers": (data, {"class_weight": {2: 3.0, 7: 1.0}, "sample_weight": weights}),
        "numbers as values": (data, squares),
        "numbers as values, a share kept": (data, squares | {"validation": 0.25}),
        "an unused category": (Dataset(unused, ["b", "a"], "y"), {"units": 4, "class_weight": {"ant": 2.0}}),
        "bools": (Dataset(named.assign(y=named.y == "ant"), ["a", "b"], "y"), {"units": 2}),
        "numbered columns": (Dataset(numbered.set_axis([0, 1, 2], axis=1), [1, 0], 2), {"validation": 5}),
        "several values": (Dataset(numbered, ["b"], ["a", "b"]), squares | {"inputs": 1, "units": 2}),
        "one value": (Dataset(numbered, "a", ["b"]), squares | {"inputs": 1}),
        "other rows": (data, {"validation": table(LABELS["numbers with gaps"], 1)[["y", "b", "a"]]}),
        "an earlier validation": (data.split(test=8, validation=8), {"validation": 0.25}),
        "arrays, a share kept": (
            (x, y),
            {"validation": 0.25, "class_weight": {1: 2.0}, "sample_weight": weights},
        ),
        "a frame and a column": ((named[["b", "a"]], named.y), {"validation": 0.25}),
        "a frame and an array": ((named[["b", "a"]], y), {"validation": 0.25}),
    }


@pytest.mark.parametrize("special", scripts())
def test_a_script_and_a_resumed_training_read_the_same_table(special, tmp_path):
    data, options = scripts()[special]
    session = trained(data, steps=9, validate_every=3, **options)
    session.save(tmp_path / "run.h5")
    session.step(6)
    found: dict = {}
    exec(str(session.script()), found)
    again = found["session"]
    for key in session.trace.keys:
        if key != "seconds":
            np.testing.assert_array_equal(again.trace[key], session.trace[key], err_msg=key)
    if session.dataset is not None:
        assert (
            again.network.reads == session.network.reads and again.network.classes == session.network.classes
        )
    resumed = trained(data, validate_every=3, resume_from=tmp_path / "run.h5", **options)
    resumed.step(6)
    np.testing.assert_array_equal(resumed.trace["loss"], session.trace["loss"][9:])


# Advice ----------------------------------------------------------------------------------------------


def test_the_advice_for_what_is_not_recorded_can_be_followed():
    frame = table(np.array(["no", "yes"]), present=(0, 1))
    data = Dataset(frame, ["a", "b"], "y")
    session = trained(data, "sigmoid_cross_entropy", 1)
    waits = (
        lambda key: session.run(until=cl.stalled(key, 3)),
        lambda key: session.record(cl.Probe(key)),
        lambda key: session.trace[key],
        lambda key: session.best(key),
    )
    for wait in waits:
        for key in ("validation_accuracy", "accuracy"):
            with pytest.raises(
                KeyError, match=r"validation=\(inputs, targets\), metrics=\['accuracy'\]"
            ) as told:
                wait(key)
            assert "Probe" not in str(told.value)
    followed = trained(data, "sigmoid_cross_entropy", 1, validation=data.arrays(), metrics=["accuracy"])
    assert followed.run(until=cl.stalled("validation_accuracy", 2) | cl.epochs(3)).kind == "condition"
    with pytest.raises(KeyError, match=r"session.record\(Probe\('grad_norm'\)\)"):
        _ = session.trace["grad_norm"]
    session.record(cl.Probe("grad_norm"))
    for key, message in (
        ("los", "near it is loss"),
        ("validation_f1_makro", "no scorer 'f1_makro'; it has f1_macro"),
    ):
        with pytest.raises(KeyError, match=message):
            session.run(until=cl.below(key, 1))
    values = trained(Dataset(frame, "a", "b"), "mean_squared_error", 1, inputs=1)
    with pytest.raises(KeyError, match=r"Values have no accuracy.*metrics=\['r2'\]"):
        values.run(until=cl.above("validation_accuracy", 1))
