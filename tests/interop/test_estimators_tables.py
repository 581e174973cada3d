"""Networks as estimators on tables with dates, gaps, text and pictures: in skrub's pipelines, in stacks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import StackingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, cross_val_predict, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from skrub import tabular_pipeline

import cortex_lab as cl

ROWS = 90
DRAW = np.random.default_rng(0)
SPAM = np.arange(ROWS) % 3 == 0
Y = np.where(SPAM, "spam", "ham")
WORDS = np.where(SPAM, "win a prize now, click here", "meeting at noon with the team")
PICTURES = DRAW.normal(size=(ROWS, 6, 6, 1)).astype(np.float32) + SPAM[:, None, None, None]
TABLE = pd.DataFrame(
    {
        "text": [f"{words} {number}" for number, words in enumerate(WORDS)],
        "when": pd.date_range("2020", periods=ROWS, freq="D")[DRAW.permutation(ROWS)],
        "gap": np.where(DRAW.random(ROWS) < 0.2, np.nan, 1.0 * SPAM),
        "kind": np.array(["a", "b", "c"])[DRAW.integers(3, size=ROWS)],
    }
)
LETTERS = pd.DataFrame({"image": cl.data.TensorArray(PICTURES), "text": TABLE["text"]})
QUICK = {"epochs": 15, "random_state": 0, "optimizer": cl.Adam(1e-2)}


def test_in_skrubs_tabular_pipeline():
    """Which scales and fills the columns, as for a linear model, and encodes dates, words and text."""
    longer = QUICK | {"epochs": 80}
    pipeline = tabular_pipeline(cl.NetworkClassifier((16,), **longer))
    assert [name for name, _ in pipeline.steps][:2] == ["tablevectorizer", "simpleimputer"]
    assert cross_val_score(pipeline, TABLE, Y, cv=3).min() > 0.8
    regressor = cl.NetworkRegressor((16,), **longer)
    price = 3.0 * SPAM + DRAW.normal(size=ROWS) / 10
    assert (
        cross_val_score(tabular_pipeline(regressor), TABLE, price, cv=3).min() > 0.5
    )


def stack(**options):
    """One network of the pictures, one of the text."""
    image = ColumnTransformer([("it", "passthrough", ["image"])], verbose_feature_names_out=False)
    pictures = cl.NetworkClassifier([cl.Conv2D(4, 3, activation="relu"), cl.Flatten()], **QUICK)
    text = ColumnTransformer([("it", TfidfVectorizer(), "text")], sparse_threshold=0)
    parts = [
        ("pictures", make_pipeline(image.set_output(transform="pandas"), pictures)),
        ("words", make_pipeline(text, cl.NetworkClassifier((8,), **QUICK))),
    ]
    return StackingClassifier(parts, cv=3, **options)


@pytest.mark.parametrize("last", [LogisticRegression(), cl.NetworkClassifier((8,), **QUICK | {"epochs": 80})])
def test_a_stack_of_pictures_and_of_text(last):
    fitted = stack(final_estimator=clone(last)).fit(LETTERS, Y)
    assert list(fitted.classes_) == ["ham", "spam"] and fitted.score(LETTERS, Y) > 0.9
    assert fitted.predict_proba(LETTERS.iloc[:4]).shape == (4, 2)
    # Each of them is a session to look into, on what it was given.
    pictures, words = (part[-1] for part in fitted.named_estimators_.values() if not isinstance(part, str))
    assert list(pictures.network_.graph.inputs.values()) == [(6, 6, 1)]
    assert words.session_.step_number == QUICK["epochs"] * words.session_.process.batches.steps_per_epoch


def test_a_stack_is_cross_validated():
    assert cross_val_score(stack(), LETTERS, Y, cv=3).min() > 0.8


def test_five_lines_of_cross_validation():
    found = cross_validate(
        cl.NetworkClassifier((8,), **QUICK), PICTURES.reshape(ROWS, -1), Y, return_estimator=True
    )
    assert len(found["test_score"]) == 5 and found["test_score"].mean() > 0.8
    assert {each.session_.step_number for each in found["estimator"]} == {QUICK["epochs"]}


def test_labels_that_a_fold_lacks_are_never_said():
    x, y = DRAW.normal(size=(30, 3)), np.repeat(["a", "b", "c"], 10)
    said = cross_val_predict(cl.NetworkClassifier((4,), **QUICK), x, y, cv=KFold(3))
    assert all(set(said[y == label]) <= set("abc") - {label} for label in "abc")
    with pytest.raises(ValueError, match="one class only, a"):
        cl.NetworkClassifier((4,), **QUICK).fit(x[:10], y[:10])


BAD = {
    "dates": (TABLE[["when"]], "column 'when' holds datetime.*a preparation reads such columns"),
    "gaps": (TABLE[["gap", "kind"]], "column 'gap' is NaN or infinite"),
    "sparse": (TfidfVectorizer().fit_transform(TABLE["text"]), "dense data is required"),
}


@pytest.mark.parametrize("case", BAD)
def test_columns_that_no_network_reads_are_named(case):
    rows, said = BAD[case]
    with pytest.raises((ValueError, TypeError), match=said):
        cl.NetworkClassifier((4,), **QUICK).fit(rows, Y)
