"""Rows of the data as the network sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from cortex_lab.nn.diagnosis import work
from cortex_lab.nn.train.training import Training

MOST_ROWS = 2000
MOST_BYTES = 64 * 2**20
MOST_VALUES = 4 * 2**20
"""Target values that are kept of all rows."""
# Measured ranges: healthy | faulty.
FAR_OUT = 50.0  # distance of a cell from its column's median over the usual one: 0 to 20 | 200 and more
LEAST_FAR = 20.0  # which nobody minds in numbers smaller than this
FEW = 0.01  # share of rows that may be called outliers
FEWEST = 20  # rows that make a distance usual


@dataclass
class Sample:
    """Some rows: `inputs` and `targets` by name, `rows` their places in the data, `batch` whose they were.

    `all_targets` and `all_rows` are of all rows that were scanned, as are `hashes` of the inputs and `bad`:
    (what, the row's position, its columns) where numbers are missing or infinite. `error` is what fetching
    raised. `outliers` are cells far out of all others, by row: (input, place in the row, value, times the
    usual distance); these rows are not among the others.
    """

    inputs: dict[str, np.ndarray] = field(default_factory=dict)
    targets: dict[str, np.ndarray] = field(default_factory=dict)
    rows: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    batch: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    weighted: bool = False
    all_targets: dict[str, np.ndarray] = field(default_factory=dict)
    all_rows: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    hashes: dict[int, int] = field(default_factory=dict)
    bad: list[tuple[str, int, tuple[int, ...]]] = field(default_factory=list)
    outliers: dict[int, tuple[str, tuple[int, ...], float, float]] = field(default_factory=dict)
    error: str = ""
    whole: bool = True

    def __len__(self) -> int:
        return len(self.rows)


Clock = Callable[[], float]


def of_training(training: Training, most: int, seconds: float, clock: Clock) -> Sample:
    """The first `most` rows of the epoch under way, and a look at all others for as long as `seconds`."""
    epoch = training.batches.steps_per_epoch
    first = training.step_number // epoch * epoch
    return _gathered(training, range(first, first + epoch), most, seconds, clock)


def of_validation(training: Training, most: int, seconds: float, clock: Clock) -> Sample:
    """The validation rows, by the way that the training rows take."""
    inputs, targets = training.validation or ({}, {})
    rows, size = len(next(iter(inputs.values()))), training.batches.batch_size
    training.loader.read(_Pieces(inputs, targets, rows, size))
    return _gathered(training, range(training.batches.steps_per_epoch), most, seconds, clock)


class _Pieces:
    """Arrays in their order, as a source of batches."""

    def __init__(self, inputs: Any, targets: Any, rows: int, batch_size: int) -> None:
        self.inputs, self.targets, self.length, self.batch_size = inputs, targets, rows, batch_size
        self.steps_per_epoch = -(-rows // batch_size)

    def fetch(self, step: int) -> Any:
        rows = np.arange(step * self.batch_size, min((step + 1) * self.batch_size, self.length))
        inputs = {name: array[rows] for name, array in self.inputs.items()}
        targets = {name: array[rows] for name, array in self.targets.items()}
        return SimpleNamespace(inputs=inputs, targets=targets, rows=rows, weights=None)


def _gathered(training: Training, steps: range, most: int, seconds: float, clock: Clock) -> Sample:
    """What the steps fetch. `training` is a copy, whose rows are no longer checked."""
    sample, until, should = Sample(), clock() + work.PATIENCE * seconds, 0.0
    parts, targets, kept = [], [], 0
    for number, step in enumerate(steps):
        if kept >= most and (should > seconds or clock() > until):
            sample.whole = False
            break
        # Looked at here, where a number that is missing is no error.
        training.loader.trust()
        try:
            loaded = training.loader.load(step)
        except (ValueError, TypeError, LookupError) as error:
            sample.error = str(error)
            break
        to_numpy = training.network.ops.to_numpy
        rows = np.asarray(loaded.batch.rows)
        x = {name: to_numpy(loaded.bound.buffers[name]) for name in training.network.graph.inputs}
        y = {name: to_numpy(at.target) for name, at in loaded.slots.items()}
        should += work.look_seconds(len(rows), sum(part.size for each in (x, y) for part in each.values()))
        weights = to_numpy(next(iter(loaded.slots.values())).weights)
        sample.weighted = sample.weighted or bool(len(weights) and np.ptp(weights) > 1e-6 * weights.max())
        sample.bad += _not_finite(training, x, y, rows)
        first = next(iter(x.values())).reshape(len(rows), -1)
        for position in range(len(rows)):
            sample.hashes.setdefault(hash(first[position].tobytes()), int(rows[position]))
        targets.append((rows, {name: part.copy() for name, part in y.items()}))
        if kept < most:
            copies = {name: part.copy() for name, part in x.items()}
            parts.append((copies, targets[-1][1], rows, np.full(len(rows), number)))
            kept += len(rows)
        if sum(part.size for part in y.values()) * len(targets) > MOST_VALUES and kept >= most:
            sample.whole = False
            break
    if parts:
        sample.inputs = {name: np.concatenate([part[0][name] for part in parts]) for name in parts[0][0]}
        sample.targets = {name: np.concatenate([part[1][name] for part in parts]) for name in parts[0][1]}
        sample.rows, sample.batch = (np.concatenate([part[i] for part in parts]) for i in (2, 3))
        sample.all_rows = np.concatenate([rows for rows, _ in targets])
        sample.all_targets = {n: np.concatenate([part[n] for _, part in targets]) for n in targets[0][1]}
        _set_apart(sample)
    return sample


def _set_apart(sample: Sample) -> None:
    """Take the few rows with a cell far out of all others out of the sample: all scales would be theirs."""
    if sample.bad or sample.error or len(sample) < FEWEST:
        return
    found: dict[int, tuple[str, tuple[int, ...], float, float]] = {}
    for name, values in sample.inputs.items():
        if values.dtype.kind != "f":
            continue
        x = values.reshape(len(values), -1)
        candidates = np.flatnonzero((np.abs(x) > LEAST_FAR).any(axis=0))
        if not len(candidates):
            continue
        part = x[:, candidates].astype(np.float64)
        distance = np.abs(part - np.median(part, axis=0))
        share = min(0.98, 1 - 2 / len(x))  # One row of few is no part of what is usual.
        far_but_usual = np.quantile(distance, share, axis=0, method="lower") / 3
        usual = np.maximum(1.4826 * np.median(distance, axis=0), far_but_usual)
        # What hardly ever changes in one place is measured by the changes of all.
        of_all = float(np.quantile(np.abs(x - np.median(x, axis=0)), 0.9)) / 3
        usual = np.where(usual > 0, usual, of_all)
        told = (usual > 0) & (np.abs(part) > LEAST_FAR)
        far = np.where(told, distance / np.where(usual > 0, usual, 1), 0)
        for position in np.flatnonzero(far.max(axis=1) > FAR_OUT):
            at = int(far[position].argmax())
            place = tuple(int(i) for i in np.unravel_index(candidates[at], values.shape[1:]))
            found[int(position)] = name, place, float(part[position, at]), float(far[position, at])
    if not 0 < len(found) <= max(FEW * len(sample), 1):
        return
    sample.outliers = {int(sample.rows[position]): cell for position, cell in found.items()}
    stay = np.delete(np.arange(len(sample)), list(found))
    sample.inputs, sample.targets = (
        {name: part[stay] for name, part in each.items()} for each in (sample.inputs, sample.targets)
    )
    sample.rows, sample.batch = sample.rows[stay], sample.batch[stay]


def _not_finite(
    training: Training, x: dict[str, np.ndarray], y: dict[str, np.ndarray], rows: np.ndarray
) -> Iterator[tuple[str, int, tuple[int, ...]]]:
    parts = [(f"input {name!r}", part) for name, part in x.items()]
    for name, part in y.items():
        if type(training.losses[name]).__name__ != "CensorLoss":
            parts.append(("the targets" if len(y) == 1 else f"the targets of {name!r}", part))
    for what, part in parts:
        if part.dtype.kind != "f":
            continue
        missing = ~np.isfinite(part.reshape(len(part), -1))
        for position in np.flatnonzero(missing.any(axis=1)):
            yield what, int(rows[position]), tuple(np.flatnonzero(missing[position]).tolist())


def rows_that_fit(training: Training, step_seconds: float, seconds: float) -> int:
    """How many rows can be kept and passed forward in about `seconds`, from a batch to `MOST_ROWS`."""
    size = sum(4 * int(np.prod(shape)) for shape in training.network.graph.inputs.values())
    by_memory = MOST_BYTES // max(size, 1)
    # A pass forward costs about a third of a step.
    by_time = int(3 * seconds / max(step_seconds / training.batches.batch_size, 1e-7))
    return int(np.clip(min(by_memory, by_time), min(training.batches.batch_size, 64), MOST_ROWS))
