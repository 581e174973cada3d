"""The status line: what the session is doing, in a few words and numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.study import Session
from cortex_lab.study.missing import is_recorded
from cortex_lab.widgets.chart.canvas import Packed
from cortex_lab.widgets.fault_words import headline


def speed_of(session: Session) -> float | None:
    """Steps per second over the last second of stepping; None before there are two steps."""
    seconds = session.trace["seconds"]
    if len(seconds) < 2:
        return None
    first = min(len(seconds) - 2, int(np.searchsorted(seconds, seconds[-1] - 1.0)))
    passed = seconds[-1] - seconds[first]
    return (len(seconds) - 1 - first) / passed if passed > 0 else None


def describe(session: Session, error: BaseException | None) -> tuple[str, str]:
    """(state, text): state is "running", "phase", "error", "paused" or "ready"."""
    if session.running:
        return "running", "running"
    if session.held_back is not None:
        return "error", headline(session.held_back)
    if error is not None:
        return "error", "stopped by an error"
    if session.phase is not None:
        return "phase", f"paused inside step {session.step_number + 1}, after {session.phase}"
    if not len(session.trace):
        return "ready", "ready"
    stop = session.last_stop
    if stop is None or stop.kind in ("step", "phase", "pause"):
        return "paused", "paused"
    return "paused", f"paused: {stop.reason}"


def status_panel(
    session: Session, error: BaseException | None, rate: float | None = None, hint: str = ""
) -> Packed:
    """The status line, packed for its panel: `rate` are steps a second, `hint` is said of a run."""
    state, text = describe(session, error)
    if hint and state == "running":
        text = f"{text}: {hint}"
    trace = session.trace
    facts = [("step", f"{session.step_number:,}")]
    if len(trace):
        if "epoch" in trace:
            facts.append(("epoch", f"{trace['epoch'][-1]:.2f}"))
        for key in ("loss", "accuracy", "validation_accuracy"):
            if key in trace and (value := _latest(trace[key])) is not None:
                facts.append(
                    (key.replace("_", " "), f"{100 * value:.1f}%" if "accuracy" in key else f"{value:.4g}")
                )
    if rate is not None:
        facts.append(("steps/s", f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"))
    return Packed({"state": state, "text": text, "facts": facts, "step": session.step_number})


def status_text(packed: Packed) -> str:
    """The status line as plain text."""
    return " · ".join([packed.meta["text"], *(f"{name} {value}" for name, value in packed.meta["facts"])])


def _latest(column: np.ndarray) -> float | None:
    if len(column) and column[-1] == column[-1]:
        return float(column[-1])
    recorded: Any = np.flatnonzero(is_recorded(column[-4096:]))
    return float(column[-4096:][recorded[-1]]) if len(recorded) else None
