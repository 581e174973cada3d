"""Where the last step of a training led: the loss along it, in the plane around the path, and its noise."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.ground import checks
from cortex_lab.nn import Training
from cortex_lab.study import Session
from cortex_lab.widgets.chart.subjects import network_of
from cortex_lab.widgets.chart.view import NothingToShow

BUDGET = 2e10
"""Multiply-adds that one look takes, at most."""
LINE, FEWEST_ON_LINE = 26, 11
SIDE, FEWEST_ON_SIDE = 17, 7
BATCHES, FEWEST_BATCHES = 8, 2
BACK = 12
"""Steps of the path that the plane is drawn around, at most."""
NEAR = 8
"""Steps that are made again at most, to find the weights before the last one."""
ENDS = (-0.5, 2.0)
"""From where to where the loss is found along the last step, in steps of that length."""


@dataclass(frozen=True, eq=False)
class Along:
    """Losses at so many times the last step, 0 being where it began; `lowest` is where they are lowest.

    None where they fall up to an end, or where nothing is finite.
    """

    times: np.ndarray
    losses: np.ndarray
    lowest: float | None

    @property
    def told(self) -> str:
        """How far the step went, in words."""
        known = np.isfinite(self.losses)
        if self.lowest is None:
            if not known.any():
                return "no loss along it is finite"
            falls = self.losses[known][-1] < self.losses[known][0]
            return "undershoot: the loss falls on beyond twice the step" if falls else "the step led uphill"
        if self.lowest <= 0:
            return "the step led uphill"
        times = 1 / self.lowest
        if 0.9 <= times <= 1.1:
            return f"as far as to the lowest loss along it ({times:.2f} times)"
        return f"{'over' if times > 1 else 'under'}shoot: {times:.3g} times as far as to the lowest loss"


@dataclass(frozen=True, eq=False)
class Plane:
    """Losses `z` (rows, columns) at `y` and `x` of the plane of velocity and acceleration.

    `path` (steps, 2) is where the weights of `steps` lie in it, the last at (0, 0), and `share` how much of
    the variance of the path it shows.
    """

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    steps: np.ndarray
    path: np.ndarray
    values: np.ndarray
    share: float


@dataclass(frozen=True, eq=False)
class Noise:
    """Gradients of the next batches: the cosine of each with the mean of the others.

    `scale` is the number of rows in a batch at which noise and signal are alike, (McCandlish et al. 2018, "An
    Empirical Model of Large-Batch Training"); infinite where no signal is left above the noise.
    """

    steps: np.ndarray
    cosines: np.ndarray
    rows: int
    scale: float


@dataclass(frozen=True, eq=False)
class Taken:
    """Copies: a snapshot, the weights before the last step, where known, and those of the path so far."""

    step: int
    snapshot: Any
    before: np.ndarray | None
    path: tuple[tuple[int, np.ndarray], ...]
    recorded: float


class StepStudy:
    """Works out what the last step did, on a copy of the training; the training is at rest meanwhile, or not.

    Losses are those of the batch of that very step, as it was trained on: augmented alike, with the same
    draws. From the first look on, the weights before each update are kept.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._copy: Training | None = None

    @property
    def work(self) -> float:
        """Multiply-adds of one forward pass of a batch."""
        nodes = network_of(self.session).graph.nodes.values()
        per_row = sum(node.layer.multiply_adds(*node.in_shapes) for node in nodes)
        return max(1.0, float(per_row)) * self.session.process.batches.batch_size  # type: ignore[attr-defined]

    def collect(self) -> Taken:
        training: Any = self.session.process
        step, record = self.session.step_number, training.record
        if record.under_way:
            raise NothingToShow("A step is under way.\nFinish it: press Step.")
        if self._copy is None:
            self._copy = training.clone()
        before, history = self._before(step), self.session.history
        training.expect(("update_ratio",))
        to_numpy, now = network_of(self.session).ops.to_numpy, network_of(self.session).params
        steps = [each for each in history.steps if each < step - 1][-BACK:]
        path = [(each, history.nearest(each)[1]["params"]) for each in steps]
        path += [*([] if before is None else [(step - 1, before)]), (step, now)]
        points = tuple((each, np.array(to_numpy(flat), np.float64)) for each, flat in path)
        at, losses = self.session.trace.recorded("loss")
        recorded = float(losses[-1]) if len(at) and at[-1] == step else math.nan
        start = None if before is None else points[-2][1]
        return Taken(step, training.snapshot(), start, points, recorded)

    def _before(self, step: int) -> Any:
        """The weights before the last step: kept, or made again where that is near; None otherwise."""
        if step <= self.session.first_step:
            return None
        record, network = self.session.process.record, network_of(self.session)  # type: ignore[attr-defined]
        kept, loaded = record.params_before, record.loaded
        last = loaded is not None and loaded.step == step - 1
        # Those of the moment at which they began to be kept are those of now.
        if kept is not None and last and float(network.ops.norm(network.params - kept)) != 0.0:
            return kept.copy()
        near = step - 1 - self.session.history.nearest(step - 1)[0] <= NEAR
        edited = any(event.step == step - 1 for event in self.session.events)
        # Of a step at which something was edited, what is made again is as it was before that.
        if not near or edited or not hasattr(self.session, "network_at"):
            return None
        return self.session.network_at(step - 1).params  # type: ignore[attr-defined]

    def loss_of(self, taken: Taken) -> Callable[[np.ndarray], float]:
        """The loss of the last step's batch, as a function of the flat weights."""
        copy = self._copied(taken)
        ops, network = copy.network.ops, copy.network

        def loss(flat: np.ndarray) -> float:
            ops.copy(ops.asarray(flat, network.params.dtype), out=network.params)
            loaded = copy.rehearse("loss", taken.step - 1)
            with np.errstate(all="ignore"):
                return copy.objective.total(loaded.slots)

        return loss

    def noise(self, taken: Taken, batches: int) -> Noise:
        """The gradients of so many batches to come, where the weights stand now."""
        copy = self._copied(taken)
        ops, network, found = copy.network.ops, copy.network, []
        ops.copy(ops.asarray(taken.path[-1][1], network.params.dtype), out=network.params)
        steps = taken.step + np.arange(batches)
        rows = 0
        for step in steps:
            loaded = copy.rehearse(copy.phases[-2], int(step))
            rows = loaded.bound.rows
            found.append(np.array(ops.to_numpy(network.gradient), np.float64))
        return noise_of(np.stack(found), steps, rows)

    def _copied(self, taken: Taken) -> Training:
        assert self._copy is not None
        self._copy.restore(taken.snapshot)
        return self._copy


def along(loss: Callable[[np.ndarray], float], start: np.ndarray, step: np.ndarray, points: int) -> Along:
    """The loss at multiples of a step, in `points` that 0 and 1 are among."""
    times = np.union1d(np.linspace(*ENDS, points), [0.0, 1.0])
    losses = np.array([loss(start + time * step) for time in times])
    known = np.flatnonzero(np.isfinite(losses))
    if not len(known):
        return Along(times, losses, None)
    least = int(known[losses[known].argmin()])
    if least in (known[0], known[-1]):
        return Along(times, losses, None)
    return Along(times, losses, _bottom(times[least - 1 : least + 2], losses[least - 1 : least + 2]))


def _bottom(x: np.ndarray, y: np.ndarray) -> float:
    """Where the parabola through three points is lowest."""
    if not np.isfinite(y).all():
        return float(x[1])
    curve, slope, _ = np.polyfit(x - x[1], y, 2)
    return float(x[1] - slope / (2 * curve)) if curve > 0 else float(x[1])


def plane(
    loss: Callable[[np.ndarray], float], path: tuple[tuple[int, np.ndarray], ...], side: int
) -> Plane | None:
    """The loss in the plane of velocity and acceleration; None where the path is too short, or straight.

    Velocity is the last update, acceleration what it changed by against the mean update before it. The axes
    are orthonormal, the first along the velocity.
    """
    if len(path) < 3:
        return None
    steps = np.array([step for step, _ in path])
    points = np.stack([flat for _, flat in path])
    axes = axes_of(steps[-3:], points[-3:])
    if axes is None:
        return None
    where = (points - points[-1]) @ axes.T
    spread = np.square(points - points.mean(axis=0)).sum()
    share = float(np.square(where - where.mean(axis=0)).sum() / spread) if spread > 0 else 1.0
    low, high = where.min(axis=0), where.max(axis=0)
    room = np.maximum(0.3 * (high - low), 0.15 * float((high - low).max()))
    x, y = (np.linspace(low[k] - room[k], high[k] + room[k], side) for k in range(2))
    z = np.array([[loss(points[-1] + a * axes[0] + b * axes[1]) for a in x] for b in y])
    return Plane(x, y, z, steps, where, np.array([loss(each) for each in points]), share)


def axes_of(steps: np.ndarray, points: np.ndarray) -> np.ndarray | None:
    """Orthonormal axes (2, weights) of velocity and acceleration at the last of three points of a path."""
    with np.errstate(all="ignore"):
        before, last = np.diff(points, axis=0) / np.diff(steps)[:, None]
    size = float(np.linalg.norm(last))
    if not np.isfinite(size) or size == 0:
        return None
    first = last / size
    change = last - before
    across = change - (change @ first) * first
    length = float(np.linalg.norm(across))
    if not np.isfinite(length) or length <= 1e-9 * max(size, float(np.linalg.norm(before))):
        return None
    return np.stack([first, across / length])


def noise_of(gradients: np.ndarray, steps: np.ndarray, rows: int) -> Noise:
    """How much gradients (batches, weights) of batches of `rows` rows differ."""
    count = len(gradients)
    total = gradients.sum(axis=0)
    cosines = np.array([_cosine(each, (total - each) / (count - 1)) for each in gradients])
    with np.errstate(all="ignore"):
        spread = float(np.square(gradients - total / count).sum() / (count - 1))
        signal = float(np.square(total / count).sum()) - spread / count
    scale = rows * spread / signal if signal > 0 else math.inf if math.isfinite(spread) else math.nan
    return Noise(steps, cosines, rows, scale)


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    with np.errstate(all="ignore"):
        size = float(np.linalg.norm(one) * np.linalg.norm(other))
        return float(one @ other) / size if size > 0 else math.nan


def points_for(passes: float) -> tuple[int, int, int]:
    """How many points of the line, batches, and points along each side of the plane so many passes allow."""
    line = int(min(LINE, passes))
    left = passes - line
    # A backward pass takes as much as two forward.
    batches = int(min(BATCHES, left / 6))
    batches = batches if batches >= FEWEST_BATCHES else 0
    side = int(min(SIDE, math.sqrt(max(0.0, left - 3 * batches))))
    return line, batches, side if side >= FEWEST_ON_SIDE else 0


def checked_passes(budget: float, work: float) -> float:
    """How many passes the budget allows; NothingToShow where that is too few for anything."""
    passes = checks.number("budget", budget, over=0) / work
    if passes < FEWEST_ON_LINE:
        raise NothingToShow(
            f"One pass of the batch takes {work:.2g} multiply-adds; this view takes {budget:.2g} in all.\n"
            f"Give it more: view.budget = {work * 100:.0e}."
        )
    return passes
