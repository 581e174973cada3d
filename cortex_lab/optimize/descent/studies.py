"""Ways to run a descent: to a condition, in pages, step by step on the screen, or kept whole as a log.

After Cortex's `cortex.optimise.descent`, whose `study`, `log` and `review` worked on pure functions.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

import pandas as pd

from cortex_lab.optimize.descent.logs import Log
from cortex_lab.optimize.descent.path import Path, follow
from cortex_lab.optimize.descent.process import Descent
from cortex_lab.optimize.function import Differentiable
from cortex_lab.optimize.optimizer import Optimizer
from cortex_lab.study import Condition, Notice, Session, Stop, Trace, steps
from cortex_lab.study.conditions import as_condition
from cortex_lab.study.script import Script, SourceText, comments, steps_and_edits

PRINTED = ("value", "grad_norm", "step_norm")


def study(
    function: Differentiable,
    optimizer: Optimizer,
    start: Any = None,
    *,
    until: Condition | str,
    print_every: int | None = None,
    pause_every: int | None = None,
    ask: Callable[[str], str] = input,
) -> Session:
    """Descend until the condition is met; returns the session, to look at and to go on with.

    Parameters
    ----------
    function, optimizer, start
        As for `Descent`.
    until
        A condition such as `below("grad_norm", 1e-8) | steps(1000)`, or an expression.
    print_every
        Print a line after every n-th step.
    pause_every
        Stop after every n steps and `ask`: an empty answer goes on, a number changes n, "stop" ends the
        study.
    """
    session = Session(Descent(function, optimizer, start))
    if print_every is not None:
        print_steps(session, print_every)
    if pause_every is None:
        session.run(until=as_condition(until))
        return session
    count = pause_every
    while not _paged(session, count, 0, as_condition(until)):
        answer = ask(
            f"step {session.step_number}; Enter goes on, a number sets the page, stop ends: "
        ).strip()
        if answer == "stop":
            break
        if answer:
            count = _page_size(answer, count)
    return session


def log(function: Differentiable, optimizer: Optimizer, start: Any = None, *, until: Condition | str) -> Log:
    """Descend until the condition is met, keeping every point and measurement.

    A value or gradient that stops being finite ends the log too; its `stop` says so.
    """
    session = Session(Descent(function, optimizer, start))
    first = {key: session.process.measure(key) for key in session.process.keys}
    path = follow(session)
    stop = session.run(until=as_condition(until))
    return log_of(session, path, first, stop)


def profile(
    function: Differentiable, optimizer: Optimizer, start: Any = None, *, until: Condition | str
) -> pd.DataFrame:
    """Count the calls and seconds that value, gradient and update take on the way to the condition."""
    made = log(function, optimizer, start, until=until)
    assert made.profile is not None
    return made.profile


def log_of(session: Session, path: Path, first: dict[str, float], stop: Stop | None = None) -> Log:
    """The log of a descent's session whose `path` was followed; `first` is what was measured at the start."""
    process: Any = session.process
    start = pd.DataFrame({"seconds": [0.0], **first}, index=pd.RangeIndex(1, name="step"))
    frame = pd.concat([start, session.trace.frame()]).rename_axis("step")
    calls = {**process.evaluations, "update": process.step_number}
    table = pd.DataFrame({"calls": calls, "seconds": process.seconds}).rename_axis("phase")
    table["microseconds"] = 1e6 * table["seconds"] / table["calls"].clip(lower=1)
    frame = frame.reindex(columns=[*first, "seconds"])
    return Log(process.function, process.optimizer, path.points, frame, stop, table)


def pages(session: Session, n: int, until: Condition | str | None = None) -> Iterator[Stop]:
    """Run in pages of `n` steps, yielding the stop at the end of each, the last where `until` is met.

    `until` counts from where the paging began, not from each page.
    """
    begun = len(session.trace)
    condition = None if until is None else as_condition(until)
    finished = False
    while not finished:
        finished = _paged(session, n, begun, condition)
        assert session.last_stop is not None
        yield session.last_stop


def print_steps(
    session: Session, every: int = 1, keys: Sequence[str] = PRINTED, file: TextIO | None = None
) -> Callable[[], None]:
    """Print a line after every `every`-th step of a session; returns the function that ends it."""
    for key in keys:
        if key not in session.trace:
            raise KeyError(f"{key!r} is not recorded; recorded are {', '.join(session.trace.keys)}")

    def tell(notice: Notice) -> None:
        if notice.kind == "step" and notice.step % every == 0:
            last = "  ".join(f"{key} {session.trace[key][-1]: .6e}" for key in keys)
            print(f"step {notice.step:>6}  {last}", file=file or sys.stdout)

    return session.subscribe(tell)


def script(session: Session) -> Script:
    """Python that repeats the session of a descent, edits included, to the same bits.

    TypeError for a function of your own, which cannot be written down; ValueError for a session that did not
    begin at step 0.
    """
    process: Any = session.process
    if session.first_step != 0:
        raise ValueError(f"this session began at step {session.first_step}; a script begins at step 0")
    first, source = session.history.nearest(0)[1], SourceText()
    given = [source.of(part) for part in (process.function, first["optimizer"], first["params"])]
    descent = source.imported("cortex_lab.optimize.descent", "Descent")
    kind = source.imported("cortex_lab.study", "Session")
    made = f"session = {kind}({descent}({', '.join(given)}, ops={process.ops.name!r}))"
    steps_taken = steps_and_edits(session.events, 0, session.step_number, source, session.phase)
    said = comments(session.remarks)
    through = ["session.stop_on_fault = False"] if session.goes_through_faults else []
    heading = '"""A descent, repeated step by step."""'
    return Script("\n".join([heading, "", *source.lines(), "", made, *through, *steps_taken, *said, ""]))


@dataclass(frozen=True)
class Since(Condition):
    """`condition`, as if the run had begun at trace row `begun`: for runs in several pieces."""

    condition: Condition
    begun: int

    @property
    def keys(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.condition.keys

    def met(self, trace: Trace, start: int) -> bool:
        return self.condition.met(trace, self.begun)


def _paged(session: Session, n: int, begun: int, condition: Condition | None) -> bool:
    """Run one page; whether that was the last, as it is when anything but the page's length ended it."""
    page = steps(n)
    whole = None if condition is None else Since(condition, begun)
    rows = len(session.trace)
    stop = session.run(until=page if whole is None else page | whole)
    met = whole is not None and whole.met(session.trace, rows)
    return met or stop.kind != "condition"


def _page_size(answer: str, before: int) -> int:
    try:
        return max(1, int(answer))
    except ValueError:
        print(f"{answer!r} is neither a number nor stop; the page stays {before} steps")
        return before
