"""Calls that were looked at once and can be made as often as wanted; neighbors of a kind become one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, Self

Call = Callable[[], Any]


class Work:
    """Kernels with their arguments, one after the other: a call without arguments.

    Each backend has a kind of its own, which says how the work is done and how several of it become one.
    """

    names: list[str]
    """Of its kernels, in their order."""

    def __call__(self) -> None:
        raise NotImplementedError

    def holding(self, arrays: Sequence[Any]) -> Self:
        """The same work, which keeps these arrays: work that is remembered knows only where they lie."""
        return self

    @classmethod
    def of(cls, works: Sequence[Self]) -> Self:
        """The work that is these, one after the other."""
        raise NotImplementedError


def join(works: Sequence[Any]) -> Any:
    """The work that is these, all of one kind, one after the other."""
    return works[0] if len(works) == 1 else type(works[0]).of(works)


def joined(calls: Iterable[Call]) -> list[tuple[Call, int]]:
    """These calls in their order, each with how many of them it makes: neighbors that are `Work` are one."""
    return list(_joined(calls))


def _joined(calls: Iterable[Call]) -> Iterator[tuple[Call, int]]:
    for kind, group in groupby(calls, lambda call: type(call) if isinstance(call, Work) else None):
        some = list(group)
        if kind is None:
            yield from ((call, 1) for call in some)
        else:
            yield join(some), len(some)


def in_turn(*calls: Call) -> Call:
    """The call that makes these, one after the other."""
    found = [call for call, _ in joined(calls)]
    if len(found) == 1:
        return found[0]

    def run() -> None:
        for call in found:
            call()

    return run
