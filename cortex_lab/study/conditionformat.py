"""Conditions as plain data, for files: a text of its own, or a kind with what it was given."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

from cortex_lab.ground import checks
from cortex_lab.study import conditions
from cortex_lab.study.conditions import Condition
from cortex_lab.study.expression import CONDITIONS, Expression

_LENGTHS = ("steps", "epochs", "seconds")
_NO_LENGTH = re.compile(rf"\b({'|'.join(_LENGTHS)})\(\s*(n\s*=\s*)?(-\s*[\d.]|0*\.?0*\s*\))")
_JOINED = {"Both": conditions.Both, "Either": conditions.Either, "Not": conditions.Not}


def described(condition: Condition) -> Any:
    """What `condition_of` reads back as this very condition; None if one of your own is in it."""
    if type(condition) is Expression:
        return condition.text
    name = type(condition).__name__
    if type(condition) in _JOINED.values():
        inner = getattr(condition, "parts", None) or (condition.condition,)  # type: ignore[attr-defined]
        parts = [described(part) for part in inner]
        return None if None in parts else {"kind": name, "of": parts}
    if name not in CONDITIONS or type(condition) is not getattr(conditions, name):
        return None
    given = {each.name: getattr(condition, each.name) for each in fields(condition)}  # type: ignore[arg-type]
    return {"kind": name, **given}


def condition_of(said: Any) -> Condition:
    """The condition that `described` described; ValueError or TypeError for what it never says."""
    if isinstance(said, str):
        return Expression(said)
    if not isinstance(said, dict):
        raise checks.refused("a condition", "a text, or a kind and what it was given", said)
    given = dict(said)
    kind = checks.choice("the kind of a condition", given.pop("kind", None), [*CONDITIONS, *_JOINED])
    if kind in CONDITIONS:
        return getattr(conditions, kind)(**given)
    parts = [condition_of(part) for part in checks.listed(f"of in {kind}", given.get("of"))]
    if not parts or (kind == "Not" and len(parts) > 1):
        raise ValueError(f"{kind} of {len(parts)} conditions is none")
    return _JOINED[kind](*parts)


def has_no_length(said: object) -> bool:
    """Whether a run of no length is in what `described` said, as earlier versions let somebody ask for."""
    if isinstance(said, str):
        return _NO_LENGTH.search(said) is not None
    if not isinstance(said, dict):
        return False
    n, inner = said.get("n"), said.get("of")
    ended = said.get("kind") in _LENGTHS and isinstance(n, (int, float)) and n <= 0
    return ended or (isinstance(inner, list) and any(map(has_no_length, inner)))
