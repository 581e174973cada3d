"""Which numbers become float32, and which are refused because too much of them would be lost."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cortex_lab as cl
from cortex_lab.data import Batches, Dataset, TensorArray
from cortex_lab.data.targets import read_targets
from cortex_lab.ground import float32

random = np.random.default_rng(0)
ROWS = 200
COUNT = np.arange(ROWS)

LOST = {
    "seconds": 1_700_000_000 + COUNT,
    "seconds as floats": 1.7e9 + COUNT,
    "nanoseconds": 1_700_000_000_000_000_000 + COUNT * 10**9,
    "neighbors over 2**24": 2**24 + COUNT,
    "negative": -(2**24) - COUNT,
    "one pair among others": np.concatenate([COUNT[2:], [2**24, 2**24 + 1]]),
    "beyond float64": 2**60 + COUNT,
    "unsigned": np.uint64(2**63) + COUNT.astype(np.uint64),
    "32 bits": (2**30 + COUNT).astype(np.int32),
    "too small": 1e-60 * (1 + COUNT),
    "a little above a million": 1e6 + 1e-3 * random.normal(size=ROWS),
    "one of two": 1.6e9 + 50.0 * (COUNT % 2),
    "neighbors as floats": 123456789.0 + COUNT % 2,
    "a rare one": 1.6e9 + 50.0 * (COUNT == 7),
    "four in two": 1.6e9 + 50.0 * (COUNT % 4),
    "five in three": 1.6e9 + 50.0 * (COUNT % 5),
    "denormal": 1e-40 * (1 + COUNT),
    "denormal and 0": 1e-39 * (COUNT % 2),
    "denormal already": (1e-40 * (1 + COUNT)).astype(np.float32),
    "long": 1 + np.longdouble(1e-18) * COUNT,
}
FINE = {
    "ordinary": random.normal(size=ROWS),
    "with an offset": 1000 + random.normal(size=ROWS),
    "large": 1e30 * random.normal(size=ROWS),
    "small": 1e-30 * random.normal(size=ROWS),
    "heavy tails": random.standard_cauchy(ROWS) ** 5,
    "many in one step": np.repeat(random.normal(size=2), ROWS // 2) + 1e-12 * random.normal(size=ROWS),
    "years": 2000 + random.uniform(0, 30, ROWS),
    "whole numbers up to 2**24": 2**24 - COUNT,
    "every second whole number": 2**24 + 2 * COUNT,
    "hours as seconds": 1_700_000_000 + 3600 * COUNT,
    "constant": np.full(ROWS, 0.1),
    "constant and large": np.full(ROWS, 2**40 + 1),
    "float32 already": (1.7e9 + COUNT).astype(np.float32),
    "float32 that begins with 0": np.where(COUNT < 100, 0, COUNT).astype(np.float32),
    "one of two, kept apart": 1.6e9 + 200.0 * (COUNT % 2),
    "a few denormals": np.where(COUNT % 20 == 3, 0, COUNT * 1e-30),
    "long but whole": COUNT.astype(np.longdouble),
}


def as_an_input_column(values):
    return Dataset(pd.DataFrame({"other": 0.0, "given": values}), ["other", "given"], None).arrays()[0][:, 1]


def as_a_target_column(values):
    frame = pd.DataFrame({"x": 0.0, "given": values})
    return Dataset(frame, "x", ["given"]).arrays()[1][:, 0]


def as_a_nullable_column(values):
    return as_an_input_column(pd.array(values, dtype=values.dtype.name.capitalize().replace("Ui", "UI")))


def as_a_tensor_column(values):
    tensor = np.stack([np.zeros_like(values), values], axis=1)[:, np.newaxis]
    return Dataset(pd.DataFrame({"given": TensorArray(tensor)}), "given", None).arrays()[0][:, 0, 1]


def as_an_input(values):
    batches = Batches({"given": np.stack([np.zeros_like(values), values], axis=1)}, None, batch_size=2)
    return batches.inputs["given"][:, 1]


def as_a_sequence(values):
    steps = np.zeros((len(values) // 2, 2, 3), values.dtype)
    steps[..., 1] = values.reshape(-1, 2)
    return Batches({"given": steps}, None, batch_size=2).inputs["given"][..., 1].ravel()


def as_rows_to_predict(values):
    cl.Network([cl.Dense(1)], 2).predict(np.stack([np.zeros_like(values), values], axis=1))
    return values.astype(np.float32)


def as_a_frame_to_predict(values):
    network = cl.Network([cl.Dense(1)], 2)
    network.reads = {"input": ["other", "given"]}
    network.predict(pd.DataFrame({"other": 0.0, "given": values}))
    return values.astype(np.float32)


def as_values_to_learn(values):
    frame = pd.DataFrame({"x": 0.0, "given": values})
    return Dataset(frame, "x", "given").read_as("values").arrays()[1]


PLACES = {
    as_an_input_column: "column 'given' ",
    as_a_target_column: "column 'given' ",
    as_a_nullable_column: "column 'given' ",
    as_a_tensor_column: "column 'given', column 1,",
    as_an_input: "input 'given', column 1,",
    as_a_sequence: "input 'given', column 1,",
    as_rows_to_predict: "input 'input', column 1,",
    as_a_frame_to_predict: "column 'given' ",
    as_values_to_learn: "column 'given' ",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("case", LOST)
def test_different_numbers_that_would_become_the_same_are_refused_by_name(place, case):
    values = LOST[case]
    if place is as_a_nullable_column and values.dtype == np.longdouble:
        return
    remedy = "(x - x.min|1e38|number them)"
    said = "float64 does not keep all apart" if place is as_values_to_learn and case == "long" else ""
    said = said or f"{PLACES[place]}.*different numbers.*become the same.*{remedy}"
    with pytest.raises(ValueError, match=said):
        place(values)
    if case != "one pair among others":
        # What the message says to do, and scaling where the numbers are too small.
        near = (values - values.min()) / (values.max() - values.min())
        assert len(np.unique(place(near))) == len(np.unique(near.astype(np.float32)))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("case", FINE)
def test_rounding_is_no_loss(place, case):
    if place is as_a_nullable_column and FINE[case].dtype == np.longdouble:
        return
    np.testing.assert_array_equal(place(FINE[case]), FINE[case].astype(np.float32))


@pytest.mark.parametrize("case", [case for case in LOST if LOST[case].dtype.kind == "f"])
def test_labels_need_no_float32_to_be_kept_apart(case):
    values = LOST[case]
    frame = pd.DataFrame({"x": 0.0, "given": values})
    if case == "long":
        with pytest.raises(ValueError, match=r"'given' .*float64 does not keep all apart"):
            read_targets(frame, "given", "classes")
    elif (values == np.floor(values)).all():
        codes, labels = read_targets(frame, "given", "classes")
        np.testing.assert_array_equal(labels[codes], values)


def test_data_that_alternate_are_looked_at_whole(monkeypatch):
    monkeypatch.setattr(float32, "_LOOKED_AT", 100)
    with pytest.raises(ValueError, match="become the same"):
        Batches(LOST["one of two"], None, batch_size=2)


def test_ordinary_numbers_are_fine_however_many_there_are():
    many = np.random.default_rng(1).normal(size=300_000)
    assert len(np.unique(many.astype(np.float32))) < len(many)
    assert len(Batches(many, None, batch_size=8)._inputs["inputs"]) == len(many)


def test_whole_numbers_can_be_rounded_by_saying_so():
    prices = 10**9 + 37 * np.random.default_rng(0).integers(-(10**7), 10**7, 1000)
    with pytest.raises(ValueError, match="give float64 if rounding is meant"):
        Batches(np.concatenate([prices, prices + 1]), None, batch_size=8)
    assert len(Batches(np.concatenate([prices, prices + 1]).astype(float), None, batch_size=8).rows) == 2000


def test_targets_that_are_whole_numbers_and_too_large_are_refused_as_well():
    x = np.zeros((ROWS, 2))
    with pytest.raises(ValueError, match=r"targets holds .* become the same"):
        Batches(x, LOST["seconds"], batch_size=8)
    with pytest.raises(ValueError, match=r"targets: .* is beyond int64; number the classes from 0"):
        Batches(x, LOST["unsigned"], batch_size=8)


@pytest.mark.parametrize("place", [as_an_input_column, as_a_target_column, as_a_tensor_column, as_an_input])
def test_numbers_beyond_float32_are_refused_by_name_and_row(place):
    values = np.where(COUNT == 7, -1e39, COUNT * 1.0)
    with pytest.raises(ValueError, match=r"'given'.* holds -1e\+39 in row 7, which is beyond float32"):
        place(values)


NO_NUMBERS = {
    "complex64": "x.real and x.imag",
    "complex128": "x.real and x.imag",
    "clongdouble": "x.real and x.imag",
    "datetime64[s]": r"\(x - x.min\(\)\) / numpy.timedelta64",
    "timedelta64[ms]": "x / numpy.timedelta64",
    "object": "pandas.to_numeric",
    "str": "get_dummies",
    "bytes": "get_dummies",
}


@pytest.mark.parametrize("dtype", NO_NUMBERS)
def test_what_are_no_numbers_is_refused_with_the_way_out(dtype):
    values = np.arange(6).astype(dtype)
    for name, batches in {
        "input 'given'": lambda: Batches({"given": values}, None, batch_size=2),
        "inputs": lambda: Batches(values, None, batch_size=2),
        "targets": lambda: Batches(np.zeros(6), values, batch_size=2),
    }.items():
        with pytest.raises(ValueError, match=f"{name}: numbers are wanted, got .*{NO_NUMBERS[dtype]}"):
            batches()
    frame = pd.DataFrame({"given": pd.Series(values), "x": 0.0})
    if dtype == "clongdouble":
        # pandas has no such column.
        return
    for inputs, target in (("given", None), ("x", ["given"])):
        remedy = f"({NO_NUMBERS[dtype]}|to_numeric|astype|make it yes or no)"
        with pytest.raises(ValueError, match=f"column 'given' holds .*{remedy}"):
            Dataset(frame, inputs, target)


def test_the_ways_out_lead_out():
    dates = pd.Series(pd.date_range("2024-01-01", periods=6, freq="h"))
    frame = pd.DataFrame({"x": (dates - dates.min()) / np.timedelta64(1, "s"), "y": 0.0})
    assert Dataset(frame, "x", "y").arrays()[0].ravel().tolist() == [3600 * hour for hour in range(6)]
    frame = pd.DataFrame({"x": pd.to_numeric(pd.Series(["1", "2.5"], dtype=object)), "y": 0.0})
    assert Dataset(frame, "x", "y").arrays()[0].ravel().tolist() == [1, 2.5]
