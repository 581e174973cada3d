"""Several inputs and several targets in one frame, each by the name that the network has for it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.data import Batches, Dataset, TensorArray
from cortex_lab.widgets.views.activations import Activations
from cortex_lab.widgets.views.embedding_map import EmbeddingMap

ROWS = 48
INPUTS = {"picture": "image", "facts": ["age", "height"]}
TARGETS = {"kind": "species", "size": "weight", "again": "image"}
LOSSES = {"kind": "softmax_cross_entropy", "size": "mean_squared_error", "again": "mean_squared_error"}


def table(seed=0):
    random = np.random.default_rng(seed)
    kinds = np.array(["ant", "bee", "cow"])[np.arange(ROWS) % 3]
    images = random.integers(0, 256, (ROWS, 3, 3)).astype(np.uint8)
    return pd.DataFrame(
        {
            "weight": random.normal(size=ROWS),
            "image": TensorArray(images),
            "height": random.normal(size=ROWS),
            "species": kinds,
            "age": np.arange(ROWS) / ROWS,
        }
    )


def network(seed=0):
    nodes = [
        cl.Node(cl.Flatten(), "flat", ("picture",)),
        cl.Node(cl.Concatenate(), "both", ("flat", "facts")),
        cl.Node(cl.Dense(8, activation="tanh"), "hidden"),
        cl.Node(cl.Dense(3), "kind", ("hidden",)),
        cl.Node(cl.Dense(1), "size", ("hidden",)),
        cl.Node(cl.Dense(9), "wide", ("hidden",)),
        cl.Node(cl.Reshape((3, 3)), "again"),
    ]
    inputs = {"picture": (3, 3), "facts": (2,)}
    return cl.Network(nodes, inputs, outputs=["kind", "size", "again"], seed=seed)


def trained(data, steps=12, **options):
    session = cl.train(network(), data, LOSSES, cl.Adam(0.02), batch_size=8, **options)
    session.step(steps)
    return session


class ByHand:
    """The same batches as a source of one's own, which is what several targets took so far."""

    def __init__(self, frame):
        images = np.stack([np.asarray(cell) for cell in frame["image"]]) / np.float32(255)
        facts = frame[["age", "height"]].to_numpy(np.float32)
        self.inputs = {"picture": images.astype("f4"), "facts": facts}
        codes = np.searchsorted(["ant", "bee", "cow"], frame.species)
        weight = frame.weight.to_numpy(np.float32)
        self.targets = {"kind": codes, "size": weight, "again": self.inputs["picture"]}
        self.plain = Batches(self.inputs, None, batch_size=8, seed=0)
        self.steps_per_epoch, self.batch_size = self.plain.steps_per_epoch, 8

    def fetch(self, step):
        batch = self.plain.fetch(step)
        targets = {name: array[batch.rows] for name, array in self.targets.items()}
        return cl.data.Batch(batch.inputs, targets, batch.rows)


def test_a_frame_has_what_batches_by_hand_have():
    frame = table()
    data = Dataset(frame, INPUTS, TARGETS)
    ours = trained(data)
    np.testing.assert_allclose(ours.trace["loss"], trained(ByHand(frame)).trace["loss"], rtol=1e-6)
    first = data.batches(8).fetch(0)
    assert list(first.inputs) == ["picture", "facts"] and list(first.targets) == ["kind", "size", "again"]
    assert first.targets["kind"].dtype == np.int64 and first.targets["size"].dtype == np.float32
    assert "kind (8,) int64" in repr(first)


def test_what_a_dataset_tells_of_several_is_told_by_name():
    data = Dataset(table(), INPUTS, TARGETS)
    x, y = data.arrays()
    assert {name: part.shape for name, part in x.items()} == {"picture": (ROWS, 3, 3), "facts": (ROWS, 2)}
    assert data.input_shape == {"picture": (3, 3), "facts": (2,)}
    assert data.classes == {"kind": ["ant", "bee", "cow"], "size": None, "again": None}
    assert data.columns == ["image", "age", "height"]
    assert data.reads == {"picture": ["image"], "facts": ["age", "height"]}
    np.testing.assert_array_equal(y["size"], table().weight.to_numpy(np.float32))
    assert data.class_counts.tolist() == [16, 16, 16]
    for text in (repr(data), data._repr_html_()):
        assert "3 classes" in text and "species" in text and "weight" in text
    dealt = data.split(test=12, validation=12)
    assert [part.class_counts.tolist() for part in (dealt.train, dealt.test)] == [[8] * 3, [4] * 3]


def test_one_input_by_name_and_one_target_by_name_are_those_without_names():
    frame = table()
    losses, options = "softmax_cross_entropy", {"class_weight": {"bee": 3.0}, "batch_size": 8}
    named = Dataset(frame, {"input": ["age", "height"]}, {"dense_1": "species"}).split(validation=9, test=3)
    plain = Dataset(frame, ["age", "height"], "species").split(validation=9, test=3)
    for loss in (losses, {"dense_1": losses}):
        sessions = []
        for data in (named, plain):
            net = cl.Network([cl.Dense(3)], 2, seed=0)
            sessions.append(cl.train(net, data, loss, cl.SGD(0.1), **options))
            sessions[-1].step(9)
        for key in ("loss", "validation_loss"):
            np.testing.assert_array_equal(*(session.trace[key] for session in sessions))


def test_other_rows_meet_several_by_name_on_every_path(tmp_path):
    frame, other = table(), table(1)
    data = Dataset(frame, INPUTS, TARGETS).split(validation=12, test=6)
    session = trained(data, validate_every=4)
    turned = Dataset(other[sorted(other)], dict(reversed(INPUTS.items())), dict(reversed(TARGETS.items())))
    scores = session.score(turned)
    x, y = Dataset(other, INPUTS, TARGETS).arrays()
    words = {**y, "kind": other.species}
    for given in (other, (x, words), (other, words)):
        assert session.score(given) == scores
    outputs = session.network.predict(x)
    for given in (turned, other, other[sorted(other)]):
        for name, array in session.network.predict(given).items():
            np.testing.assert_array_equal(array, outputs[name])
    assert session.score("test").keys() == scores.keys()
    assert session.network.reads == data.reads
    assert session.network.classes == {"kind": ["ant", "bee", "cow"]}
    session.network.save(tmp_path / "network.h5")
    loaded = cl.Network.load(tmp_path / "network.h5")
    np.testing.assert_array_equal(loaded.predict(other)["size"], outputs["size"])


def test_several_go_back_fork_resume_and_are_written_as_a_script(tmp_path):
    data = Dataset(table(), INPUTS, TARGETS).split(validation=12, test=6)
    weights = {"sample_weight": np.linspace(1, 2, ROWS)}
    session = trained(data, steps=6, **weights)
    session.save(tmp_path / "training.h5")
    session.step(3)
    expected = session.trace["loss"].copy()
    session.rewind(2)
    session.step(7)
    np.testing.assert_array_equal(session.trace["loss"], expected)
    saved = tmp_path / "training.h5"
    again = cl.train(network(), data, LOSSES, batch_size=8, resume_from=saved, **weights)
    again.step(3)
    np.testing.assert_array_equal(again.trace["loss"][-3:], expected[-3:])
    assert session.frame["loss"].notna().all()
    found = {}
    exec(session.script(), found)
    np.testing.assert_array_equal(found["session"].trace["loss"], expected)


WRONG = {
    "an input of another name": (
        lambda f: Dataset(f, {"image": "image", "facts": ["age", "height"]}, TARGETS),
        "the network has the inputs 'picture', 'facts', and 'dataset' gives 'image', 'facts'",
    ),
    "an input too few": (lambda f: Dataset(f, {"facts": ["age", "height"]}, TARGETS), "gives 'facts'"),
    "a target without a loss": (
        lambda f: Dataset(f, INPUTS, {**TARGETS, "old": "age"}),
        "has a target 'old', and there are losses for 'kind', 'size', 'again'",
    ),
    "a loss without a target": (
        lambda f: Dataset(f, INPUTS, {"kind": "species"}),
        r"a loss for 'size', and 'dataset' has the targets 'kind'.*target={'size': column}",
    ),
    "a class as a value": (
        lambda f: Dataset(f, INPUTS, {**TARGETS, "size": "species"}),
        "column 'species' holds str, which is labels",
    ),
    "a value as a class": (
        lambda f: Dataset(f, INPUTS, {**TARGETS, "kind": "weight"}),
        "column 'weight' holds numbers such as",
    ),
    "no names": (lambda f: Dataset(f, {}, TARGETS), "columns by name are a dict"),
    "a name that is none": (lambda f: Dataset(f, {1: "image"}, TARGETS), "columns by name are a dict"),
    "a dict in a dict": (lambda f: Dataset(f, {"picture": {"a": "image"}}, TARGETS), "got a dict"),
    "no such column": (lambda f: Dataset(f, INPUTS, {"kind": "genus"}), "no column 'genus'"),
    "bytes that may be pictures or not": (
        lambda f: Dataset(f.assign(b=TensorArray(np.ones((ROWS, 1), "u1"))), INPUTS, TARGETS | {"size": "b"}),
        "are bytes, and not all those of one input",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_names_that_do_not_meet_are_told_before_the_first_step(case):
    made, message = WRONG[case]
    with pytest.raises((ValueError, KeyError, TypeError), match=message):
        cl.train(network(), made(table()), LOSSES, cl.SGD(0.1), batch_size=8)


def test_class_weights_are_for_one_target():
    data = Dataset(table(), INPUTS, TARGETS)
    for weights in ({"ant": 2.0}, "balanced"):
        with pytest.raises(
            ValueError, match="class_weight is for one target, and there are kind, size, again"
        ):
            trained(data, class_weight=weights)


def test_targets_by_name_are_put_by_name():
    x, y = np.arange(6.0).reshape(6, 1), {"a": np.arange(6), "b": -np.arange(6.0)}
    batch = Batches(x, y, batch_size=3, shuffle=False).fetch(1)
    a, b, at = np.zeros(3, int), np.zeros(3, np.float32), np.zeros((3, 1), np.float32)
    batch.put({"x": at}, {"b": b, "a": a})
    assert a.tolist() == [3, 4, 5] and b.tolist() == [-3, -4, -5] and batch.unread
    with pytest.raises(TypeError, match="targets are put by name: a, b"):
        batch.put({"x": at}, [a, b])
    with pytest.raises(ValueError, match="as many rows as each other, got inputs 6, a 6, b 5"):
        Batches(x, {**y, "b": np.zeros(5)}, batch_size=3)


def test_views_of_rows_show_every_input_and_every_target():
    session = trained(Dataset(table(), INPUTS, TARGETS), steps=1)
    shown = {plot.title for plot in Activations(session).drawing().plots}
    assert {f"{name} of row 0" for name in INPUTS} <= shown and set(TARGETS) <= shown
    assert EmbeddingMap(session).drawing() is not None


OWN = pd.DataFrame(
    {
        "x": np.linspace(0, 1, 24),
        "z": np.arange(24) % 5,
        "colour": ["red", "green"] * 12,
        "size": ["s", "m", "l"] * 8,
    }
)


@pytest.mark.parametrize(
    "inputs",
    [
        "x",
        "z",
        "colour",
        ["x", "colour"],
        {"p": "x"},
        {"p": ["x", "z"], "q": ["colour", "size"]},
        {"p": "z", "q": "colour"},
    ],
    ids=str,
)
def test_the_inputs_are_targets_by_the_names_that_they_have(inputs):
    data = Dataset(OWN, inputs, "inputs")
    other = Dataset(OWN[6:].reset_index(drop=True), inputs, "inputs").like(data)
    for each in (data, data.read_as("values"), data.select([5, 3]), other):
        x, y = each.arrays()
        for name in x if isinstance(inputs, dict) else [...]:
            np.testing.assert_array_equal(x[name], y[name])
        assert not isinstance(inputs, dict) or set(y) == set(inputs)
    if len(data.reads) < 2:
        return
    shapes = data.input_shape
    nodes = [cl.Node(cl.Concatenate(), "both", ("p", "q"))]
    nodes += [cl.Node(cl.Dense(*shapes[name]), f"{name} again", ("both",)) for name in "pq"]
    net = cl.Network(nodes, shapes, outputs=["p again", "q again"])
    losses = dict.fromkeys(net.graph.outputs, "mean_squared_error")
    with pytest.raises(ValueError, match=r"name targets as the outputs: Dataset\(frame, target=") as told:
        cl.train(net, data, losses, cl.Adam(), batch_size=8)
    target = eval(str(told.value).partition("target=")[2][:-1])
    cl.train(net, Dataset(OWN, inputs, target), losses, cl.Adam(), batch_size=8).step()


@pytest.mark.parametrize("columns", [["colour", "size"], ["x", "colour"], ["size", "x"]], ids=str)
def test_words_among_several_targets_are_refused_with_what_works(columns):
    frame = OWN.copy()
    for _ in range(2):
        try:
            data = Dataset(frame, "z", columns)
        except ValueError as error:
            told = str(error)
            assert "holds words" in told and "in a list are numbers" in told
            exec(told.partition("yes or no, ")[2].partition(", or predict")[0], {"frame": frame})
    data = Dataset(frame, "z", columns)
    network = cl.Network([cl.Dense(2)], 1)
    session = cl.train(network, data, "sigmoid_cross_entropy", cl.Adam(), batch_size=8)
    session.step()
    assert np.isfinite(session.score(frame)["loss"])
