"""When to stop: pure functions of the trace, joined with `&`, `|` and `~`.

A condition has no memory of its own. It sees the trace and the row at which the run began, so it can be
asked again about a saved log and gives the same answer after a rewind.

Wherever a condition is wanted, a string will do: an expression over what is recorded, such as
"grad_norm['conv2d_1'] > 10 and epoch > 2" (see `expression.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar, TypeVar

import numpy as np

from cortex_lab.ground import checks
from cortex_lab.ground.habits import refuse_unknown
from cortex_lab.study.direction import need_mode, rises
from cortex_lab.study.missing import is_recorded
from cortex_lab.study.trace import Trace

Text = TypeVar("Text", bound="Condition")

DEEPEST = 50
"""How many levels of `&`, `|` and `~` a condition may have, or of brackets and operators as a text."""


class Condition:
    """Base of the conditions. A subclass says which trace `keys` it reads and when it is `met`."""

    keys: tuple[str, ...] = ()
    _depth = 0

    def __new__(cls, *args: Any, **settings: Any) -> Any:
        if settings:
            refuse_unknown(cls, settings)
        return super().__new__(cls)

    def met(self, trace: Trace, start: int) -> bool:
        """Whether to stop now, given the rows of `trace`; those from `start` on belong to this run."""
        raise TypeError(f"{type(self).__name__} must define met(trace, start)")

    def check(self, trace: Trace) -> None:
        """ValueError if it cannot be asked of `trace`: known before a run, not in the middle of one."""

    def done(self, trace: Trace, start: int) -> float | None:
        """What share of the way to it this run has come, where that can be said."""
        return None

    def __and__(self, other: Condition | str) -> Condition:
        return Both(self, as_condition(other))

    def __or__(self, other: Condition | str) -> Condition:
        return Either(self, as_condition(other))

    def __rand__(self, other: str) -> Condition:
        return Both(as_condition(other), self)

    def __ror__(self, other: str) -> Condition:
        return Either(as_condition(other), self)

    def __invert__(self) -> Condition:
        return Not(self)

    def __bool__(self) -> bool:
        raise TypeError("join conditions with & and | and ~, not with `and`, `or` and `not`")


_readers: list[Callable[[str], Condition]] = []


def reads_text(kind: type[Text]) -> type[Text]:
    """Have text be read as this kind of condition."""
    _readers[:] = [kind]
    return kind


def as_condition(condition: Condition | str) -> Condition:
    """A condition, or the one that an expression such as "loss < 0.1" describes."""
    if isinstance(condition, str):
        return _readers[0](condition)
    if not isinstance(condition, Condition):
        raise TypeError(
            "a condition is wanted, such as epochs(5), below('loss', 0.1) or 'loss < 0.1', got "
            f"{checks.shown(condition)}"
        )
    return condition


@dataclass(frozen=True, repr=False, init=False)
class _Joined(Condition):
    parts: tuple[Condition, ...]

    sign: ClassVar[str]

    def __init__(self, *parts: Condition) -> None:
        # Several of a kind lie side by side, so that as many as one likes are one level deep.
        same = (part.parts if type(part) is type(self) else (part,) for part in parts)
        object.__setattr__(self, "parts", tuple(each for some in same for each in some))
        _go_deeper(self, self.parts)

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(key for part in self.parts for key in part.keys)

    def check(self, trace: Trace) -> None:
        for part in self.parts:
            part.check(trace)

    def __repr__(self) -> str:
        return f"({f' {self.sign} '.join(map(repr, self.parts))})"


class Both(_Joined):
    sign = "&"

    def met(self, trace: Trace, start: int) -> bool:
        return all(part.met(trace, start) for part in self.parts)

    def done(self, trace: Trace, start: int) -> float | None:
        shares = [part.done(trace, start) for part in self.parts]
        return None if None in shares else min(shares)  # type: ignore[type-var]


class Either(_Joined):
    sign = "|"

    def met(self, trace: Trace, start: int) -> bool:
        return any(part.met(trace, start) for part in self.parts)

    def done(self, trace: Trace, start: int) -> float | None:
        shares = [part.done(trace, start) for part in self.parts]
        return max((each for each in shares if each is not None), default=None)


@dataclass(frozen=True)
class Not(Condition):
    condition: Condition

    def __post_init__(self) -> None:
        _go_deeper(self, (self.condition,))

    @property
    def keys(self) -> tuple[str, ...]:
        return self.condition.keys

    def met(self, trace: Trace, start: int) -> bool:
        # Of what was never recorded, neither the one nor the other can be said.
        known = all(last_recorded(trace, key, start) is not None for key in self.condition.keys)
        return known and not self.condition.met(trace, start)

    def check(self, trace: Trace) -> None:
        self.condition.check(trace)

    def __repr__(self) -> str:
        return f"~{self.condition!r}"


@dataclass(frozen=True)
class steps(Condition):
    """`n` steps in this run."""

    n: int

    def __post_init__(self) -> None:
        _need_length(self, self.n)

    def met(self, trace: Trace, start: int) -> bool:
        return len(trace) - start >= self.n

    def done(self, trace: Trace, start: int) -> float | None:
        return (len(trace) - start) / self.n


@dataclass(frozen=True)
class _Advance(Condition):
    """The last value of a never-falling column is `n` or more above its value when the run began."""

    n: float
    key = ""

    def __post_init__(self) -> None:
        _need_length(self, self.n)

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.key,)

    def met(self, trace: Trace, start: int) -> bool:
        if len(trace) == start:
            return False
        # A hair of slack: (step + n) / steps_per_epoch need not round to a whole number of epochs more.
        return bool(self._come(trace, start) >= self.n - 1e-9)

    def done(self, trace: Trace, start: int) -> float | None:
        return self._come(trace, start) / self.n if len(trace) > start else None

    def _come(self, trace: Trace, start: int) -> float:
        column = trace[self.key]
        # A trace that does not begin at the first step may not say where its first step began.
        first = 0.0 if trace["step"][0] == 1 else column[0]
        before = column[start - 1] if start else trace.before.get(self.key, first)
        return column[-1] - before


class epochs(_Advance):
    """`n` passes over the training rows in this run; `n` may be a fraction."""

    key = "epoch"


class seconds(_Advance):
    """`n` seconds of stepping in this run."""

    key = "seconds"


@dataclass(frozen=True)
class below(Condition):
    """The last recorded value of `key` is under `bound`."""

    key: str
    bound: float

    def __post_init__(self) -> None:
        _need_key(self, self.key)
        _need_number(self, "bound", self.bound)

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.key,)

    def met(self, trace: Trace, start: int) -> bool:
        value = last_recorded(trace, self.key, start)
        return value is not None and value < self.bound


@dataclass(frozen=True)
class above(Condition):
    """The last recorded value of `key` is over `bound`."""

    key: str
    bound: float

    def __post_init__(self) -> None:
        _need_key(self, self.key)
        _need_number(self, "bound", self.bound)

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.key,)

    def met(self, trace: Trace, start: int) -> bool:
        value = last_recorded(trace, self.key, start)
        return value is not None and value > self.bound


@dataclass(frozen=True)
class stalled(Condition):
    """The last `patience` recordings of `key` in this run brought no new best.

    `mode` is "min" or "max". None is for keys of which it is known: losses and errors fall, accuracies and
    scikit-learn's scorers rise; a run until anything else asks for a mode. A new best must improve on the old
    one by more than `min_delta`; a recording that is not a finite number is none.
    """

    key: str
    patience: int = 1
    mode: str | None = None
    min_delta: float = 0.0

    def __post_init__(self) -> None:
        _need_key(self, self.key)
        object.__setattr__(self, "patience", checks.whole("patience", self.patience, least=1))
        if self.mode is not None:
            need_mode(self.mode)
            object.__setattr__(self, "mode", str(self.mode))
        _need_number(self, "min_delta", self.min_delta)

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.key,)

    def met(self, trace: Trace, start: int) -> bool:
        values = trace[self.key][start:]
        rising = rises(self.key, self.mode, trace.directions)
        values = values[is_recorded(values)]
        if len(values) <= self.patience:
            return False
        values = np.where(np.isfinite(values), values if rising else -values, -np.inf)
        best_before = values[: -self.patience].max()
        return bool(values[-self.patience :].max() <= best_before + self.min_delta)

    def check(self, trace: Trace) -> None:
        rises(self.key, self.mode, trace.directions)


@dataclass(frozen=True)
class non_finite(Condition):
    """The last value of `key` is infinite or not a number."""

    key: str = "loss"

    def __post_init__(self) -> None:
        _need_key(self, self.key)

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.key,)

    def met(self, trace: Trace, start: int) -> bool:
        value = last_recorded(trace, self.key, start)
        return value is not None and not np.isfinite(value)


def require_recorded(condition: Condition, trace: Trace, recorded: Collection[str] | None = None) -> None:
    """Raise KeyError if `condition` reads a key that is not `recorded` (None: that the trace does not have),
    ValueError if it cannot be asked of the trace."""
    recorded = trace.keys if recorded is None else recorded
    for key in condition.keys:
        if key not in recorded:
            raise KeyError(
                f"{condition!r} waits for {key!r}, which nothing records, so it would never stop; "
                f"recorded are {', '.join(recorded)}. {trace.advise(key)}"
            )
    condition.check(trace)


def _go_deeper(condition: Condition, parts: tuple[Condition, ...]) -> None:
    depth = 1 + max(part._depth for part in parts)
    if depth > DEEPEST:
        raise ValueError(f"a condition goes up to {DEEPEST} levels of &, | and ~; join them side by side")
    object.__setattr__(condition, "_depth", depth)


def _need_key(condition: Condition, key: object) -> None:
    if not isinstance(key, str) or not key:
        raise checks.refused(f"key of {type(condition).__name__}(...)", "the name of a recorded key", key)
    # As a plain text, which every file can hold.
    object.__setattr__(condition, "key", str(key))


def _need_number(condition: Condition, name: str, value: object, wanted: str = "a number") -> None:
    # Infinity is a bound, too: of what is never reached.
    timed = isinstance(value, np.timedelta64)
    if isinstance(value, (bool, np.bool_)) or timed or not isinstance(value, Real) or value != value:
        raise checks.refused(f"{name} of {type(condition).__name__}(...)", wanted, value)
    try:
        # As Python's own, which every file can hold, whatever kind of number it was.
        object.__setattr__(condition, name, int(value) if isinstance(value, Integral) else float(value))
        float(value)
    except OverflowError:
        wanted = "a number up to 1.8e308, or infinity"
        raise checks.refused(f"{name} of {type(condition).__name__}(...)", wanted, value) from None


def _need_length(condition: Condition, value: float) -> None:
    # A run of no length is met before its first step, and looks as if it had been one.
    wanted = "a number over 0"
    _need_number(condition, "n", value, wanted)
    if value <= 0:
        raise checks.refused(f"n of {type(condition).__name__}(...)", wanted, value)


def reason(condition: Condition, trace: Trace) -> str:
    """A line that says which condition was met, with the values it read."""
    values: dict[str, Any] = {key: last_recorded(trace, key, 0) for key in dict.fromkeys(condition.keys)}
    seen = ", ".join(f"{key} = {value:.4g}" for key, value in values.items() if value is not None)
    return f"{condition!r} was met" + (f" ({seen})" if seen else "")


def last_recorded(trace: Trace, key: str, start: int) -> float | None:
    """The value of `key` in the last row from `start` on that has one; it may be a recorded NaN."""
    values = trace[key]
    if len(values) <= start:
        return None
    last = values[-1]
    if last == last:
        return float(last)
    there = np.flatnonzero(is_recorded(values[start:]))
    return float(values[start + there[-1]]) if len(there) else None
