"""A kernel is one readable reference plus whatever faster overrides a backend brings."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any, Protocol

import numpy as np

Array = np.ndarray
"""An array of whichever backend: NumPy's, or CuPy's, which is used alike."""
REGISTRY: dict[str, Kernel] = {}
OVERRIDDEN = ("cpu", "gpu")
"""The backends that may have faster versions; "reference" runs what is written."""
TAKEN: set[str] = set()
"""Names that no kernel can have, since every `Ops` has something else there."""


class OpsLike(Protocol):
    """What a kernel asks of the `Ops` it works for."""

    @property
    def name(self) -> str: ...

    @property
    def xp(self) -> ModuleType: ...


class Kernel:
    """A named numerical routine.

    `reference(xp, ...)` is written once against an array module `xp` (NumPy or CuPy) and defines what the
    kernel means. An override has the signature `override(ops, ...)` and must agree with the reference to
    rounding. It looks at its arguments and returns the work as a call without arguments, or `NotImplemented`
    for arguments it does not cover: the reference is used instead. So who calls a kernel with the same arrays
    again and again looks at them once (`prepare`).
    """

    def __init__(self, reference: Callable[..., Any]) -> None:
        self.name = reference.__name__
        self.reference = reference
        self.overrides: dict[str, Callable[..., Any]] = {}
        self._bound: list[OpsLike] = []
        self.__doc__ = reference.__doc__

    def override(self, backend: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Decorator that registers a faster version of this kernel for the backend of that name.

        The call it returns may be made from any thread, and again whenever what the arrays hold has changed.
        """

        if backend not in OVERRIDDEN:
            there = ", ".join(OVERRIDDEN)
            raise ValueError(f"an override of {self.name!r} is for one of {there}, got {backend!r}")

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            self.overrides[backend] = function
            self.unbind()
            return function

        return register

    def prepare(self, ops: OpsLike, *args: Any, **options: Any) -> Callable[[], Any]:
        """A call without arguments that does what `ops` would with these, as often as it is made."""
        override = self.overrides.get(ops.name)
        call = NotImplemented if override is None else override(ops, *args, **options)
        if call is None:
            raise self._no_call(ops)
        return partial(self.reference, ops.xp, *args, **options) if call is NotImplemented else call

    def bind(self, ops: OpsLike) -> Callable[..., Any]:
        """The function that `ops` exposes under this kernel's name."""
        self._bound.append(ops)
        # Found out once, here: a kernel is called thousands of times a second.
        reference, xp = self.reference, ops.xp
        override = self.overrides.get(ops.name)
        if override is None:
            return partial(reference, xp)

        def fastest(*args: Any, **options: Any) -> Any:
            call = override(ops, *args, **options)
            if call is None:
                raise self._no_call(ops)
            return reference(xp, *args, **options) if call is NotImplemented else call()

        return fastest

    def _no_call(self, ops: OpsLike) -> TypeError:
        return TypeError(
            f"the override of {self.name!r} for {ops.name!r} returned nothing: it returns the work as a call "
            "without arguments, such as lambda: np.add(x, y, out=out), or NotImplemented"
        )

    def unbind(self) -> None:
        """Have every `Ops` look for this kernel anew: what it found before has been replaced."""
        while self._bound:
            self._bound.pop().__dict__.pop(self.name, None)

    def __repr__(self) -> str:
        return f"<Kernel {self.name}: reference, {', '.join(self.overrides) or 'no overrides'}>"


def kernel(reference: Callable[..., Any]) -> Kernel:
    """Declare a kernel by its reference, `reference(xp, ...)`; its name becomes a method of every Ops.

    ValueError if there is one of that name; declared again by its own module, as a cell of a notebook does
    that is run twice, it takes its own place.
    """
    declared = Kernel(reference)
    earlier = REGISTRY.get(declared.name)
    if earlier is not None and earlier.reference.__module__ != reference.__module__:
        raise ValueError(
            f"there is already a kernel called {declared.name!r}, of {earlier.reference.__module__}; "
            "give yours another name"
        )
    if declared.name in TAKEN:
        raise ValueError(f"no kernel can be called {declared.name!r}: Ops has something else of that name")
    if earlier is not None:
        earlier.unbind()
    REGISTRY[declared.name] = declared
    return declared
