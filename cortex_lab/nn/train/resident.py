"""Data that stay where a network computes, on a device: a batch is picked there, by row numbers alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.batches import BatchSource
from cortex_lab.nn.run.pictures import SCALE

MOST = 8 * 2**30
"""Bytes of data that are kept on a device."""


class Resident:
    """The inputs and targets of `source` on the device of `ops`, bytes as bytes."""

    def __init__(
        self, source: BatchSource, ops: Ops, arrays: Mapping[str, np.ndarray], targets: Mapping
    ) -> None:
        self.source, self._ops = source, ops
        self._inputs = {name: ops.asarray(array, array.dtype) for name, array in arrays.items()}
        self._targets = {name: ops.asarray(array, array.dtype) for name, array in targets.items()}
        # By number of rows: where their numbers go, what they are copied into, and the call that does it.
        self._picking: dict[int, tuple[Any, Any, Any]] = {}

    @classmethod
    def of(cls, source: BatchSource, ops: Ops) -> Resident | None:
        """None where the data are not arrays in memory, are too many, or the targets are the inputs."""
        inputs, targets = getattr(source, "inputs", None), getattr(source, "targets", None)
        if getattr(source, "targets_are", None) is not None or inputs is None:
            return None
        parts = dict(inputs) if isinstance(inputs, Mapping) else {"": inputs}
        goals = dict(targets) if isinstance(targets, Mapping) else {"": targets}
        every = [*parts.values(), *goals.values()]
        if not all(isinstance(each, np.ndarray) for each in every) or sum(a.nbytes for a in every) > MOST:
            return None
        try:
            return cls(source, ops, parts, goals)
        except MemoryError:
            # There is room for a batch, which is sent.
            return None

    def put(
        self, rows: np.ndarray, inputs: Mapping[str, Any], targets: Mapping[str, Any], pictures: Any
    ) -> None:
        """Copy rows into arrays by name; bytes of the inputs that are `pictures` become 0 to 1."""
        places, into, call = self._picking.get(len(rows), (None, None, None))
        if into is not inputs:
            places, call = self._found_out(len(rows), inputs, targets, pictures)
            self._picking[len(rows)] = places, inputs, call
        places[...] = self._ops.asarray(rows, "int64")
        call()

    def _found_out(
        self, count: int, inputs: Mapping[str, Any], targets: Mapping[str, Any], pictures: Any
    ) -> tuple[Any, Any]:
        kernels, places = self._ops.recording(), self._ops.zeros((count,), "int64")
        for name, into in inputs.items():
            data = self._inputs[name if name in self._inputs else ""]
            shown = name in pictures and data.dtype == np.uint8
            kernels.pick_rows(data, places, float(SCALE) if shown else 1.0, into)
        for name, into in targets.items():
            kernels.pick_rows(self._targets[name if name in self._targets else ""], places, 1.0, into)
        return places, self._ops.capture(kernels.calls)
