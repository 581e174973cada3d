"""A preparation makes of rows what is made by hand of them, and refuses what it did not learn."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler, TargetEncoder

from cortex_lab.data import Dataset, Preparation
from cortex_lab.data.preparing import read_preparation
from tests.data.preparations import COLUMNS, FAMILIES, LABELS, MIXED, NOT_SAVED, NUMBERS, ROWS, TRAIN, WORDS

ROWS_TO_TRAIN = np.arange(TRAIN)


def fitted(transformer, frame: pd.DataFrame) -> Preparation:
    columns = frame.columns.tolist()
    return Preparation.fitted(transformer, frame, columns, ROWS_TO_TRAIN, LABELS[:TRAIN])


def by_hand(transformer, frame: pd.DataFrame) -> np.ndarray:
    own = clone(transformer)
    for name, value in own.get_params().items():
        if name.endswith("random_state") and value is None:
            own.set_params(**{name: 0})
    made = own.fit(frame.iloc[:TRAIN], LABELS[:TRAIN]).transform(frame)
    return np.asarray(made.toarray() if hasattr(made, "toarray") else made).astype(np.float32)


def again(preparation: Preparation) -> Preparation:
    described, content = preparation.written()
    return read_preparation(described, content, preparation.columns)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_makes_what_it_makes_by_hand_and_comes_back_out_of_a_file(family):
    transformer, frame = FAMILIES[family]
    made = fitted(transformer, frame)
    found = made.apply(frame)
    assert found.index is frame.index and found.columns.tolist() == made.features
    np.testing.assert_array_equal(found.to_numpy(), by_hand(transformer, frame))
    assert not hasattr(transformer, "n_features_in_"), "what was given stays unfitted"
    if family in NOT_SAVED:
        with pytest.raises(ValueError, match=f"cannot be saved, for {NOT_SAVED[family]}"):
            made.written()
        return
    loaded = again(made)
    pd.testing.assert_frame_equal(loaded.apply(frame), found)
    assert (loaded.columns, loaded.kinds, loaded.notes) == (made.columns, made.kinds, made.notes)


NAMES = ["it", 7, ("a", 1), 1.5]


@pytest.mark.parametrize("kind", COLUMNS)
def test_every_kind_of_column_is_read_by_default(kind):
    name = NAMES[list(COLUMNS).index(kind) % len(NAMES)]
    frame = pd.DataFrame({name: COLUMNS[kind], "none": [None] * ROWS}, index=np.arange(ROWS) // 2)
    made = Preparation.fitted(None, frame, [name, "none"], np.flatnonzero(np.arange(ROWS) % 4))
    found = made.apply(frame)
    assert (
        np.isfinite(found).all(axis=None) and found.index is frame.index and found.dtypes.eq("float32").all()
    )
    turned = frame.iloc[::-1].assign(more="x")[["more", "none", name]]
    pd.testing.assert_frame_equal(made.apply(turned), found.iloc[::-1])
    one = made.apply(frame.iloc[[ROWS - 1]])
    np.testing.assert_allclose(one, found.iloc[[-1]], rtol=1e-5, atol=1e-6)
    nothing = made.apply(pd.DataFrame({name: [None], "none": ["anything"]}, index=["new"]))
    assert np.isfinite(nothing).all(axis=None) and nothing.index.tolist() == ["new"]
    assert "left out: 'none', where nothing stands" in repr(made)
    pd.testing.assert_frame_equal(again(made).apply(frame), found)


def test_what_is_filled_guessed_and_left_out_is_told():
    frame = pd.DataFrame({kind: COLUMNS[kind] for kind in COLUMNS}).assign(none=None)
    told = repr(Preparation.fitted(None, frame, frame.columns.tolist(), ROWS_TO_TRAIN))
    assert "fitted on 60 rows: 23 columns to" in told and "'dates as words' (read as %d/%m/%Y)" in told
    assert "texts 'texts' (30 numbers)" in told and "left out: 'none'" in told
    assert "the same in all rows: 'one value', 'one word'" in told and "'numbers with gaps' 12" in told


def test_what_was_never_seen_is_none_of_what_was():
    made = fitted(None, WORDS)
    found = made.invert(made.apply(pd.DataFrame({"u": ["new", None], "v": ["long", "new"]})))
    assert found["u"].isna().tolist() == [True, True] and found["v"].isna().tolist() == [False, True]


BACK = [
    "standard",
    "minmax",
    "robust",
    "imputer",
    "one-hot",
    "ordinal",
    "columns",
    "the rest",
    "best",
    "table",
]


@pytest.mark.parametrize("family", [*BACK, "default"])
def test_what_can_be_given_back_comes_back_in_its_units(family):
    transformer, frame = FAMILIES.get(family, (None, MIXED))
    made = fitted(transformer, frame)
    found = made.invert(made.apply(frame))
    assert len(found.columns) and found.index is not None
    for name in found.columns:
        if frame[name].dtype.kind == "f":
            filled = family in ("columns", "table") and name == "a"
            there = frame[name].notna() | (not filled)
            np.testing.assert_allclose(found[name][there].astype(float), frame[name][there], atol=1e-5)
        else:
            assert found[name].tolist() == frame[name].tolist()


@pytest.mark.parametrize("family", ["normalizer", "function", "hashes", "neighbors"])
def test_what_has_no_way_back_says_so(family):
    transformer, frame = FAMILIES[family]
    made = fitted(transformer, frame)
    with pytest.raises(ValueError, match="has no way back"):
        made.invert(made.apply(frame))


ONE = {"number": 1.0, "word": "x", "day": "2020-01-01", "when": pd.Timestamp(2020, 1, 1), "yes": True}
REFUSED = {
    "words for numbers": ({"number": "many"}, "column 'number' holds words where numbers were learned"),
    "numbers for words": ({"word": 3}, "column 'word' holds numbers where words were learned"),
    "a word for a date": ({"day": "yesterday"}, "'day' holds 'yesterday', in 1 of 1 rows, which is no date"),
    "another way of writing": ({"day": "01.02.2020"}, "no date, written as %Y-%m-%d"),
    "dates for words": ({"day": pd.Timestamp(2020, 1, 1)}, "column 'day' holds dates where words"),
    "words for dates": ({"when": "01/02/2020"}, "column 'when' holds words where dates"),
    "another time": ({"when": pd.Timestamp(2020, 1, 1, tz="UTC")}, "holds dates of a time zone where dates"),
    "words for yes": ({"yes": "yes"}, "column 'yes' holds words where yes or no"),
    "numbers for yes": ({"yes": 2}, "column 'yes' holds numbers where yes or no"),
    "infinite": ({"number": np.inf}, "column 'number' is infinite in 1 of 1 rows"),
    "huge": ({"number": 1e300}, "column 'number' holds 1e.300 in row 0, which is beyond float32"),
    "lists": ({"number": [1, 2]}, "column 'number' holds cells that are neither"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_was_not_learned_is_refused_by_name(case):
    frame = pd.DataFrame([ONE] * 9).assign(number=np.arange(9.0), word=list("xyz") * 3)
    frame["day"] = pd.date_range("2020-01-01", periods=9).strftime("%Y-%m-%d")
    made = Preparation.fitted(None, frame, frame.columns.tolist(), np.arange(9))
    changed, said = REFUSED[case]
    row = pd.DataFrame([{**ONE, **changed}])
    with pytest.raises(ValueError, match=said):
        made.apply(row)
    known = made.apply(pd.DataFrame([ONE]))
    pd.testing.assert_frame_equal(made.apply(pd.DataFrame([{**ONE, "when": "2020-01-01 00:00"}])), known)
    assert np.isfinite(made.apply(pd.DataFrame([{**ONE, **dict.fromkeys(changed)}]))).all(axis=None)


def test_columns_that_are_not_there_or_there_twice_and_empty_frames_are_refused():
    made = fitted(StandardScaler(), NUMBERS)
    with pytest.raises(KeyError, match=r"no column 'a', which was learned from.*rename"):
        made.apply(NUMBERS.drop(columns="a"))
    with pytest.raises(ValueError, match="more than one column 'a'"):
        made.apply(pd.concat([NUMBERS, NUMBERS[["a"]]], axis=1))
    with pytest.raises(ValueError, match="the frame has no rows"):
        made.apply(NUMBERS.iloc[:0])
    with pytest.raises(ValueError, match=r"columns 3 and '3' print alike.*rename"):
        Dataset(pd.DataFrame({3: [1.0, 2], "3": [1.0, 2], "y": [0, 1]}), [3, "3"], "y", prepare=True)


WRONG = {
    "a class": (StandardScaler, "got the class StandardScaler"),
    "a text": ("standard", "a preparation is a scikit-learn transformer"),
    "a function": (np.log1p, "a preparation is a scikit-learn transformer"),
    "learns the answers": (make_pipeline(TargetEncoder()), "TargetEncoder gives rows that it was fitted on"),
    "leaves gaps": (
        StandardScaler(),
        "column 'a' is missing in 9 of 60 rows, and StandardScaler leaves gaps",
    ),
    "no gaps": (PCA(2), r"PCA cannot be fitted on these rows: .*\(column 'a' has gaps\)"),
    "words": (FunctionTransformer(), "FunctionTransformer made object of these columns"),
    "all rows": (
        make_pipeline(SimpleImputer(), FunctionTransformer(lambda x: x - x.mean())),
        "other numbers of a row when other rows stand beside it",
    ),
    "nothing": (make_pipeline(SimpleImputer(), FunctionTransformer(lambda x: x[:, :0])), "leaves nothing"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_transformer_that_cannot_serve_is_refused_by_name(case):
    transformer, said = WRONG[case]
    frame = pd.DataFrame({"a": MIXED["a"], "u": MIXED["u"]}) if case == "words" else MIXED[["a", "b"]]
    with pytest.raises((ValueError, TypeError), match=said):
        fitted(transformer, frame)


def test_a_word_that_an_encoder_does_not_know_is_named_with_its_column():
    made = fitted(OneHotEncoder(), WORDS)
    with pytest.raises(ValueError, match=r"column 'u' holds 'new', in 1 of 90 rows, .*'x', 'y', 'z'"):
        made.apply(WORDS.assign(u=["new", *WORDS["u"][1:]]))


@pytest.mark.parametrize("package, needed", [("skrub", "prepared by skrub"), ("skops.io", "saved by skops")])
def test_without_a_package_the_extra_is_named(monkeypatch, package, needed):
    made = fitted(StandardScaler(), NUMBERS)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf'{needed}.*pip install "cortex-lab\[data\]"'):
        fitted(None, WORDS) if package == "skrub" else made.written()


def test_one_row_is_enough_to_fit_on_and_says_nothing_else():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = Preparation.fitted(None, MIXED, MIXED.columns.tolist(), np.array([3]))
    assert np.isfinite(made.apply(MIXED)).all(axis=None)
