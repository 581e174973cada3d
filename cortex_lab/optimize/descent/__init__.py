"""Instrumented gradient descent, after Cortex's `cortex.optimise.descent`.

| name               | what it is                                                                    |
|--------------------|-------------------------------------------------------------------------------|
| `Descent`          | a function and an optimizer as a Process: value, gradient, update             |
| `study`            | descend until a condition, in pages or step by step; returns the session      |
| `log`, `Log`       | descend and keep every point and measurement                                  |
| `review`           | one log, or several side by side, as a DataFrame                              |
| `summary`          | a row for each log: where it ended, what it cost, why it stopped              |
| `profile`          | calls and seconds of value, gradient and update                               |
| `interactive`      | choose each step's learning rate; preview, refuse, force, go back             |
| `pages`            | run n steps at a time                                                         |
| `print_steps`      | a line for every step                                                         |
| `script`           | Python that repeats a descent's session, edits included                       |
| `scipy_path`       | SciPy's minimizers, recorded as the same logs                                 |
| `follow`, `Path`   | the parameters of any session's process, step by step                         |
| `landscape`        | the function around the paths: its own plane, or that of principal components |
| `weight_landscape` | the same for the weights of a network                                         |
"""

from cortex_lab.optimize.descent.by_hand import Interactive, Move, interactive
from cortex_lab.optimize.descent.landscape import Landscape, Track, landscape, weight_landscape
from cortex_lab.optimize.descent.logs import Log, review, summary
from cortex_lab.optimize.descent.path import Path, follow
from cortex_lab.optimize.descent.process import Descent
from cortex_lab.optimize.descent.scipy_path import scipy_path
from cortex_lab.optimize.descent.studies import log, pages, print_steps, profile, script, study

__all__ = [
    "Descent",
    "Interactive",
    "Landscape",
    "Log",
    "Move",
    "Path",
    "Track",
    "follow",
    "interactive",
    "landscape",
    "log",
    "pages",
    "print_steps",
    "profile",
    "review",
    "scipy_path",
    "script",
    "study",
    "summary",
    "weight_landscape",
]
