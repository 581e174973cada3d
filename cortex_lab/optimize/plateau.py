"""A learning rate that falls when progress stalls."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cortex_lab.optimize.numbers import PlainNumbers
from cortex_lab.optimize.optimizer import at_least
from cortex_lab.study import Notice, Session, Trace


@dataclass(frozen=True)
class ReduceOnPlateau(PlainNumbers):
    """Multiply the learning rate by `factor` after `patience` recordings of `key` without a new best.

    It is a pure function of the trace: `reductions(trace)` says after which steps it would have acted.
    Attached to a session it edits the learning rate there, so each reduction is an event, logged and replayed
    like one made by hand, and a run that is rewound and repeated is reduced at the same steps.

    `mode` is "min" or "max"; None takes "max" for a key that names an accuracy. A new best must improve on
    the old one by more than `min_delta`. After a reduction, `cooldown` recordings are not counted. The rate
    never falls under `lowest`. Recordings that are not finite numbers bring no new best.
    """

    key: str = "validation_loss"
    factor: float = 0.1
    patience: int = 10
    mode: str | None = None
    min_delta: float = 1e-4
    cooldown: int = 0
    lowest: float = 0.0

    def __post_init__(self) -> None:
        if (
            isinstance(self.factor, bool)
            or not isinstance(self.factor, (int, float))
            or not 0 < self.factor < 1
        ):
            raise ValueError(f"factor must be over 0 and under 1, got {self.factor!r}")
        for name, low in (("patience", 1), ("cooldown", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise ValueError(f"{name} must be a whole number of at least {low}, got {value!r}")
        if self.mode not in (None, "min", "max"):
            raise ValueError(f"mode must be 'min' or 'max', got {self.mode!r}")
        at_least("min_delta", self.min_delta, 0)
        at_least("lowest", self.lowest, 0)

    def reductions(self, trace: Trace) -> list[int]:
        """The steps after which the rate is to fall, given what `trace` recorded."""
        watch = _Watch(self)
        return [
            int(step) for step, value in zip(trace["step"], trace[self.key], strict=True) if watch.sees(value)
        ]

    def attach(self, session: Session) -> Callable[[], None]:
        """Reduce the learning rate of `session` from here on; returns the function that ends it.

        KeyError if the key is not recorded; ValueError if the process has no learning rate that is a number.
        """
        if self.key not in session.trace:
            raise KeyError(
                f"{self!r} watches {self.key!r}, which nothing records; recorded are "
                f"{', '.join(session.trace.keys)}"
            )
        _current_rate(session)
        watch, seen = _Watch(self), 0

        def hear(notice: Notice) -> None:
            nonlocal watch, seen
            if notice.kind not in ("step", "rewind"):
                return
            if notice.kind == "rewind" or seen > len(session.trace):
                watch, seen = _Watch(self), 0
            due = False
            for value in session.trace[self.key][seen:]:
                due = watch.sees(value)
            seen = len(session.trace)
            # A rewind forgets what was edited at its very step, so there the reduction is made again.
            if due and session.trace["step"][-1] == notice.step:
                self._reduce(session)

        return session.subscribe(hear)

    def _reduce(self, session: Session) -> None:
        rate = _current_rate(session)
        lower = max(self.lowest, rate * self.factor)
        if lower < rate:
            session.edit("learning_rate", lower)


class _Watch:
    """Goes over the recordings once, in order."""

    def __init__(self, plateau: ReduceOnPlateau) -> None:
        self._plateau = plateau
        rising = plateau.mode == "max" or (plateau.mode is None and "accuracy" in plateau.key)
        self._sign = -1.0 if rising else 1.0
        self._best = math.inf
        self._waited = 0
        self._cooling = 0

    def sees(self, value: float) -> bool:
        """Whether this recording makes a reduction due."""
        if math.isnan(value):
            return False
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
