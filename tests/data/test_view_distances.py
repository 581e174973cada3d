"""Rows that are near one another and parts that differ, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency, ks_2samp

from cortex_lab.data import Dataset, RaggedArray, TensorArray, drift, farthest, load, near_duplicates

# near_duplicates and farthest ----------------------------------------------------------------------


def test_planted_twins_and_a_stranger_are_found_among_pictures() -> None:
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (200, 6, 6, 1), dtype=np.uint8)
    pictures[150] = pictures[20]
    pictures[90] = np.clip(pictures[30].astype(int) + random.integers(-2, 3, (6, 6, 1)), 0, 255)
    pictures[77] = 255
    index = [f"id {row}" for row in range(200)]
    labels = np.arange(200) % 2
    data = Dataset(
        pd.DataFrame({"image": TensorArray(pictures), "label": labels}, index=index), splits={"test": [150]}
    )
    near = data.near_duplicates(most=5).frame()
    assert near.loc[0, ["row", "other row", "distance"]].tolist() == [20, 150, 0.0]
    assert near.loc[0, ["index", "other index", "part", "other part"]].tolist() == [
        "id 20",
        "id 150",
        "train",
        "test",
    ]
    assert near.loc[0, "same target"] and near.loc[1, ["row", "other row"]].tolist() == [30, 90]
    exact = np.sqrt((((pictures[30].astype(float) - pictures[90]) / 255) ** 2).sum())
    assert near.loc[1, "distance"] == pytest.approx(exact, rel=1e-5) and near.loc[1, "ratio"] < 0.1
    far = data.farthest(most=3).frame()
    assert far.loc[0, ["row", "index"]].tolist() == [77, "id 77"] and far.loc[0, "ratio"] > 1.2


def test_a_mixed_table_is_compared_in_deviations_and_categories() -> None:
    random = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "price": random.normal(1e6, 1e5, 60),
            "age": random.normal(40, 10, 60),
            "city": random.choice(list("abc"), 60),
            "name": [f"name {row}" for row in range(60)],
            "day": pd.date_range("2020", periods=60),
        }
    )
    frame.loc[50, ["price", "age", "city", "day"]] = frame.loc[7, ["price", "age", "city", "day"]]
    frame.loc[50, "age"] += 0.01
    frame.loc[33, "price"] = 1e8
    names = ["price", "age", "city", "day"]
    near = near_duplicates(frame, names).frame()
    assert near.loc[0, ["row", "other row"]].tolist() == [7, 50]
    assert near.loc[0, "distance"] == pytest.approx(0.01 / frame["age"].std(ddof=0), rel=1e-3)
    assert farthest(frame, names).frame().loc[0, "row"] == 33
    one = frame.iloc[[0, 0]].assign(city=["a", "b"])
    assert near_duplicates(one, ["city"]).frame()["distance"].tolist() == [pytest.approx(1.0)]


def test_what_is_missing_or_infinite_is_neither_near_nor_hidden() -> None:
    frame = pd.DataFrame({"a": [0.0, 1.0, 2.0, np.nan, np.inf, np.nan]})
    near = near_duplicates(frame).frame()
    assert near.loc[0, ["row", "other row", "distance"]].tolist() == [3, 5, 0.0]
    assert (near["distance"].iloc[1:] > 0.3).all()
    assert farthest(frame).frame().loc[0, "row"] == 4


def test_equal_rows_are_found_among_all_where_others_are_looked_for_in_some() -> None:
    frame = pd.DataFrame({"a": np.arange(3_000.0), "b": np.random.default_rng(0).random(3_000)})
    frame.loc[1_777] = frame.loc[5]
    found = near_duplicates(frame, rows=100)
    assert found.frame().loc[0, ["row", "other row"]].tolist() == [5, 1_777]
    assert "100 of 3,000 rows" in found.said[0]
    assert near_duplicates(pd.DataFrame({"a": ["x", "x", "y"]})).frame().loc[
        0, ["row", "other row"]
    ].tolist() == [0, 1]


# drift ---------------------------------------------------------------------------------------------


def test_distances_between_parts_are_scipys() -> None:
    random = np.random.default_rng(0)
    one = pd.DataFrame(
        {"n": random.normal(0, 1, 300), "c": random.choice(list("ab"), 300), "same": np.arange(300.0)}
    )
    other = pd.DataFrame(
        {"n": random.normal(2, 1, 200), "c": ["b"] * 150 + ["c"] * 50, "same": np.linspace(0, 299, 200)}
    )
    found = drift(one, other).frame().set_index("column")
    ks = ks_2samp(one["n"], other["n"])
    assert found.loc["n", "value"] == pytest.approx(ks.statistic) and found.loc["n", "statistic"] == "KS"
    counts = [[(one["c"] == each).sum() for each in "abc"], [0, 150, 50]]
    shares = [np.array(each) / sum(each) for each in counts]
    assert found.loc["c", "value"] == pytest.approx(np.abs(shares[0] - shares[1]).sum() / 2)
    assert found.loc["c", "p"] == pytest.approx(3 * chi2_contingency(counts, correction=False).pvalue)
    assert found["drifts"].to_dict() == {"n": True, "c": True, "same": False}
    assert found.index[-1] == "same" and found["value"].iloc[0] >= found["value"].iloc[1]


def test_names_that_are_apart_by_chance_come_after_what_drifts() -> None:
    frame = pd.DataFrame({"name": [f"name {row}" for row in range(400)], "a": np.arange(400.0)})
    found = drift(frame.iloc[:200], frame.iloc[200:]).frame()
    assert found["column"].tolist() == ["a", "name"] and found["value"].tolist() == pytest.approx([1, 1])
    assert found["drifts"].tolist() == [True, False]


def test_gaps_infinities_dates_lengths_and_pictures_drift_too() -> None:
    rows = 200
    pictures = np.random.default_rng(0).integers(0, 100, (rows, 4, 4, 1), dtype=np.uint8)
    frame = pd.DataFrame(
        {
            "gaps": [1.0] * rows,
            "infinite": np.arange(rows, dtype=float),
            "day": pd.date_range("2020", periods=rows),
            "image": TensorArray(pictures),
            "words": RaggedArray.of([[1]] * rows),
        }
    )
    other = frame.assign(
        gaps=[np.nan] * 100 + [1.0] * 100,
        infinite=[np.inf] * rows,
        day=pd.date_range("2022", periods=rows),
        image=TensorArray(pictures + np.uint8(100)),
        words=RaggedArray.of([[1, 2]] * rows),
    )
    found = drift(frame, other).frame().set_index(["column", "of"])
    assert found.loc[("gaps", "what is missing"), "value"] == pytest.approx(0.5)
    wanted = {"infinite": "values", "day": "values", "image": "mean of each", "words": "lengths"}
    assert all(
        found.loc[(column, of), "value"] == 1 and found.loc[(column, of), "drifts"]
        for column, of in wanted.items()
    )
    assert (
        not found.loc[("image", "contrast of each"), "drifts"] and not found.loc[("gaps", "values"), "drifts"]
    )
    assert "200 infinite" in found.loc[("infinite", "values"), "in the second"]


def test_parts_are_compared_with_those_trained_on_and_classes_as_such() -> None:
    data = load("digits")
    found = data.drift().frame()
    assert set(found["parts"]) == {"train and validation", "train and test"}
    assert set(found.loc[found["column"] == "label", "statistic"]) == {"TV"} and not found["drifts"].any()
    assert set(data.drift(between=("validation", "test")).frame()["parts"]) == {"validation and test"}


def test_texts_are_compared_by_their_letters_and_rows_that_differ_in_one_are_not_called_equal():
    words = np.random.default_rng(0).integers(0, 26, (150, 40)) + ord("a")
    texts = ["".join(map(chr, each)) for each in words]
    texts[7], texts[90] = texts[3][:-1] + "!", texts[50]
    frame = pd.DataFrame({"x": np.zeros(150), "said": texts})
    found = near_duplicates(frame, ["x", "said"], most=2)
    table = found.frame()
    assert table[["row", "other row"]].to_numpy().tolist() == [[50, 90], [3, 7]]
    assert table["distance"][0] == 0 < table["distance"][1] < 0.3 and table["ratio"][1] < 0.4
    assert "1 of these pairs are equal" in " ".join(found.said)
    assert farthest(frame, ["x", "said"], most=1).frame()["distance"][0] == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("kind", ["sequences", "the order of words", "what is thinned out"])
def test_rows_that_differ_only_where_nothing_is_compared_are_not_called_equal(kind):
    count = 120
    frame = pd.DataFrame({"x": np.repeat(np.arange(count // 2), 2).astype(float)})
    if kind == "sequences":
        frame["it"] = RaggedArray(np.arange(count), np.ones(count, int))
    elif kind == "the order of words":
        frame["it"] = [f"{place // 2} said {'so he' if place % 2 else 'he so'}" for place in range(count)]
    else:
        wide = np.zeros((count, 5000), np.float32)
        wide[:, 1] = np.arange(count)
        frame["it"] = TensorArray(wide)
    found = near_duplicates(frame, ["x", "it"], most=5)
    assert found.frame()["distance"].tolist() == [0.0] * 5
    assert "no two rows are equal" in found.said and ">equal<" not in found.html()
    assert ("left out: 'it'" in found.said) == (kind == "sequences")
    assert ("compared by 'x', 120" in found.said[0]) == (kind == "sequences")
