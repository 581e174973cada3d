"""The arrays of a network by name, which lie in one flat vector and stay there."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.ground import checks
from cortex_lab.nn.contract.layer import Parameter
from cortex_lab.nn.run.turns import Turns


class Arrays(MutableMapping[str, Any]):
    """Views by name. What is assigned is written into the memory there is: `arrays[name] = values`.

    Values are anything NumPy makes numbers of the same shape of, or one number for all, on every backend.
    They change between two readers' turns, as an update does.
    """

    def __init__(self, views: Mapping[str, Any], ops: Ops, turns: Turns) -> None:
        self._views, self._ops, self._turns = dict(views), ops, turns

    @classmethod
    def of(cls, flat: np.ndarray, specs: Mapping[str, Parameter], ops: Ops, turns: Turns) -> Arrays:
        """The views into the vector `flat`, one after the other."""
        views, start = {}, 0
        for name, spec in specs.items():
            size = math.prod(spec.shape)
            views[name] = flat[start : start + size].reshape(spec.shape)
            start += size
        return cls(views, ops, turns)

    def __getitem__(self, name: str) -> Any:
        try:
            return self._views[name]
        except KeyError:
            raise self._unknown(name) from None

    def __contains__(self, name: object) -> bool:
        # Mapping's own would make the whole error, near names and all, for each name that is not there.
        return name in self._views

    def __call__(self) -> None:
        raise TypeError(
            "arrays are by name here: leave the () out, or say .values() or .items() for all; an optimizer "
            "takes none: cl.Adam(1e-3)"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        # Copied or pickled they are arrays of their own: what a network held at that time.
        return dict, ({name: np.array(self._ops.to_numpy(view)) for name, view in self.items()},)

    def __setitem__(self, name: str, value: object) -> None:
        found = self.fitting(name, value)
        with self._turns.lock:
            self._turns.await_readers()
            self._views[name][...] = self._ops.asarray(found)

    def fitting(self, name: str, value: object) -> np.ndarray:
        """`value` as numbers of the shape of `name`; KeyError or ValueError that says what does not fit."""
        if name not in self._views:
            raise self._unknown(name)
        foreign = isinstance(value, self._ops.xp.ndarray) and not isinstance(value, np.ndarray)
        given = self._ops.to_numpy(value) if foreign else value
        given = checks.numbers("value", given, f"a number or an array of them for {name!r}")
        shape = self._views[name].shape
        if given.shape not in ((), shape):
            raise ValueError(f"{name!r} has the shape {shape}, got {given.shape}")
        with np.errstate(over="ignore"):
            found = given.astype(self._ops.dtype)
        if (np.isinf(found) & np.isfinite(given)).any():
            raise ValueError(f"{name!r} is {found.dtype}, which holds nothing like {np.abs(given).max():g}")
        return np.broadcast_to(found, shape).copy()

    def _unknown(self, name: object) -> KeyError:
        there = ", ".join(self._views) or "nothing of the kind"
        return KeyError(f"the network has no {name!r}; it has {there}{checks.near(name, self._views)}")

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"a network keeps its arrays; set {name!r} to 0, or take a part: network.cut(...)")

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)

    def __repr__(self) -> str:
        return f"{{{', '.join(f'{name!r}: {array.shape}' for name, array in self._views.items())}}}"


class Shown(dict[str, np.ndarray]):
    """Arrays as they stand, by name, to be looked at: to assign one here would change nothing else."""

    @classmethod
    def of(cls, ops: Ops, arrays: Mapping[str, Any]) -> Shown:
        return cls((name, ops.to_numpy(array)) for name, array in arrays.items())

    def __setitem__(self, name: str, array: np.ndarray) -> None:
        raise TypeError(
            f"to assign {name!r} here would change nothing; for a parameter say network.parameters[name] = "
            "array or session.edit(\"weights['...']\", array), for a gradient \"gradient['...']\""
        )
