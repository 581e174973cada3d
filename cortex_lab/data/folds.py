"""Every row judged by a network that has not seen it: k-fold, on scikit-learn's splitters."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data.source import frozen
from cortex_lab.data.splits import CannotStratify
from cortex_lab.ground import checks


@dataclass(frozen=True, eq=False)
class Fold:
    """One of several ways to hold rows back. `data` is split so: it is trained on, and validated, as it is.

    in_fold, out_of_fold
        Numbers of the rows that are trained on, and of those that are held back.
    """

    number: int
    data: Any

    @property
    def in_fold(self) -> np.ndarray:
        return self.data.splits["train"]

    @property
    def out_of_fold(self) -> np.ndarray:
        return self.data.splits["validation"]

    @property
    def train(self) -> Any:
        return self.data.train

    @property
    def validation(self) -> Any:
        return self.data.validation

    def __repr__(self) -> str:
        return f"<Fold {self.number}: {len(self.in_fold):,} rows in it, {len(self.out_of_fold):,} out of it>"


class Folds:
    """The folds of a dataset, to be gone through; each row is out of one of them.

    `gather` takes the predictions for the rows that are out of a fold, and `predictions` are all of them, on
    the index of the frame.
    """

    def __init__(self, dataset: Any, parts: list[tuple[np.ndarray, np.ndarray]]) -> None:
        self.dataset = dataset
        self._folds = [
            Fold(number, dataset._part(dataset.rows, {"train": kept, "validation": out}, dataset.name))
            for number, (kept, out) in enumerate(parts)
        ]
        self._gathered: dict[int, np.ndarray] = {}

    def __iter__(self) -> Iterator[Fold]:
        return iter(self._folds)

    def __len__(self) -> int:
        return len(self._folds)

    def __getitem__(self, number: int) -> Fold:
        return self._folds[number]

    def __repr__(self) -> str:
        return f"<{len(self)} folds of {self.dataset.name!r}, {len(self._gathered)} gathered>"

    def gather(self, fold: Fold | int, predictions: Any) -> None:
        """Keep what was predicted for the rows out of a fold, in their order; a frame or Series by its index.

        ValueError for other than one prediction for each row.
        """
        number = fold.number if isinstance(fold, Fold) else checks.whole("fold", fold, 0, len(self) - 1)
        own = self._folds[number]
        if isinstance(predictions, (pd.Series, pd.DataFrame)):
            index = predictions.index
            if index.name in ("row", "row number") and not index.equals(pd.Index(own.out_of_fold)):
                if not index.is_unique or set(index) != set(own.out_of_fold.tolist()):
                    raise ValueError(f"predictions are of other rows than those out of fold {number}")
                predictions = predictions.loc[own.out_of_fold]
        values = np.asarray(predictions)
        if values.ndim == 0 or len(values) != len(own.out_of_fold):
            size = "a single value" if values.ndim == 0 else f"{len(values):,}"
            raise ValueError(
                f"fold {number} has {len(own.out_of_fold):,} rows out of it, and predictions are {size}: "
                "give those of fold.validation, one for each row"
            )
        others = [each for each in self._gathered.values() if each.shape[1:] != values.shape[1:]]
        if others:
            raise ValueError(
                f"predictions of fold {number} are {values.shape[1:]} for each row, "
                f"and others {others[0].shape[1:]}"
            )
        self._gathered[number] = values.copy()

    @property
    def predictions(self) -> pd.Series | pd.DataFrame:
        """What was predicted for each row by a network that did not see it.

        A column, or of several numbers for each row a frame, on the index that the rows came with. ValueError
        until all is there.
        """
        missing = [each.number for each in self if each.number not in self._gathered]
        if missing:
            raise ValueError(f"fold {missing[0]} has no predictions yet: folds.gather(fold, predictions)")
        rows = np.concatenate([each.out_of_fold for each in self])
        values = np.concatenate([self._gathered[each.number] for each in self])
        order = np.argsort(rows, kind="stable")
        index = self.dataset._index[rows[order]]
        if values.ndim == 1:
            return pd.Series(values[order], index, name="prediction")
        return pd.DataFrame(values[order].reshape(len(values), -1), index)


def drawn_folds(
    dataset: Any, k: int, seed: int, stratify: bool, groups: np.ndarray | None, named: Hashable
) -> Folds:
    """`k` folds of a dataset, by scikit-learn's splitters: groups whole, classes in proportion."""
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

    rows = np.sort(dataset.rows)
    goal: Any = dataset._classified if stratify else None
    ids = None if goal is None else goal.rows.take(rows)
    if k > len(rows):
        raise ValueError(
            f"{k} folds of {len(rows)} rows would leave some empty; ask for {len(rows)} or fewer"
        )
    if groups is not None and len(np.unique(groups)) < k:
        raise ValueError(
            f"{k} folds need as many groups, and {named!r} has {len(np.unique(groups))}; ask for fewer folds"
        )
    if goal is not None and ids is not None:
        counts = np.bincount(ids, minlength=len(goal.classes))
        rare = [goal.classes[each] for each in np.flatnonzero((counts > 0) & (counts < k))]
        if rare and not _are_values(goal.labels):
            raise CannotStratify(
                f"class {rare[0]!r} has {counts[counts > 0].min()} rows, fewer than {k} folds: some would "
                "have none of it; ask for fewer folds, leave it out, or say stratify=False"
            )
        ids = None if rare else ids
    if groups is None:
        splitter = KFold if ids is None else StratifiedKFold
    else:
        splitter = GroupKFold if ids is None else StratifiedGroupKFold
    with warnings.catch_warnings():
        # That classes are fewer than folds is said above.
        warnings.simplefilter("ignore", UserWarning)
        parts = list(splitter(k, shuffle=True, random_state=seed % 2**32).split(rows, ids, groups))
    folds = [(frozen(rows[kept]), frozen(rows[out])) for kept, out in parts]
    for number, (kept, out) in enumerate(folds):
        if not len(out) or not len(kept):
            raise ValueError(f"fold {number} would have no rows: groups are too few or too large")
        if (
            goal is not None
            and ids is not None
            and len(np.unique(goal.rows.take(kept))) < 2 <= len(np.unique(ids))
        ):
            only = goal.classes[goal.rows.take(kept)[0]]
            raise CannotStratify(
                f"fold {number} would be trained on one class alone, {only!r}; ask for other folds, or "
                "other groups"
            )
    return Folds(dataset, folds)


def _are_values(labels: pd.Index) -> bool:
    return labels.dtype.kind in "iuf" and len(labels) > 20
