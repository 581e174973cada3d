"""Tables on every path: other rows meet the training's by name, and advice can be followed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.data import Dataset, TensorArray
from tests.tables import LABELS, ROWS, table, trained

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
    # Words may be numbered in any order.
    ids = other.y.to_numpy() if kind == "strings" else np.searchsorted(labels, other.y.to_numpy())
    pairs = ((other[["b", "a"]], other.y), (other, other[["y"]]), (other, other.y.rename(None)))
    for given in (turned, other, *pairs, (x, other.y), (x, ids)):
        scores = session.score(given, metrics="f1_macro")
        assert scores["accuracy"] == pytest.approx(right)
        assert scores == session.score(turned, metrics="f1_macro")
    with pytest.raises(ValueError, match="to be judged by the column 'z', and the training predicts 'y'"):
        session.score((other, other.y.rename("z")))
    with pytest.raises(ValueError, match="do not have the same index"):
        session.score((other, other.y.iloc[::-1]))
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
            r"'wasp', in 48 of 48 rows; there are 'ant', 'bee', 'cow'.*map\(",
        ),
        (
            lambda f: f.assign(y=["wasp", *f.y[1:]]),
            ValueError,
            r"'wasp', in 1 of 48 rows; there are 'ant', 'bee', 'cow'.*isin",
        ),
        (lambda f: f.assign(y=1), ValueError, r"labels in 'y' of .* of type int, 1, .*'insects'.*map"),
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
        with pytest.raises(ValueError, match=r"given class ids.*give arrays"):
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
    # Arrays tell no names, so those that were learned stay.
    x = np.zeros((ROWS, 2))
    cl.train(network, (x, np.arange(ROWS) % 3), "softmax_cross_entropy", cl.SGD(0.1)).step()
    assert network.reads == {"input": [0, ("b", 1)]} and network.classes == ["ant", "bee", "cow"]


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
            assert not set(held) & set(data.test.rows)
            assert np.array_equal(sessions[0].dataset.test.rows, data.test.rows)


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
    assert trained((x, frame[["y"]]), inputs=3).dataset.classes == ["ant", "bee", "cow"]
    several = trained((x, frame[["b"]].assign(c=1)), "mean_squared_error", 2, inputs=3)
    assert several.dataset.target == ["b", "c"]
    with pytest.raises(ValueError, match="inputs have a column 'a' as well"):
        trained((x, frame[["a"]]), "mean_squared_error", 1, inputs=3)
    by_name = trained((x, {"dense_1": np.arange(ROWS) % 3}), inputs=3, steps=2)
    assert by_name.trace["loss"].tolist() == arrays.trace["loss"].tolist()
    words = trained((frame, np.arange(ROWS) % 3), inputs=5)
    assert words.dataset is None and list(words.network.categories) == ["y"]
    with pytest.raises(ValueError, match=r"same index.*targets.loc\[inputs.index\].*reset_index"):
        trained((x, frame.y.sample(frac=1, random_state=0)), inputs=3)
    assert trained(frame).dataset.columns == ["a", "b"]


# Advice ----------------------------------------------------------------------------------------------


def test_the_advice_for_what_is_not_recorded_can_be_followed():
    frame = table(np.array(["no", "yes"]), present=(0, 1))
    data = Dataset(frame, ["a", "b"], "y")
    session = trained(data, "sigmoid_cross_entropy", 1)
    switches = frame.assign(c=frame.a > 0, d=frame.b > 0)
    several = trained(Dataset(switches, ["a", "b"], ["c", "d"]), "sigmoid_cross_entropy", 2)
    asked = r"validation=\(inputs, targets\)"
    metric = rf"{asked}, metrics=\['accuracy'\]"
    waits = (
        lambda session, key: session.run(until=cl.stalled(key, 3)),
        lambda session, key: session.record(cl.Probe(key)),
        lambda session, key: session.trace[key],
        lambda session, key: session.best(key),
    )
    for wait in waits:
        for of, key, remedy in (
            (session, "validation_accuracy", rf"{asked}\)"),
            (several, "validation_accuracy", metric),
            (several, "accuracy", metric),
        ):
            with pytest.raises(KeyError, match=remedy) as told:
                wait(of, key)
            assert "Probe" not in str(told.value)
    followed = trained(data, "sigmoid_cross_entropy", 1, validation=data, metrics=["accuracy"])
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
