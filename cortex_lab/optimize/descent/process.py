"""Gradient descent on any differentiable function, as a Process that a Session steps, stops and rewinds."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from cortex_lab.compute import Ops, as_ops
from cortex_lab.ground.habits import renamed
from cortex_lab.optimize.function import Differentiable, point
from cortex_lab.optimize.optimizer import Optimizer, as_optimizer
from cortex_lab.study import Probe


class Descent:
    """One way down one function: value, gradient, update.

    Parameters
    ----------
    function
        A test function, an `Objective`, or anything with `value(x)` and `gradient(x)` over a flat float64
        vector.
    optimizer
        Any `Optimizer`, the same objects that train networks.
    start
        Where to begin, (dimension,); None begins where the function proposes.
    ops
        The backend of the parameters and the optimizer; "reference" is float64.

    What it measures is about the point reached: `value`, `grad_norm`, `distance` to the nearest known
    minimum; and about the way there: `step_norm`, `learning_rate`, `value_evaluations`,
    `gradient_evaluations`. Value and gradient are evaluated once for each point at most, whoever asks first.
    """

    phases = ("value", "gradient", "update")

    def __init__(
        self,
        function: Differentiable,
        optimizer: Optimizer,
        start: Any = None,
        *,
        ops: str | Ops = "reference",
    ) -> None:
        if not isinstance(function, Differentiable):
            raise TypeError(f"a descent wants a function with value(x) and gradient(x), got {function!r}")
        self.function = function
        self.optimizer = optimizer = as_optimizer(optimizer)
        self.ops = as_ops(ops)
        self.step_number = 0
        self.params = self.ops.asarray(point(function, start)).copy()
        self.gradient = self.ops.zeros(self.params.shape)
        self.last_step = self.ops.zeros(self.params.shape)
        self.state = optimizer.init(self.ops, self.params)
        self.evaluations = {"value": 0, "gradient": 0}
        self.seconds = {"value": 0.0, "gradient": 0.0, "update": 0.0}
        self._value = math.nan
        self._known = {"value": False, "gradient": False}
        self._rate = optimizer.rate(0)
        self._change: np.ndarray | None = None
        self.tainted = False
        self._minimum_is_known = not math.isnan(self._distance())

    @property
    def keys(self) -> tuple[str, ...]:
        known = ("distance",) if self._minimum_is_known else ()
        evaluations = ("value_evaluations", "gradient_evaluations")
        return ("value", "grad_norm", *known, "step_norm", "learning_rate", *evaluations)

    @property
    def probes(self) -> tuple[Probe, ...]:
        return tuple(Probe(key) for key in self.keys)

    @property
    def buffers(self) -> dict[str, np.ndarray]:
        state = {name: value for name, value in self.state.items() if hasattr(value, "shape")}
        arrays = {"params": self.params, "gradient": self.gradient, "step": self.last_step, **state}
        return {name: self.ops.to_numpy(array) for name, array in arrays.items()}

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """Where it stands, for distances between branches."""
        return {"params": self.ops.to_numpy(self.params)}

    @property
    def editable(self) -> dict[str, Any]:
        """The point, to be changed in place or by `edit`."""
        return {"params": self.params}

    def walk(self) -> Iterator[str]:
        """Perform one update, phase by phase; the point moves in "update" only."""
        self._change = None
        self._evaluate_value()
        yield "value"
        self._evaluate_gradient()
        yield "gradient"
        began = time.perf_counter()
        before = self.params.copy()
        self._rate = self.optimizer.rate(self.state["updates"])
        # A descent that diverges is to be looked at, not warned of.
        with np.errstate(all="ignore"):
            finite = self.optimizer.update(self.ops, self.params, self.gradient, self.state)
            if self._change is not None:
                self.params[...] = before + self.ops.asarray(self._change)
            self.last_step = self.params - before
        self.tainted = not (finite and math.isfinite(self._value) and self.ops.all_finite(self.params))
        self._moved()
        self.step_number += 1
        self.seconds["update"] += time.perf_counter() - began
        yield "update"

    def measure(self, key: str) -> float:
        """The value of `key` at the point reached, or of the step that led there."""
        if key == "value":
            return self._evaluate_value()
        if key == "grad_norm":
            return self._norm(self._evaluate_gradient())
        if key == "distance" and self._minimum_is_known:
            return self._distance()
        if key == "step_norm":
            return self._norm(self.last_step)
        if key == "learning_rate":
            return self._rate
        if key in ("value_evaluations", "gradient_evaluations"):
            return float(self.evaluations[key.removesuffix("_evaluations")])
        raise KeyError(f"a descent does not measure {key!r}; it measures {', '.join(self.keys)}")

    def stands(self, key: str) -> bool:
        """Whether `key` is of the point, and not of the step that led there."""
        return key not in ("step_norm", "learning_rate")

    def fault(self) -> str | None:
        """Why the update should not be made: a value, gradient or point to come that is not finite."""
        if not math.isfinite(self._value):
            return f"the value is {self._value} at step {self.step_number}"
        bad = np.flatnonzero(~np.isfinite(self.ops.to_numpy(self.gradient)))
        if len(bad):
            return f"the gradient is not finite in coordinates {bad[:5].tolist()} at step {self.step_number}"
        with np.errstate(all="ignore"):
            ahead = self._here() + self.pending_update()["params"]
        bad = np.flatnonzero(np.isfinite(self._here()) & ~np.isfinite(ahead))
        if len(bad):
            return (
                f"the step from step {self.step_number} leads to coordinates {bad[:5].tolist()} that are not "
                "finite, as a step too large does"
            )
        return None

    def is_whole(self) -> bool:
        """Whether the point is finite, and so are the value and the gradient there, which a step needs."""
        with np.errstate(all="ignore"):
            found = (self.params, self._evaluate_gradient(), self._evaluate_value())
        return all(bool(np.isfinite(self.ops.to_numpy(each)).all()) for each in found)

    def pending_update(self) -> dict[str, np.ndarray]:
        """The step that the next update would make from here, without making it."""
        if self._change is not None:
            return {"params": self._change}
        return {"params": self.ops.to_numpy(self.preview(self.optimizer) - self.params)}

    def preview(self, optimizer: Optimizer) -> Any:
        """Where one update by `optimizer`, with this descent's memory, would lead; nothing is changed."""
        params, state = self.params.copy(), _copied(self.state)
        with np.errstate(all="ignore"):
            optimizer.update(self.ops, params, self._evaluate_gradient(), state)
        return params

    def snapshot(self) -> dict[str, Any]:
        return {
            "step": self.step_number,
            "params": self.params.copy(),
            "gradient": self.gradient.copy(),
            "last_step": self.last_step.copy(),
            "value": self._value,
            "known": dict(self._known),
            "rate": self._rate,
            "optimizer": self.optimizer,
            "state": _copied(self.state),
            "evaluations": dict(self.evaluations),
        }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        self.step_number = snapshot["step"]
        self.params[...] = snapshot["params"]
        self.gradient[...] = snapshot["gradient"]
        self.last_step = snapshot["last_step"].copy()
        self._value = snapshot["value"]
        self._known = dict(snapshot["known"])
        self._rate = snapshot["rate"]
        self.optimizer = snapshot["optimizer"]
        self.state = _copied(snapshot["state"])
        self.evaluations = dict(snapshot["evaluations"])
        self._change = None

    def edit(self, name: str, value: Any) -> None:
        """Change "learning_rate" (number or schedule), "params", "gradient" or "pending_update['params']".

        The last two are of the step under way: what the optimizer follows, and what is added in its place.
        """
        if name == "learning_rate":
            self.optimizer = self.optimizer.replace(learning_rate=value if callable(value) else float(value))
        elif name in ("params", "gradient", "pending_update['params']"):
            changed = np.array(value, dtype=np.float64)
            if changed.shape != self.params.shape:
                raise ValueError(f"{name} has shape {self.params.shape}, got {changed.shape}")
            if name == "params":
                # Nobody measures in a replay; asked for here, the evaluations count the same in both.
                self._evaluate_value()
                self._evaluate_gradient()
                self.params[...] = self.ops.asarray(changed)
                self._moved()
            elif name == "gradient":
                self.gradient[...] = self.ops.asarray(changed)
                self._known["gradient"] = True
            else:
                self._change = changed
        else:
            raise KeyError(
                f"a descent has no {name!r} to edit; it has 'learning_rate', 'params', 'gradient' "
                f"and the pending update{renamed(name, ('learning_rate', 'params', 'gradient'))}"
            )

    def clone(self) -> Descent:
        """Another descent of the same function, in the same state."""
        other = Descent(self.function, self.optimizer, self._here(), ops=self.ops)
        other.restore(self.snapshot())
        return other

    def __repr__(self) -> str:
        return f"<Descent of {name_of(self.function)} by {self.optimizer!r} at step {self.step_number}>"

    def _norm(self, vector: np.ndarray) -> float:
        with np.errstate(all="ignore"):
            return self.ops.norm(vector)

    def _moved(self) -> None:
        self._known = {"value": False, "gradient": False}

    def _here(self) -> np.ndarray:
        return np.array(self.ops.to_numpy(self.params), dtype=np.float64)

    def _distance(self) -> float:
        distance = getattr(self.function, "distance", None)
        with np.errstate(all="ignore"):
            return math.nan if distance is None else float(distance(self._here()))

    def _evaluate_value(self) -> float:
        if not self._known["value"]:
            began = time.perf_counter()
            with np.errstate(all="ignore"):
                self._value = float(self.function.value(self._here()))
            self._count("value", began)
        return self._value

    def _evaluate_gradient(self) -> Any:
        if not self._known["gradient"]:
            began = time.perf_counter()
            with np.errstate(all="ignore"):
                gradient = np.asarray(self.function.gradient(self._here()), dtype=np.float64)
            if gradient.shape != self.params.shape:
                name = name_of(self.function)
                raise ValueError(
                    f"the gradient of {name} has shape {gradient.shape}, its point {self.params.shape}"
                )
            self.gradient[...] = self.ops.asarray(gradient)
            self._count("gradient", began)
        return self.gradient

    def _count(self, what: str, began: float) -> None:
        self._known[what] = True
        self.evaluations[what] += 1
        self.seconds[what] += time.perf_counter() - began


def name_of(function: object) -> str:
    """What to call a function in tables and messages."""
    return getattr(function, "name", type(function).__name__)


def _copied(state: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value.copy() if hasattr(value, "copy") else value for key, value in state.items()}
