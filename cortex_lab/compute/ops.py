"""The backend handle that every layer and optimizer computes through."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from cortex_lab.compute import kernels
from cortex_lab.compute.cpu.accelerate import accelerate
from cortex_lab.compute.gpu import array_module
from cortex_lab.compute.kernel import REGISTRY

for _module in pkgutil.iter_modules(kernels.__path__):
    importlib.import_module(f"{kernels.__name__}.{_module.name}")


@dataclass(frozen=True)
class Ops:
    """A backend: where arrays live, their precision, and every kernel as a method.

    `ops.matmul(a, b, out)` runs the override this backend has for the kernel, or its reference. Kernels write
    into the arrays they are given; what they allocate for themselves is theirs.
    """

    name: str
    dtype: np.dtype
    xp: ModuleType

    def __post_init__(self) -> None:
        for name, declared in REGISTRY.items():
            object.__setattr__(self, name, declared.bind(self))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"there is no kernel {name!r}; there are {', '.join(sorted(REGISTRY))}")

    def empty(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        return self.xp.empty(shape, dtype or self.dtype)

    def zeros(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        return self.xp.zeros(shape, dtype or self.dtype)

    def asarray(self, values: Any, dtype: Any = None) -> Any:
        """`values` as an array of this backend, converted to its dtype unless another is given."""
        return self.xp.ascontiguousarray(self.xp.asarray(values, dtype=dtype or self.dtype))

    def to_numpy(self, array: Any) -> np.ndarray:
        """`array` as a NumPy array in main memory; the same memory if it is there already."""
        return array.get() if hasattr(array, "get") else np.asarray(array)


@cache
def get_ops(name: str = "cpu") -> Ops:
    """The backend `name`.

    "reference" is NumPy in float64 with no overrides: slow, and the oracle for everything else. "cpu" is
    NumPy in float32 with the overrides Numba brings, where it is installed. "gpu" is CuPy in float32.
    """
    if name == "reference":
        return Ops(name, np.dtype(np.float64), np)
    if name == "cpu":
        accelerate()
        return Ops(name, np.dtype(np.float32), np)
    if name == "gpu":
        return Ops(name, np.dtype(np.float32), array_module())
    raise ValueError(f"there is no backend {name!r}; choose 'reference', 'cpu' or 'gpu'")
