"""What a training learns from: batches, and where they come from."""

from __future__ import annotations

from typing import Any, Protocol


class Batch(Protocol):
    """What one step learns from.

    `inputs` are an array or a dict of them by input name, `targets` likewise by output name; `rows` say where
    in the data they lie, and `weights` how much each counts, (rows,) or None for all alike.
    """

    @property
    def inputs(self) -> Any: ...

    @property
    def targets(self) -> Any: ...

    @property
    def rows(self) -> Any: ...

    @property
    def weights(self) -> Any: ...


class BatchSource(Protocol):
    """Where batches come from: a pure function of the step, so that any step can be run again.

    Inputs are seen as `Network.seen` says. A source may have `targets_are`, the name of the input whose
    numbers are the targets, too: if its bytes are pictures, a loss of values sees the targets in the same
    way; no others are ever divided. It may have `reads`, the columns of each input by its name, by which
    tables of other rows are read, `check_unchanged()`, which raises an error if arrays that it serves were
    changed, `excluding(rows)`, the source without these rows, and `served_once`: whether each row comes by
    once in an epoch, as is taken for granted, so that it is checked then and never again. To have rows mixed,
    it has `rows`, the numbers of those trained on, and `at(rows)`, a batch of some of them; and
    `full_batch_size`, if its batches were larger before rows were left out.
    """

    @property
    def batch_size(self) -> int: ...

    @property
    def steps_per_epoch(self) -> int: ...

    def fetch(self, step: int) -> Batch: ...


def full_batch_size(source: BatchSource) -> int:
    """Rows of a batch before any were left out, to which a training may go back."""
    return getattr(source, "full_batch_size", source.batch_size)
