"""Rows beside a training and how they are judged: in pieces, by whoever has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class RowsToJudge:
    """Checked rows, by input and by output; `weights` of each output's loss are a number or one for each row.

    `classifies` says whether accuracy has a meaning, `wanted` names nodes whose outputs are asked for.
    """

    inputs: Mapping[str, np.ndarray]
    targets: Mapping[str, np.ndarray]
    weights: Mapping[str, Any]
    classifies: bool
    wanted: tuple[str, ...]

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    def cut(self, own: slice) -> RowsToJudge:
        """Some of the rows."""
        inputs, targets = ({n: each[own] for n, each in by.items()} for by in (self.inputs, self.targets))
        weights = {n: each[own] if np.ndim(each) else each for n, each in self.weights.items()}
        return RowsToJudge(inputs, targets, weights, self.classifies, self.wanted)

    def are_those_of(self, other: RowsToJudge) -> bool:
        """Whether they are the very same arrays, to be judged alike; weights follow from the targets."""
        mine, others = ([*each.inputs.values(), *each.targets.values()] for each in (self, other))
        alike = (self.classifies, self.wanted) == (other.classifies, other.wanted)
        return alike and [*map(id, mine)] == [*map(id, others)]


Judged = tuple[list[tuple[float, float, float]], dict[str, np.ndarray]]
"""Of each piece its loss, what of it is right and what can be, to be added up; and the outputs by name."""
Judge = Callable[[RowsToJudge], Judged]
