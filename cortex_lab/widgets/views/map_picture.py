"""Maps that are finished: one, or several of a training with a slider through them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.ground import checks
from cortex_lab.study import Session
from cortex_lab.widgets.chart.marks import Chart
from cortex_lab.widgets.chart.row_map import chart_of_map, colors_of
from cortex_lab.widgets.chart.view import View
from cortex_lab.widgets.map_page import map_page

Frames = Sequence[tuple[int, pd.DataFrame]]


class MapPicture(View[Frames]):
    """Points of maps, colored by a column: `session.embedding(...).view()` makes one.

    `frames` are (step, frame) with columns "x" and "y", a row of the data in each line, by number. What is
    drawn is the last of them; in a saved .html and in `.figure()`, a slider goes through all, and points
    glide. The page also lets one choose the color, point at rows and look for them. Where "correct" is a
    column, wrong answers are outlined. `row` is one whose way through the maps is drawn.
    """

    title = "Map"
    size = (5.4, 5.0)

    def __init__(
        self, frames: Frames, title: str = "Map", color: str | None = None, row: int | None = None
    ) -> None:
        frames = checks.listed("frames", frames, "(step, frame) pairs")
        checks.text("title", title)
        if not frames:
            raise ValueError("there is no map to draw; give one (step, frame) or more")
        for each in frames:
            if not (isinstance(each, tuple) and len(each) == 2 and isinstance(each[1], pd.DataFrame)):
                raise checks.refused("frames", "(step, frame) pairs", each)
        if color is not None:
            checks.text("color", color)
        row = None if row is None else checks.whole("row", row)
        self.frames, self.title, self.row, self.color = list(frames), title, row, color
        for _, frame in self.frames:
            if not {"x", "y"} <= {*frame.columns}:
                raise KeyError(f"a map needs columns 'x' and 'y', got {', '.join(map(str, frame.columns))}")
        if row is not None and not any(row in frame.index for _, frame in self.frames):
            raise IndexError(f"row {checks.shown(row)} is in none of the maps")
        # Refused now, and not when it is drawn.
        by = colors_of(self.frames[-1][1], color).by
        if by:
            alike = pd.concat({step: frame[by] for step, frame in self.frames})
            if colors_of(alike.to_frame(), by).groups is not None:
                # One color in all of them, wherever a value comes first.
                kinds = pd.Categorical(alike, pd.Index(alike.dropna().unique()).sort_values()).categories
                self.frames = [
                    (step, frame.assign(**{by: pd.Categorical(frame[by], kinds)}))
                    for step, frame in self.frames
                ]

    @classmethod
    def unfit(cls, session: Session) -> str:
        return "It is drawn of maps that are laid out.\nSay session.embedding('inputs').view()."

    def look(self) -> Frames:
        return self.frames

    def table(self, data: Frames) -> pd.DataFrame:
        if len(data) == 1:
            return data[0][1]
        return pd.concat(dict(data), names=["step"])

    def chart(self, data: Frames) -> Chart:
        return self._chart_of(*data[-1], self.color)

    def as_file(self, format: str) -> bytes:
        if format != "html":
            return super().as_file(format)
        color = colors_of(self.frames[-1][1], self.color).by
        return map_page(self.frames, self.title, color, self._chart_of)

    def _chart_of(self, step: int, frame: pd.DataFrame, color: str | None) -> Chart:
        colors = colors_of(frame, color)
        wrong = None
        if "correct" in frame:
            wrong = ~frame["correct"].astype("boolean").fillna(True).to_numpy(bool)
        trail = None
        if self.row is not None:
            steps = [at for at, each in self.frames if at <= step and self.row in each.index]
            places = [each.loc[self.row, ["x", "y"]] for at, each in self.frames if at in steps]
            if places:
                trail = np.array(places, np.float64), np.array(steps, np.float64)
        chosen = self.row if self.row in frame.index else None
        said = f"step {step:,}" if len(self.frames) > 1 else f"{len(frame):,} points"
        caption = said + (f"; {colors.told}" if colors.told else "")
        trail = trail if chosen is not None else None
        about: dict[str, Any] = {"wrong": wrong, "chosen": chosen, "trail": trail}
        about |= {"key_name": str(frame.index.name or "row"), "caption": caption}
        positions, rows = frame[["x", "y"]].to_numpy(np.float64), np.asarray(frame.index)
        return chart_of_map(positions, rows, colors, **about, summary=f"{self.title}, {said}", step=step)

    def figure(self) -> Any:
        """As a plotly Figure: with a slider through the steps, where there are several."""
        figure = super().figure()
        if len(self.frames) > 1:
            _with_slider(figure, [(step, self._traces(step, frame)) for step, frame in self.frames])
        return figure

    def _traces(self, step: int, frame: pd.DataFrame) -> list[Any]:
        from cortex_lab.widgets.chart import plotly

        return list(plotly.plot(self._chart_of(step, frame, self.color), self.title).data)

    @classmethod
    def fits(cls, session: Session) -> bool:
        """No bench shows it: it is of maps that are finished."""
        return False

    def __repr__(self) -> str:
        return f"<MapPicture: {self.title}, {len(self.frames[-1][1]):,} points at {len(self.frames)} steps>"


def _with_slider(figure: Any, frames: list[tuple[int, list[Any]]]) -> None:
    """Have a plotly figure show others by a slider, points gliding from one to the next."""
    figure.frames = [{"name": str(step), "data": traces} for step, traces in frames]
    glide = {"frame": {"duration": 600, "redraw": False}, "transition": {"duration": 500}}
    buttons = [{"label": "Play", "method": "animate", "args": [None, {**glide, "fromcurrent": True}]}]
    steps = [
        {"label": str(step), "method": "animate", "args": [[str(step)], {**glide, "mode": "immediate"}]}
        for step, _ in frames
    ]
    slider = {"steps": steps, "active": len(steps) - 1, "currentvalue": {"prefix": "step "}}
    figure.update_layout(
        sliders=[slider],
        updatemenus=[{"type": "buttons", "buttons": buttons, "x": 0, "y": -0.05, "xanchor": "left"}],
    )
