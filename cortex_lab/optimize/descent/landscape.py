"""What lies around a path: the function on the plane the path is drawn in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cortex_lab.ground import checks
from cortex_lab.optimize.descent.logs import Log, names_of
from cortex_lab.optimize.function import Function

_FARTHEST = 1e30


@dataclass(frozen=True, eq=False)
class Track:
    """A path in the plane: `name`, coordinates `xy` (steps, 2) and the function's `values` along it.

    A path that diverged is followed to where it left every page.
    """

    name: str
    xy: np.ndarray
    values: np.ndarray


@dataclass(frozen=True, eq=False)
class Landscape:
    """A function's values on a grid of a plane, and the paths that cross it.

    A point of the plane is origin + x * axes[0] + y * axes[1]; `x` (columns,), `y` (rows,) and `z` (rows,
    columns) are the grid. `minima` (points, 2) are the known minima that lie in the plane. `explained` is the
    share of the paths' variance that the plane shows, 1 where nothing is lost.
    """

    title: str
    labels: tuple[str, str]
    origin: np.ndarray
    axes: np.ndarray
    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    tracks: tuple[Track, ...]
    minima: np.ndarray
    explained: float

    def frame(self) -> pd.DataFrame:
        """The grid: columns x, y, value, a row for each of its points."""
        x, y = np.meshgrid(self.x, self.y)
        return pd.DataFrame({"x": x.ravel(), "y": y.ravel(), "value": self.z.ravel()})

    def paths(self) -> pd.DataFrame:
        """The paths: columns path, step, x, y, value."""
        parts = []
        for track in self.tracks:
            columns = {"step": range(len(track.xy)), "x": track.xy[:, 0], "y": track.xy[:, 1]}
            parts.append(pd.DataFrame({"path": track.name, **columns, "value": track.values}))
        return pd.concat(parts, ignore_index=True)


def landscape(*logs: Log, resolution: int = 81, margin: float = 0.15, bounds: Any = None) -> Landscape:
    """The function of the logs around their paths.

    In two dimensions the plane is the function's own; above that it is the plane that shows most of the
    paths, by principal component analysis of all their points (Li et al. 2018, "Visualizing the Loss
    Landscape of Neural Nets").

    Parameters
    ----------
    resolution
        Points of the grid along each side.
    margin
        Room around the paths, as a share of their extent.
    bounds
        ((low, high), (low, high)) in the plane; None leaves room for the paths.
    """
    if not logs:
        raise ValueError("a landscape is drawn around at least one log")
    for each in logs:
        checks.instance("a log", each, Log, "what cl.optimize.log(...) returns")
    function = logs[0].function
    for each in logs[1:]:
        if each.function != function:
            raise ValueError(f"the logs are of different functions, {logs[0]!r} and {each!r}")
    if not callable(getattr(function, "value", None)):
        raise ValueError(
            f"{logs[0]!r} has only the name of its function; give it one with "
            "dataclasses.replace(log, function=...)"
        )
    tracks = [
        (name, each.points, each.frame["value"].to_numpy())
        for name, each in zip(names_of(logs), logs, strict=True)
    ]
    minima = getattr(function, "minima", None)
    title = getattr(function, "name", type(function).__name__)
    return _landscape(
        title, function.value, tracks, minima, resolution, margin, bounds, isinstance(function, Function)
    )


def weight_landscape(
    points: np.ndarray | Sequence[np.ndarray],
    value: Callable[[np.ndarray], float],
    *,
    name: str = "training",
    resolution: int = 31,
    margin: float = 0.25,
    bounds: Any = None,
) -> Landscape:
    """The loss surface around the path of a network's weights, in the plane of its principal components.

    `points` (steps, weights) is the path, such as `follow(session, read=...).points`; `value` gives the loss
    for a flat vector of weights. It is called resolution**2 times, and once for each point of the path.
    """
    path = np.array(checks.numbers("points", points), dtype=np.float64)
    checks.text("name", name)
    if path.ndim != 2 or len(path) < 3:
        raise ValueError(
            f"a plane needs a path of at least 3 points (steps, weights), got shape {path.shape}"
        )
    values = np.array([float(value(each)) for each in path])
    return _landscape("loss", value, [(name, path, values)], None, resolution, margin, bounds, False)


def principal_plane(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """(origin, axes (2, dimension), explained): the plane through the last point that shows most of `points`.

    Axes are orthonormal, each turned so that its largest coordinate is positive.
    """
    origin = points[-1]
    # The last point is where the path leads; the directions are those in which the whole path varies most.
    _, spread, directions = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
    axes = np.zeros((2, points.shape[1]))
    axes[: min(2, len(directions))] = directions[:2]
    if len(directions) < 2 or spread[1] <= 1e-12 * spread[0]:
        axes[1] = _across(axes[0])
    for axis in axes:
        axis *= np.sign(axis[np.abs(axis).argmax()]) or 1
    total = float((spread**2).sum())
    return origin, axes, float((spread[:2] ** 2).sum()) / total if total else 1.0


def _landscape(
    title: str,
    value: Callable[[np.ndarray], Any],
    tracks: Sequence[tuple[str, np.ndarray, np.ndarray]],
    minima: ArrayLike | None,
    resolution: int,
    margin: float,
    bounds: Any,
    stacked: bool,
) -> Landscape:
    checks.whole("resolution", resolution, least=2, most=10_000)
    checks.number("margin", margin, least=0, most=1e6)
    tracks = [(name, path[: _whole(path)], values[: _whole(path)]) for name, path, values in tracks]
    points = np.concatenate([path for _, path, _ in tracks])
    dimension = points.shape[1]
    if dimension < 2:
        raise ValueError("a landscape needs a function of at least 2 variables")
    flat = dimension == 2
    origin, axes, explained = (np.zeros(2), np.eye(2), 1.0) if flat else principal_plane(points)
    drawn = tuple(Track(name, (path - origin) @ axes.T, values) for name, path, values in tracks)
    lowest = _in_plane(minima, origin, axes)
    if bounds is None:
        around = np.concatenate([track.xy for track in drawn] + ([lowest] if flat else []))
        bounds = _room(around, margin)
    (left, right), (bottom, top) = bounds
    x, y = np.linspace(left, right, resolution), np.linspace(bottom, top, resolution)
    grid = origin + np.stack(np.meshgrid(x, y), -1) @ axes
    with np.errstate(all="ignore"):
        z = value(grid) if stacked else np.array([[float(value(each)) for each in row] for row in grid])
    labels = ("x", "y") if flat else ("first component", "second component")
    return Landscape(title, labels, origin, axes, x, y, np.asarray(z), drawn, lowest, explained)


def _whole(path: np.ndarray) -> int:
    """How many points there are before the first that is not finite or too far away to compute with."""
    there = (np.abs(path) < _FARTHEST).all(axis=1)
    return len(path) if there.all() else int(there.argmin())


def _room(points: np.ndarray, margin: float) -> np.ndarray:
    low, high = points.min(axis=0), points.max(axis=0)
    # A path along one line still gets a picture with two sides.
    extent = np.maximum(high - low, max(float((high - low).max()), 1e-6) / 4)
    middle = (low + high) / 2
    half = extent * (0.5 + margin)
    return np.stack([middle - half, middle + half], -1)


def _in_plane(minima: ArrayLike | None, origin: np.ndarray, axes: np.ndarray) -> np.ndarray:
    if minima is None:
        return np.zeros((0, 2))
    offsets = np.atleast_2d(np.asarray(minima, dtype=np.float64)) - origin
    inside = offsets @ axes.T
    off = np.linalg.norm(offsets - inside @ axes, axis=1)
    return inside[off <= 1e-6 * (1 + np.linalg.norm(offsets, axis=1))]


def _across(axis: np.ndarray) -> np.ndarray:
    other = np.zeros_like(axis)
    other[np.abs(axis).argmin()] = 1.0
    other -= (other @ axis) * axis
    return other / np.linalg.norm(other)
