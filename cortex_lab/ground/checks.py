"""Arguments looked at before anything moves: each check returns the value, or says what is allowed.

A check takes the argument's name first. NumPy's scalars are as good as Python's numbers and come back as
those; bools are no numbers.
"""

from __future__ import annotations

import contextlib
import difflib
import math
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

DEEPEST = 32
"""How many lists or dicts may lie in each other."""
_LONGEST = 60


class WrongArgument(ValueError, TypeError):
    """An argument of the wrong type or value; the text names it, what it is and what is allowed."""


def refused(name: str, wanted: str, value: object) -> WrongArgument:
    """The error to raise: `name` must be `wanted`, and it is `value`."""
    return WrongArgument(f"{name} must be {wanted}, got {shown(value)}")


def shown(value: Any) -> str:
    """A value on less than a line: tables and arrays by their shape, else what `repr` says, cut short."""
    if isinstance(value, type):
        return f"the class {value.__name__} itself"
    if isinstance(getattr(value, "shape", ()), (tuple, list)) and getattr(value, "shape", ()) != ():
        return f"{_article(type(value).__name__)} of shape {value.shape}"
    try:
        text = " ".join(repr(value).split())
    except Exception:
        return f"{_article(type(value).__name__)}"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def plain(value: object, inside: tuple[int, ...] = ()) -> Any:
    """A scalar of NumPy's, or an array without axes, as Python's; also those in a tuple or list.

    A list that holds itself, or lies deep in others, is left as it is.
    """
    if isinstance(value, (tuple, list)):
        if type(value) not in (tuple, list) or id(value) in inside or len(inside) == DEEPEST:
            return value
        inside = (*inside, id(value))
        return type(value)([plain(each, inside) for each in value])
    if not isinstance(value, (np.generic, np.ndarray)) or np.ndim(value) or _is_no_number(value):
        return value
    return value.item()


def _is_no_number(value: Any) -> bool:
    """Whether `item` would make a number of what is masked, or of a duration or a date."""
    return value.dtype.kind in "mM" or np.ma.is_masked(value)


def whole(name: str, value: object, least: int | None = None, most: int | None = None) -> int:
    """A whole number from `least` to `most`, in any case of 64 bits."""
    found = value if type(value) is int else plain(value)
    if (
        not isinstance(found, int)
        or isinstance(found, bool)
        or (least is not None and found < least)
        or (most is not None and found > most)
        or not -(2**63) <= found < 2**63
    ):
        if isinstance(found, int) and found >= 2**63 and most is None:
            raise refused(name, "a whole number below 2**63", value)
        raise refused(name, f"a whole number{_between(least, most)}", value)
    return found


def number(
    name: str,
    value: object,
    least: float | None = None,
    most: float | None = None,
    *,
    over: float | None = None,
    under: float | None = None,
) -> Any:
    """A finite number from `least` to `most`, or `over` and `under` a bound that is not allowed itself."""
    found = plain(value)
    if (
        not _is_finite(found)
        or (least is not None and found < least)
        or (most is not None and found > most)
        or (over is not None and found <= over)
        or (under is not None and found >= under)
    ):
        bounds = _between(least, most, over, under).strip()
        both = (least is not None or over is not None) and (most is not None or under is not None)
        wanted = bounds.removeprefix("of ") if both else f"a finite number {bounds}".strip()
        raise refused(name, wanted, value)
    return found


def real(name: str, value: object) -> float:
    """A number as a float; NaN and infinity are some, too."""
    if type(value) is float:
        return value
    found = plain(value)
    if isinstance(found, (int, float)) and not isinstance(found, bool):
        with contextlib.suppress(OverflowError):
            return float(found)
    raise refused(name, "a number", value)


def fraction(name: str, value: object) -> Any:
    """A share of at least 0 and under 1."""
    return number(name, value, least=0, under=1)


def flag(name: str, value: object) -> bool:
    """True or False."""
    found = plain(value)
    if not isinstance(found, bool):
        raise refused(name, "True or False", value)
    return found


def text(name: str, value: object, such_as: str = "") -> str:
    """A text that is not empty."""
    found = plain(value)
    if not isinstance(found, str) or not found:
        raise refused(name, f"a text{such_as and f' such as {such_as!r}'}", value)
    return found


def choice(name: str, value: object, choices: Iterable[str]) -> str:
    """One of these names; of many, the error says which are near."""
    choices, found = list(choices), plain(value)
    if not isinstance(found, str) or found not in choices:
        raise WrongArgument(f"{name} must be {_listed(choices)}, got {shown(value)}{near(found, choices)}")
    return found


def near(name: object, names: Iterable[Any], most: int = 2) -> str:
    """What to say of the nearest of these names, whatever their case; nothing if none is near."""
    if not isinstance(name, str):
        return ""
    spelled = {each.lower(): each for each in names if isinstance(each, str)}
    found = difflib.get_close_matches(name.lower(), spelled, most)
    return f"; did you mean {' or '.join(repr(spelled[each]) for each in found)}?" if found else ""


def seed(name: str, value: object) -> int:
    """What keys random draws: a whole number of up to 64 bits."""
    found = value if type(value) is int else plain(value)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < 2**64:
        raise refused(name, "a whole number from 0 to 2**64 - 1", value)
    return found


def shape(name: str, value: object) -> tuple[int, ...]:
    """The shape of one row: lengths of at least 1, or one length."""
    _refuse_rows(name, value)
    found = plain(value)
    if isinstance(found, int) and not isinstance(found, bool):
        found = (found,)
    if isinstance(found, np.ndarray):
        found = found.tolist()
    wanted = "a shape such as (28, 28, 1), whole numbers of at least 1"
    if isinstance(found, (str, bytes)) or not isinstance(found, Iterable) or isinstance(found, (dict, set)):
        raise refused(name, wanted, value)
    lengths = tuple(map(plain, listed(name, found, wanted)))
    if None in lengths:
        rest = tuple(each for each in lengths if each is not None)
        said = (
            f"leave the rows out: {name}={rest}"
            if lengths[0] is None and None not in lengths[1:]
            else ("every length of a row is known here, None is none; pad or crop the rows to one shape")
        )
        raise WrongArgument(f"{name} is the shape of one row, got {shown(value)}: {said}")
    if not all(isinstance(each, int) and not isinstance(each, bool) and each >= 1 for each in lengths):
        raise refused(name, wanted, value)
    return lengths


def _refuse_rows(name: str, value: Any) -> None:
    """The error to raise for rows, alone or beside their targets, in the place of the shape of one."""
    pair = isinstance(value, (tuple, list)) and len(value) == 2
    rows, target = (value[0], value[1]) if pair else (value, None)
    if not isinstance(getattr(rows, "shape", None), tuple) or len(rows.shape) < 2:
        return
    said = "x.shape[1:]"
    if hasattr(rows, "columns"):
        column = repr(target) if isinstance(target, str) else "..."
        said = f"cl.data.Dataset(frame, target={column}).input_shape"
    raise WrongArgument(f"{name} is the shape of one row, got {shown(rows)}: say {said}")


def instance(name: str, value: object, kind: type | tuple[type, ...], wanted: str) -> Any:
    """A thing of this kind; `wanted` says which, such as "an optimizer such as Adam(1e-3)"."""
    if not isinstance(value, kind):
        raise refused(name, wanted, value)
    return value


def function(name: str, value: object, wanted: str = "a function") -> Callable[..., Any]:
    """What can be called, and is no class."""
    if not callable(value) or isinstance(value, type):
        raise refused(name, wanted, value)
    return value


def listed(name: str, value: Any, wanted: str = "a list") -> list[Any]:
    """Several things in anything that can be gone through, but for a text or a dict."""
    try:
        if isinstance(value, (str, bytes, dict)):
            raise TypeError
        return list(value)
    except TypeError:
        raise refused(name, wanted, value) from None
    except MemoryError:
        raise refused(name, f"{wanted} that fits in memory", value) from None


def array(name: str, value: object) -> np.ndarray:
    """What is given as an array, of whatever kind, if it fits in memory and its rows are of one length."""
    if isinstance(value, dict):
        raise refused(name, "an array or a column", value)
    try:
        return np.asarray(value)
    except MemoryError:
        raise refused(name, "an array that fits in memory", value) from None
    except ValueError as error:
        if not isinstance(value, (list, tuple)):
            raise
        # NumPy says how deep it goes, or that lists differ in length.
        raise refused(name, "an array, or lists that make one, all of one length", value) from error


def numbers(name: str, value: object, wanted: str = "an array of numbers") -> np.ndarray:
    """An array of numbers, whatever it was made of; a sparse matrix says how."""
    if is_sparse(value):
        raise sparse(name, wanted)
    try:
        found = array(name, value)
    except WrongArgument:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        raise refused(name, wanted, value) from error
    if found.dtype.kind not in "biuf":
        raise refused(name, wanted, value)
    if np.ma.is_masked(value):
        raise WrongArgument(f"{name} is masked in places, {wanted} is wanted: fill it, as by .filled(0)")
    return found


def as_many_rows(inputs: Any, targets: Any, of: str = "") -> None:
    """ValueError unless arrays, alone or by name, have as many rows as each other; `of` is whose they are."""
    parts = []
    for called, given in (("inputs", inputs), ("targets", targets)):
        named = given if isinstance(given, Mapping) else {called: given}
        for name, part in named.items():
            # What has no rows at all is refused for what it is.
            with contextlib.suppress(TypeError):
                parts.append((name if len(named) > 1 else called, len(part)))
    if len({rows for _, rows in parts}) > 1:
        sizes = ", ".join(f"{name} {rows}" for name, rows in parts)
        whose = f" of {of}" * bool(of)
        raise ValueError(f"inputs and targets{whose} must have as many rows as each other, got {sizes}")


def path(name: str, value: object) -> str:
    """The path of a file, given as a text or a `Path`."""
    if isinstance(value, (str, os.PathLike)) and not isinstance(value, type):
        found = os.fspath(value)
        if isinstance(found, str) and found and "\0" not in found and _can_be_a_name(found):
            return found
    raise refused(name, "the path of a file, as a text or a Path", value)


def in_numpy(value: Any, inside: tuple[int, ...] = ()) -> Any:
    """Tensors of PyTorch as NumPy's arrays, tables of polars or Arrow as frames of pandas; else as it is.

    Also those in a tuple, a list or a dict of such.
    """
    if hasattr(value, "detach") and hasattr(value, "numpy"):
        return value.detach().cpu().numpy()
    # Arrays of xarray have it too, and are as good as NumPy's.
    if hasattr(value, "to_pandas") and not hasattr(value, "dims"):
        return value.to_pandas()
    if id(value) in inside or len(inside) == DEEPEST:
        return value
    inside = (*inside, id(value))
    if type(value) in (tuple, list) and len(value) == 2:
        first = in_numpy(value[0], inside)
        # An autoencoder's targets are the inputs themselves.
        return type(value)((first, first if value[1] is value[0] else in_numpy(value[1], inside)))
    return {name: in_numpy(each, inside) for name, each in value.items()} if type(value) is dict else value


def is_sparse(value: object) -> bool:
    """Whether this is a matrix of SciPy's that keeps only what is not 0, which NumPy takes for one object."""
    return hasattr(value, "toarray") and hasattr(value, "nnz")


def sparse(name: str, wanted: str) -> WrongArgument:
    """The error to raise for a sparse matrix."""
    return WrongArgument(f"{name} is a sparse matrix, and {wanted} is wanted: give .toarray() of it")


def finite(name: str, value: object, wanted: str = "an array of finite numbers") -> np.ndarray:
    """An array of numbers, none of them missing or infinite, and not empty."""
    found = numbers(name, value, wanted)
    if found.size == 0 or not np.isfinite(found).all():
        raise refused(name, wanted, value)
    return found


def _can_be_a_name(text: str) -> bool:
    try:
        return bool(os.fsencode(text))
    except UnicodeError:
        return False


def _is_finite(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _between(
    least: float | None, most: float | None, over: float | None = None, under: float | None = None
) -> str:
    if least is not None and most is not None:
        return f" from {least} to {most}"
    bounds = (("of at least", least), ("of at most", most), ("over", over), ("under", under))
    said = " and ".join(f"{words} {bound}" for words, bound in bounds if bound is not None)
    return said and f" {said}"


def _listed(choices: list[str]) -> str:
    *most, last = map(repr, choices)
    return f"{', '.join(most)} or {last}" if most else last


def _article(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
