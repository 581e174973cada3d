"""A kernel is one readable reference plus whatever faster overrides a backend brings."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from cortex_lab.compute.work import joined

REGISTRY: dict[str, Kernel] = {}


class Kernel:
    """A named numerical routine.

    `reference(xp, ...)` is written once against an array module `xp` (NumPy or CuPy) and defines what the
    kernel means. An override has the signature `override(ops, ...)` and must agree with the reference to
    rounding; it returns `NotImplemented` for arguments it does not cover, and the reference is used instead.

    An override may come in two parts, one that looks at its arguments and one that does the work: then who
    calls it with the same arrays again and again looks at them once (`prepare`).
    """

    def __init__(self, reference: Callable[..., Any]) -> None:
        self.name = reference.__name__
        self.reference = reference
        self.overrides: dict[str, Callable[..., Any]] = {}
        self.preparations: dict[str, Callable[..., Any]] = {}
        self.__doc__ = reference.__doc__

    def override(self, backend: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Decorator that registers a faster version of this kernel for the backend of that name."""

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            self.overrides[backend] = function
            return function

        return register

    def override_in_parts(self, backend: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Decorator like `override` for a function that returns the work as a call without arguments.

        The call may be made from any thread, and again whenever what the arrays hold has changed.
        """

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            def at_once(*args: Any, **options: Any) -> Any:
                call = function(*args, **options)
                return call if call is NotImplemented else call()

            self.preparations[backend], self.overrides[backend] = function, at_once
            return function

        return register

    def prepare(self, ops: Any, *args: Any, **options: Any) -> Callable[[], Any]:
        """A call without arguments that does what `ops` would with these, as often as it is made."""
        preparation = self.preparations.get(ops.name)
        call = NotImplemented if preparation is None else preparation(ops, *args, **options)
        return partial(getattr(ops, self.name), *args, **options) if call is NotImplemented else call

    def bind(self, ops: Any) -> Callable[..., Any]:
        """The function that `ops` exposes under this kernel's name."""
        reference, xp = self.reference, ops.xp
        override = self.overrides.get(ops.name)
        if override is None:
            return lambda *args, **options: reference(xp, *args, **options)

        def fastest(*args: Any, **options: Any) -> Any:
            result = override(ops, *args, **options)
            return reference(xp, *args, **options) if result is NotImplemented else result

        return fastest

    def __repr__(self) -> str:
        return f"<Kernel {self.name}: reference, {', '.join(self.overrides) or 'no overrides'}>"


def kernel(reference: Callable[..., Any]) -> Kernel:
    """Declare a kernel by its reference, `reference(xp, ...)`; its name becomes a method of every Ops."""
    declared = Kernel(reference)
    if declared.name in REGISTRY:
        raise ValueError(f"there is already a kernel called {declared.name!r}")
    REGISTRY[declared.name] = declared
    return declared


def in_turn(*calls: Callable[[], Any]) -> Callable[[], None]:
    """The call that makes these, one after the other."""
    found = joined(calls)
    if len(found) == 1:
        return found[0]

    def run() -> None:
        for call in found:
            call()

    return run
