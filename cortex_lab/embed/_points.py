"""What a map is made of: the points, who is near whom, and where to start; checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cortex_lab.embed._pairs import affinities_of_all_pairs
from cortex_lab.ground import checks
from cortex_lab.ground.forks import cached_property

# openTSNE's own rule for the gradient, at the size where interpolation begins to pay.
_BARNES_HUT_BELOW = 10_000
_EXACT_NEIGHBORS_BELOW = 5_000
# Up to here an (n, n) matrix of affinities is kept.
_ALL_PAIRS_UP_TO = 2_000
_PAIRS_AT_ONCE = 2**16

METRICS = ("euclidean", "cosine", "manhattan")
METHODS = ("auto", "barnes_hut", "fft")
Perplexity = float | Sequence[float]


class Points:
    """Rows to lay out and their affinities, which are computed when first read.

    Never changes once made, so snapshots share it. The other arguments are those of `TSNE`.
    """

    def __init__(
        self,
        x: ArrayLike,
        perplexity: Perplexity,
        seed: int,
        n_jobs: int,
        metric: str = "euclidean",
        method: str = "auto",
    ) -> None:
        self.metric = checks.choice("metric", metric, METRICS)
        self.method = checks.choice("method", method, METHODS)
        self.x = _checked_rows(x)
        if self.metric == "cosine":
            refuse_still("x", self.x)
        self.perplexities = _checked_perplexities(perplexity, len(self.x))
        self.seed, self.n_jobs = seed, n_jobs
        self._exaggerated: tuple[float, Any] = (1.0, None)

    @property
    def barnes_hut(self) -> bool:
        """Whether the gradient is by a Barnes-Hut tree, and not by interpolation (FFT)."""
        return self.method == "barnes_hut" or (self.method == "auto" and len(self.x) < _BARNES_HUT_BELOW)

    def other(self, x: ArrayLike | None = None, perplexity: Perplexity | None = None) -> Points:
        """Of other features, or of other perplexities, all else as here."""
        perplexity = self.perplexities if perplexity is None else perplexity
        return Points(
            self.x if x is None else x, perplexity, self.seed, self.n_jobs, self.metric, self.method
        )

    @property
    def known(self) -> bool:
        """Whether the affinities have been computed."""
        return "_neighbors" in self.__dict__

    @property
    def affinities(self) -> Any:
        """How near each point is to its neighbors: a sparse symmetric (n, n) matrix that sums to 1."""
        return self._neighbors.P

    @cached_property
    def _neighbors(self) -> Any:
        """openTSNE's affinities, which can be asked of new points, too."""
        method = "exact" if len(self.x) < _EXACT_NEIGHBORS_BELOW else "approx"
        metric = "manhattan" if self.metric == "manhattan" else "euclidean"
        options = {"method": method, "metric": metric, "random_state": self.seed, "n_jobs": self.n_jobs}
        affinity = opentsne("affinity")
        if len(self.perplexities) == 1:
            return affinity.PerplexityBasedNN(self._compared, self.perplexities[0], **options)
        return affinity.Multiscale(self._compared, list(self.perplexities), **options)

    @cached_property
    def _compared(self) -> np.ndarray:
        return self._as_compared(self.x)

    def _as_compared(self, x: np.ndarray) -> np.ndarray:
        """Rows as distances between them are taken; numbers whose squares leave the range of floats are
        multiplied by a power of two, the same for rows given later."""
        largest = float(np.abs(self.x).max())
        if not 1e-9 < largest < 1e15:
            x = np.ldexp(x, -np.frexp(largest)[1]).astype(self.x.dtype)
        if self.metric == "cosine":
            # By the largest first: a row of small numbers has squares that vanish.
            x = x / np.abs(x).max(axis=1, keepdims=True)
            x = x / np.linalg.norm(x, axis=1, keepdims=True)
        return x

    def place(self, new: ArrayLike, positions: np.ndarray, perplexity: float, iterations: int) -> np.ndarray:
        """Where `new` rows go in the map at `positions`; see `place` in `tsne.py`."""
        new = checks.numbers("new", new, "(n, features) numbers")
        new = new.reshape(len(new), math.prod(new.shape[1:])) if new.ndim > 1 else new
        width = self.x.shape[1]
        if new.ndim != 2 or new.shape[1] != width:
            raise ValueError(f"new points must have the {width} features of the map's, got {new.shape}")
        new = new.astype(self.x.dtype)
        if (broken := ~np.isfinite(new).all(axis=1)).any():
            raise ValueError(f"new points are NaN or infinite at {_rows_text(broken)}; leave them out")
        if self.metric == "cosine":
            refuse_still("new", new)
        if not len(new):
            return np.empty((0, 2))
        tsne = opentsne("tsne")
        method = "bh" if self.barnes_hut else "fft"
        options = {"negative_gradient_method": method, "random_state": self.seed, "n_jobs": self.n_jobs}
        # A copy, since openTSNE moves the map itself into the middle first; so what it finds is moved back.
        embedding = tsne.TSNEEmbedding(positions.copy(), self._neighbors, **options)
        middle = (positions.max(axis=0) + positions.min(axis=0)) / 2
        near = min(perplexity, (len(positions) - 1) / 3)
        found = embedding.transform(self._as_compared(new), perplexity=near, n_iter=iterations)
        return np.asarray(found) + middle

    @cached_property
    def _all_pairs(self) -> tuple[np.ndarray, float]:
        """The affinities of all pairs (n, n), and the sum of all p log p."""
        p = affinities_of_all_pairs(self._compared, self.perplexities, self.metric == "manhattan")
        some = p[p > 0]
        return p, float(some @ np.log(some))

    @cached_property
    def _pairs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """(i, j, twice the affinity p) of all pairs i < j that have one, and the sum of all p log p."""
        affinities = self.affinities.tocoo()
        upper = (affinities.row < affinities.col) & (affinities.data > 0)
        p = affinities.data[upper]
        return affinities.row[upper], affinities.col[upper], 2 * p, 2 * float(p @ np.log(p))

    def divergence(self, positions: np.ndarray) -> float | None:
        """KL divergence of the map; None for so many points that `gradient` estimates it."""
        if len(positions) >= _BARNES_HUT_BELOW or not self.barnes_hut:
            return None
        if len(positions) <= _ALL_PAIRS_UP_TO:
            affinities, negative_entropy = self._all_pairs
            similarities, attraction = _similarities(positions, affinities)
            return float(np.maximum(negative_entropy + attraction + np.log(similarities), 0.0))
        i, j, affinity, negative_entropy = self._pairs
        distance = np.zeros(len(i))
        for axis in positions.T.copy():
            between = axis[i] - axis[j]
            distance += between * between
        attraction = affinity @ np.log1p(distance)
        return float(np.maximum(negative_entropy + attraction + np.log(_similarities(positions)[0]), 0.0))

    def gradient(self, positions: np.ndarray, exaggeration: float) -> tuple[float, np.ndarray]:
        """The map's divergence as the gradient's tree or interpolation estimates it, and the gradient (n, 2).

        Attraction is multiplied by `exaggeration` in the gradient only.
        """
        tsne = opentsne("tsne")
        divergence = tsne.kl_divergence_bh if self.barnes_hut else tsne.kl_divergence_fft
        # The compiled code does not check: other types than float64, and NaN, crash the interpreter.
        if positions.dtype != np.float64 or not np.isfinite(positions).all():
            raise FloatingPointError("the map has left the range of numbers; lower the learning rate")
        error, gradient = divergence(
            positions,
            self._pull(exaggeration),
            dof=1,
            bh_params={"theta": 0.5},
            fft_params={"n_interpolation_points": 3, "min_num_intervals": 50, "ints_in_interval": 1},
            should_eval_error=True,
            n_jobs=self.n_jobs,
        )
        return float(np.maximum(error / exaggeration - np.log(exaggeration), 0.0)), gradient

    def _pull(self, exaggeration: float) -> Any:
        if exaggeration == 1:
            return self.affinities
        if self._exaggerated[0] != exaggeration:
            self._exaggerated = (exaggeration, self.affinities * exaggeration)
        return self._exaggerated[1]

    def principal_components(self) -> np.ndarray:
        """The two directions of most variance, (n, 2) float64, scaled small as t-SNE wants to start.

        Kobak and Berens, The art of using t-SNE for single-cell transcriptomics (2019).
        """
        # A single feature still gives a picture: a line.
        x = self._compared
        x = x if x.shape[1] > 1 else np.column_stack([x, np.zeros(len(x), x.dtype)])
        return opentsne("initialization").pca(x.astype(np.float64), random_state=self.seed)


def _similarities(positions: np.ndarray, affinities: np.ndarray | None = None) -> tuple[float, float]:
    """The sum of 1 / (1 + squared distance) over all ordered pairs of points.

    With their `affinities` (n, n), also the sum of those times log(1 + squared distance).
    """
    n = len(positions)
    y = positions - positions.mean(axis=0)
    square, ones = (y**2).sum(axis=1), np.ones(n)
    # 1 + |a|^2 - 2ab + |b|^2 as one product of matrices.
    left = np.column_stack([-2 * y, square + 1, ones])
    right = np.stack([*y.T, ones, square])
    total, attraction, rows = 0.0, 0.0, max(1, _PAIRS_AT_ONCE // n)
    for start in range(0, n, rows):
        here = left[start : start + rows] @ right[:, start:]
        # What a wide map loses in the product would else weigh more than pairs far from each other.
        np.maximum(here, 1.0, out=here)
        if affinities is not None:
            pulled = np.log(here) * affinities[start : start + rows, start:]
            attraction += 2 * float(pulled.sum()) - float(pulled[:, :rows].sum())
        np.reciprocal(here, out=here)
        np.fill_diagonal(here, 0.0)
        total += 2 * float(here.sum()) - float(here[:, :rows].sum())
    return total, attraction


def opentsne(module: str) -> Any:
    """A module of openTSNE, imported when it is needed."""
    try:
        return import_module(f"openTSNE.{module}")
    except ImportError as error:
        raise ImportError("t-SNE needs openTSNE: pip install cortex-lab[embed]") from error


def checked_start(initial: ArrayLike | None, n: int, seed: int) -> np.ndarray:
    """Starting positions (n, 2) as float64, coinciding points set a hair apart."""
    positions = checks.numbers("initial", initial, f"({n}, 2) positions").astype(np.float64)
    if positions.shape != (n, 2):
        raise ValueError(f"initial must be ({n}, 2) positions, one for each row of x, got {positions.shape}")
    if not np.isfinite(positions).all():
        raise ValueError(
            f"initial is NaN or infinite at {_rows_text(np.asarray(~np.isfinite(positions).all(axis=1)))}"
        )
    if np.ptp(positions, axis=0).max() == 0:
        raise ValueError("initial puts every point in one place; leave it out to start from the PCA")
    if len(np.unique(positions, axis=0)) < n:
        # Points in the very same place exert no force on each other.
        spread = 1e-4 * positions.std()
        positions += np.random.default_rng(seed).normal(0, spread, positions.shape)
    return positions


def rows_and_labels(x: Any) -> tuple[Any, Any]:
    """The inputs of a Dataset and the names of its labels; rows that are numbers as they are, and None."""
    if not hasattr(x, "arrays"):
        return x, None
    rows, targets = x.arrays()
    if isinstance(rows, dict):
        if len(rows) > 1:
            raise ValueError(f"a map is of one input; give one, x.arrays()[0][{next(iter(rows))!r}]")
        rows = next(iter(rows.values()))
    classes = getattr(x, "classes", None)
    named = isinstance(classes, list) and targets is not None
    return rows, np.array(classes)[targets] if named else None


def refuse_still(name: str, x: np.ndarray) -> None:
    """ValueError for rows without a direction, which no cosine compares."""
    if (still := ~x.any(axis=1)).any():
        raise ValueError(
            f"{name} is all 0 at {_rows_text(still)}, which has no direction to compare by "
            "metric='cosine'; leave these rows out, or take metric='euclidean'"
        )


def _checked_rows(x: Any) -> np.ndarray:
    x = checks.numbers("x", x, "(n, features) numbers or a Dataset")
    if x.ndim < 2:
        raise ValueError(f"x must be (n, features) numbers, got {x.dtype} of shape {x.shape}")
    if len(x) < 4:
        raise ValueError(f"t-SNE needs 4 points or more, got {len(x)}")
    # A copy, because the affinities are computed later than this.
    x = np.array(x.reshape(len(x), -1), dtype=np.float64 if x.dtype == np.float64 else np.float32)
    broken = ~np.isfinite(x).all(axis=1)
    if broken.any():
        raise ValueError(f"x is NaN or infinite at {_rows_text(broken)}; leave these rows out or repair them")
    if x.shape[1] == 0 or (x == x[0]).all():
        raise ValueError(
            f"all {len(x)} rows of x are the same, so there is nothing to lay out; if they are activations, "
            "the layer answers alike to every input (dead units?)"
        )
    return x


def _checked_perplexities(perplexity: Any, n: int) -> tuple[float, ...]:
    """One or several, rising; each fits so many points."""
    several = not isinstance(perplexity, str) and hasattr(perplexity, "__len__")
    given: list[Any] = checks.listed("perplexity", perplexity) if several else [perplexity]
    if not given:
        raise checks.refused("perplexity", "a number over 0, or several", perplexity)
    largest = (n - 1) / 3
    for each in given:
        checks.number("perplexity", each)
        if not 1 <= each <= largest:
            raise ValueError(
                f"perplexity={each:g} does not suit {n} points: each looks at 3 x perplexity neighbors "
                f"and has {n - 1}; choose from 1 to {int(largest * 10) / 10:g}, or give more points"
            )
    return tuple(sorted({float(each) for each in given}))


def _rows_text(broken: np.ndarray) -> str:
    rows = np.flatnonzero(broken)
    more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
    return f"rows {', '.join(str(row) for row in rows[:5])}{more}"
