"""Rows beside a training, shared out: each worker has some of them, and judges these when it is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import cloudpickle
import numpy as np

from cortex_lab.nn.run.network import EVALUATION_ROWS
from cortex_lab.nn.train.objective import Judged, TotalLoss
from cortex_lab.scale.seat import Seat

Ask = Callable[[Sequence[Seat], dict[str, Any], Sequence[np.ndarray]], Mapping[Seat, Any]]


@dataclass(frozen=True)
class SharedRows:
    """Which rows a worker was told, of which arrays: held, so that no other takes the place of one."""

    span: tuple[int, int]
    arrays: tuple[np.ndarray, ...]

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, SharedRows) and self.span == other.span
        return same and [*map(id, self.arrays)] == [*map(id, other.arrays)]


class Judging:
    """Has workers judge rows piece by piece, as a network takes them: the bits are those of here."""

    def __init__(self) -> None:
        self._told: WeakKeyDictionary[Seat, SharedRows] = WeakKeyDictionary()

    def judge(
        self,
        ask: Ask,
        seats: Sequence[Seat],
        objective: TotalLoss,
        lasting: Sequence[np.ndarray],
        inputs: Mapping[str, np.ndarray],
        targets: Mapping[str, np.ndarray],
        weights: Mapping[str, Any],
        classifies: bool,
        wanted: Sequence[str],
    ) -> Judged:
        """As `TotalLoss.judge`. WireLost if a worker is lost on the way, which is out then."""
        rows = len(next(iter(inputs.values())))
        shares = list(zip(seats, _spans(rows, len(seats)), strict=False))
        for seat, span in shares:
            told = SharedRows(span, (*inputs.values(), *targets.values()))
            if self._told.get(seat) != told:
                own = slice(*span)
                parcel = cloudpickle.dumps(
                    {
                        "inputs": {name: values[own] for name, values in inputs.items()},
                        "targets": {name: values[own] for name, values in targets.items()},
                        "weights": {n: w[own] if np.ndim(w) else w for n, w in weights.items()},
                        "classifies": classifies,
                        "wanted": wanted,
                    }
                )
                ask([seat], {"do": "rows"}, [np.frombuffer(parcel, np.uint8)])
                self._told[seat] = told
        words = {"do": "judge", "some_unknown": bool(objective.some_unknown)}
        answers = ask([seat for seat, _ in shares], words, lasting)
        found: list[tuple[float, float, float]] = []
        shape, dtype = objective.network.graph.shape, lasting[0].dtype
        outputs = {name: np.empty((rows, *shape(name)), dtype) for name in wanted}
        for seat, span in shares:
            pieces, *gathered = answers[seat][1]
            found += [(float(loss), float(right), float(of)) for loss, right, of in pieces]
            for values, of_span in zip(outputs.values(), gathered, strict=True):
                values[slice(*span)] = of_span
        return found, outputs


def worth_sharing(rows: int) -> bool:
    """Whether there is more than one piece to deal out."""
    return rows > EVALUATION_ROWS


def _spans(rows: int, most: int) -> list[tuple[int, int]]:
    """Rows for each of so many at most, in whole pieces."""
    pieces = -(-rows // EVALUATION_ROWS)
    count = min(most, pieces)
    ends = [min(rows, EVALUATION_ROWS * (pieces * (number + 1) // count)) for number in range(count)]
    return list(zip([0, *ends[:-1]], ends, strict=True))
