"""Observe, stop, step and rewind anything iterative. Knows nothing of networks, data or widgets.

| type          | what it is                                                                   |
|---------------|------------------------------------------------------------------------------|
| `Process`     | protocol: anything that advances in steps made of named phases               |
| `Session`     | steps a Process, records it, stops it, rewinds it, tells subscribers         |
| `Observation` | lazy mapping: what the step just completed looked like                       |
| `Trace`       | append-only table of what the probes recorded, a row per step                |
| `Probe`       | what to record, and how often                                                |
| `Condition`   | when to stop; join with `&`, `|`, `~`                                        |
| `Expression`  | a condition written as text: "grad_norm['conv2d_1'] > 10"                    |
| `Breakpoint`  | a condition that holds an update back, with its gradients there to look at   |
| `History`     | sparse snapshots under a memory budget; with replay, any step can be reached |
| `Past`        | another session that stands at an earlier step, while the first goes on      |
| `Event`       | something a person changed, at its step                                      |
| `Fork`        | branches of a session: several futures of one moment, side by side           |
| `Pace`        | how many steps a second a run takes at most                                  |
| `Stop`        | why a run ended, as data                                                     |
| `Notice`      | what a subscriber is told                                                    |
"""

from cortex_lab.ground.habits import answers_for
from cortex_lab.study.breakpoints import Breakpoint
from cortex_lab.study.conditions import (
    Condition,
    above,
    as_condition,
    below,
    epochs,
    non_finite,
    seconds,
    stalled,
    steps,
)
from cortex_lab.study.events import Event, Notice, SessionBusy, Stop
from cortex_lab.study.expression import Expression
from cortex_lab.study.faults import UpdateHeldBack
from cortex_lab.study.forking import Fork
from cortex_lab.study.history import History, replay
from cortex_lab.study.observation import Observation
from cortex_lab.study.pace import Pace
from cortex_lab.study.past import Past
from cortex_lab.study.probe import Probe, distance_to, every
from cortex_lab.study.process import Process
from cortex_lab.study.session import Session
from cortex_lab.study.trace import Trace

__all__ = [
    "Breakpoint",
    "Condition",
    "Event",
    "Expression",
    "Fork",
    "History",
    "Notice",
    "Observation",
    "Pace",
    "Past",
    "Probe",
    "Process",
    "Session",
    "SessionBusy",
    "Stop",
    "Trace",
    "UpdateHeldBack",
    "above",
    "as_condition",
    "below",
    "distance_to",
    "epochs",
    "every",
    "non_finite",
    "replay",
    "seconds",
    "stalled",
    "steps",
]

__getattr__ = answers_for(__name__)
