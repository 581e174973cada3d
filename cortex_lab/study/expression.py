"""Conditions written as text: parsed into a tree of known parts, never evaluated as Python."""

from __future__ import annotations

import ast
import operator
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np

from cortex_lab.ground import checks
from cortex_lab.study import conditions
from cortex_lab.study.conditions import DEEPEST, Condition, as_condition, last_recorded
from cortex_lab.study.trace import Trace

Evaluate = Callable[[Mapping[str, np.float64]], Any]

LONGEST = 2000
"""How many characters a condition may have."""

_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
# How many arguments each takes, and whether more are allowed.
_FUNCTIONS: dict[str, tuple[Callable[..., Any], int, bool]] = {
    "abs": (np.abs, 1, False),
    "min": (lambda *values: reduce(np.minimum, values), 2, True),
    "max": (lambda *values: reduce(np.maximum, values), 2, True),
    "log10": (np.log10, 1, False),
    "isfinite": (lambda value: np.float64(np.isfinite(value)), 1, False),
    "isnan": (lambda value: np.float64(np.isnan(value)), 1, False),
}
_AMOUNT = re.compile(r"(\d+\.?\d*)\s*([a-z]+)|([a-z]+)\s*=?\s*(\d+\.?\d*)")
_STEPS = ("step", "batche", "batch", "iteration", "iter", "update")
_SECONDS = {"second": 1, "sec": 1, "minute": 60, "min": 60, "hour": 3600}
CONDITIONS = ("steps", "epochs", "seconds", "below", "above", "stalled", "non_finite")
WORDS = (*CONDITIONS, *_FUNCTIONS, "and", "or", "not")
"""What an expression may hold beside keys and numbers."""


@conditions.reads_text
@dataclass(frozen=True)
class Expression(Condition):
    """Comparisons over the last recorded values, such as "grad_norm['conv2d_1'] > 10 and epoch >= 2".

    Known are numbers, names of trace keys (with a quoted part in brackets, as the key is written),
    + - * / **, < <= > >= == !=, and or not (also & | ~ between parentheses), abs, min, max, log10,
    isfinite, isnan, and the conditions steps, epochs, seconds, below, above, stalled, non_finite. A
    comparison is false while one of its keys has not been recorded in this run. ValueError that points at
    whatever else is written.

    Numbers are float64 and follow its rules (IEEE 754), so nothing that is recorded can make it fail: a root
    of a negative number is NaN, 1 / 0 is infinite, and of a NaN every comparison but != is false.
    """

    text: str
    keys: tuple[str, ...] = field(init=False, repr=False, compare=False)
    _condition: Condition = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(checks.text("text", self.text, "loss < 0.1")) > LONGEST:
            raise _too_long(self.text)
        try:
            tree = ast.parse(self.text.strip(), mode="eval").body
        except SyntaxError as error:
            place = _place(self.text, error)
            meant = _meant(self.text)
            if meant:
                raise ValueError(f"{self.text!r} is no condition; say {meant}") from None
            raise ValueError(f"{self.text!r} is no condition: {error.msg}, at character {place}") from None
        except UnicodeError:
            raise ValueError(f"{self.text!a:.60} is no condition: half a character is in it") from None
        except (RecursionError, MemoryError):
            raise _too_deep(self.text) from None
        object.__setattr__(self, "text", str(self.text))
        condition = _Reader(self.text).condition(tree)
        object.__setattr__(self, "_condition", condition)
        object.__setattr__(self, "keys", tuple(dict.fromkeys(condition.keys)))

    def met(self, trace: Trace, start: int) -> bool:
        return self._condition.met(trace, start)

    def check(self, trace: Trace) -> None:
        self._condition.check(trace)

    def __repr__(self) -> str:
        return repr(self.text)


@dataclass(frozen=True)
class Forgotten(Condition):
    """Stands for a condition of your own that could not be saved."""

    said: str

    def check(self, trace: Trace) -> None:
        raise ValueError(
            f"the last run was until {self.said}, which no file can hold; say it anew: session.run(until=...)"
        )


@dataclass(frozen=True)
class Comparison(Condition):
    """What `evaluate` says of the last recorded values of `keys`."""

    evaluate: Evaluate
    keys: tuple[str, ...] = ()

    def met(self, trace: Trace, start: int) -> bool:
        values = {}
        for key in self.keys:
            # What is not a number is a value too once the key was recorded: only isfinite can tell the two.
            value = last_recorded(trace, key, start)
            if value is None:
                return False
            values[key] = np.float64(value)
        with np.errstate(all="ignore"):
            return bool(self.evaluate(values))


class _Reader:
    """Turns the syntax tree of one text into conditions and functions."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.depth = 0

    def condition(self, node: ast.AST) -> Condition:
        with self._inside(node):
            return self._condition(node)

    def number(self, node: ast.AST, keys: dict[str, None]) -> Evaluate:
        with self._inside(node):
            return self._number(node, keys)

    @contextmanager
    def _inside(self, node: ast.AST) -> Iterator[None]:
        self.depth += 1
        if self.depth > DEEPEST:
            raise _too_deep(self.text)
        yield
        self.depth -= 1

    def _condition(self, node: ast.AST) -> Condition:
        match node:
            case ast.BoolOp(op=ast.And(), values=values):
                return conditions.Both(*(self.condition(value) for value in values))
            case ast.BoolOp(op=ast.Or(), values=values):
                return conditions.Either(*(self.condition(value) for value in values))
            case ast.BinOp(left=left, op=ast.BitAnd(), right=right):
                return conditions.Both(self.condition(left), self.condition(right))
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return conditions.Either(self.condition(left), self.condition(right))
            case ast.UnaryOp(op=ast.Not() | ast.Invert(), operand=operand):
                return conditions.Not(self.condition(operand))
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                return self._comparison([left, *comparators], ops)
            case ast.Call(func=ast.Name(id=name)) if name in CONDITIONS:
                return self._named(name, node)
            case ast.Call(func=ast.Name(id="isfinite" | "isnan")):
                keys: dict[str, None] = {}
                evaluate = self.number(node, keys)
                return Comparison(evaluate, tuple(keys))
        raise self._refusal(node, "a comparison such as loss < 0.1 is wanted")

    def _number(self, node: ast.AST, keys: dict[str, None]) -> Evaluate:
        match node:
            case ast.Constant(value=bool() | str() | bytes() | None):
                pass
            case ast.Constant(value=int() | float() as value):
                if abs(value) > sys.float_info.max:
                    raise self._refusal(node, "a float64 goes up to 1.8e308")
                constant = np.float64(value)
                return lambda values: constant
            case ast.Name() | ast.Subscript() | ast.Attribute():
                key = self._key(node)
                keys[key] = None
                return operator.itemgetter(key)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                inner = self.number(operand, keys)
                return lambda values: -inner(values)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                apply, a, b = _ARITHMETIC[type(op)], self.number(left, keys), self.number(right, keys)
                return lambda values: apply(a(values), b(values))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
                function, least, more = _FUNCTIONS[name]
                if len(args) < least or (len(args) > least and not more):
                    wanted = f"{least} or more numbers" if more else "1 number"
                    raise self._refusal(node, f"{name} takes {wanted}, got {len(args)}")
                parts = [self.number(part, keys) for part in args]
                return lambda values: function(*(part(values) for part in parts))
            case ast.BinOp(op=ast.BitAnd() | ast.BitOr()):
                raise self._refusal(
                    node, "& and | bind tighter than < and >: write `and`, `or`, or parentheses"
                )
        raise self._refusal(node, "a number or a recorded key is wanted")

    def _comparison(self, sides: list[ast.expr], ops: list[ast.cmpop]) -> Condition:
        keys: dict[str, None] = {}
        parts = [self.number(side, keys) for side in sides]
        for op in ops:
            if type(op) not in _COMPARISONS:
                raise self._refusal(sides[0], "known comparisons are < <= > >= == !=")
        compare = [_COMPARISONS[type(op)] for op in ops]

        def evaluate(values: Mapping[str, float]) -> bool:
            numbers = [part(values) for part in parts]
            return all(holds(a, b) for holds, a, b in zip(compare, numbers, numbers[1:], strict=False))

        return Comparison(evaluate, tuple(keys))

    def _key(self, node: ast.AST) -> str:
        match node:
            case ast.Name(id=name) if name.lower() in ("nan", "inf"):
                raise self._refusal(node, "say isnan(...) or not isfinite(...)")
            case ast.Name(id=name):
                return name
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str() | int() as part)):
                return f"{name}[{part!r}]"
        raise self._refusal(node, "a key is a name, or a name with one quoted part: grad_norm['conv2d_1']")

    def _named(self, name: str, node: ast.Call) -> Condition:
        arguments = [self._plain(argument) for argument in node.args]
        options: dict[str, Any] = {}
        for option in node.keywords:
            if option.arg is None or option.arg in options:
                raise self._refusal(node, "each argument is given once, by its own name")
            options[option.arg] = self._plain(option.value)
        try:
            return as_condition(getattr(conditions, name)(*arguments, **options))
        except (TypeError, ValueError) as error:
            raise self._refusal(node, str(error)) from None

    def _plain(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=bool() | int() | float() | str() | None as value):
                return value
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                return -value
        raise self._refusal(node, "a number or a quoted text is wanted, as in below('loss', 0.1)")

    def _refusal(self, node: ast.AST, wanted: str) -> ValueError:
        part = ast.get_source_segment(self.text.strip(), node) or self.text  # type: ignore[arg-type]
        return ValueError(f"cannot read {part!r} in the condition {self.text!r}: {wanted}")


def _meant(text: str) -> str:
    """What was meant by a number and a unit, such as "5 epochs"; nothing if nobody can tell."""
    found = _AMOUNT.fullmatch(text.strip().lower())
    if found is None:
        return ""
    number, unit = found[1] or found[4], (found[2] or found[3]).rstrip("s")
    if unit in _SECONDS:
        return f"cl.seconds({float(number) * _SECONDS[unit]:g})"
    if unit in _STEPS:
        return f"session.run({number}), or cl.steps({number})"
    return f"cl.epochs({number})" if unit == "epoch" else ""


def _place(text: str, error: SyntaxError) -> int:
    """The character of `text`, counted from 1, that Python stumbled over: one behind the last, at its end."""
    if not error.offset:
        return (text.find("\0") if "\0" in text else len(text.rstrip())) + 1
    before = text.strip().split("\n")[: (error.lineno or 1) - 1]
    return len(text) - len(text.lstrip()) + sum(len(line) + 1 for line in before) + error.offset


def _too_long(text: str) -> ValueError:
    return ValueError(
        f"cannot read {text[:40]!r}... and {len(text) - 40:,} characters more: a condition has up to "
        f"{LONGEST:,}; make it several conditions, joined with & and |"
    )


def _too_deep(text: str) -> ValueError:
    short = textwrap.shorten(text, 60, placeholder="...")
    return ValueError(
        f"{short!r} is more than {DEEPEST} levels deep; make it several conditions, joined with & and |"
    )
