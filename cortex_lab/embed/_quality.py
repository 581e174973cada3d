"""How much a map can be believed: numbers beside the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist

from cortex_lab.embed._points import METRICS, refuse_still
from cortex_lab.ground import checks

MOST_JUDGED = 5_000
"""Points whose neighborhoods are looked at; of more, so many drawn by the seed, among all of them."""
_NUMBERS_AT_ONCE = 2**22

TOLD = {
    "kl_divergence": "what t-SNE makes small: 0 if the map had the neighborhoods of the features exactly",
    "trustworthiness": "1 if points near each other in the map are near in the features; no false neighbors",
    "continuity": "1 if points near each other in the features are near in the map; none torn apart",
    "neighborhood_preservation": "the share of the k nearest in the map that are of the k nearest there",
    "knn_accuracy": "how often the label that most of the k nearest in the map have is a point's own",
}


@dataclass(frozen=True, eq=False)
class MapQuality:
    """What is kept of the neighborhoods of features in a map, judged by the `k` nearest of each point.

    kl_divergence: None where the map is not one of t-SNE. knn_accuracy: None without labels.
    trustworthiness, continuity: Venna and Kaski, Neighborhood preservation in nonlinear projection methods
    (2001). distortion: (n,) by point, the share of its k nearest in the map that are others in the features;
    NaN for points that were not judged, of which there were `judged`.
    """

    k: int
    judged: int
    trustworthiness: float
    continuity: float
    neighborhood_preservation: float
    knn_accuracy: float | None
    kl_divergence: float | None
    distortion: np.ndarray

    def frame(self) -> pd.DataFrame:
        """A line for each number: its "value", and what it says."""
        values = {name: getattr(self, name) for name in TOLD if getattr(self, name) is not None}
        told = [TOLD[name] for name in values]
        return pd.DataFrame({"value": values.values(), "says": told}, index=pd.Index(values, name="measure"))

    def _repr_html_(self) -> str:
        table = self.frame().to_html(float_format="{:.3f}".format)
        return f"{table}<small>of {self.judged:,} of {len(self.distortion):,} points, k = {self.k}</small>"

    def __repr__(self) -> str:
        said = ", ".join(f"{name} {value:.3f}" for name, value in self.frame()["value"].items())
        return f"<MapQuality, k = {self.k}: {said}>"


def quality(
    x: ArrayLike,
    positions: ArrayLike,
    labels: ArrayLike | None = None,
    k: int = 10,
    metric: str = "euclidean",
    kl_divergence: float | None = None,
    seed: int = 0,
) -> MapQuality:
    """How much the map `positions` (n, 2) keeps of the neighborhoods of `x` (n, features).

    `labels` (n,) are for `knn_accuracy`; those that are missing (None, NaN) are left out of it. `metric` is
    "euclidean", "cosine" or "manhattan". Of equally near points each counts as the nearest of them. Of more
    than 5,000 points a sample is judged, each among all others. ValueError for a `k` of half the points or
    more, and for what is not finite.
    """
    x = checks.finite("x", x, "(n, features) finite numbers")
    positions = checks.finite("positions", positions, "(n, 2) finite numbers")
    x = x.reshape(len(x), -1) if x.ndim > 1 else x
    if x.ndim != 2 or positions.ndim != 2 or len(x) != len(positions):
        raise ValueError(f"x must be (n, features) and positions (n, 2), got {x.shape} and {positions.shape}")
    n, k = len(x), checks.whole("k", k, least=1)
    if checks.choice("metric", metric, METRICS) == "cosine":
        refuse_still("x", x)
    if labels is not None and len(checks.listed("labels", labels)) != n:
        raise ValueError(f"there are {len(np.asarray(labels))} labels for {n} points")
    if 2 * k >= n:
        raise ValueError(
            f"k={k} neighbors are too many for {n} points; choose fewer than {n / 2:g}, or give more"
        )
    judged = np.arange(n)
    if n > MOST_JUDGED:
        judged = np.sort(np.random.default_rng(seed).choice(n, MOST_JUDGED, replace=False))
    false, torn, kept, neighbors = _looked_at(x, positions, judged, k, metric)
    most = k * (2 * n - 3 * k - 1) / 2
    distortion = np.full(n, np.nan)
    distortion[judged] = 1 - kept / k
    return MapQuality(
        k=k,
        judged=len(judged),
        trustworthiness=float(1 - false.mean() / most),
        continuity=float(1 - torn.mean() / most),
        neighborhood_preservation=float(kept.mean() / k),
        knn_accuracy=None if labels is None else _voted(labels, judged, neighbors),
        kl_divergence=kl_divergence,
        distortion=distortion,
    )


def _looked_at(
    x: np.ndarray, positions: np.ndarray, judged: np.ndarray, k: int, metric: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """By point judged: what its false and its torn neighbors cost, how many it keeps, its k in the map."""
    n, name = len(x), "cityblock" if metric == "manhattan" else metric
    false, torn, kept = np.zeros((3, len(judged)))
    neighbors = np.empty((len(judged), k), np.int64)
    step = max(1, _NUMBERS_AT_ONCE // n)
    for start in range(0, len(judged), step):
        part, rows = slice(start, start + step), judged[start : start + step]
        there = cdist(x[rows].astype(np.float64), x.astype(np.float64), name)
        here = cdist(positions[rows], positions)
        for found in (there, here):
            found[np.arange(len(rows)), rows] = np.inf
        near_here = np.argpartition(here, k - 1, axis=1)[:, :k]
        near_there = np.argpartition(there, k - 1, axis=1)[:, :k]
        ranks_there, ranks_here = _ranks(there, near_here), _ranks(here, near_there)
        false[part] = np.maximum(ranks_there - k, 0).sum(axis=1)
        torn[part] = np.maximum(ranks_here - k, 0).sum(axis=1)
        kept[part] = (ranks_there <= k).sum(axis=1)
        neighbors[part] = near_here
    return false, torn, kept, neighbors


def _ranks(distances: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Which nearest each of `columns` is of its row, from 1 on; those equally near are the first of them."""
    rows = np.sort(distances, axis=1)
    wanted = np.take_along_axis(distances, columns, axis=1)
    return 1 + np.stack([np.searchsorted(row, each) for row, each in zip(rows, wanted, strict=True)])


def _voted(labels: ArrayLike, judged: np.ndarray, neighbors: np.ndarray) -> float:
    codes, classes = pd.factorize(np.asarray(labels), sort=False)
    counts = np.zeros((len(judged), len(classes) + 1))
    np.add.at(counts, (np.arange(len(judged))[:, np.newaxis], codes[neighbors]), 1)
    known = codes[judged] >= 0
    if len(classes) == 0 or not known.any():
        return float("nan")
    return float((counts[known, :-1].argmax(axis=1) == codes[judged][known]).mean())
