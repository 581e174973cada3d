"""The backend handle that every layer and optimizer computes through."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from cortex_lab.compute import kernels
from cortex_lab.compute.backend import Backend
from cortex_lab.compute.cpu.accelerate import accelerate
from cortex_lab.compute.gpu import answers, array_module
from cortex_lab.compute.gpu.accelerate import accelerate as accelerate_gpu
from cortex_lab.compute.kernel import REGISTRY, TAKEN
from cortex_lab.compute.work import Call, joined
from cortex_lab.ground import checks

for _module in pkgutil.iter_modules(kernels.__path__):
    importlib.import_module(f"{kernels.__name__}.{_module.name}")

Result = TypeVar("Result")


@dataclass(frozen=True)
class Ops:
    """A backend: where arrays live, their precision, and every kernel as a method.

    `ops.matmul(a, b, out)` runs the override this backend has for the kernel, or its reference. Kernels write
    into the arrays they are given; what they allocate for themselves is theirs. `ops.pyi`, which is
    generated, lists them for people and tools.
    """

    name: str
    dtype: np.dtype
    xp: ModuleType
    backend: Backend = field(default_factory=Backend, repr=False, compare=False)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        # Only what is not there yet is asked for here: a kernel for the first time, whenever it was declared.
        declared = REGISTRY.get(name)
        if declared is None:
            raise AttributeError(f"there is no kernel {name!r}; there are {', '.join(sorted(REGISTRY))}")
        bound = declared.bind(self)
        object.__setattr__(self, name, bound)
        return bound

    def __reduce__(self) -> tuple[Any, ...]:
        # There is one of each name.
        return get_ops, (self.name,)

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike | None = None) -> Any:
        return self.xp.empty(shape, dtype or self.dtype)

    def zeros(self, shape: tuple[int, ...], dtype: DTypeLike | None = None) -> Any:
        return self.xp.zeros(shape, dtype or self.dtype)

    def asarray(self, values: object, dtype: DTypeLike | None = None) -> Any:
        """`values` as an array of this backend, converted to its dtype unless another is given."""
        return self.xp.ascontiguousarray(self.xp.asarray(values, dtype=dtype or self.dtype))

    def to_numpy(self, array: Any) -> np.ndarray:
        """`array` as a NumPy array in main memory; the same memory if it is there already."""
        return array.get() if hasattr(array, "get") else np.asarray(array)

    def recording(self) -> Recording:
        """This backend, whose kernels do their work and are remembered, to be done again by `capture`."""
        return Recording(self)

    def join(self, calls: Iterable[Call]) -> list[tuple[Call, int]]:
        """These calls in their order, each with how many of them it makes: neighbors are one if they can."""
        return joined(calls)

    def capture(self, calls: Iterable[Call]) -> Call:
        """One call that makes all of these again, in their order, with what their arrays then hold.

        What changes from one time to the next has to be in arrays: numbers are those of the first time.
        """
        return self.backend.capture(calls)

    def write(self, arrays: Sequence[Any], values: Sequence[Any]) -> None:
        """Write numbers into arrays () of this backend, arrays[i][...] = values[i]."""
        self.backend.write(arrays, values)

    def alike(self, act: Callable[[], Result]) -> Result:
        """The result of `act()`, whose kernels this thread cuts in the same pieces for any number of workers.

        The same pieces give the same bits, whoever works on them.
        """
        before = self.backend.cutting()
        try:
            self.backend.cut_for(self.backend.alike)
            return act()
        finally:
            self.backend.cut_for(before)

    def flushed(self, act: Callable[[], Result]) -> Result:
        """The result of `act()`; denormal numbers count as zero meanwhile in this thread, if slow."""
        backend = self.backend
        before = backend.denormals()
        # No context manager: these calls are C's, so that an interrupt finds no place between them and `try`.
        try:
            backend.flush()
            return act()
        finally:
            backend.restore(before)


class Recording:
    """Stands in for an `Ops`: its kernels do their work, and `calls` are what did it."""

    def __init__(self, ops: Ops) -> None:
        self._ops = ops
        self.calls: list[Call] = []

    def __getattr__(self, name: str) -> Any:
        kernel = REGISTRY.get(name)
        if kernel is None:
            return getattr(self._ops, name)

        def call(*args: Any, **options: Any) -> Any:
            prepared = kernel.prepare(self._ops, *args, **options)
            result = prepared()
            self.calls.append(self._ops.backend.record(prepared))
            return result

        return call


# A kernel of such a name could never be asked for.
TAKEN.update(name for name in (*dir(Ops), *Ops.__dataclass_fields__))


def as_ops(ops: object) -> Ops:
    """The backend itself, or that of the name given."""
    if isinstance(ops, Ops):
        return ops
    return get_ops(checks.text("ops", ops, "cpu"))


@cache
def get_ops(name: str = "cpu") -> Ops:
    """The backend `name`.

    "reference" is NumPy in float64 with no overrides: slow, and the oracle for everything else. "cpu" is
    NumPy in float32 with the overrides Numba brings, where it is installed. "gpu" is CuPy in float32 with
    kernels of our own, whose products are whole float32, or TF32 with CORTEX_LAB_TF32=1. "auto" is "gpu"
    where one answers, else "cpu".
    """
    if name == "auto":
        return get_ops("gpu" if answers() else "cpu")
    if name == "reference":
        return Ops(name, np.dtype(np.float64), np)
    if name == "cpu":
        return Ops(name, np.dtype(np.float32), np, accelerate())
    if name == "gpu":
        return Ops(name, np.dtype(np.float32), array_module(), accelerate_gpu())
    raise ValueError(f"there is no backend {name!r}; choose 'cpu', 'gpu', 'auto' or 'reference'")
