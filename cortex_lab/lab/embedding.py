"""Maps of a session's rows: of their inputs, of what layers make of them, of their gradients, of weights."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.embed import PCA, TSNE, AlignedMap, MapQuality, quality
from cortex_lab.study import Session


@dataclass(frozen=True, eq=False)
class PointMap:
    """A map: where each row lies, and what is known of it.

    layout: the `TSNE` or the `PCA` that laid it out; a TSNE's `session` can be stepped on and rewound.
    columns: by row number, what a map is colored by, such as "label", "prediction", "loss", "correct".
    of: of what it is, in words. step: the step of the training whose weights it is of.
    """

    layout: TSNE | PCA
    columns: pd.DataFrame
    of: str
    step: int
    features: np.ndarray
    session: Session | None = None
    read: Callable[[object], tuple[np.ndarray, pd.Index]] | None = field(default=None, repr=False)

    @property
    def positions(self) -> np.ndarray:
        return self.layout.positions

    def frame(self) -> pd.DataFrame:
        """A line for each row, by its number: "x", "y", and the columns."""
        places = pd.DataFrame(self.positions, self.columns.index, ["x", "y"])
        return places.join(self.columns)

    def quality(self, k: int = 10, by: str = "label") -> MapQuality:
        """How much the map can be believed; see `cortex_lab.embed.quality`. `by` is the column of labels."""
        if by != "label" and by not in self.columns:
            raise KeyError(f"there is no column {by!r}; there are {', '.join(map(str, self.columns))}")
        labels = self.columns[by].to_numpy(object) if by in self.columns else None
        layout = self.layout
        tsne = isinstance(layout, TSNE)
        told = {"kl_divergence": layout.divergence(), "metric": layout.metric} if tsne else {}
        return quality(self.features, self.positions, labels, k, **told)

    def place(self, data: object) -> pd.DataFrame:
        """Where other rows go in this map, by the same weights: "x" and "y" on their own index.

        `data` is given as to `session.score`: a split, a Dataset, a frame, or a pair (inputs, targets); or
        inputs alone, as an array, with a line for each row: `place(picture[None])`. The map stays as it is.
        ValueError for a map of weights, which has no rows.
        """
        if self.read is None:
            raise ValueError(f"a map of {self.of} is not one of rows, so there are none to place in it")
        features, index = self.read(data)
        return pd.DataFrame(self.layout.place(features), index, ["x", "y"])

    def view(self, color: str | None = None) -> Any:
        """What draws it, colored by a column: `.figure()`, `.png()`, `.svg()`, `.save(path)`."""
        from cortex_lab.widgets import MapPicture

        title = f"{'t-SNE' if isinstance(self.layout, TSNE) else 'PCA'} of {self.of}"
        return MapPicture([(self.step, self.frame())], title, color)

    def save(self, path: str | os.PathLike[str], color: str | None = None) -> None:
        """Write it as a picture, .png or .svg, as .html to zoom into, or as the numbers, .csv."""
        self.view(color).save(path)

    def __repr__(self) -> str:
        return f"<PointMap of {self.of}: {len(self.columns):,} points, {self.layout!r}>"

    def _repr_html_(self) -> str:
        return self.view().html()


@dataclass(frozen=True, eq=False)
class PointMaps:
    """Maps of the same rows at several steps of a training, aligned; see `AlignedTSNE`.

    columns: by step, what is known of each row. session: steps the `AlignedTSNE` that laid them out, None of
    maps that were read from a file.
    """

    maps: tuple[AlignedMap, ...]
    columns: dict[int, pd.DataFrame]
    of: str
    session: Session | None = None
    features: Callable[[int], tuple[np.ndarray, np.ndarray]] | None = field(default=None, repr=False)

    def frame(self) -> pd.DataFrame:
        """A line for each row and step: "x", "y" on the scale of the first map, "drift", and the columns."""
        parts = []
        for each in self.maps:
            index = pd.MultiIndex.from_product([[each.moment], each.index], names=["step", "row"])
            found = pd.DataFrame(each.shown, index, ["x", "y"]).assign(drift=each.drift)
            known = self.columns[each.moment].reindex(each.index)
            parts.append(found.assign(**{name: known[name].to_numpy() for name in known}))
        return pd.concat(parts)

    def summary(self) -> pd.DataFrame:
        """A line for each step: the map's divergence, the mean drift, and the coherence error."""
        return pd.DataFrame(
            {
                "kl_divergence": [each.kl_divergence for each in self.maps],
                "drift": [_mean(each.drift) for each in self.maps],
                "coherence_error": [each.coherence_error for each in self.maps],
            },
            pd.Index([each.moment for each in self.maps], name="step"),
        )

    def view(self, color: str | None = None, row: int | None = None) -> Any:
        """What draws them, with a slider through the steps and the trail of a row."""
        from cortex_lab.widgets import MapPicture

        whole = self.frame()
        frames = [(each.moment, whole.xs(each.moment, level="step")) for each in self.maps]
        return MapPicture(frames, f"t-SNE of {self.of}", color, row)

    def save(self, path: str | os.PathLike[str], color: str | None = None) -> None:
        """Write them as .html, with a slider; the last as .png or .svg; or the numbers of all as .csv."""
        self.view(color).save(path)

    def __repr__(self) -> str:
        moments = [each.moment for each in self.maps]
        return f"<PointMaps of {self.of} at {len(moments)} steps, from {moments[0]} to {moments[-1]}>"

    def _repr_html_(self) -> str:
        return self.view().html()


def _mean(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")
