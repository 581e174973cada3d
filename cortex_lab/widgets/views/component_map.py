"""Two principal, or independent, components of what a layer makes of the rows."""

from __future__ import annotations

import warnings
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cortex_lab.compute import one_blas_thread
from cortex_lab.ground import checks
from cortex_lab.study import Session
from cortex_lab.widgets.chart.knob import Knob
from cortex_lab.widgets.chart.mapped_rows import MOST_ROWS, MappedRows, layers_to_map
from cortex_lab.widgets.chart.marks import Axis, Chart, Plot
from cortex_lab.widgets.chart.row_map import points_of_map
from cortex_lab.widgets.chart.rows import has_rows, rows_of
from cortex_lab.widgets.chart.standing import standing
from cortex_lab.widgets.chart.subjects import OfOneLayer, network_of
from cortex_lab.widgets.chart.view import NothingToShow, View

METHODS = PCA, ICA = "PCA", "ICA"
ALIKE = 1e-6
"""A component whose spread is a smaller share of the first one's is rounding."""


@dataclass(frozen=True, eq=False)
class Components:
    """Rows at `places` (rows, 2), their components by `method`, with the shares of variance in these."""

    layer: str
    step: int
    method: str
    mapped: MappedRows
    places: np.ndarray
    shares: np.ndarray
    converged: bool = True

    @property
    def caption(self) -> str:
        held = " and ".join(f"{share:.0%}" for share in self.shares)
        said = f"activations of step {self.step:,}, "
        if self.method == PCA:
            said += f"principal components with {held} of the variance"
        else:
            said += f"independent components of the principal ones, which have {held} of the variance"
            said += "" if self.converged else ", not settled"
        colored = self.mapped.own.told
        return said + (f"; {colored}" if colored else "")


class ComponentMap(OfOneLayer, View[Components]):
    """Held-out rows by the first two principal components of what a layer makes of them, or independent ones.

    By scikit-learn's PCA and FastICA, which turns the two principal components until they are as far from
    normal as can be (Hyvarinen and Oja 2000). Colored by label or by target; a click pins a row.

    Parameters
    ----------
    layer
        Whose activations; None takes the last one before the output.
    method
        "PCA" or "ICA".
    rows
        How many held-out rows at most, spread evenly.
    """

    title = "Components"
    any_time = True
    size = (4.6, 4.4)
    height = 280
    place = "tall"
    rank = 66
    opened = False

    def __init__(
        self, session: Session, layer: str | None = None, method: str = PCA, rows: int = MOST_ROWS
    ) -> None:
        super().__init__(session)
        self.pinned: int | None = None
        self.layers, self._layer = layers_to_map(session)
        rows = checks.whole("rows", rows, least=2)
        self._mapped = MappedRows.of(session, rows) if has_rows(session) else MappedRows()
        self.method = method
        if layer is not None:
            self.layer = layer

    @classmethod
    def fits(cls, session: Session) -> bool:
        """Whether it trains a network on rows."""
        return getattr(session, "network", None) is not None and has_rows(session)

    @property
    def method(self) -> str:
        """ "PCA" or "ICA"."""
        return self._method

    @method.setter
    def method(self, name: str) -> None:
        self._method = checks.choice("method", name, METHODS)

    @property
    def knobs(self) -> tuple[Knob, ...]:
        if self._layer is None or not len(self._mapped.rows):
            return ()
        layer = Knob("layer", "choice", self._layer, tuple(self.layers), label="layer")
        return layer, Knob("method", "choice", self._method, METHODS, label="by")

    def state(self, exact: bool) -> Hashable:
        return standing(self.session, exact), self._layer, self._method, self.pinned

    def collect(self, exact: bool) -> tuple[int, str, str, np.ndarray]:
        network_of(self.session)
        rows_of(self.session)
        layer = self._layer or ""
        try:
            step, features, _ = self._mapped.look(self.session, layer)
        except ValueError as error:
            raise NothingToShow(f"{error}.\nsession.diagnose() says where that comes from.") from None
        return step, layer, self._method, features

    def prepare(self, collected: tuple[int, str, str, np.ndarray]) -> Components:
        step, layer, method, features = collected
        places, shares = principal(features.astype(np.float64))
        if not shares.size:
            raise NothingToShow(f"All rows are alike to {layer!r}.\nChoose another layer.")
        converged = True
        if method == ICA:
            places, converged = independent(places)
        found = np.zeros((len(places), 2))
        found[:, : places.shape[1]] = places
        return Components(layer, step, method, self._mapped, found, shares, converged)

    def chart(self, data: Components) -> Chart:
        mapped = data.mapped
        points = points_of_map(data.places, mapped.rows, mapped.own, chosen=self.pinned)
        what = "principal" if data.method == PCA else "independent"
        axes = [Axis(_limits(data.places[:, at]), f"{what} component {at + 1}") for at in (0, 1)]
        summary = f"{self.title} of {len(data.places)} rows by {data.layer}: {data.caption}"
        told = {"caption": data.caption, "subject": data.layer, "summary": summary, "step": data.step}
        return Chart((Plot((points,), x=axes[0], y=axes[1]),), **told)

    def table(self, data: Components) -> pd.DataFrame:
        return data.mapped.placed({"component_1": data.places[:, 0], "component_2": data.places[:, 1]})


def principal(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Up to two principal components (rows, k), and each one's share of the variance; none of rows alike."""
    from sklearn.decomposition import PCA as Principal

    most = min(2, *features.shape)
    with np.errstate(invalid="ignore"):
        made = Principal(most, random_state=0)
        # Many threads take longer over what is small, most of all where others want the cores.
        places = one_blas_thread.within(lambda: made.fit_transform(features))
    spread = made.singular_values_
    scale = float(np.abs(features).max(initial=0.0)) * np.sqrt(features.size)
    whole = (spread > ALIKE * spread[0]) & (spread > 1e-6 * scale)
    return places[:, whole], made.explained_variance_ratio_[whole]


def independent(places: np.ndarray) -> tuple[np.ndarray, bool]:
    """Components of unit variance that are as independent as can be, and whether they were found."""
    from sklearn.decomposition import FastICA
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", ConvergenceWarning)
        made = FastICA(whiten="unit-variance", random_state=0, max_iter=500)
        found = np.asarray(made.fit_transform(places))
    # The sign says nothing; the longer tail points up.
    signs = np.sign((found**3).sum(axis=0))
    return found * np.where(signs == 0, 1, signs), not any(
        issubclass(each.category, ConvergenceWarning) for each in said
    )


def _limits(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    room = 0.05 * (high - low) or 1.0
    return low - room, high + room
