"""The two directions in which points differ most: a map at once, where t-SNE takes its time."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cortex_lab.compute import one_blas_thread
from cortex_lab.ground import checks


class PCA:
    """Points in the plane of their two principal components, by scikit-learn.

    `positions` (n, 2) float64; `explained` (2,) is the share of the variance along each. A plane that points
    do not fill, as with one feature or where all are the same, has zeros in it. ValueError for what is not
    finite, or where there are no two points.
    """

    def __init__(self, x: ArrayLike, seed: int = 0) -> None:
        x = _flat("x", x)
        if len(x) < 2:
            raise ValueError(f"a plane needs 2 points or more, got {len(x)}")
        from sklearn.decomposition import PCA as Components

        self.seed = checks.whole("seed", seed, 0, 2**32 - 1)
        # Of numbers whose squares leave the range of floats, their share of the largest.
        self._size = float(np.abs(x).max()) or 1.0
        self._fitted = Components(min(2, x.shape[1], len(x)), random_state=self.seed)
        with np.errstate(invalid="ignore", divide="ignore"):
            # Many threads take longer over what is small, most of all where others want the cores.
            found = one_blas_thread.within(lambda: self._fitted.fit_transform(x / self._size))
        self.positions = self._plane(found)
        self.explained = np.nan_to_num(np.resize(self._fitted.explained_variance_ratio_, 2))
        self.explained[self._fitted.n_components_ :] = 0
        self.positions.flags.writeable = False
        self._features = x.shape[1]

    def place(self, new: ArrayLike) -> np.ndarray:
        """Where new rows lie in the same plane: (m, 2)."""
        new = _flat("new", new)
        if new.shape[1] != self._features:
            raise ValueError(f"new points must have the {self._features} features of the map's")
        return self._plane(self._fitted.transform(new / self._size))

    def _plane(self, found: np.ndarray) -> np.ndarray:
        positions = np.zeros((len(found), 2))
        positions[:, : found.shape[1]] = found * self._size
        return positions

    def __repr__(self) -> str:
        return f"<PCA of {len(self.positions)} points, {self.explained.sum():.0%} of the variance>"


def _flat(name: str, x: ArrayLike) -> np.ndarray:
    x = checks.finite(name, x, "(n, features) finite numbers").astype(np.float64)
    if x.ndim < 2:
        raise ValueError(f"{name} must be (n, features) numbers, got the shape {x.shape}")
    return x.reshape(len(x), -1)
