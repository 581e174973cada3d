"""Which parts of a flat vector an optimizer treats in a way of their own, by patterns of parameter names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from cortex_lab.ground import checks
from cortex_lab.ground.patterns import matching

Shapes = Mapping[str, tuple[int, ...]] | None
BIASES_AND_NORMS = "biases_and_norms"
"""Stands for all that has one axis or none, and for biases and what normalizations scale by, of any shape."""
_MEANT_SO = ("bias", "norm", "gamma", "beta")
_NAMED_SO = ("*bias", "*/gamma", "*/beta", "*/scale", "*/alpha")


def patterns(name: str, value: object) -> tuple[str, ...]:
    """One pattern or several, as a tuple; ValueError for anything else."""
    several = (value,) if isinstance(value, str) else checks.listed(name, value, "patterns such as '*/bias'")
    return tuple(checks.text(f"a pattern of {name}", each, "*/bias") for each in several)


def factors(name: str, value: object) -> tuple[tuple[str, float], ...]:
    """Factors by pattern, a dict or pairs, as pairs; ValueError for anything else."""
    wanted = "a dict such as {'conv2d_*': 0.1}"
    pairs = list(value.items()) if isinstance(value, Mapping) else checks.listed(name, value, wanted)
    if not all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in pairs):
        raise checks.refused(name, wanted, value)
    return tuple(
        (
            checks.text(f"a pattern of {name}", pattern, "conv2d_*"),
            float(checks.number(f"the factor of {pattern!r}", factor, least=0)),
        )
        for pattern, factor in pairs
    )


def decayed_parts(excludes: Iterable[str], shapes: Shapes) -> tuple[tuple[int, int], ...]:
    """(start, stop) of the parts of the vector that decay: all but those of the patterns `excludes`."""
    spared: set[str] = set()
    for pattern in excludes:
        spared.update(_matched("weight_decay_excludes", pattern, shapes))
    weights = {name: 0.0 if name in spared else 1.0 for name in shapes or ()}
    return tuple((start, stop) for start, stop, weight in _runs(weights, shapes) if weight)


def scaled_parts(
    by_pattern: Iterable[tuple[str, float]], shapes: Shapes
) -> tuple[tuple[int, int, float], ...]:
    """(start, stop, factor) of the parts of the vector with another factor than 1."""
    found = dict.fromkeys(shapes or (), 1.0)
    for pattern, factor in by_pattern:
        for name in _matched("learning_rate_factors", pattern, shapes):
            found[name] *= factor
    return tuple(run for run in _runs(found, shapes) if run[2] != 1)


def _known(setting: str, shapes: Shapes) -> Mapping[str, tuple[int, ...]]:
    if shapes is None:
        raise ValueError(f"{setting} names parameters, and this vector has none that are named; leave it out")
    return shapes


def _matched(setting: str, pattern: str, shapes: Shapes) -> list[str]:
    known = _known(setting, shapes)
    if pattern == BIASES_AND_NORMS:
        flat = [name for name, shape in known.items() if len(shape) < 2]
        return list(dict.fromkeys([*flat, *(name for each in _NAMED_SO for name in matching(known, each))]))
    # As elsewhere, the name of a layer stands for all that it has.
    names = matching(known, pattern) or [name for name in known if name.split("/")[0] == pattern]
    if not names:
        meant = checks.near(pattern, known)
        if "/" not in pattern and any(word in pattern.lower() for word in _MEANT_SO):
            meant = f"; say {BIASES_AND_NORMS!r} for biases and what normalizations scale by"
        there = meant or f"; the network has {', '.join(known) or 'none'}"
        raise ValueError(f"no parameter matches {pattern!r}, of {setting}{there}")
    return names


def _runs(values: Mapping[str, float], shapes: Shapes) -> list[tuple[int, int, float]]:
    """Where in the vector neighbors of one value lie together."""
    runs: list[tuple[int, int, float]] = []
    start = 0
    for name, shape in (shapes or {}).items():
        stop, value = start + math.prod(shape), values[name]
        if runs and runs[-1][2] == value:
            runs[-1] = (runs[-1][0], stop, value)
        elif stop > start:
            runs.append((start, stop, value))
        start = stop
    return runs
