"""What becomes of the rows selected on a bench: edits of the training that is looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cortex_lab.ground import checks
from cortex_lab.nn import Training
from cortex_lab.study import Session
from cortex_lab.widgets.chart.answered import RowAnswers, label_edit
from cortex_lab.widgets.chart.rows import Asked, rows_of
from cortex_lab.widgets.chart.selection import Rows, Selection, checked_selection
from cortex_lab.widgets.chart.told_rows import find_rows, told_of_row

MOST_LABELS = 40
"""Classes that a menu offers as labels."""


class Acting:
    """The part of a bench that acts on rows: those given or, without any, those selected.

    Each is one edit of the session, which a rewind takes back and `session.script()` repeats. A dataset by
    itself is changed in the same words: `dataset.exclude(bench.selection)`.
    """

    session: Session
    selection: Selection
    channel: Any
    ask: Callable[[Callable[[], Any]], None]
    _answer_page: Callable[[Callable[[], Any]], None]

    def exclude(self, rows: Rows = None) -> None:
        """Train on these rows no more, from the next step on."""
        self._edit("excluded_rows", list(self._rows(rows)))

    def reweight(self, weight: float, rows: Rows = None) -> None:
        """Have these rows count so much, where others count 1, from the next batch on."""
        found = checks.number("weight", weight, least=0)
        self._edit("row_weights", dict.fromkeys(self._rows(rows), found))

    def relabel(self, label: object, rows: Rows = None, output: str | None = None) -> None:
        """Have these rows be of the class `label`, from the next batch on.

        `output` says of which output, where several tell classes apart; None takes the first. ValueError for
        a class that there is not.
        """
        name, goal = self._labeled(output)
        wanted = str(label)
        if wanted not in goal.classes:
            told = ", ".join(goal.classes[:20])
            raise ValueError(f"there is no class {label!r} to label rows as; {name!r} tells apart {told}")
        labels = dict.fromkeys(self._rows(rows), wanted)
        self._edit("labels", label_edit(self.session, name, goal, labels))

    def search(self, text: str) -> Selection:
        """Select the rows that a text stands for, and return them: `bench.search("7")`.

        A class, a word in any column, "column: text", or "#12" for a row by its number. On the page, the same
        field in a panel selects those of them that it shows. KeyError for a column that there is not.
        """
        self.selection = found = Selection(find_rows(self.session, text))
        return found

    def _labeled(self, output: str | None) -> tuple[str, Asked]:
        goals = labeled(self.session)
        if not goals:
            raise LookupError("no output of this session tells classes apart, so there is no label to change")
        name = next(iter(goals)) if output is None else checks.choice("output", output, tuple(goals))
        return name, goals[name]

    def _edit(self, name: str, value: object) -> None:
        if not RowAnswers.fits(self.session):
            told = "cl.train(network, dataset, ...) makes one that does"
            raise LookupError(f"this session trains on no rows; {told}")
        self.session.edit(name, value)

    def _rows(self, rows: Rows) -> Selection:
        found = self.selection if rows is None else checked_selection(self.session, rows)
        if not len(found):
            raise ValueError("no row is selected; select some on the page, or give rows=[...]")
        return found

    def _asked_of_rows(self, message: Mapping[str, Any]) -> None:
        """In the kernel's thread: a click in the menu of the rows selected, or a question about rows."""
        what, number, kind = message.get("what"), message.get("number"), message.get("type")
        page, panel, row = (message.get(name) for name in ("page", "panel", "row"))
        if kind == "row" and type(row) is int:
            self._answer_page(lambda: self._tell_row(row, page))
        if kind == "search":
            self._answer_page(lambda: self._tell_found(str(message.get("text", "")), page, panel))
        if kind != "rows":
            return
        if what == "exclude":
            self.ask(self.exclude)
        elif what == "reweight" and isinstance(number, (int, float)):
            self.ask(lambda: self.reweight(number))
        elif what == "relabel" and type(number) is int:
            self.ask(lambda: self.relabel(labels_to_offer(self.session)[number]))

    def _tell_row(self, row: int, page: Any) -> None:
        """In the publisher's thread: what is known of a row under the pointer of a page."""
        text, picture = told_of_row(self.session, row)
        told = {"type": "row", "page": page, "row": row, "text": text}
        if picture is None:
            self.channel.send(told)
        else:
            self.channel.send({**told, "shape": picture.shape}, buffers=[picture.tobytes()])

    def _tell_found(self, text: str, page: Any, panel: Any) -> None:
        """In the publisher's thread: the rows that a page looks for; it selects those that it shows."""
        try:
            rows, refusal = find_rows(self.session, text), ""
        except KeyError as error:
            rows, refusal = np.empty(0), str(error.args[0])
        told = {"type": "found", "page": page, "panel": panel, "text": text, "refusal": refusal}
        self.channel.send(told, buffers=[rows.astype(np.int32).tobytes()])


def labeled(session: Session) -> dict[str, Asked]:
    """The outputs that tell classes apart, one to a row."""
    if not RowAnswers.fits(session):
        return {}
    goals = rows_of(session).goals
    return {
        name: goal
        for name, goal in goals.items()
        if goal.says == "classes" or (goal.says == "yes or no" and len(goal.classes) == 2)
    }


def labels_to_offer(session: Session) -> list[str]:
    """The classes that a menu offers for the rows selected; none where there are too many."""
    goals = [*labeled(session).values()]
    return [*goals[0].classes] if goals and len(goals[0].classes) <= MOST_LABELS else []


def known_of_rows(session: Session) -> dict[str, Any]:
    """What a page has to know to act on rows."""
    return {"trains": isinstance(session.process, Training), "labels": labels_to_offer(session)}
