"""Learning rates that change with the updates made: decays, cosines, one cycle, warm-up."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.ground import checks
from cortex_lab.optimize.schedule import Schedule, checked_schedule, rate_at


@dataclass(frozen=True)
class _Decay(Schedule):
    initial: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        checks.number("initial", self.initial, least=0)
        checks.number("factor", self.factor, least=0)
        checks.whole("every", self.every, least=1)


@dataclass(frozen=True)
class StepDecay(_Decay):
    """`initial`, multiplied by `factor` after every `every` updates."""

    def __call__(self, step: int) -> float:
        return self.initial * self.factor ** (step // self.every)


@dataclass(frozen=True)
class ExponentialDecay(_Decay):
    """`initial`, falling smoothly by `factor` in every `every` updates."""

    def __call__(self, step: int) -> float:
        return self.initial * self.factor ** (step / self.every)


@dataclass(frozen=True)
class InverseTimeDecay(Schedule):
    """`initial` / (1 + rate * step / every): halved after every / rate updates, a third after twice as many.

    The `decay` of optimizers of Keras 1 and 2 is InverseTimeDecay(learning_rate, 1, decay).
    """

    initial: float
    every: int
    rate: float = 1.0

    def __post_init__(self) -> None:
        checks.number("initial", self.initial, least=0)
        checks.number("rate", self.rate, least=0)
        checks.whole("every", self.every, least=1)

    def __call__(self, step: int) -> float:
        return self.initial / (1 + self.rate * step / self.every)


@dataclass(frozen=True)
class PiecewiseConstant(Schedule):
    """`values[i]` for the updates before `boundaries[i]`, and the last value from the last boundary on."""

    boundaries: tuple[int, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "boundaries", _listed("boundaries", self.boundaries))
        object.__setattr__(self, "values", _listed("values", self.values))
        for boundary in self.boundaries:
            checks.whole("every boundary", boundary, least=1)
        for value in self.values:
            checks.number("every value", value, least=0)
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                f"PiecewiseConstant wants one value more than boundaries, got {len(self.values)} values "
                f"and {len(self.boundaries)} boundaries"
            )
        if list(self.boundaries) != sorted(set(self.boundaries)):
            raise ValueError(f"PiecewiseConstant wants rising boundaries, got {self.boundaries}")

    def __call__(self, step: int) -> float:
        return self.values[sum(step >= boundary for boundary in self.boundaries)]


@dataclass(frozen=True)
class PolynomialDecay(Schedule):
    """From `initial` to `final` in `steps` updates along (1 - t)**power, then `final`; 1 is straight."""

    initial: float
    steps: int
    final: float = 0.0
    power: float = 1.0

    def __post_init__(self) -> None:
        checks.number("initial", self.initial, least=0)
        checks.number("final", self.final, least=0)
        checks.number("power", self.power, least=0)
        checks.whole("steps", self.steps, least=1)

    def __call__(self, step: int) -> float:
        left = 1 - min(step, self.steps) / self.steps
        return self.final + (self.initial - self.final) * left**self.power


@dataclass(frozen=True)
class CosineDecay(Schedule):
    """Half a cosine from `initial` to `final` in `steps` updates (Loshchilov and Hutter 2017, SGDR).

    Then it stays at `final`, or with `restarts` jumps back to `initial` for another half cosine, each
    `growth` times as long as the one before.
    """

    initial: float
    steps: int
    final: float = 0.0
    restarts: bool = False
    growth: int = 1

    def __post_init__(self) -> None:
        checks.number("initial", self.initial, least=0)
        checks.number("final", self.final, least=0)
        checks.whole("steps", self.steps, least=1)
        checks.whole("growth", self.growth, least=1)

    def __call__(self, step: int) -> float:
        length = self.steps
        if self.restarts and self.growth == 1:
            step %= length
        elif self.restarts:
            while step >= length:
                step -= length
                length *= self.growth
        return _cosine(self.initial, self.final, min(step / length, 1.0))


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up to `peak` and down to almost nothing in `steps` updates, along half cosines (Smith and Topin 2019).

    It starts at peak / start_divisor, peaks after the fraction `warmup` of the steps, and ends at
    peak / start_divisor / final_divisor.
    """

    peak: float
    steps: int
    warmup: float = 0.3
    start_divisor: float = 25.0
    final_divisor: float = 1e4

    def __post_init__(self) -> None:
        checks.number("peak", self.peak, least=0)
        checks.whole("steps", self.steps, least=1)
        checks.fraction("warmup", self.warmup)
        for name in ("start_divisor", "final_divisor"):
            checks.number(name, getattr(self, name), least=1)

    def __call__(self, step: int) -> float:
        start = self.peak / self.start_divisor
        last, top = self.steps - 1, self.warmup * self.steps - 1
        step = min(step, last)
        if step < top:
            return _cosine(start, self.peak, step / top)
        top = max(top, 0.0)
        done = (step - top) / (last - top) if last > top else 1.0
        return _cosine(self.peak, start / self.final_divisor, done)


@dataclass(frozen=True)
class Warmup(Schedule):
    """A straight line from `start` up to where `then` begins, in `steps` updates; then all of `then`.

    `then` is a number or any schedule.
    """

    steps: int
    then: float | Callable[[int], float]
    start: float = 0.0

    def __post_init__(self) -> None:
        checks.whole("steps", self.steps, least=1)
        checks.number("start", self.start, least=0)
        if callable(self.then):
            checked_schedule("then", self.then)
        else:
            checks.number("then", self.then, least=0)

    def __call__(self, step: int) -> float:
        if step >= self.steps:
            return rate_at(self.then, step - self.steps)
        return self.start + (rate_at(self.then, 0) - self.start) * step / self.steps


def _listed(name: str, values: Any) -> tuple[Any, ...]:
    if not isinstance(values, (tuple, list, np.ndarray)) or np.ndim(values) != 1:
        raise checks.refused(name, "a list of numbers", values)
    return checks.plain(tuple(values))


def _cosine(first: float, last: float, done: float) -> float:
    return last + (first - last) * (1 + math.cos(math.pi * done)) / 2
