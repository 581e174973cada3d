"""Paths of descents on the function around them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.optimize.descent import Landscape, Log, landscape
from cortex_lab.widgets.chart.palette import PALETTE, category
from cortex_lab.widgets.chart.view import View, tidy_axes

_LEVELS = 18
_INK = "#15181d"


class PathView(View[Landscape]):
    """The contour of a function and the ways down it: from logs, or from a `Landscape` made before.

        PathView(*[log(Rosenbrock(), way, until=steps(200)) for way in (SGD(0.001), Adam(0.1))])

    A dot is where each path starts, a square where it ends, a star a known minimum. It shows what was
    recorded and does not change; in a notebook it is its picture, `.figure()` is for zooming in, `.frame()`
    for the numbers. `options` go to `landscape`.
    """

    name = "path"
    kind = "path"
    title = "Paths"
    size = (5.4, 4.2)

    def __init__(self, *shown: Landscape | Log, **options: Any) -> None:
        logs = [each for each in shown if isinstance(each, Log)]
        if len(shown) == 1 and isinstance(shown[0], Landscape):
            if options:
                raise TypeError(f"a Landscape is drawn as it is; give {', '.join(options)} where it is made")
            self.landscape = shown[0]
        elif logs and len(logs) == len(shown):
            self.landscape = landscape(*logs, **options)
        else:
            raise TypeError(f"a path view wants logs of descents, or one Landscape, got {shown!r}")
        names = ", ".join(dict.fromkeys(_short(track.name) for track in self.landscape.tracks))
        long = f"{self.landscape.title}: {names}"
        self.title = long if len(long) <= 64 else self.landscape.title  # type: ignore[misc]

    def look(self) -> Landscape:
        return self.landscape

    def table(self, data: Landscape) -> pd.DataFrame:
        return data.paths()

    def plot(self, data: Landscape) -> Any:
        from plotly import graph_objects

        # Plotly spaces contours evenly, so it is given heights on the scale on which ours are even.
        bends, levels = _even(data), np.linspace(0, 1, _LEVELS)
        figure = graph_objects.Figure()
        ramp = PALETTE["light"]["sequential"]
        figure.add_contour(
            x=data.x.astype(np.float32),
            y=data.y.astype(np.float32),
            z=bends.astype(np.float32),
            customdata=data.z,
            hovertemplate="%{x:.4g}, %{y:.4g}: %{customdata:.5g}<extra></extra>",
            contours={"start": levels[0], "end": levels[-1], "size": levels[1] - levels[0]},
            colorscale=[
                [place, color] for place, color in zip(np.linspace(0, 1, len(ramp)), ramp, strict=True)
            ],
            reversescale=True,
            line={"width": 0.5},
            showscale=False,
        )
        for position, track in enumerate(data.tracks):
            xy = track.xy
            figure.add_scatter(
                x=xy[:, 0],
                y=xy[:, 1],
                name=track.name,
                mode="lines+markers",
                line={"color": _color(position), "width": 2},
                marker={"size": 4, "line": {"width": 0}},
                customdata=np.stack([np.arange(len(xy)), track.values], -1),
                hovertemplate="step %{customdata[0]}: %{customdata[1]:.6g}<extra></extra>",
            )
        if len(data.minima):
            stars = {"symbol": "star", "size": 12, "color": "white", "line": {"color": _INK, "width": 1}}
            figure.add_scatter(
                x=data.minima[:, 0], y=data.minima[:, 1], name="minimum", mode="markers", marker=stars
            )
        figure.update_xaxes(title=_label(data, 0), range=[data.x[0], data.x[-1]])
        return figure.update_yaxes(title=_label(data, 1), range=[data.y[0], data.y[-1]])

    def paint(self, data: Landscape, figure: Any) -> None:
        from matplotlib.colors import LinearSegmentedColormap

        axes = figure.subplots()
        figure.subplots_adjust(left=0.12, right=0.97, top=0.9, bottom=0.12)
        ramp = LinearSegmentedColormap.from_list("depth", PALETTE["light"]["sequential"][::-1])
        levels, bends = np.linspace(0, 1, _LEVELS), _even(data)
        axes.contourf(data.x, data.y, bends, levels, cmap=ramp, alpha=0.55)
        axes.contour(data.x, data.y, bends, levels, colors="white", linewidths=0.5, alpha=0.8)
        for position, track in enumerate(data.tracks):
            xy, color = track.xy, _color(position)
            style = {"color": color, "linewidth": 1.4, "marker": "o", "markersize": 1.8}
            axes.plot(xy[:, 0], xy[:, 1], label=_short(track.name), **style)
            ends = {"color": color, "markeredgecolor": "white", "markeredgewidth": 0.8, "zorder": 4}
            axes.plot(*xy[0], marker="o", markersize=6, **ends)
            axes.plot(*xy[-1], marker="s", markersize=6, **ends)
        if len(data.minima):
            axes.plot(
                data.minima[:, 0],
                data.minima[:, 1],
                linestyle="",
                marker="*",
                markersize=10,
                color="white",
                markeredgecolor=_INK,
                markeredgewidth=0.8,
                zorder=5,
            )
        tidy_axes(axes, grid="")
        axes.set(xlim=data.x[[0, -1]], ylim=data.y[[0, -1]])
        axes.set_xlabel(_label(data, 0), fontsize=7, color="#616161", labelpad=1)
        axes.set_ylabel(_label(data, 1), fontsize=7, color="#616161", labelpad=1)
        if data.tracks:
            axes.legend(fontsize=6.5, frameon=True, framealpha=0.85, edgecolor="none", loc="best")

    def _repr_png_(self) -> bytes:
        return self.png()

    def _repr_html_(self) -> None:  # type: ignore[override]
        """Nothing: one picture, as PNG, is what every front end shows."""
        return None

    def __repr__(self) -> str:
        lengths = ", ".join(f"{track.name} ({len(track.xy) - 1} steps)" for track in self.landscape.tracks)
        return f"<PathView of {self.landscape.title}: {lengths}>"


def _even(data: Landscape) -> np.ndarray:
    """Heights between 0 and 1, stretched where the function is low, so that valley floors show."""
    z = np.where(np.isfinite(data.z), data.z, np.nan)
    low, high = float(np.nanmin(z)), float(np.nanmax(z))
    return np.cbrt((z - low) / (high - low)) if high > low else np.zeros_like(z)


def _label(data: Landscape, axis: int) -> str:
    if data.explained == 1.0:
        return data.labels[axis]
    share = f", the plane shows {100 * data.explained:.0f}% of the path" if axis == 0 else ""
    return data.labels[axis] + share


def _color(position: int) -> str:
    # Those that stand out from the ground, which is blue and gray.
    return (category(2), category(1), category(4), _INK, category(5), category(7))[position % 6]


def _short(name: str) -> str:
    return name if len(name) <= 48 else name[:47] + "…"
