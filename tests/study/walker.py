"""The smallest Process that has everything: noisy descent of a paraboloid, a pure function of its state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from cortex_lab.study import Probe


class Walker:
    """x -= rate * (x + noise(step)), in the phases fetch, gradient, update.

    `fail_at` is a (step, phase) in which to raise, once; `harmful` a gradient norm that is a fault.
    """

    phases = ("fetch", "gradient", "update")
    keys = ("loss", "rate", "norm", "broken")

    def __init__(self, rate: float = 0.1, fail_at: tuple[int, str] | None = None) -> None:
        self.step_number = 0
        self.rate = rate
        self.x = np.array([1.0, -2.0, 3.0])
        self.noise = np.zeros(3)
        self.gradient = np.zeros(3)
        self.override: np.ndarray | None = None
        self.fail_at = fail_at
        self.harmful = np.inf
        self.measured: list[tuple[int, str]] = []
        self.tap = None

    @property
    def probes(self) -> tuple[Probe, ...]:
        return (Probe("loss"), Probe("rate"))

    @property
    def buffers(self) -> dict[str, np.ndarray]:
        return {"x": self.x, "noise": self.noise, "gradient": self.gradient}

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        return {"x": self.x}

    @property
    def editable(self) -> dict[str, np.ndarray]:
        return {"x": self.x, "gradient": self.gradient}

    def walk(self) -> Iterator[str]:
        self.override = None
        self._may_fail("fetch")
        self.noise[:] = np.random.Generator(np.random.Philox(key=[7, self.step_number])).normal(size=3)
        yield self._passed("fetch")
        self._may_fail("gradient")
        self.gradient[:] = self.x + self.noise
        yield self._passed("gradient")
        if self.override is None:
            self.x -= self.rate * self.gradient
        else:
            self.x += self.override
        self._may_fail("update")
        self.step_number += 1
        yield self._passed("update")

    def measure(self, key: str) -> float:
        self.measured.append((self.step_number, key))
        match key:
            case "loss":
                return float(self.noise @ self.noise + self.gradient @ self.gradient)
            case "rate":
                return self.rate
            case "norm":
                return float(np.linalg.norm(self.gradient))
            case "broken":
                raise ZeroDivisionError("this measure is broken")
        raise KeyError(key)

    def snapshot(self) -> dict[str, Any]:
        return {"step": self.step_number, "x": self.x.copy(), "rate": self.rate}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        self.step_number = snapshot["step"]
        self.x[:] = snapshot["x"]
        self.rate = snapshot["rate"]

    def edit(self, name: str, value: Any) -> None:
        if name == "rate":
            self.rate = float(value)
        elif name in ("x", "gradient"):
            getattr(self, name)[:] = value
        elif name == "pending_update['x']":
            self.override = np.array(value)
        else:
            raise KeyError(f"a walker has no {name!r} to edit; it has rate, x and gradient")

    def clone(self) -> Walker:
        other = Walker()
        other.harmful = self.harmful
        other.restore(self.snapshot())
        return other

    def pending_update(self) -> dict[str, np.ndarray]:
        return {"x": -self.rate * self.gradient if self.override is None else self.override}

    def fault(self) -> str | None:
        norm = np.linalg.norm(self.gradient)
        return None if norm <= self.harmful else f"the gradient norm {norm:.3g} is harmful"

    def is_whole(self) -> bool:
        return bool(np.isfinite(self.x).all())

    def _passed(self, phase: str) -> str:
        if self.tap is not None:
            self.tap(phase)
        return phase

    def _may_fail(self, phase: str) -> None:
        if self.fail_at == (self.step_number, phase):
            self.fail_at = None
            raise ArithmeticError(f"planted in {phase}")


class Bare:
    """A process with one phase and nothing that is optional."""

    phases = ("move",)
    keys = ("x",)
    probes = (Probe("x"),)

    def __init__(self) -> None:
        self.step_number = 0
        self.x = 0.0

    @property
    def buffers(self) -> dict[str, np.ndarray]:
        return {"x": np.array(self.x)}

    def walk(self) -> Iterator[str]:
        self.x += 1.0
        self.step_number += 1
        yield "move"

    def measure(self, key: str) -> float:
        return self.x

    def snapshot(self) -> dict[str, Any]:
        return {"step": self.step_number, "x": self.x}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        self.step_number, self.x = snapshot["step"], snapshot["x"]

    def edit(self, name: str, value: Any) -> None:
        raise KeyError(f"nothing can be edited, least of all {name!r}")
