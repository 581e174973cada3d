"""How panels share the time while a training hurries, by a clock and costs that the test holds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cortex_lab.widgets.chart.marks import Chart
from cortex_lab.widgets.frames import DEAR, SHARES, Frames

INTERVAL = 0.125


class Costly(Frames):
    """Frames of panels that always have something new, for as long as their `costs` in seconds tell."""

    def __init__(self, hurries: bool = True, **costs: float) -> None:
        self.now, self.steps, self.costs = 0.0, 0, costs
        views: Any = {name: self.view(name) for name in costs}
        session: Any = SimpleNamespace(running=True, step_number=0, between_steps=None)
        speed: Any = SimpleNamespace(hurries=hurries)
        scrubber: Any = SimpleNamespace(target=None)
        super().__init__(
            session, views, speed, lambda: False, scrubber, dict, interval=INTERVAL, clock=lambda: self.now
        )

    def view(self, name: str) -> Any:
        return SimpleNamespace(
            any_time=True,
            session=SimpleNamespace(step_number=0),
            state=lambda exact: self.steps,
            collect=lambda exact: name,
            prepare=lambda found: found,
            charted=lambda data: Chart(note=data),
        )

    def _note_cost(self, name: str, seconds: float) -> None:
        super()._note_cost(name, self.costs[name])

    def drawn(self, count: int, late: float = 0.0) -> dict[str, np.ndarray]:
        """Among so many frames, those that each panel came with; every other frame comes so much late."""
        came: dict[str, list[int]] = {name: [] for name in self.costs}
        for place in range(count):
            self.steps += 1
            self.now = place * INTERVAL + late * (place % 2)
            for name in self.make(tuple(self.costs))[0]:
                came[name].append(place)
        return {name: np.array(places) for name, places in came.items()}


@pytest.mark.parametrize("late", [0.0, 0.02])
@pytest.mark.parametrize("frames", [0.3, 0.9, 1.2, 1.8, 2.3, 3.8])
def test_a_panel_comes_evenly_and_within_its_share(frames: float, late: float) -> None:
    # What it costs is paid for after so many frames.
    cost = frames * INTERVAL * SHARES[0]
    gaps = np.diff(Costly(curve=cost).drawn(60, late)["curve"])
    assert set(gaps) == {max(1, round(frames))}


def test_panels_that_are_wanted_together_share() -> None:
    cost = 0.9 * INTERVAL * SHARES[0]
    came = Costly(curve=cost, other=cost).drawn(60)
    assert all(set(np.diff(places)) == {2} for places in came.values())


def test_a_dear_panel_does_not_hold_back_a_cheap_one() -> None:
    came = Costly(cheap=0.4 * INTERVAL * SHARES[0], dear=10 * INTERVAL * SHARES[0]).drawn(60)
    assert set(np.diff(came["cheap"])) == {1} and set(np.diff(came["dear"])) == {20}


def test_where_nobody_hurries_dear_panels_come_after_the_others_one_in_a_frame() -> None:
    frames = Costly(hurries=False, cheap=0.1 * DEAR, dear=3 * DEAR, other=2 * DEAR)
    names = ("cheap", "dear", "other")
    came = lambda: [*frames.make(names)[0]]  # noqa: E731
    # What they take is not known before.
    assert came() == [*names] and not frames.puts_off
    frames.steps += 1
    assert came() == ["cheap"] and frames.puts_off
    assert came() == ["dear"] and frames.puts_off
    assert came() == ["other"] and not frames.puts_off
    assert came() == []
    # Where the others have always something new, they come all the same.
    seen = []
    for _ in range(8):
        frames.steps += 1
        frames.now += INTERVAL
        seen.append(came())
    assert all(each[0] == "cheap" and len(each) < 3 for each in seen)
    assert {name for each in seen for name in each} == {*names}


def test_that_a_moment_is_on_its_way_is_told_when_it_takes_longer_than_a_frame() -> None:
    frames = Costly()
    line = SimpleNamespace(meta={"told": "on its way"})
    frames._told = lambda: {"timeline": line}  # type: ignore[assignment, return-value]
    frames.scrubber = SimpleNamespace(target=5, standing=False)  # type: ignore[assignment]
    assert frames.make(())[0] == {} and frames.make(())[0] == {"timeline": line}
    frames.forget()
    frames.scrubber.standing = True  # type: ignore[misc]
    assert frames.make(())[0] == {"timeline": line}
