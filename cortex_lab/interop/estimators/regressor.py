"""A network that tells numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.callback import with_callbacks
from sklearn.utils.validation import column_or_1d

from cortex_lab.interop.estimators.base import NetworkEstimator
from cortex_lab.nn.layers.dense import Dense


class NetworkRegressor(RegressorMixin, NetworkEstimator):
    """A network that tells numbers, one or several for each row, as one of scikit-learn's estimators.

        NetworkRegressor([64], epochs=200).fit(X, y).predict(X)

    Parameters and attributes are those of `NetworkClassifier`, but for `class_weight` and `classes_`. A `loss`
    of None is the mean squared error. Targets far from 0 to 1, such as prices, are learned quickly once they
    are scaled: `sklearn.compose.TransformedTargetRegressor(NetworkRegressor(), transformer=StandardScaler())`.
    """

    @with_callbacks
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> NetworkRegressor:
        """Go on for one epoch of these rows."""
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Any) -> np.ndarray:
        """(rows,) or (rows, outputs), as the targets were."""
        return self._outputs(X).astype(np.float64).reshape(-1, *self._outputs_shape)

    def _targets(self, y: Any, first: bool) -> np.ndarray:
        y = np.asarray(y)
        if y.dtype.kind == "O":
            y = y.astype(np.float64)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if first:
            self._outputs_shape = y.shape[1:]
        if y.shape[1:] != self._outputs_shape:
            raise ValueError(
                f"targets of a row are {y.shape[1:]}, and were {self._outputs_shape} at the first fit"
            )
        return y.astype(np.float64).reshape(len(y), -1)

    def _head(self) -> tuple[Sequence[Any], Any]:
        return [Dense(int(np.prod(self._outputs_shape, dtype=int)))], "mean_squared_error"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
