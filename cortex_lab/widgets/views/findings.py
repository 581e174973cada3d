"""What is wrong with the training, in words: the findings of a diagnosis, made again and again beside it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from cortex_lab.ground import forks
from cortex_lab.nn.diagnosis import Case, Finding, diagnose
from cortex_lab.study import Session
from cortex_lab.widgets.chart import matplotlib
from cortex_lab.widgets.chart.layer_stats import NO_STEPS
from cortex_lab.widgets.chart.marks import Chart, Plot, Sentences
from cortex_lab.widgets.chart.view import View

PATIENCE = 1.0
"""Seconds that a training has rested before it is looked at."""
STEPS_BETWEEN, SECONDS_BETWEEN = 20, 4.0
"""Steps and seconds at least between two diagnoses of a training that runs."""
HURRIED, SPARE, RESTING = 0.03, 0.3, 0.8
"""The part of the time that a diagnosis takes beside a training: as fast as it can go, any other, at rest."""
MOST_SHOWN = 6


class _GivenUp(BaseException):
    """The bench is closing."""


@dataclass(frozen=True)
class Found:
    """The findings as of a step, `wrong` before those that are only worth a look."""

    step: int
    wrong: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[Finding, ...]:
        return (*self.wrong, *self.notes)[:MOST_SHOWN]


class Findings(View[Found | None]):
    """What `session.diagnose()` finds, each with its measurement and its remedy; a click applies an edit.

    On a bench it is made anew by a thread beside the training, on copies and within a small share of the
    time, whenever the training is somewhere else.
    """

    title = "Findings"
    follows = False
    size = (9.6, 1.3)
    height = 44
    place = "wide"
    rank = 5
    any_time = True
    only_when_seen = True

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.patience = PATIENCE
        self.clock: Callable[[], float] = time.monotonic
        self.hurries: Callable[[], bool] = lambda: False
        self.given_up: Callable[[], bool] = lambda: False
        self.beside = False
        self._found: Found | None = None
        self._failure: str | None = None
        self._of: Hashable = None
        self._seen: tuple[Hashable, float] = (None, 0.0)
        self._last = (-1, -1e9)
        self._version = 0
        self._turn = forks.freed(threading.Lock())

    def go_beside(self, hurries: Callable[[], bool], ending: Callable[[], bool]) -> None:
        self.hurries, self.given_up, self.beside = hurries, ending, True

    @classmethod
    def fits(cls, session: Session) -> bool:
        return hasattr(session, "diagnose") and hasattr(session.process, "clone")

    @classmethod
    def unfit(cls, session: Session) -> str:
        return "" if cls.fits(session) else NO_STEPS

    @property
    def shown(self) -> tuple[Finding, ...]:
        """The findings of the last diagnosis; none before there was one."""
        return self._found.all if self._found is not None else ()

    def advance(self) -> float | None:
        """Diagnose, if the training is somewhere else than when that was done last."""
        with self._turn:
            subject, running, now = self._subject(), self.session.running, self.clock()
            if subject == self._of:
                return None if not running else 0.5
            step, at = self._last
            if running:
                wait = at + SECONDS_BETWEEN - now
                if self.session.step_number < max(0, step) + STEPS_BETWEEN or wait > 0:
                    return max(0.3, wait)
            else:
                if self._seen[0] != subject:
                    self._seen = (subject, now)
                if (left := self._seen[1] + self.patience - now) > 0:
                    return left
            self._diagnose(subject)
            return 0.5 if self.session.running else 0.0

    def _subject(self) -> Hashable:
        session = self.session
        return session.step_number, len(session.events), session.held_back is not None

    def _diagnose(self, subject: Hashable) -> None:
        session: Any = self.session
        try:
            step, case = session.at_rest(lambda: (session.step_number, Case.of(session)))
            made = diagnose(replace(case, clock=_Paced(self)))
        except _GivenUp:
            return
        except Exception as error:
            # Said in its own panel; the training and the other panels go on.
            self._failure = f"The diagnosis failed: {type(error).__name__}: {error}"
        else:
            self._failure, self._found = None, Found(step, tuple(made), made.notes, made.skipped)
        self._of, self._last = subject, (self.session.step_number, self.clock())
        self._version += 1

    # Drawing ----------------------------------------------------------------------------------------

    def state(self, exact: bool) -> Hashable:
        return self._version

    def collect(self, exact: bool) -> Found | None:
        if self._failure:
            raise RuntimeError(self._failure)
        return self._found

    def look(self) -> Found | None:
        if self._found is None and not self.beside:
            with self._turn:
                self._diagnose(self._subject())
        return self.collect(exact=True)

    def chart(self, data: Found | None) -> Chart:
        if data is None:
            note = "Looks for what is wrong once the training rests, or has taken some steps."
            return Chart((Plot((Sentences((note,), ("",), ("",), (False,)),)),), summary=note)
        shown = data.all
        texts = [finding.sentence for finding in shown] or ["Nothing found that is wrong."]
        details = [_measured(finding) for finding in shown] or [""]
        remedies = [_cut(finding.remedy) for finding in shown] or [""]
        actions = [_action(finding) for finding in shown] or [""]
        wrong = [place < len(data.wrong) for place in range(len(texts))] if shown else [False]
        sentences = Sentences(
            tuple(f"{text} {remedy}".rstrip() for text, remedy in zip(texts, remedies, strict=True)),
            tuple(details), tuple(actions), tuple(wrong),
        )  # fmt: skip
        more = len(data.wrong) + len(data.notes) - len(shown)
        caption = f"as of step {data.step:,}" + (f"; {more} more: session.diagnose()" if more > 0 else "")
        return Chart((Plot((sentences,)),), caption=caption, summary=" ".join(texts), step=data.step)

    def size_for(self, chart: Chart) -> tuple[float, float]:
        """As high as its lines need."""
        said = [mark for plot in chart.plots for mark in plot.marks if isinstance(mark, Sentences)]
        lines = sum(len(matplotlib.lines_of(mark)) for mark in said)
        return self.size[0], max(self.size[1], 0.65 + 0.135 * lines)

    def table(self, data: Found | None) -> pd.DataFrame:
        columns = ["kind", "where", "value", "bound", "sentence", "remedy"]
        found = () if data is None else (*data.wrong, *data.notes)
        rows = [[getattr(finding, column) for column in columns] for finding in found]
        return pd.DataFrame(rows, columns=columns)


def _measured(finding: Finding) -> str:
    kind = finding.kind.replace("_", " ")
    return f"{kind}: {finding.value:.3g}, where the bound is {finding.bound:.3g}".replace("-", "−")


def _cut(text: str, most: int = 110) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _action(finding: Finding) -> str:
    """What the button of a remedy says; nothing where the remedy is no edit."""
    if not finding.edits:
        return ""
    name, value = finding.edits[0]
    if name == "excluded_rows":
        return f"Leave out {len(value)} row{'s' * (len(value) != 1)}"
    if name.startswith("revived_unit"):
        return f"Revive {len(value)} unit{'s' * (len(value) != 1)}"
    said = f"to {value:.3g}" if isinstance(value, (int, float)) else ""
    return f"Set {name if len(name) < 24 else name[:22] + '…'} {said}".rstrip()


class _Paced:
    """The clock of a diagnosis beside a training: it rests so that only a share of the time goes into it."""

    def __init__(self, view: Findings) -> None:
        self._view, self._last = view, time.thread_time()

    def __call__(self) -> float:
        spent = time.thread_time() - self._last
        share = HURRIED if self._view.hurries() else SPARE if self._view.session.running else RESTING
        until = time.monotonic() + (spent * (1 / share - 1) if self._view.beside else 0.0)
        while not self._view.given_up() and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))
        if self._view.given_up():
            raise _GivenUp
        self._last = time.thread_time()
        return self._last
