"""A kernel is one readable reference plus whatever faster overrides a backend brings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

REGISTRY: dict[str, Kernel] = {}


class Kernel:
    """A named numerical routine.

    `reference(xp, ...)` is written once against an array module `xp` (NumPy or CuPy) and defines what the
    kernel means. An override has the signature `override(ops, ...)` and must agree with the reference to
    rounding; it returns `NotImplemented` for arguments it does not cover, and the reference is used instead.
    """

    def __init__(self, reference: Callable[..., Any]) -> None:
        self.name = reference.__name__
        self.reference = reference
        self.overrides: dict[str, Callable[..., Any]] = {}
        self.__doc__ = reference.__doc__

    def override(self, backend: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Decorator that registers a faster version of this kernel for the backend of that name."""

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            self.overrides[backend] = function
            return function

        return register

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
