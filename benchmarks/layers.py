"""How far every layer on one backend is from the float64 reference, over the whole table of cases."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks import Row, say

OPTIONS = {"backend": "cpu", "rows": 5}


def run(options: SimpleNamespace) -> list[Row]:
    """A row per kind of layer: its worst deviation, in units of the tolerance its cases are held to."""
    cases = importlib.import_module("tests.nn.cases").CASES
    place = _place(options.backend)
    worst: dict[str, list[float]] = {}
    for number, case in enumerate(cases):
        if number % 20 == 0:
            say(f"case {number + 1} of {len(cases)}: {case}")
        found = _deviation(case, options.backend, options.rows)
        worst.setdefault(type(case.layer).__name__, []).append(found)
    return [
        Row(
            what=f"{kind}, forward and backward on {place}, cases: {len(found)}",
            value=max(found),
            unit="of the tolerance",
            bar=1.0,
        )
        for kind, found in sorted(worst.items())
    ]


def _place(backend: str) -> str:
    """The backend, and for a GPU its model: the machine a result names is the computer around it."""
    if backend != "gpu":
        return backend
    cupy = importlib.import_module("cupy")
    return cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"].decode()


def _deviation(case: Any, backend: str, rows: int) -> float:
    bench = importlib.import_module("tests.nn.bench").LayerBench
    xs = case.draw(rows, seed=31)
    direction = np.random.default_rng(32).normal(size=(rows, *case.layer.out_shape(*case.shapes)))
    wanted = bench(case, "reference", rows).run(xs, direction)
    got = bench(case, backend, rows).run(xs, direction, poison=True)
    pairs = [(got.y, wanted.y), *zip(got.input_gradients, wanted.input_gradients, strict=True)]
    pairs += [(got.gradients[name], values) for name, values in wanted.gradients.items()]
    return max(_scaled(mine, theirs, **case.tolerance) for mine, theirs in pairs if theirs is not None)


def _scaled(mine: Any, theirs: Any, rtol: float, atol: float) -> float:
    if not np.isfinite(mine).all():
        # The form a result is kept in has no infinity; this is as wrong as can be.
        return 1e30
    return float((np.abs(mine - theirs) / (atol + rtol * np.abs(theirs))).max())
