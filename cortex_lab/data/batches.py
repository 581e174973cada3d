"""Batches as a pure function of (seed, step): any step at any time, the same batch every time."""

from __future__ import annotations

import copy
import zlib
from collections.abc import Container, Hashable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, DTypeLike

from cortex_lab.data._draws import checked_seed, row_keys
from cortex_lab.data._rows import Rows, positions
from cortex_lab.data.frames import row_numbers
from cortex_lab.data.source import Source, frozen
from cortex_lab.ground import checks
from cortex_lab.ground.float32 import refuse_missing
from cortex_lab.ground.forks import cached_property

Given: TypeAlias = ArrayLike | Source | Rows
Kept: TypeAlias = np.ndarray | Source


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


class _PickedBatch(Batch):
    """A batch of `Batches`: its arrays are copied out of the data when they are first read.

    As long as it is `unread`, `put` copies them straight to where they are wanted instead.
    """

    weights: np.ndarray | None = None
    _source: Batches
    _picked: np.ndarray

    @classmethod
    def of(cls, source: Batches, picked: np.ndarray) -> _PickedBatch:
        batch = cls.__new__(cls)
        batch.__dict__.update(_source=source, _picked=picked)
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


class Batches:
    """Cuts an epoch's shuffled rows into batches; nothing is consumed by looking.

    Parameters
    ----------
    inputs
        (n, *shape), or one such array per input name. Bytes are served as they are, all else as float32.
        What lies in a file, as an array that is mapped or a `Source`, is read batch by batch.
    targets
        (n, ...) integer class ids, floats or bytes; one such array per output name; or None.
    batch_size
        Rows in a batch; the last batch of an epoch takes what is left.
    seed, shuffle
        Without `shuffle` every epoch has the rows in the order given.
    rows
        The rows to serve, positions in `inputs`; None serves all.
    excluded
        Rows to leave out.
    reads
        The names of the columns of each input, where they have some.
    categories, classes
        By column of words what its numbers stand for, and what class ids do, by name where targets have some.
    index
        The index of the frame that the rows came in, by which pandas objects choose rows; None for none.

    Arrays are copied, those over 64 MB or in a file are not: `check_unchanged` says whether one was changed.
    ValueError that names the array for one that is no numbers, or numbers that do not fit float32.
    """

    def __init__(
        self,
        inputs: Given | Mapping[str, Given],
        targets: Given | Mapping[str, Given] | None,
        *,
        batch_size: int,
        seed: int = 0,
        shuffle: bool = True,
        rows: Iterable[int] | None = None,
        excluded: Iterable[int] = (),
        reads: Mapping[str, list] | None = None,
        categories: Mapping[Hashable, list[str]] = MappingProxyType({}),
        classes: Any = None,
        index: pd.Index | None = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.reads, self.categories, self.classes, self._index = reads, categories, classes, index
        self._named = isinstance(inputs, Mapping)
        if isinstance(inputs, Mapping) and not inputs:
            raise checks.refused("inputs", "an array, or arrays by name", inputs)
        parts = dict(inputs) if isinstance(inputs, Mapping) else {"inputs": inputs}
        called = {name: f"input {name!r}" if self._named else "inputs" for name in parts}
        self._inputs = {name: Rows.of(array, False, called[name], dtype) for name, array in parts.items()}
        self._named_targets = isinstance(targets, Mapping)
        goals = dict(targets) if isinstance(targets, Mapping) else {"targets": targets}
        self._targets = {
            name: Rows.of(goal, True, f"target {name!r}" if self._named_targets else "targets", dtype)
            for name, goal in goals.items()
            if goal is not None
        }
        self._find_twins()
        parts = [*self._inputs.items(), *self._targets.items()]
        if len({len(part) for _, part in parts}) != 1:
            sizes = ", ".join(f"{name} {len(part)}" for name, part in parts)
            raise ValueError(f"inputs and targets must have as many rows as each other, got {sizes}")
        self._length = len(parts[0][1])
        self.batch_size = checks.whole("batch_size", batch_size)
        self.seed = checked_seed(seed)
        self.shuffle = checks.flag("shuffle", shuffle)
        self._all_rows = np.arange(self._length) if rows is None else positions(rows, self._length)
        if rows is not None and np.bincount(self._all_rows).max(initial=0) > 1:
            raise ValueError("the same row is given twice; each row is served once an epoch")
        self._identity: dict[str, int] | None = None
        self._leave_out(excluded)

    @property
    def inputs(self) -> Kept | dict[str, Kept]:
        """The inputs of all rows as they are kept, to be read only: arrays, or sources of rows in files."""
        whole = {name: part.whole for name, part in self._inputs.items()}
        return whole if self._named else whole["inputs"]

    @property
    def targets(self) -> Kept | dict[str, Kept] | None:
        """The targets of all rows as they are kept, to be read only, like `inputs`."""
        whole = {name: part.whole for name, part in self._targets.items()}
        return whole if self._named_targets else whole.get("targets")

    @property
    def targets_are(self) -> str | None:
        """The name of the input whose very numbers are the targets ("inputs" if it has no name), or None.

        Of targets by name, those count that are bytes: they are pictures where that input is.
        """
        counted = [name for name, part in self._targets.items() if part.dtype == np.uint8]
        twins = {self._twins.get(name) for name in (counted if self._named_targets else self._targets)}
        return twins.pop() if len(twins) == 1 else None

    def _find_twins(self) -> None:
        """Which targets are an input's very numbers, as an autoencoder's are; they are kept once."""
        self._twins: dict[str, str] = {}
        for goal, target in self._targets.items():
            name = next((name for name, part in self._inputs.items() if part.is_same(target)), None)
            if name is not None:
                self._twins[goal] = name
                target.keep_only(self._inputs[name])
        counted = [name for name, part in self._targets.items() if part.dtype == np.uint8]
        if len({self._twins.get(name) for name in counted}) > 1:
            raise ValueError(
                f"the targets {', '.join(counted)} are bytes, and not all those of one input, whose bytes "
                "may be seen as 0 to 1; give them as floats: y / numpy.float32(255)"
            )

    def refuse_missing(self) -> None:
        """ValueError for inputs that hold missing or infinite numbers in the rows served."""
        for name, part in self._inputs.items():
            if part.dtype.kind != "f":
                continue
            broken = [np.empty(0, np.int64)]
            for first in range(0, len(self.rows), part.rows_at_a_time):
                rows = self.rows[first : first + part.rows_at_a_time]
                finite = np.isfinite(part.take(rows))
                if not finite.all():
                    broken.append(rows[~finite.reshape(len(rows), -1).all(axis=1)])
            if len(broken) == 1:
                continue
            bad = np.concatenate(broken)
            called = f"input {name!r}" if self._named else "the input"
            refuse_missing(part.take(bad), called, bad, len(self.rows))

    def check_unchanged(self) -> None:
        """ValueError naming an array that was too large to copy and has been changed since."""
        for part in (*self._inputs.values(), *self._targets.values()):
            for shared in part.shared:
                shared.check()

    def order(self, epoch: int) -> np.ndarray:
        """The rows in the order that `epoch` (from 0) serves them, (n,) int64."""
        if not self.shuffle:
            return self.rows
        cached_epoch, order = self._cached_order
        if cached_epoch != epoch:
            keys = row_keys(self.seed, epoch, self._length)[self.rows]
            order = frozen(self.rows[np.argsort(keys, kind="stable")])
            # One assignment, so that a thread that reads meanwhile sees an epoch with its own order.
            self._cached_order = (epoch, order)
        return order

    def fetch(self, step: int) -> Batch:
        """The batch of `step`, counted from 0 through all epochs. The arrays are the caller's to change."""
        if type(step) is not int or step < 0:
            step = checks.whole("step", step, least=0)
        epoch, position = divmod(step, self.steps_per_epoch)
        first = position * self.batch_size
        return _PickedBatch.of(self, self.order(epoch)[first : first + self.batch_size])

    def excluding(self, rows: Iterable[int]) -> Batches:
        """The same batches without `rows` (positions in the frame); the others keep their relative order."""
        other = copy.copy(self)
        other._leave_out(np.union1d(self.excluded, positions(self.row_numbers(rows), self._length)))
        return other

    def row_numbers(self, rows: ArrayLike | None) -> Any:
        """Rows chosen by a pandas object as their numbers; others as they are."""
        return row_numbers(rows, np.arange(self._length), self._index, f"the {self._length} rows of the data")

    def identity(self, reals: DTypeLike | None = None) -> dict[str, int]:
        """What is served and in which order, whatever is excluded, as numbers to tell data apart by.

        With `reals`, as if real numbers were served as those.
        """
        if reals is not None:
            return self._identified(reals)
        if self._identity is None:
            self._identity = self._identified()
        return self._identity

    def _identified(self, reals: DTypeLike | None = None) -> dict[str, int]:
        rows, checksum = self._all_rows, 0
        for part in (*self._inputs.values(), *self._targets.values()):
            step = part.rows_at_a_time
            for first in range(0, len(rows), step):
                served = part.take(rows[first : first + step])
                if reals is not None and served.dtype.kind == "f":
                    served = served.astype(reals)
                checksum = zlib.crc32(served, checksum)
        return {"rows": len(rows), "checksum": checksum, "seed": self.seed, "shuffled": int(self.shuffle)}

    def _leave_out(self, excluded: Iterable[int]) -> None:
        self.excluded = frozen(np.unique(positions(excluded, self._length)))
        self.rows = frozen(self._all_rows[~np.isin(self._all_rows, self.excluded)])
        self._cached_order: tuple[int, np.ndarray] = (-1, self.rows)
        if len(self.rows) == 0:
            raise ValueError("there are no rows to make batches of")
        if not 1 <= self.batch_size <= len(self.rows):
            raise ValueError(
                f"batch_size is {self.batch_size}, but there are {len(self.rows)} rows to make batches of; "
                f"choose from 1 to {len(self.rows)}"
            )
        self.steps_per_epoch = -(-len(self.rows) // self.batch_size)

    def __repr__(self) -> str:
        order = f"shuffled with seed {self.seed}" if self.shuffle else "in order"
        out = f", {len(self.excluded)} excluded" if len(self.excluded) else ""
        rows = f"{len(self.rows)} rows {order}{out}"
        return f"<Batches of {self.batch_size}: {rows}, {self.steps_per_epoch} per epoch>"
