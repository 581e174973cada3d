"""A network that tells numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.callback import with_callbacks
from sklearn.utils.validation import column_or_1d

from cortex_lab.interop.estimators.base import NetworkEstimator
from cortex_lab.interop.estimators.kinds import Rows, Targets
from cortex_lab.nn.layers.dense import Dense


class NetworkRegressor(RegressorMixin, NetworkEstimator):
    """A network that tells numbers, one or several for each row, as one of scikit-learn's estimators.

        NetworkRegressor([64], epochs=200).fit(X, y).predict(X)

    Parameters and attributes are those of `NetworkClassifier`, but for `class_weight` and `classes_`. None as
    `loss` is the mean squared error. Targets far from 0 to 1, such as prices, are learned sooner once scaled:
    `TransformedTargetRegressor(NetworkRegressor(), transformer=StandardScaler())`.
    """

    @with_callbacks
    def partial_fit(self, X: Rows, y: Targets, sample_weight: ArrayLike | None = None) -> NetworkRegressor:
        """Go on for one epoch of these rows."""
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Rows) -> np.ndarray:
        """(rows,) or (rows, outputs), as the targets were."""
        return self._outputs(X).astype(np.float64).reshape(-1, *self._outputs_shape)

    def _targets(self, y: Targets, first: bool) -> np.ndarray:
        found = np.asarray(y)
        if found.dtype.kind == "O":
            found = found.astype(np.float64)
        if found.ndim == 2 and found.shape[1] == 1:
            found = column_or_1d(found, warn=True)
        if first:
            self._outputs_shape = found.shape[1:]
        if found.shape[1:] != self._outputs_shape:
            before = f"and were {self._outputs_shape} at the first fit"
            raise ValueError(f"targets of a row are {found.shape[1:]}, {before}")
        return found.astype(np.float64).reshape(len(found), -1)

    def _head(self) -> tuple[Sequence[Any], Any]:
        return [Dense(int(np.prod(self._outputs_shape, dtype=int)))], "mean_squared_error"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
