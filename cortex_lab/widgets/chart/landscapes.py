"""The ground that a path crosses, in bands, with the path on it."""

from __future__ import annotations

import numpy as np

from cortex_lab.optimize.descent import Landscape
from cortex_lab.widgets.chart.marks import Axis, Color, Contours, Plot, Scatter, Trail

# Those that stand out from the ground, which is blue and gray.
COLORS: tuple[Color, ...] = (2, 1, 4, "text", 5, 7)


def landscape_plot(data: Landscape, title: str = "") -> Plot:
    """A function around the paths across it; a star is a known minimum."""
    ground = Contours(data.x, data.y, even(data.z), data.z)
    paths = [
        Trail(*track.xy.T, track.values, track.name, COLORS[position % len(COLORS)])
        for position, track in enumerate(data.tracks)
    ]
    stars = {"names": ("minimum",), "key_name": "known", "color": "ground", "symbol": "star"}
    minima = [Scatter(*data.minima.T, **stars)] if len(data.minima) else []
    x, y = Axis(ends(data.x), _label(data, 0)), Axis(ends(data.y), _label(data, 1))
    return Plot((ground, *paths, *minima), title, x=x, y=y)


def even(z: np.ndarray) -> np.ndarray:
    """Heights between 0 and 1, stretched where the function is low, so that valley floors show."""
    known = z[np.isfinite(z)]
    z = np.where(np.isfinite(z), z, np.nan)
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    return np.cbrt((z - low) / (high - low)) if high > low else np.zeros_like(z)


def _label(data: Landscape, axis: int) -> str:
    if data.explained == 1.0:
        return data.labels[axis]
    share = f", the plane shows {100 * data.explained:.0f}% of the path" if axis == 0 else ""
    return data.labels[axis] + share


def ends(grid: np.ndarray) -> tuple[float, float]:
    return float(grid[0]), float(grid[-1])
