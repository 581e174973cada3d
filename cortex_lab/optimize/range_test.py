"""Which learning rate? Try them all, rising, and look at the curve."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.ground import checks
from cortex_lab.study import Process, Session
from cortex_lab.study.settling import settled


def learning_rate_range_test(
    process: Process | Session,
    low: float = 1e-6,
    high: float = 1.0,
    steps: int = 100,
    key: str | None = None,
    stop_factor: float = 4.0,
    smoothing: float = 0.9,
) -> pd.DataFrame:
    """Take `steps` steps while the learning rate rises from `low` to `high` (Smith 2017), then put all back.

    Parameters
    ----------
    process
        A Process with a learning rate to edit, or a Session: nothing of it is recorded and it stays where it
        is.
    key
        What to measure; None takes "loss" or "value", whichever the process knows.
    stop_factor
        Stop when the smoothed measurement is this many times its lowest above the lowest (or is not finite).
    smoothing
        Share of the running mean that each measurement keeps of the last.

    Returns a DataFrame indexed by step: learning_rate, `key`, and "smoothed", its bias-corrected running
    mean. `steepest(curve)` reads a rate off it. ValueError for a range that does not rise, or inside a step.
    """
    if not isinstance(process, Session):
        checks.instance("process", process, Process, "a Process with a learning rate, or a Session")
    low = float(checks.number("low", low, over=0))
    high = float(checks.number("high", high, over=0))
    steps = checks.whole("steps", steps, 2, 1_000_000)
    checks.number("stop_factor", stop_factor, over=0)
    checks.fraction("smoothing", smoothing)
    if key is not None:
        checks.text("key", key, "loss")
    if isinstance(process, Session):
        return process.between_steps(
            lambda: _tested_at_rest(process, low, high, steps, key, stop_factor, smoothing)
        ).result()
    return _tested(process, low, high, steps, key, stop_factor, smoothing)


def steepest(curve: pd.DataFrame) -> float:
    """The learning rate at which the smoothed curve of a range test falls fastest: a usual first choice.

    ValueError if the curve never falls.
    """
    rates, smoothed = np.log(curve["learning_rate"].to_numpy()), curve["smoothed"].to_numpy()
    there = np.isfinite(smoothed)
    if there.sum() >= 2:
        slopes = np.gradient(smoothed[there], rates[there])
        if slopes.min() < 0:
            return float(np.exp(rates[there][slopes.argmin()]))
    raise ValueError("the curve falls nowhere; test a range of smaller learning rates, or more steps")


def _tested_at_rest(session: Session, *settings: Any) -> pd.DataFrame:
    if session.phase is not None:
        raise ValueError(
            f"{session!r} is inside a step; finish it with session.step() before testing learning rates"
        )
    observation = session.observation
    if len(session.trace):
        # Afterwards the buffers show another batch, so what may still be asked of this step is read now.
        for key in observation:
            with suppress(LookupError):
                observation[key]
    return _tested(session.process, *settings)


def _tested(
    process: Process,
    low: float,
    high: float,
    steps: int,
    key: str | None,
    stop_factor: float,
    smoothing: float,
) -> pd.DataFrame:
    if not 0 < low < high < math.inf:
        raise ValueError(f"the learning rates must rise from a low over 0 to a high, got {low!r} to {high!r}")
    if steps < 2:
        raise ValueError(f"a range test takes at least 2 steps, got {steps!r}")
    if key is None:
        key = next((known for known in ("loss", "value") if known in process.keys), None)
    if key not in process.keys:
        raise KeyError(f"the process does not measure {key!r}; it measures {', '.join(process.keys)}")
    rates = np.geomspace(low, high, steps)
    before = process.snapshot()
    rows: list[tuple[float, float, float]] = []

    def test() -> None:
        mean, best = 0.0, math.inf
        for taken, rate in enumerate(rates, start=1):
            process.edit("learning_rate", float(rate))
            for _ in process.walk():
                pass
            value = float(process.measure(key))
            mean = smoothing * mean + (1 - smoothing) * value
            smoothed = mean / (1 - smoothing**taken)
            rows.append((float(rate), value, smoothed))
            best = min(best, smoothed)
            if not math.isfinite(value) or smoothed > best + stop_factor * abs(best):
                return

    settled(test, lambda _: process.restore(before))
    index = pd.RangeIndex(1, len(rows) + 1, name="step")
    return pd.DataFrame(rows, columns=["learning_rate", key, "smoothed"], index=index)
