"""SciPy's minimizers on the same functions, recorded as the same logs."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.ground import checks
from cortex_lab.optimize.descent.logs import Log
from cortex_lab.optimize.function import Differentiable, point
from cortex_lab.study import Stop


def scipy_path(
    function: Differentiable,
    method: str = "BFGS",
    start: Any = None,
    *,
    max_steps: int = 1000,
    **options: Any,
) -> Log:
    """Minimize with `scipy.optimize.minimize(method=...)`; the log has a row for each of its iterations.

    `options` go to SciPy as the method's own. Methods that use no gradient are given none. The value and
    gradient recorded at each iteration are not counted as evaluations; those counted are SciPy's own.
    """
    from scipy.optimize import minimize

    if not all(callable(getattr(function, name, None)) for name in ("value", "gradient")):
        raise checks.refused("function", "a function with value(x) and gradient(x)", function)
    checks.whole("max_steps", max_steps, least=1, most=10**9)
    checks.choice("method", checks.text("method", method, "BFGS").lower(), _METHODS)
    start = point(function, start)
    counted = _Counted(function)
    rows: list[dict[str, float]] = []
    points: list[np.ndarray] = []
    began = time.perf_counter()

    def keep(x: np.ndarray) -> None:
        here = np.array(x, dtype=np.float64)
        step = float(np.linalg.norm(here - points[-1])) if points else 0.0
        points.append(here)
        row = {
            "value": float(function.value(here)),
            "grad_norm": float(np.linalg.norm(function.gradient(here))),
            "distance": _distance(function, here),
            "step_norm": step,
            "learning_rate": math.nan,
            "value_evaluations": float(counted.calls["value"]),
            "gradient_evaluations": float(counted.calls["gradient"]),
            "seconds": time.perf_counter() - began,
        }
        rows.append({key: value for key, value in row.items() if key != "distance" or not math.isnan(value)})

    with np.errstate(all="ignore"):
        keep(start)
        result = minimize(
            counted.value,
            points[0].copy(),
            method=method,
            jac=None if method.lower() in _WITHOUT_GRADIENT else counted.gradient,
            callback=lambda x: keep(x),
            options={"maxiter": max_steps, **options},
        )
    if not np.array_equal(points[-1], result.x):
        keep(result.x)
    spent = pd.DataFrame({"calls": counted.calls, "seconds": counted.seconds}).rename_axis("phase")
    spent["microseconds"] = 1e6 * spent["seconds"] / spent["calls"].clip(lower=1)
    frame = pd.DataFrame(rows, index=pd.RangeIndex(len(rows), name="step"))
    stop = Stop("condition" if result.success else "limit", str(result.message), len(rows) - 1)
    return Log(function, f"scipy {method}", np.stack(points), frame, stop, spent)


_METHODS = (
    "nelder-mead", "powell", "cg", "bfgs", "newton-cg", "l-bfgs-b", "tnc", "cobyla", "cobyqa", "slsqp",
    "trust-constr", "dogleg", "trust-ncg", "trust-exact", "trust-krylov",
)  # fmt: skip
_WITHOUT_GRADIENT = {"nelder-mead", "powell", "cobyla", "cobyqa"}


class _Counted:
    """A function that counts and times its evaluations."""

    def __init__(self, function: Differentiable) -> None:
        self._function = function
        self.calls = {"value": 0, "gradient": 0}
        self.seconds = {"value": 0.0, "gradient": 0.0}

    def value(self, x: np.ndarray) -> float:
        return float(self._timed("value", x))

    def gradient(self, x: np.ndarray) -> np.ndarray:
        return self._timed("gradient", x)

    def _timed(self, what: str, x: np.ndarray) -> Any:
        began = time.perf_counter()
        result = getattr(self._function, what)(np.array(x, dtype=np.float64))
        self.calls[what] += 1
        self.seconds[what] += time.perf_counter() - began
        return result


def _distance(function: Differentiable, x: np.ndarray) -> float:
    distance = getattr(function, "distance", None)
    return math.nan if distance is None else float(distance(x))
