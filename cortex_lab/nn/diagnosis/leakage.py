"""What among the inputs gives the target away."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cortex_lab.nn.diagnosis.data import labels_of
from cortex_lab.nn.diagnosis.finding import Finding, listed
from cortex_lab.nn.diagnosis.simple import MOST_ROWS, best_model, spread_out
from cortex_lab.nn.diagnosis.study import Study

# Measured ranges: healthy | faulty.
TOLD = 0.97  # share of a column's variance that the label explains: 0 to 0.95 | 0.99 and more
USUAL = 0.7  # and of the median of the other columns
SURE = 3.0  # standard errors above chance that the other columns say something, too
FEWEST = 4  # rows of a class that say something of a column
COPIED = 0.999  # correlation of one column with a target of values: 0 to 0.99 | 1


def find(study: Study) -> Iterator[tuple[Finding, bool]]:
    if len(study.rows) and not study.rows.bad:
        yield from _leakage(study)


def _leakage(study: Study) -> Iterator[tuple[Finding, bool]]:
    for name, target in study.rows.targets.items():
        labels = labels_of(study, name, target)
        values = target.reshape(len(target), -1)
        if labels is None and (values.shape[1] != 1 or values.dtype.kind != "f" or np.ptp(values) == 0):
            continue
        for source, x in study.rows.inputs.items():
            flat = x.reshape(len(x), -1)
            told_of = len(x) if labels is None else int((labels >= 0).sum())
            if x.dtype.kind != "f" or flat.shape[1] < 3 or told_of < 30:
                continue
            told = _explained(flat, labels) if labels is not None else _correlation(flat, values[:, 0]) ** 2
            best, bound = int(np.argmax(told)), TOLD if labels is not None else COPIED**2
            if told[best] > bound and np.median(told) < USUAL:
                which = np.flatnonzero(told > bound)
                rest = spread_out(np.delete(flat, which, axis=1)[:MOST_ROWS].astype(np.float64))
                others = best_model(rest, values[:MOST_ROWS]) if labels is None and rest.shape[1] else None
                # A target that nothing else has to do with may be what it is: a function of one column.
                wrong = labels is not None or (others is not None and others.z > SURE)
                yield Finding(
                    "leakage", source, float(told[best]), bound,
                    f"Column {listed(which)} of the input {source!r} gives the target away: it explains "
                    f"{told[best]:.2%} of it alone, and the median column {np.median(told):.0%}; what is "
                    "learned "
                    "from it will be missing when it counts.",
                    units=tuple(which.tolist()),
                    remedy=f"Leave it out: x = np.delete(x, {which.tolist()}, axis=1)",
                ), wrong  # fmt: skip
                return


def _explained(x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """For each column, the share of its variance that lies between the classes."""
    # A class of a row or two is told by chance, by whatever is unusual in that row.
    known = np.isin(labels, [label for label in np.unique(labels[labels >= 0])
                             if (labels == label).sum() >= FEWEST])  # fmt: skip
    x, labels = x[known].astype(np.float64), labels[known]
    total, between = x.var(axis=0), np.zeros(x.shape[1])
    for label in np.unique(labels):
        own = x[labels == label]
        between += len(own) * (own.mean(axis=0) - x.mean(axis=0)) ** 2
    told = np.where(total > 0, between / max(len(x), 1) / np.where(total > 0, total, 1), 0)
    # As many classes as rows would explain anything.
    return 1 - (1 - told) * (len(x) - 1) / max(len(x) - len(np.unique(labels)), 1)


def _correlation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, y = x - x.mean(axis=0, dtype=np.float64), y - y.mean(dtype=np.float64)
    size = np.sqrt((x**2).sum(axis=0) * (y**2).sum())
    return np.where(size > 0, np.abs(y @ x) / np.where(size > 0, size, 1), 0)
