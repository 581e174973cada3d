"""Paths of descents on the function around them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from cortex_lab.optimize.descent import Landscape, Log, landscape
from cortex_lab.study import Session
from cortex_lab.widgets.chart.landscapes import landscape_plot
from cortex_lab.widgets.chart.marks import Chart
from cortex_lab.widgets.chart.view import View


class PathView(View[Landscape]):
    """The contour of a function and the ways down it: from logs, or from a `Landscape` made before.

        PathView(*[log(Rosenbrock(), way, until=steps(200)) for way in (SGD(0.001), Adam(0.1))])

    A dot is where each path starts, a square where it ends, a star a known minimum. It shows what was
    recorded and does not change; in a notebook it is its picture, `.figure()` is for zooming in, `.frame()`
    for the numbers. `options` go to `landscape`.
    """

    title = "Paths"
    follows = False
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
        self.title = long if len(long) <= 64 else self.landscape.title

    def look(self) -> Landscape:
        return self.landscape

    def table(self, data: Landscape) -> pd.DataFrame:
        return data.paths()

    def chart(self, data: Landscape) -> Chart:
        return Chart((landscape_plot(data),), summary=self.title)

    @classmethod
    def fits(cls, session: Session) -> bool:
        """No bench shows paths: they are drawn of logs."""
        return False

    @classmethod
    def unfit(cls, session: Session) -> str:
        return "It is drawn of logs of descents.\nSay PathView(cl.optimize.log(function, optimizer))."

    def _repr_png_(self) -> bytes:
        return self.png()

    def _repr_html_(self) -> None:  # type: ignore[override]
        """Nothing: one picture, as PNG, is what every front end shows."""
        return None

    def __repr__(self) -> str:
        lengths = ", ".join(f"{track.name} ({len(track.xy) - 1} steps)" for track in self.landscape.tracks)
        return f"<PathView of {self.landscape.title}: {lengths}>"


def _short(name: str) -> str:
    return name if len(name) <= 48 else name[:47] + "…"
