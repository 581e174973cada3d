"""What a bench can do about what is wrong: go back, look at the batch, go on all the same, apply a remedy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cortex_lab.ground import checks
from cortex_lab.nn.diagnosis import Finding
from cortex_lab.study import Session
from cortex_lab.widgets.chart.view import View
from cortex_lab.widgets.speed import Speed

_REWIND = re.compile(r"session\.rewind\(step=(\d+)\)")


class Remedies:
    """The part of a bench that puts right what went wrong; everything it does lands in the script."""

    session: Session
    views: Mapping[str, View[Any]]
    trainer: Any
    layout: Any
    selection: Any
    _speed: Speed
    run: Any
    turn: Any
    _stepping: Any
    _remark: Any

    def go_back(self) -> None:
        """What a click on "Back to the last good step" does. LookupError if there is none to go back to."""
        fault = self.session.fault
        if fault is None or fault.last_good is None:
            raise LookupError(
                "nothing was held back since the last rewind, so there is no step to go back to"
            )
        self._stepping(lambda: self.session.rewind(fault.last_good))

    def show_batch(self) -> None:
        """What a click on "Show the batch" does: open the panel of it, and select the rows at fault."""
        if "batch_rows" not in self.views:
            raise LookupError("this session has no batches to show")
        if "batch_rows" not in self.layout:
            self.layout = ["batch_rows", *self.layout]
        rows = getattr(self.session.fault, "rows", ())
        if len(rows):
            self.selection = list(rows)
        self._remark("bench.show_batch()")

    def go_on(self) -> None:
        """What a click on "Go on all the same" does: make the update that was held back."""
        self._stepping(lambda: self.session.step(force=True))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the last diagnosis found, as the panel shows it; none before there was one."""
        view: Any = self.views.get("findings")
        return () if view is None else view.shown

    def act(self, panel: str, place: int) -> None:
        """What a click on a button, a line or a node of a panel does: the edits and turns of its view."""
        if panel == "findings":
            return self.remedy(place)
        acts = self.views[panel].act(place)
        for name, value in acts.edits:
            self.session.edit(name, value)
        for view, knob, value in acts.turns:
            if view in self.views:
                self.turn(view, knob, value)

    def remedy(self, finding: Finding | int = 0) -> None:
        """What a click on a finding's remedy does: its edits, after the rewind it asks for.

        `finding` is one of `findings`, or its place among them. A training that ran goes on, at the bench's
        speed if the bench ran it. ValueError for one whose remedy is no edit: it says what to type.
        """
        if not isinstance(finding, Finding):
            known = self.findings
            place = checks.whole("finding", finding, least=0)
            if place >= len(known):
                raise IndexError(f"there is no finding {place}; there are {len(known)}")
            finding = known[place]
        if not finding.edits:
            raise ValueError(f"the remedy of {finding.kind!r} is nothing to click: {finding.remedy}")
        chosen, session = finding, self.session
        go_on = self._speed.run if self._speed.runs else session.run if session.running else None

        def apply() -> None:
            back = _REWIND.search(chosen.remedy)
            if back and session.first_step <= int(back[1]) <= session.step_number:
                session.rewind(int(back[1]))
            elif session.held_back is not None and session.fault.last_good is not None:
                session.rewind(session.fault.last_good)
            for name, value in chosen.edits:
                session.edit(name, value)

        self._stepping(apply)
        if go_on is not None:
            self.trainer.put(go_on, runs=True)
