"""What one step learns from."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.ground.forks import cached_property


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What one step learns from.

    inputs: (n, *shape) float32, or bytes as they are stored; or one such array per input name.
    targets: (n, ...) int64 class ids, float32 values or bytes; one such array per output name; or None.
    rows: (n,) int64, where the samples are in the dataset's frame.
    weights: (n,) float32, or None for all alike.
    """

    inputs: np.ndarray | dict[str, np.ndarray]
    targets: np.ndarray | dict[str, np.ndarray] | None
    rows: np.ndarray
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        parts = self.inputs.items() if isinstance(self.inputs, dict) else [("inputs", self.inputs)]
        if self.targets is not None:
            named = isinstance(self.targets, dict)
            parts = [*parts, *(self.targets.items() if named else [("targets", self.targets)])]
        arrays = ", ".join(f"{name} {array.shape} {array.dtype}" for name, array in parts)
        return f"<Batch of {len(self)} rows: {arrays}>"


class PickedBatch(Batch):
    """A batch of `Batches`: its arrays are copied out of the data when they are first read.

    As long as it is `unread`, `put` copies them straight to where they are wanted instead.
    """

    weights: np.ndarray | None = None
    _source: Any
    _picked: np.ndarray

    @classmethod
    def of(cls, source: Any, picked: np.ndarray) -> PickedBatch:
        batch = cls.__new__(cls)
        batch.__dict__.update(_source=source, _picked=picked)
        if source._weights is not None:
            batch.__dict__["weights"] = source._weights[picked]
        return batch

    @cached_property
    def inputs(self) -> np.ndarray | dict[str, np.ndarray]:
        inputs = {name: part.take(self._picked) for name, part in self._source._inputs.items()}
        return inputs if self._source._named else inputs["inputs"]

    @cached_property
    def targets(self) -> np.ndarray | dict[str, np.ndarray] | None:
        targets = {name: part.take(self._picked) for name, part in self._source._targets.items()}
        return targets if self._source._named_targets else targets.get("targets")

    @cached_property
    def rows(self) -> np.ndarray:
        return self._picked.copy()

    def __len__(self) -> int:
        return len(self._picked if self.unread else self.rows)

    @property
    def unread(self) -> bool:
        """Whether nobody can have changed its arrays yet."""
        return "inputs" not in self.__dict__ and "targets" not in self.__dict__

    def put(
        self,
        inputs: Mapping[str, np.ndarray],
        targets: Mapping[str, np.ndarray] | Iterable[np.ndarray],
        pictures: Container[str] = (),
    ) -> None:
        """Copy inputs and targets into arrays by name (nameless inputs into any, nameless targets into each).

        Bytes of the inputs that are `pictures` become 0 to 1, and so do targets that are such an input.
        """
        source, picked, twins = self._source, self._picked, self._source._twins
        seen: dict[str, tuple[np.ndarray, bool]] = {}
        for name, into in inputs.items():
            own, seen_as_picture = name if source._named else "inputs", name in pictures
            source._inputs[own].put(picked, into, seen_as_picture)
            if twins:
                seen[own] = into, seen_as_picture
        # Asked first of what a training brings: the protocol is slow to be asked for.
        by_name = type(targets) is dict or isinstance(targets, Mapping)
        if not source._named_targets:
            wanted = [("targets", into) for into in (targets.values() if by_name else targets)]
        elif by_name:
            wanted = list(targets.items())
        else:
            raise TypeError(f"targets are put by name: {', '.join(source._targets)}")
        for name, into in wanted:
            again, like_pictures = seen[twins[name]] if twins and twins.get(name) in seen else (None, False)
            if again is not None and again.shape == into.shape and again.dtype == into.dtype:
                # What was just copied is nearer than where it came from.
                np.copyto(into, again)
            else:
                # Where whole numbers are wanted, bytes are class ids.
                source._targets[name].put(picked, into, like_pictures and into.dtype.kind == "f")
