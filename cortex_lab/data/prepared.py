"""Datasets whose inputs a preparation reads: fitted on the rows to train on, and on none beside them."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, Self

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike

from cortex_lab.data._rows import Rows
from cortex_lab.data.kinds import kinds_of, refuse_alike_names, refuse_unread
from cortex_lab.data.preparing import Preparation, refuse_no_transformer
from cortex_lab.data.ragged_dtype import RaggedDtype
from cortex_lab.data.roles import as_list
from cortex_lab.data.tensor import TensorDtype
from cortex_lab.data.transformer import Transformer
from cortex_lab.ground import checks
from cortex_lab.ground.forks import cached_property


class Tabled(Protocol):
    """As much of a Dataset as is asked for here."""

    _inputs: Any
    _whole: pd.DataFrame
    _autoencodes: bool
    rows: np.ndarray
    splits: dict[str, np.ndarray]
    target: Any
    dtype: Any

    @property
    def reads(self) -> dict[str, list]: ...


class Prepared(Mapping):
    """Inputs, by name, as a preparation makes them of the columns of a frame, when they are first asked for.

    A preparation is fitted on the rows `learned`, or given. Parts of a dataset share it, and ask for their
    own rows; of one where other rows are trained on, `part` is another.
    """

    def __init__(
        self,
        recipes: Mapping[str, Any],
        reads: Mapping[str, list],
        frame: pd.DataFrame,
        rows: np.ndarray,
        learned: np.ndarray,
        targets: pd.Series | None = None,
        dtype: DTypeLike = np.float32,
        settled: bool = False,
        instead: str | None = None,
    ) -> None:
        self.recipes, self.reads, self.frame, self.rows = dict(recipes), dict(reads), frame, rows
        self.learned, self.targets, self.dtype = learned, targets, dtype
        # Whether what is trained on was said, by a split; and why columns are not read as they are.
        self.settled, self.instead = settled, instead
        self._read: dict[str, Rows] = {}

    @cached_property
    def preparations(self) -> dict[str, Preparation]:
        """By input name, fitted."""
        return {
            name: recipe if isinstance(recipe, Preparation) else self._fitted(recipe, self.reads[name])
            for name, recipe in self.recipes.items()
        }

    @property
    def is_fitted(self) -> bool:
        return "preparations" in vars(self)

    def _fitted(self, recipe: Transformer | None, columns: list) -> Preparation:
        targets = None if self.targets is None else self.targets.iloc[self.learned].to_numpy()
        try:
            return Preparation.fitted(recipe, self.frame, columns, self.learned, targets, self.dtype)
        except ImportError as error:
            why = f"{self.instead}. " if self.instead else ""
            raise ImportError(f"{why}{error}") from error

    def __getitem__(self, name: str) -> Rows:
        if name not in self._read:
            preparation = self.preparations[name]
            made = preparation.numbers(self.frame, self.rows)
            if len(self.rows) < len(self.frame) or not np.array_equal(self.rows, np.arange(len(self.rows))):
                # Rows keep their numbers; those that nobody asks for are not prepared, whatever they hold.
                whole = np.zeros((len(self.frame), made.shape[1]), made.dtype)
                whole[self.rows] = made
                made = whole
            called = f"column {', '.join(map(repr, self.reads[name]))}"
            self._read[name] = Rows(made, called=called, private=True, dtype=self.dtype)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.recipes)

    def __len__(self) -> int:
        return len(self.recipes)

    def part(self, rows: np.ndarray, splits: Mapping[str, np.ndarray]) -> Prepared:
        """Those of a part of the dataset, whose rows to train on are those of its splits, or else all."""
        if not splits and self.settled:
            return self
        learned = splits["train"] if splits else rows
        if np.array_equal(learned, self.learned) and np.array_equal(rows, self.rows):
            return self
        return self._with(rows=rows, learned=learned, settled=bool(splits))

    def relabeled(self, dataset: Tabled) -> Prepared:
        """The same for a dataset whose labels are others, which some transformers look at."""
        return self if self.settled and not dataset.splits else self._with(targets=targets_of(dataset))

    def as_numbers(self, dtype: DTypeLike) -> Prepared:
        """The same in numbers of another dtype."""
        return self._with(dtype=dtype)

    def _with(self, **changes: Any) -> Prepared:
        other = copy.copy(self)
        vars(other).pop("preparations", None)
        vars(other).update(changes, _read={})
        return other


def read_by(dataset: Tabled, preparations: Mapping[str, Preparation], reads: Mapping[str, list]) -> Prepared:
    """The rows of a dataset as these preparations read them."""
    own = dataset._inputs
    if isinstance(own, Prepared) and own.is_fitted and own.frame is dataset._whole:
        same = all(own.preparations.get(name) is each for name, each in preparations.items())
        if same and np.isin(dataset.rows, own.rows).all():
            return own
    dtype = dataset.dtype
    return Prepared(
        preparations, reads, dataset._whole, dataset.rows, dataset.rows, None, dtype, settled=True
    )


def is_prepared(dataset: Tabled) -> bool:
    """Whether a preparation reads the inputs of a dataset."""
    return isinstance(dataset._inputs, Prepared)


def prepared_instead(dataset: Tabled, error: ValueError) -> Prepared | None:
    """What reads inputs that cannot be read as they are; None where a preparation could not either."""
    try:
        for columns in dataset.reads.values():
            refuse_unread(dataset._whole, columns)
    except ValueError:
        return None
    # Which rows, and how to mend them, is for those who mend them.
    return _of(
        dataset,
        dict.fromkeys(dataset.reads),
        re.sub(r" \(first: .*?\)|; .*?(?=\. Besides|$)", "", str(error)),
    )


def _of(dataset: Tabled, recipes: Mapping[str, Any], instead: str | None = None) -> Prepared:
    learned = dataset.splits["train"] if dataset.splits else dataset.rows
    return Prepared(
        recipes, dataset.reads, dataset._whole, dataset.rows, learned, targets_of(dataset), dataset.dtype,
        settled=bool(dataset.splits), instead=instead,
    )  # fmt: skip


def targets_of(dataset: Tabled) -> pd.Series | None:
    """The one column that is predicted; None where there is none, or are several."""
    if dataset._autoencodes or dataset.target is None or isinstance(dataset.target, (list, dict)):
        return None
    column: Any = dataset._whole[dataset.target]
    return None if isinstance(column.dtype, (TensorDtype, RaggedDtype)) else column


class Preparable:
    """Base of `Dataset`: its inputs may be read by a preparation."""

    _inputs: Any
    inputs: Any
    reads: Any
    _targets: Any
    _goals: Any
    _autoencodes: bool

    def prepared(self, transformer: Transformer | Mapping[str, Transformer | None] | None = None) -> Self:
        """The same rows, whose inputs `transformer` makes numbers of: any of scikit-learn's, or a Pipeline.

        None is skrub's TableVectorizer with gaps filled and numbers scaled, for columns of any kind. It is
        fitted on the rows to train on, when they are first asked for, and anew for each split and fold; other
        rows are transformed only. A network that is trained on them carries it: `network.predict(frame)`
        takes rows as they came. Of several inputs a dict by name, or the same for each.
        """
        other: Any = copy.copy(self)
        other._inputs = self._prepared_by(transformer)
        vars(other)["categories"] = {}
        if other._autoencodes:
            other._targets = {name: other._goal(name) for name in other._goals}
        return other

    def _prepared_by(self, transformer: object) -> Prepared:
        names = list(self.reads)
        given = transformer if isinstance(transformer, dict) else dict.fromkeys(names, transformer)
        if set(given) != set(names):
            raise checks.refused("transformer", f"one for each input, {', '.join(map(repr, names))}", given)
        for each in given.values():
            if each is not None and not isinstance(each, Preparation):
                refuse_no_transformer(each)
        dataset: Any = self
        for columns in dataset.reads.values():
            refuse_alike_names(columns)
            kinds_of(dataset._whole, columns, dataset.rows)
        return _of(dataset, given)

    @property
    def preparation(self) -> Any:
        """What reads the inputs, fitted on the rows to train on; by name of several, None if nothing."""
        if not isinstance(self._inputs, Prepared):
            return None
        found = self._inputs.preparations
        return found if isinstance(self.inputs, dict) else found["inputs"]

    def unprepared(self) -> Any:
        """The same numbers without what made them: a Dataset of a column for each, beside the targets."""
        dataset: Any = self
        if not isinstance(self._inputs, Prepared):
            return dataset
        goals = [each for goal in self._goals.values() for each in as_list(goal)]
        x, named, columns = dataset.arrays()[0], {}, {}
        for name, each in self._inputs.preparations.items():
            features = [f if f not in goals and f not in columns else f"{name} {i}: {f}"
                        for i, f in enumerate(each.features)]  # fmt: skip
            named[name] = features
            columns |= dict(zip(features, (x[name] if isinstance(x, dict) else x).T, strict=True))
        inputs = named if isinstance(self.inputs, dict) else named["inputs"]
        own = list(dict.fromkeys(each for each in goals if not self._autoencodes))
        frame = pd.DataFrame(columns, index=dataset.frame.index)
        frame = pd.concat([frame, dataset.frame[own]], axis=1).reset_index(drop=True)
        place = {int(row): at for at, row in enumerate(dataset.rows)}
        splits = {part: [place[int(row)] for row in rows] for part, rows in dataset.splits.items()}
        target = "inputs" if self._autoencodes else dataset.target
        made = type(dataset)(frame, inputs, target, splits, dataset.name, dataset.dtype)
        made._targets = dataset._targets if len(frame) == len(dataset._whole) else made._targets
        return made

    def _told_of_preparation(self) -> list[str]:
        """What was done to the columns; before it is done, why, or what will be."""
        own = self._inputs
        if not isinstance(own, Prepared):
            return []
        if own.is_fitted:
            many = len(own.preparations) > 1
            return [
                f"{f'{name}: ' if many else ''}{note}"
                for name, each in own.preparations.items()
                for note in each.notes
            ]
        why = f", as {own.instead}" if own.instead else ""
        gaps = own.frame[list(dict.fromkeys(self._all_columns()))].isna().sum()
        gaps = gaps[gaps > 0]
        held = ", ".join(f"{name!r} {count:,}" for name, count in list(gaps.items())[:8])
        more = f" and {len(gaps) - 8} more" if len(gaps) > 8 else ""
        said = "prepared when first asked for, fitted on the rows to train on"
        return [f"{said}{why}", *([f"gaps: {held}{more}"] if len(gaps) else [])]

    def _all_columns(self) -> list:
        return [column for columns in self.reads.values() for column in columns]
