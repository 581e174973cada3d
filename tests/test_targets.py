"""What a target column means: every registered loss reads every kind of column, or refuses it by name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.data.given import Given
from cortex_lab.nn.contract.loss import LOSSES, reading_of
from cortex_lab.nn.losses.center import CenterLoss
from tests.nn.loss_cases import LOSS_CASES

ROWS = 12
REFUSED = None


def column(values, dtype=None):
    return pd.Series(list(values) * (ROWS // len(values)), dtype=dtype)


def codes(values):
    return np.unique(values, return_inverse=True)[1]


def read(values, classes=None, yes_or_no=REFUSED, numbers=REFUSED):
    """What the readings make of a column: `values`, then what each gives for one round of them."""
    return values, {"classes": classes, "yes or no": yes_or_no, "values": numbers}


INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
NULLABLE = ["Int64", "UInt8", "Int16"]
# By name: the column, and what each reading makes of its first values; None is a refusal.
COLUMNS = {
    **{
        f"{dtype} of {len(values)}": read(column(values, dtype), codes(values), two, values)
        for dtype in [*INTEGERS, *NULLABLE]
        for values, two in (([3, 9, 5], REFUSED), ([2, 1], [1, 0]), ([1, 0], [1, 0]))
    },
    "ones": read(column([1]), [0], [1], [1]),
    "signs": read(column([1, -1]), [1, 0], [1, 0], [1, -1]),
    "bool": read(column([True, False]), [1, 0], [1, 0], [1, 0]),
    "boolean": read(column([True, False], "boolean"), [1, 0], [1, 0], [1, 0]),
    "True alone": read(column([True]), [1], [1], [1]),
    **{
        f"{dtype} {name}": read(column(values, dtype), whole, two, values)
        for dtype in ("float32", "float64", "Float64")
        for name, values, whole, two in (
            ("whole", [3.0, 1, 2], [2, 0, 1], REFUSED),
            ("of two", [2.0, 1], [1, 0], [1, 0]),
            ("of 0 and 1", [1.0, 0], [1, 0], [1, 0]),
            ("shares", [0.25, 1, 0.5], REFUSED, [0.25, 1, 0.5]),
            ("others", [0.25, 7, 1.5], REFUSED, REFUSED),
        )
    },
    **{
        f"{dtype} of {len(values)}": read(column(values, dtype), codes(values), two)
        for dtype in ("str", "object", "string", "category")
        for values, two in ((["c", "a", "b"], REFUSED), (["no", "yes"], [0, 1]))
    },
    "unused category": read(
        column(["low", "high"], pd.CategoricalDtype(["low", "middle", "high"], ordered=True)), [0, 2]
    ),
    "category of numbers": read(column([7, 3], "category"), [1, 0], [1, 0]),
    "dates": read(column(pd.to_datetime(["2024-05-01", "2023-01-01"])), [1, 0], [1, 0]),
    "numbers kept as objects": read(column([3, 9, 5], object), [0, 2, 1], REFUSED, [3, 9, 5]),
    "words and numbers": read(column(["a", 1, "b"], object), "kept apart"),
    "1 and '1'": read(column([1, "1"], object)),
    "1 and True": read(column([1, True], object)),
    "1.0 and 1": read(column([1.0, 1], object)),
    "True and 'True'": read(column([True, "True"], object)),
    "1 and '1' as categories": read(column([1, "1"], object).astype("category")),
    "a gap in strings": read(column(["a", None, "b"])),
    "a gap in objects": read(column(["a", np.nan, "b"], object)),
    "a gap in categories": read(column(["a", None, "b"], "category")),
    "a gap in integers": read(column([1, pd.NA, 0], "Int64")),
    "a gap in bools": read(column([True, pd.NA, False], "boolean")),
    "a gap in floats": read(column([1.0, np.nan, 0])),
    "a gap in dates": read(column(pd.to_datetime(["2024-05-01", None, "2023-01-01"]))),
    "a blank": read(column(["a", "", "b"])),
    "spaces": read(column(["a", " ", "b"], "category")),
}
TRIED = {case.name: case.loss for case in LOSS_CASES}


def served(loss, frame):
    """The dataset as the loss reads it, and the targets of its rows as a step would get them."""
    given = Given.of(cl.data.Dataset(frame, inputs="x", target="y"), *reading_of(loss))
    batch = given.batches(ROWS, seed=0).fetch(0)
    shape = (1,) if loss.reads in ("values", "yes or no") else (4,)
    checked = (replace(loss, classes=4) if isinstance(loss, CenterLoss) else loss).check_targets(
        batch.targets, shape
    )
    found = np.empty(ROWS)
    found[batch.rows] = np.ravel(checked)
    return given.dataset, found


def test_every_loss_is_tried():
    ours = {kind for kind in LOSSES.values() if kind.__module__.startswith("cortex_lab")}
    assert {type(loss) for loss in TRIED.values()} >= ours
    assert {loss.reads for loss in TRIED.values()} >= {
        "classes",
        "yes or no",
        "values",
        "one column per class",
    }


@pytest.mark.parametrize("name", COLUMNS)
def test_every_loss_reads_a_column_as_it_means_it_or_refuses_it_by_name(name):
    values, expected = COLUMNS[name]
    frame = pd.DataFrame({"x": np.linspace(0, 1, ROWS), "y": values})
    for loss in TRIED.values():
        wanted = expected.get(loss.reads)
        if wanted is REFUSED:
            with pytest.raises(ValueError, match="'y'") as refused:
                served(loss, frame)
            text = str(refused.value)
            if not any(said in text for said in ("no label", "blank", "mixes", "NaN")):
                assert "'softmax" in text or "'mean" in text or "leave one_hot=True out" in text
                assert "frame['y']" in text
            continue
        dataset, found = served(loss, frame)
        if isinstance(wanted, str):
            assert len(np.unique(found)) == values.nunique() == len(dataset.classes)
            continue
        np.testing.assert_array_equal(found, np.tile(wanted, ROWS // len(wanted)), err_msg=f"{loss}")
        if dataset.labels is not None:
            assert [dataset.labels[int(code)] for code in found] == values.tolist()


def trained(loss, data, units=1, **options):
    """A session on two input columns, after one step."""
    network = cl.Network([cl.Dense(units)], input_shape=2)
    session = cl.train(network, data, loss, cl.SGD(1e-9), batch_size=4, **options)
    session.step()
    return session


def prices(seed=0, rows=40):
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(random.normal(size=(rows, 2)), columns=["a", "b"])
    return frame.assign(price=(50_000 + 1000 * np.round(10 * frame.a)).astype(int))


def test_training_validation_score_and_frame_read_the_target_alike():
    frame = prices()
    data = cl.data.Dataset(frame, ["a", "b"], "price").split(test=0.25, validation=0.25)
    session = trained("mean_squared_error", data)
    rows = session.process.batch.rows
    assert np.ravel(session.process.batch.targets).tolist() == frame.price[rows].tolist()
    assert session.dataset.classes is None and (session.frame["price"] == frame.price[rows]).all()
    network, test = session.network, data.test
    error = np.square(network.predict(test)[:, 0] - test.frame["price"].to_numpy()).mean()
    assert session.score("test")["loss"] == pytest.approx(error, rel=1e-5)
    assert session.score(test) == session.score("test") == session.score(test.frame)
    validated = session.process.measure("validation_loss")
    assert validated == pytest.approx(session.score(data.validation)["loss"])


def test_rare_numbers_do_not_stop_a_split_and_rare_words_do():
    data = cl.data.Dataset(prices().assign(price=range(40)), ["a", "b"], "price").split(test=0.25)
    assert len(data.test) == 10 and "not stratified" in repr(data) and "not stratified" in data._repr_html_()
    assert "stratified" not in repr(data.train)
    twice = cl.data.Dataset(prices().assign(price=np.arange(40) // 2), ["a", "b"], "price").split(test=0.6)
    assert len(twice.test) == 24
    words = prices().assign(price=[f"no {row}" for row in range(40)])
    with pytest.raises(ValueError, match="stratify=False"):
        cl.data.Dataset(words, ["a", "b"], "price").split(test=0.25)


def test_losses_that_read_one_column_in_two_ways_are_refused():
    layers = [
        cl.Dense(3, activation="tanh"),
        cl.Node(cl.Dense(2), "kind"),
        cl.Node(cl.Dense(1), "price", ["dense_1"]),
    ]
    network = cl.Network(layers, input_shape=2, outputs=["kind", "price"])
    losses = {"kind": "softmax_cross_entropy", "price": "mean_squared_error"}
    with pytest.raises(ValueError, match="'price' cannot be read as classes and values at once"):
        cl.train(network, cl.data.Dataset(prices(), ["a", "b"], "price"), losses, cl.SGD(0.1))


# Arrays ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [*INTEGERS, "float32", "float64", "bool"])
def test_whole_numbers_in_arrays_are_values_or_ids_as_the_loss_says(dtype):
    x, y = np.zeros((ROWS, 2)), np.tile([0, 1, 1], ROWS // 3).astype(dtype)
    for loss, units in (
        ("mean_squared_error", 1),
        ("softmax_cross_entropy", 2),
        ("sigmoid_cross_entropy", 1),
    ):
        session = trained(loss, (x, y), units)
        slots = session.process.objective.slots(session.process.bound, session.process.plan)
        target = np.ravel(slots["dense_1"].target)
        assert target.tolist() == y[session.process.batch.rows].astype(float).tolist()


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0, None] * 6, r"targets are missing in 6 of 12 rows \(first: \[1, 3.*-1"),
        ([0, np.nan] * 6, "targets are missing in 6 of 12 rows.*-1"),
        (pd.array([0, pd.NA] * 6, "Int64"), "targets are missing in 6 of 12 rows.*-1"),
        ([""] * 12, "targets is blank in 12 of 12"),
        ([-1, 1] * 6, "-1 to 1, and a negative class id means.*numpy.unique.*-100"),
        ([-1, 0, 1] * 4, "-1 to 1, and a negative class id means"),
    ],
)
def test_targets_of_arrays_with_gaps_blanks_or_signs_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        trained("softmax_cross_entropy", (np.zeros((12, 2)), y), 3)


def test_a_negative_id_says_that_a_class_is_unknown():
    y = np.array([0, 1, 2, -100] * 3)
    session = trained("softmax_cross_entropy", (np.zeros((12, 2)), y), 3)
    assert session.trace["loss"][0] > 0 and session.process.batch.targets.min() == -100


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "sigmoid_cross_entropy", "mean_squared_error"])
def test_a_column_of_half_precision_is_read_as_any_other(loss):
    frame = pd.DataFrame({"a": [0.0, 1, 2, 3], "half": np.array([0, 1, 1, 0], np.float16)})
    single = cl.data.Dataset(frame.astype("float32"), "a", "half").read_as(reading_of(loss)[0])
    half = cl.data.Dataset(frame, "a", "half").read_as(reading_of(loss)[0])
    np.testing.assert_array_equal(half.arrays()[1], single.arrays()[1])
    assert half.classes == single.classes and half.like(single).arrays()[1].tolist() == [0, 1, 1, 0]
    with pytest.raises(ValueError, match=r"'half' holds numbers from 0.0 to 3.0, and .* wants yes or no"):
        cl.data.Dataset(frame.assign(half=frame.a.astype("float16")), "a", "half").read_as("yes or no")
