"""Rows beside a training, shared out: each worker has some of them, and judges these when it is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import cloudpickle
import numpy as np

from cortex_lab.nn.run.network import EVALUATION_ROWS
from cortex_lab.nn.run.sharding import Span
from cortex_lab.nn.train.judging import Judged, RowsToJudge
from cortex_lab.nn.train.objective import TotalLoss
from cortex_lab.scale.seat import Seat

Ask = Callable[[Sequence[Seat], dict[str, Any], Sequence[np.ndarray]], Mapping[Seat, Any]]


class Judging:
    """Has workers judge rows piece by piece, as a network takes them: the bits are those of here."""

    def __init__(self) -> None:
        # What each was told last; held, so that no other array takes the place of one.
        self._told: WeakKeyDictionary[Seat, tuple[Span, RowsToJudge]] = WeakKeyDictionary()

    def judge(
        self,
        ask: Ask,
        seats: Sequence[Seat],
        objective: TotalLoss,
        lasting: Sequence[np.ndarray],
        rows: RowsToJudge,
    ) -> Judged:
        """As `TotalLoss.judge`. WireLost if a worker is lost on the way, which is out then."""
        shares = list(zip(seats, _spans(len(rows), len(seats)), strict=False))
        for seat, span in shares:
            had = self._told.get(seat)
            if had is None or had[0] != span or not rows.are_those_of(had[1]):
                parcel = cloudpickle.dumps(rows.cut(slice(*span)))
                ask([seat], {"do": "rows"}, [np.frombuffer(parcel, np.uint8)])
                self._told[seat] = span, rows
        words = {"do": "judge", "some_unknown": bool(objective.some_unknown)}
        answers = ask([seat for seat, _ in shares], words, lasting)
        found: list[tuple[float, float, float]] = []
        outputs: dict[str, list[np.ndarray]] = {name: [] for name in rows.wanted}
        for seat, _ in shares:
            pieces, *gathered = answers[seat][1]
            found += [(float(loss), float(right), float(of)) for loss, right, of in pieces]
            for parts, part in zip(outputs.values(), gathered, strict=True):
                parts.append(part)
        return found, {name: np.concatenate(parts) for name, parts in outputs.items()}


def worth_sharing(rows: RowsToJudge) -> bool:
    """Whether there is more than one piece to deal out."""
    return len(rows) > EVALUATION_ROWS


def _spans(rows: int, most: int) -> list[Span]:
    """Rows for each of so many at most, in whole pieces."""
    pieces = -(-rows // EVALUATION_ROWS)
    count = min(most, pieces)
    ends = [min(rows, EVALUATION_ROWS * (pieces * (number + 1) // count)) for number in range(count)]
    return list(zip([0, *ends[:-1]], ends, strict=True))
