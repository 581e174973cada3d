"""Tables of every kind of column, and transformers of every family that makes sense of some."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import skrub
from sklearn import (
    cluster,
    decomposition,
    discriminant_analysis,
    feature_selection,
    impute,
    kernel_approximation,
    preprocessing,
    random_projection,
)
from sklearn.compose import make_column_transformer
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

ROWS = 90
RANDOM = np.random.default_rng(0)
NUMBERS = pd.DataFrame(RANDOM.normal(size=(ROWS, 4)), columns=list("abcd"))
GAPS = NUMBERS.assign(a=NUMBERS["a"].where(np.arange(ROWS) % 7 > 0))
WORDS = pd.DataFrame({"u": RANDOM.choice(list("xyz"), ROWS), "v": RANDOM.choice(["long", "short"], ROWS)})
COLORS = ["red", "green", "blue", "big", "small"]
TEXTS = pd.DataFrame({"t": [" ".join(RANDOM.choice(COLORS, 4)) for _ in range(ROWS)]})
DATES = pd.DataFrame({"when": pd.date_range("2020-01-01", periods=ROWS, freq="17h")})
MIXED = pd.concat([GAPS, WORDS, TEXTS, DATES], axis=1)
LABELS = RANDOM.choice(["p", "q", "r"], ROWS)
TRAIN = 60

_BINS = {"n_bins": 4, "quantile_method": "averaged_inverted_cdf"}
_SCALED = make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler())
_ONES = preprocessing.OneHotEncoder(handle_unknown="ignore")
_POSITIVE = preprocessing.MinMaxScaler(clip=True)

FAMILIES: dict[str, tuple[Any, pd.DataFrame]] = {
    "standard": (preprocessing.StandardScaler(), NUMBERS),
    "minmax": (preprocessing.MinMaxScaler(), NUMBERS),
    "maxabs": (preprocessing.MaxAbsScaler(), NUMBERS),
    "robust": (preprocessing.RobustScaler(), NUMBERS),
    "power": (preprocessing.PowerTransformer(), NUMBERS),
    "quantile": (preprocessing.QuantileTransformer(n_quantiles=20), NUMBERS),
    "normalizer": (preprocessing.Normalizer(), NUMBERS),
    "polynomial": (preprocessing.PolynomialFeatures(2), NUMBERS),
    "bins": (preprocessing.KBinsDiscretizer(**_BINS), NUMBERS),
    "bins in order": (preprocessing.KBinsDiscretizer(encode="ordinal", **_BINS), NUMBERS),
    "binarizer": (preprocessing.Binarizer(), NUMBERS),
    "splines": (preprocessing.SplineTransformer(), NUMBERS),
    "function": (preprocessing.FunctionTransformer(np.arcsinh), NUMBERS),
    "imputer": (impute.SimpleImputer(add_indicator=True), GAPS),
    "neighbors": (impute.KNNImputer(), GAPS),
    "iterative": (impute.IterativeImputer(max_iter=2, tol=10.0), GAPS),
    "indicator": (impute.MissingIndicator(features="all"), GAPS),
    "pca": (decomposition.PCA(2), NUMBERS),
    "pca at random": (decomposition.PCA(2, svd_solver="randomized"), NUMBERS),
    "svd": (decomposition.TruncatedSVD(2), NUMBERS),
    "ica": (decomposition.FastICA(2), NUMBERS),
    "kernel pca": (decomposition.KernelPCA(2, kernel="rbf"), NUMBERS),
    "nmf": (make_pipeline(_POSITIVE, decomposition.NMF(2, max_iter=500)), NUMBERS),
    "nystroem": (kernel_approximation.Nystroem(n_components=5), NUMBERS),
    "fourier": (kernel_approximation.RBFSampler(n_components=5), NUMBERS),
    "projection": (random_projection.GaussianRandomProjection(2), NUMBERS),
    "sparse projection": (random_projection.SparseRandomProjection(2), NUMBERS),
    "best": (feature_selection.SelectKBest(k=2), NUMBERS),
    "variance": (feature_selection.VarianceThreshold(), NUMBERS),
    "from a model": (feature_selection.SelectFromModel(LogisticRegression()), NUMBERS),
    "discriminant": (discriminant_analysis.LinearDiscriminantAnalysis(), NUMBERS),
    "clusters": (cluster.KMeans(3), NUMBERS),
    "agglomeration": (cluster.FeatureAgglomeration(2), NUMBERS),
    "one-hot": (_ONES, WORDS),
    "one-hot but the first": (preprocessing.OneHotEncoder(sparse_output=False, drop="first"), WORDS),
    "ordinal": (
        preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), WORDS,
    ),
    "tf-idf": (make_column_transformer((TfidfVectorizer(), "t")), TEXTS),
    "counts": (make_column_transformer((CountVectorizer(), "t")), TEXTS),
    "hashes": (make_column_transformer((HashingVectorizer(n_features=16), "t")), TEXTS),
    "columns": (
        make_column_transformer((_SCALED, ["a", "b"]), (_ONES, ["u", "v"]), ("passthrough", ["c"])), MIXED,
    ),
    "the rest": (
        make_column_transformer((_ONES, ["u", "v"]), remainder=preprocessing.StandardScaler()),
        pd.concat([NUMBERS, WORDS], axis=1),
    ),
    "union": (make_union(preprocessing.StandardScaler(), decomposition.PCA(2)), NUMBERS),
    "table": (make_pipeline(skrub.TableVectorizer(), impute.SimpleImputer()), MIXED),
    "table by hashes": (
        make_pipeline(
            skrub.TableVectorizer(
                datetime=skrub.DatetimeEncoder(periodic_encoding="circular"),
                high_cardinality=skrub.MinHashEncoder(n_components=3),
                cardinality_threshold=3,
            ),
            impute.SimpleImputer(),
        ),
        MIXED,
    ),
    "topics": (skrub.ApplyToCols(skrub.GapEncoder(n_components=2, max_iter=1)), TEXTS),
    "strings": (skrub.ApplyToCols(skrub.StringEncoder(n_components=3)), TEXTS),
    "squashed": (skrub.SquashingScaler(), NUMBERS),
    "dates": (skrub.ApplyToCols(skrub.DatetimeEncoder()), DATES),
}  # fmt: skip
NOT_SAVED = {"splines": "scipy.interpolate._bsplines.BSpline"}
"""What of them keeps something that is not read from files."""

SWITCHES = [None if row % 9 == 4 else row % 2 == 0 for row in range(ROWS)]
COLUMNS: dict[str, Any] = {
    "numbers": np.arange(ROWS) / 7,
    "whole numbers": np.arange(ROWS) % 11,
    "numbers with gaps": np.where(np.arange(ROWS) % 5, np.arange(ROWS) / 3, np.nan),
    "nullable numbers": pd.array([None if row % 9 == 4 else row for row in range(ROWS)], dtype="Int64"),
    "yes or no": np.arange(ROWS) % 3 > 0,
    "nullable yes or no": pd.array(
        [None if row % 9 == 4 else row % 2 == 0 for row in range(ROWS)], "boolean"
    ),
    "objects of yes or no": np.array([None if row % 9 == 4 else row % 2 == 0 for row in range(ROWS)], object),
    "words": np.array(["x", "y", "z"])[np.arange(ROWS) % 3],
    "words with gaps": np.array(["x", "y", None], object)[np.arange(ROWS) % 3],
    "categories": pd.Categorical(np.array(["x", "y", "z"])[np.arange(ROWS) % 3]),
    "categories with gaps": pd.Categorical([["x", "y", None][row % 3] for row in range(ROWS)]),
    "numbered categories": pd.Categorical(np.arange(ROWS) % 4),
    "texts": [f"word {row} of {row % 13}" for row in range(ROWS)],
    "dates": pd.date_range("2020-01-01", periods=ROWS),
    "dates with gaps": [None if row % 9 == 4 else pd.Timestamp(2020, 1, 1 + row % 28) for row in range(ROWS)],
    "dates in a zone": pd.date_range("2020-01-01", periods=ROWS, tz="Europe/Oslo"),
    "dates as words": pd.date_range("2020-01-01", periods=ROWS).strftime("%d/%m/%Y"),
    "days as objects": [day.date() for day in pd.date_range("2020-01-01", periods=ROWS)],
    "lengths of time": pd.to_timedelta(np.arange(ROWS) % 17, unit="h"),
    "numbers as words": [str(row / 4) for row in range(ROWS)],
    "one value": np.ones(ROWS),
    "one word": ["same"] * ROWS,
}
"""Columns that the default preparation reads; beside one of nothing, which it leaves out."""
