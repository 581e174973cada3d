"""Batches as a pure function of (seed, step): any step at any time, the same batch every time."""

from __future__ import annotations

import copy
import itertools
import zlib
from collections.abc import Hashable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, DTypeLike

from cortex_lab.data._draws import checked_seed, row_keys, shuffled
from cortex_lab.data._rows import Rows, positions
from cortex_lab.data.ahead import Ahead
from cortex_lab.data.batch import Batch, PickedBatch
from cortex_lab.data.frames import row_numbers, weights_of_rows
from cortex_lab.data.overlays import by_row, relabeled, reweighted
from cortex_lab.data.sampling import drawn, refuse_small, weights_by_class
from cortex_lab.data.source import Source, frozen
from cortex_lab.ground import checks
from cortex_lab.ground.float32 import refuse_missing
from cortex_lab.ground.pieces import PIECE, spread

Given: TypeAlias = ArrayLike | Source | Rows
Kept: TypeAlias = np.ndarray | Source
_COMPARED = 16 * 2**20
"""Bytes of a column in a large file by which data are told apart."""


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
        Rows to leave out. Where later on fewer than `batch_size` are left, a batch takes all of them;
        `full_batch_size` stays as given.
    reads
        The names of the columns of each input, where they have some.
    categories, classes
        By column of words what its numbers stand for, and what class ids do, by name where targets have some.
    index
        The index of the frame that the rows came in, by which pandas objects choose rows; None for none.
    preparations
        By input name, what made its numbers of the columns that it `reads`, where something did.

    Arrays are copied, those over 64 MB or in a file are not: `check_unchanged` says whether one was changed.
    Of files over 256 MB some rows are looked at; what is wrong with others is an error of their batch.
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
        classes: object = None,
        index: pd.Index | None = None,
        preparations: Mapping[str, Any] = MappingProxyType({}),
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.preparations = dict(preparations)
        self.reads, self.categories, self.classes, self._index = reads, dict(categories), classes, index
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
        checks.as_many_rows(self._inputs, self._targets)
        self._length = len(next(iter(self._inputs.values())))
        self.full_batch_size = checks.whole("batch_size", batch_size)
        self.seed = checked_seed(seed)
        self.shuffle = checks.flag("shuffle", shuffle)
        self._all_rows = np.arange(self._length) if rows is None else positions(rows, self._length)
        if rows is not None and np.bincount(self._all_rows).max(initial=0) > 1:
            raise ValueError("the same row is given twice; each row is served once an epoch")
        self._identity: dict[str, int] | None = None
        # How often rows are drawn, and how much each counts in the loss.
        self._drawn_by: np.ndarray | None = None
        self._weights: np.ndarray | None = None
        # What was given, where rows have other labels now; and those, by target name, and other weights.
        self._given: Batches | None = None
        self.relabeled_rows: dict[str, dict[int, Any]] = {}
        self.reweighted_rows: dict[int, float] = {}
        self._shard: tuple[int, int] | None = None
        self._ahead: Ahead | None = None
        self._leave_out(excluded, first=True)

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

    @property
    def served_once(self) -> bool:
        """Whether each row comes by once in an epoch."""
        return self._drawn_by is None

    def refuse_missing(self) -> None:
        """ValueError for inputs that hold missing or infinite numbers in the rows served.

        Not of those in large files, which are looked at as they are read.
        """
        for name, part in self._inputs.items():
            if part.dtype.kind != "f" or not part.all_looked_at or part.holds_finite:
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
        given = self._given or self
        for part in (*given._inputs.values(), *given._targets.values()):
            for shared in part.shared:
                shared.check()

    def order(self, epoch: int) -> np.ndarray:
        """The rows in the order that `epoch` (from 0) serves them, (n,) int64."""
        if not self.shuffle and self._drawn_by is None:
            return self.rows
        cached_epoch, order = self._cached_order
        if cached_epoch != epoch:
            keys = row_keys(self.seed, epoch, self._length)[self.rows]
            if self._drawn_by is None:
                order = frozen(self.rows[shuffled(keys)])
            else:
                order = frozen(self.rows[drawn(keys, self._drawn_by[self.rows])])
            # One assignment, so that a thread that reads meanwhile sees an epoch with its own order.
            self._cached_order = (epoch, order)
        return order

    def fetch(self, step: int) -> Batch:
        """The batch of `step`, counted from 0 through all epochs. The arrays are the caller's to change."""
        if type(step) is not int or step < 0:
            step = checks.whole("step", step, least=0)
        return self._now(step) if self._ahead is None else self._ahead.fetch(self._now, step)

    def _now(self, step: int) -> PickedBatch:
        return PickedBatch.of(self, self._picked(step))

    def _picked(self, step: int) -> np.ndarray:
        epoch, position = divmod(step, self.steps_per_epoch)
        first = position * self.batch_size
        picked = self.order(epoch)[first : first + self.batch_size]
        return picked if self._shard is None else picked[self._shard[0] :: self._shard[1]]

    def parts(self, step: int, size: int) -> list[Batch]:
        """The batch of `step` in parts of `size` rows or less, whose gradients add up to its own.

        That of a part counts `len(part) / len(batch)` where losses are means.
        """
        size = checks.whole("size", size, least=1)
        picked = self._picked(checks.whole("step", step, least=0))
        return [PickedBatch.of(self, picked[first : first + size]) for first in range(0, len(picked), size)]

    def at(self, rows: ArrayLike) -> Batch:
        """These rows of the data, by number, in this order, as a batch."""
        return PickedBatch.of(self, positions(np.asarray(rows), self._length))

    def stream(self, start: int = 0, ahead: int = 0) -> Iterator[Batch]:
        """The batches from step `start` on, without end; `ahead` of them are read while one is used."""
        source = self.prefetching(ahead) if checks.whole("ahead", ahead, least=0) else self
        return map(source.fetch, itertools.count(checks.whole("start", start, least=0)))

    # The same rows served in another way ---------------------------------------------------------------

    def prefetching(self, count: int = 2) -> Batches:
        """The same batches, the next `count` of which a thread reads while one is used; worth it for files.

        The batch of a step is the same, whichever step was asked for before.
        """
        return self._with(_ahead=Ahead(checks.whole("count", count, least=1)))

    def weighted(self, weights: ArrayLike | pd.Series) -> Batches:
        """Rows drawn with replacement, as often as their weights say, as many in an epoch as before.

        One weight of at least 0 for each row, in the order of the rows; a Series is matched by its index.
        """
        rows = self._all_rows
        found = weights_of_rows(weights, rows, self._index, f"{len(rows)} rows of the data", "weights")
        if not np.isfinite(found).all() or (found < 0).any():
            wrong = int(np.flatnonzero(~(found >= 0) | np.isinf(found))[0])
            raise checks.WrongArgument(
                f"weights are finite numbers of at least 0, and that of row {rows[wrong]} is {found[wrong]}"
            )
        every = np.zeros(self._length)
        every[rows] = found
        return self._with(_drawn_by=every)

    def balanced(self, target: str | None = None) -> Batches:
        """Rows drawn with replacement, each class equally often; of several targets, `target` says whose."""
        target = None if target is None else checks.text("target", target, "targets")
        name = "targets" if target is None and not self._named_targets else target
        if name not in self._targets:
            there = ", ".join(self._targets) or "none"
            raise KeyError(f"there is no target {name!r} to balance the classes of; there are {there}")
        return self.weighted(weights_by_class(self._targets[name], self._all_rows, name))

    def shard(self, rank: int, of: int) -> Batches:
        """The share of one of `of` processes in every batch; those of all ranks together are the batch.

        ValueError if the last batch of an epoch has too few rows to give each a share.
        """
        of = checks.whole("of", of, least=1)
        rank = checks.whole("rank", rank, least=0, most=of - 1)
        first, step = self._shard or (0, 1)
        return self._with(_shard=(first + step * rank, step * of))

    def _with(self, **changes: object) -> Batches:
        other = copy.copy(self)
        other.__dict__.update(changes, _identity=None)
        other._leave_out(self.excluded)
        return other

    def excluding(self, rows: Iterable[int]) -> Batches:
        """The same batches without `rows` (positions in the frame); the others keep their relative order."""
        other = copy.copy(self)
        other._leave_out(np.union1d(self.excluded, positions(self.row_numbers(rows), self._length)))
        return other

    def relabeling(self, labels: object) -> Batches:
        """The same batches, where some rows have other labels: {row number: label}; by name of several.

        Labels are those of the data, class ids or numbers where it has none. What was given stays as it is.
        """
        named = labels if self._named_targets and isinstance(labels, Mapping) else {"targets": labels}
        other = copy.copy(self)
        other._targets, other.relabeled_rows = dict(self._targets), dict(self.relabeled_rows)
        other._given = self._given or self
        for name, own in named.items():
            called = f"labels of {name!r}" if self._named_targets else "labels"
            if name not in self._targets:
                raise KeyError(f"there is no target {name!r}; there are {', '.join(self._targets) or 'none'}")
            if name in self._twins:
                raise ValueError(f"{called} cannot be changed: they are the inputs themselves")
            changed = by_row(own, self.row_numbers, called)
            classes = self.classes.get(name) if isinstance(self.classes, Mapping) else self.classes
            other._targets[name] = relabeled(self._targets[name], changed, classes, called)
            other.relabeled_rows[name] = {**self.relabeled_rows.get(name, {}), **changed}
        return other

    def reweighting(self, weights: object) -> Batches:
        """The same batches, where some rows count more or less than the 1 of others: {row number: weight}."""
        changed = by_row(weights, self.row_numbers, "row_weights")
        other = copy.copy(self)
        other._weights = reweighted(self._weights, changed, self._length)
        other.reweighted_rows = {**self.reweighted_rows, **changed}
        return other

    def row_numbers(self, rows: ArrayLike | None) -> Any:
        """Rows chosen by a pandas object as their numbers; others as they are."""
        return row_numbers(rows, np.arange(self._length), self._index, f"the {self._length} rows of the data")

    def identity(
        self, reals: DTypeLike | None = None, like: Mapping[str, int] | None = None
    ) -> dict[str, int]:
        """What is served and in which order, whatever is excluded, as numbers to tell data apart by.

        With `reals`, as if real numbers were served as those. Of columns in large files it is of some of the
        rows, as "some_rows" says then; to be compared with another, it is of as many as that `like` it.
        """
        if self._given is not None:
            return self._given.identity(reals, like)
        large = any(not part.all_looked_at for part in (*self._inputs.values(), *self._targets.values()))
        some = large if like is None else "some_rows" in like
        if reals is not None or some != large:
            return self._identified(reals, some)
        if self._identity is None:
            self._identity = self._identified(None, some)
        return self._identity

    def _identified(self, reals: DTypeLike | None, some: bool) -> dict[str, int]:
        rows, checksum, fewest = self._all_rows, 0, len(self._all_rows)
        for part in (*self._inputs.values(), *self._targets.values()):
            chosen, step = rows, part.rows_at_a_time
            if some:
                # By their size alone: a copy in memory is the same data.
                chosen = rows[spread(len(rows), max(2, _COMPARED // max(1, PIECE // step)))]
                fewest = min(fewest, len(chosen))
            for first in range(0, len(chosen), step):
                served = part.take(chosen[first : first + step])
                if reals is not None and served.dtype.kind == "f":
                    served = served.astype(reals)
                checksum = zlib.crc32(served, checksum)
        found = {"rows": len(rows), "checksum": checksum, "seed": self.seed, "shuffled": int(self.shuffle)}
        if some:
            found["some_rows"] = fewest
        # What files of before know nothing of is said where there is some.
        if self._drawn_by is not None:
            found["weights"] = zlib.crc32(self._drawn_by)
        if self._shard is not None:
            found["rank"], found["of"] = self._shard
        return found

    def _leave_out(self, excluded: Iterable[int], first: bool = False) -> None:
        self.excluded = frozen(np.unique(positions(excluded, self._length)))
        self.rows = frozen(self._all_rows[~np.isin(self._all_rows, self.excluded)])
        self._cached_order: tuple[int, np.ndarray] = (-1, self.rows)
        if len(self.rows) == 0:
            raise ValueError("there are no rows to make batches of")
        if first and not 1 <= self.full_batch_size <= len(self.rows):
            raise ValueError(
                f"batch_size is {self.full_batch_size}, but there are {len(self.rows)} rows to make batches "
                f"of; choose from 1 to {len(self.rows)}"
            )
        self.batch_size = min(self.full_batch_size, len(self.rows))
        self.steps_per_epoch = -(-len(self.rows) // self.batch_size)
        if self._drawn_by is not None and not self._drawn_by[self.rows].any():
            raise ValueError("the weights of all rows are 0, so none can be drawn")
        if self._shard is not None:
            refuse_small(self.batch_size, len(self.rows), self._shard[1])
        # That of others would be another order's.
        self._ahead = None if self._ahead is None else Ahead(self._ahead.count)

    def __repr__(self) -> str:
        order = f"shuffled with seed {self.seed}" if self.shuffle else "in order"
        order = order if self._drawn_by is None else f"drawn by weight with seed {self.seed}"
        out = f", {len(self.excluded)} excluded" if len(self.excluded) else ""
        out += "" if self._shard is None else f", share {self._shard[0]} of {self._shard[1]}"
        rows = f"{len(self.rows)} rows {order}{out}"
        return f"<Batches of {self.batch_size}: {rows}, {self.steps_per_epoch} per epoch>"
