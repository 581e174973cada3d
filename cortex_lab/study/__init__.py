"""Observe, stop, step and rewind anything iterative. Knows nothing of networks, data or widgets.

| type          | what it is                                                                   |
|---------------|------------------------------------------------------------------------------|
| `Process`     | protocol: anything that advances in steps made of named phases               |
| `Session`     | steps a Process, records it, stops it, rewinds it, tells subscribers         |
| `Observation` | lazy mapping: what the step just completed looked like                       |
| `Trace`       | append-only table of what the probes recorded, a row per step                |
| `Probe`       | what to record, and how often                                                |
| `Condition`   | when to stop; join with `&`, `|`, `~`                                        |
| `History`     | sparse snapshots under a memory budget; with replay, any step can be reached |
| `Event`       | something a person changed, at its step                                      |
| `Stop`        | why a run ended, as data                                                     |
| `Notice`      | what a subscriber is told                                                    |
"""

from cortex_lab.study.conditions import (
    Condition,
    above,
    below,
    epochs,
    non_finite,
    seconds,
    stalled,
    steps,
)
from cortex_lab.study.events import Event, Notice, SessionBusy, Stop
from cortex_lab.study.history import History
from cortex_lab.study.observation import Observation
from cortex_lab.study.probe import Probe, every
from cortex_lab.study.process import Process
from cortex_lab.study.session import Session
from cortex_lab.study.trace import Trace

__all__ = [
    "Condition",
    "Event",
    "History",
    "Notice",
    "Observation",
    "Probe",
    "Process",
    "Session",
    "SessionBusy",
    "Stop",
    "Trace",
    "above",
    "below",
    "epochs",
    "every",
    "non_finite",
    "seconds",
    "stalled",
    "steps",
]
