"""A learning rate that falls when progress stalls."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cortex_lab.ground import checks
from cortex_lab.ground.described import Described
from cortex_lab.study import Notice, Session, Trace
from cortex_lab.study.direction import need_mode, rises
from cortex_lab.study.missing import is_recorded


@dataclass(frozen=True)
class ReduceOnPlateau(Described):
    """Multiply the learning rate by `factor` after `patience` recordings of `key` without a new best.

    It is a pure function of the trace: `reductions(trace)` says after which steps it would have acted.
    Attached to a session it edits the learning rate there, so each reduction is an event, logged and replayed
    like one made by hand, and a run that is rewound and repeated is reduced at the same steps.

    `mode` is "min" or "max"; None is for keys of which it is known, such as losses, accuracies and
    scikit-learn's scorers: ValueError for another. A new best must improve on the old one by more than
    `min_delta`. After a reduction, `cooldown` recordings are not counted. The rate never falls under
    `lowest`. Recordings that are not finite numbers bring no new best.
    """

    key: str = "validation_loss"
    factor: float = 0.1
    patience: int = 10
    mode: str | None = None
    min_delta: float = 1e-4
    cooldown: int = 0
    lowest: float = 0.0

    def __post_init__(self) -> None:
        checks.number("factor", self.factor, over=0, under=1)
        checks.whole("patience", self.patience, least=1)
        checks.whole("cooldown", self.cooldown, least=0)
        if self.mode is not None:
            need_mode(self.mode)
        checks.number("min_delta", self.min_delta, least=0)
        checks.number("lowest", self.lowest, least=0)

    def reductions(self, trace: Trace) -> list[int]:
        """The steps after which the rate is to fall, given what `trace` recorded."""
        watch = _Watch(self, checks.instance("trace", trace, Trace, "a Trace, such as session.trace"))
        return [int(step) for step, value in zip(*trace.recorded(self.key), strict=True) if watch.sees(value)]

    def to_dict(self) -> dict[str, Any]:
        """The description as JSON-able data."""
        return {"kind": type(self).__name__, **dataclasses.asdict(self)}

    def attach(self, session: Session) -> Callable[[], None]:
        """Reduce the learning rate of `session` from here on; returns the function that ends it.

        Every branch of the session is reduced likewise, by what it recorded. Attaching the same again changes
        nothing. KeyError if the key is not recorded; ValueError if the process has no learning rate that is a
        number, or if another plateau of this key is attached.
        """
        checks.instance("session", session, Session, "a Session")
        if self.key not in session.recorded_keys:
            raise KeyError(
                f"{self!r} watches {self.key!r}, which nothing records; recorded are "
                f"{', '.join(session.recorded_keys)}"
            )
        for other in session.attached:
            if other == self:
                return lambda: session.detach(self) if self in session.attached else None
            if isinstance(other, ReduceOnPlateau) and other.key == self.key:
                raise ValueError(
                    f"{other!r} is attached already; to attach {self!r}, be rid of it: session.detach(...)"
                )
        _current_rate(session)
        watch, seen = _Watch(self, session.trace), 0

        def hear(notice: Notice) -> None:
            nonlocal watch, seen
            if notice.kind not in ("step", "rewind", "error"):
                return
            # A step that failed after it was seen is made again, and what it records may be another.
            if notice.kind != "step" or seen > len(session.trace):
                watch, seen = _Watch(self, session.trace), 0
            due = False
            values = session.trace[self.key][seen:]
            for value, recorded in zip(values, is_recorded(values), strict=True):
                due = bool(recorded) and watch.sees(value)
            seen = len(session.trace)
            # A rewind forgets what was edited at its very step, so there the reduction is made again; unless
            # the session began with it, or it was made in the branch that was adopted.
            made = notice.step == session.first_step or isinstance(notice.detail, Session)
            made = made or notice.kind == "error"
            if due and session.trace["step"][-1] == notice.step and not made:
                self._reduce(session)

        return session.subscribe(hear, part=self)

    def _reduce(self, session: Session) -> None:
        rate = _current_rate(session)
        lower = max(self.lowest, rate * self.factor)
        if lower < rate:
            session.edit("learning_rate", lower)


class _Watch:
    """Goes over the recordings once, in order."""

    def __init__(self, plateau: ReduceOnPlateau, trace: Trace) -> None:
        self._plateau = plateau
        self._sign = -1.0 if rises(plateau.key, plateau.mode, trace.directions) else 1.0
        self._best = math.inf
        self._waited = 0
        self._cooling = 0

    def sees(self, value: float) -> bool:
        """Whether this recording makes a reduction due."""
        plateau, height = self._plateau, self._sign * float(value)
        improved = math.isfinite(height) and height < self._best - plateau.min_delta
        if improved:
            self._best = height
        if self._cooling:
            self._cooling -= 1
            self._waited = 0
            return False
        self._waited = 0 if improved else self._waited + 1
        if self._waited < plateau.patience:
            return False
        self._waited, self._cooling = 0, plateau.cooldown
        return True


def _current_rate(session: Session) -> float:
    optimizer: Any = getattr(session.process, "optimizer", None)
    if optimizer is None:
        raise ValueError(f"{session.process!r} has no optimizer whose learning rate could be reduced")
    if callable(optimizer.learning_rate):
        raise ValueError(
            f"the learning rate follows {optimizer.learning_rate!r}; to reduce it on a plateau, give a number"
        )
    return float(optimizer.learning_rate)
