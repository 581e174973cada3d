"""The rows of a session by number, wherever they lie: in a data set, in arrays, or in batches alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cortex_lab.data import Batches, Dataset, Source
from cortex_lab.nn import Loss, Network
from cortex_lab.nn.contract.batches import BatchSource
from cortex_lab.study import Session
from cortex_lab.widgets.chart.subjects import network_of
from cortex_lab.widgets.chart.view import NothingToShow

Named = dict[str, np.ndarray]
Arrays = np.ndarray | Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Asked:
    """What one output is asked for: the `classes` it tells apart, or the values it predicts, called `names`.

    `says` is "classes", "yes or no", "values" or, of an output that nobody asks anything, "features". `link`
    is what makes chances of what comes out: "softmax", "sigmoid", None where nothing has to, "" if unknown.
    """

    says: str
    classes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    link: str | None = ""


@dataclass(frozen=True, eq=False)
class KnownRows:
    """Rows by their numbers; `shown` are those to look at, held out if there are some, called `part`.

    `take(numbers)` gives inputs and targets by the network's names of them; no targets where there are none.
    """

    name: str
    part: str
    numbers: np.ndarray
    shown: np.ndarray
    goals: Mapping[str, Asked]
    take: Callable[[np.ndarray], tuple[Named, Named]]

    def checked(self, row: int) -> int:
        """`row`, if there is such a row; IndexError otherwise."""
        if row not in self.numbers:
            count, first, last = len(self.numbers), self.numbers.min(), self.numbers.max()
            raise IndexError(
                f"there is no row {row} in {self.name!r}; it has {count} rows from {first} to {last}"
            )
        return int(row)


def rows_of(session: Session) -> KnownRows:
    """The rows of a session; NothingToShow, with what to do, if it has none."""
    network_of(session)
    dataset = getattr(session, "dataset", None)
    source = getattr(session.process, "batches", None)
    if dataset is not None:
        return _of_dataset(session, dataset)
    if source is None:
        raise NothingToShow(
            "This session has no dataset, so there are no rows to show.\n"
            "Pass a Dataset to cl.train(network, dataset, ...)."
        )
    whole = hasattr(source, "row_numbers") and hasattr(source, "excluded")
    return _of_arrays(session, source) if whole else _of_first_batch(session, source)


def fed(inputs: Named) -> Any:
    """Inputs as a network takes them: the array itself where there is one."""
    return inputs if len(inputs) > 1 else next(iter(inputs.values()))


def has_rows(session: Session) -> bool:
    try:
        return rows_of(session) is not None
    except NothingToShow:
        return False


def _of_dataset(session: Session, dataset: Dataset) -> KnownRows:
    part, shown = "rows", dataset
    for name in ("test", "validation", "train"):
        if (found := getattr(dataset, name, None)) is not None:
            part, shown = (f"{name} rows" if found is not dataset else "rows"), found
            break

    def take(rows: np.ndarray) -> tuple[Named, Named]:
        inputs, targets = dataset.select(rows).arrays()
        return _inputs(session, inputs), targets_of(session, targets)

    goals = _goals(session, dataset.classes, getattr(dataset, "target", None))
    return KnownRows(dataset.name, part, np.asarray(dataset.rows), np.asarray(shown.rows), goals, take)


def _of_arrays(session: Session, source: Batches) -> KnownRows:
    everything = source.inputs
    first = next(iter(everything.values())) if isinstance(everything, Mapping) else everything
    numbers = np.arange(len(first))
    # Of a million rows, sorting them would take seconds, for every frame.
    untouched = np.ones(len(first), bool)
    untouched[source.rows] = untouched[np.asarray(source.excluded, int)] = False
    rest = np.flatnonzero(untouched)
    shown, part = (rest, "validation rows") if len(rest) else (np.sort(source.rows), "training rows")

    def take(rows: np.ndarray) -> tuple[Named, Named]:
        inputs, targets = _picked(source.inputs, rows), _picked(source.targets, rows)
        return _inputs(session, inputs), targets_of(session, targets)

    return KnownRows("the data", part, numbers, shown, _goals(session, network_of(session).classes), take)


def _of_first_batch(session: Session, source: BatchSource) -> KnownRows:
    batch = source.fetch(0)
    numbers, places = np.unique(np.asarray(batch.rows), return_index=True)

    def take(rows: np.ndarray) -> tuple[Named, Named]:
        at = places[np.searchsorted(numbers, rows)]
        return _inputs(session, _picked(batch.inputs, at)), targets_of(session, _picked(batch.targets, at))

    goals = _goals(session, network_of(session).classes)
    return KnownRows("the first batch", "rows of the first batch", numbers, numbers, goals, take)


def _picked(arrays: object, rows: np.ndarray) -> Any:
    if isinstance(arrays, Mapping):
        return {name: _picked(each, rows) for name, each in arrays.items()}
    if arrays is None:
        return None
    # What lies in a file has its rows read.
    in_file = isinstance(arrays, Source) and not isinstance(arrays, np.ndarray)
    return arrays.take(rows) if in_file else np.asarray(arrays)[rows]


def _inputs(session: Session, inputs: Arrays) -> Named:
    if isinstance(inputs, Mapping):
        return dict(inputs)
    return {next(iter(network_of(session).graph.inputs)): inputs}


def targets_of(session: Session, targets: Arrays | None) -> Named:
    """Targets by the outputs that they are of."""
    if targets is None:
        return {}
    objective = getattr(session.process, "objective", None)
    if objective is not None:
        found = objective.by_output(targets)
        return {name: np.asarray(part) for name, part in found.items() if part is not None}
    return dict(targets) if isinstance(targets, Mapping) else {_outputs(session)[-1]: targets}


def _outputs(session: Session) -> tuple[str, ...]:
    graph = network_of(session).graph
    return tuple(getattr(graph, "outputs", None) or list(graph.nodes)[-1:])


def _goals(session: Session, classes: object, columns: object = None) -> dict[str, Asked]:
    """By output, what it is asked for; `classes` and `columns` are of one output, or by name of several."""
    losses = getattr(session.process, "losses", {})
    return {
        name: _goal(network_of(session), name, losses.get(name), _of(classes, name), _of(columns, name))
        for name in _outputs(session)
    }


def _of(what: object, name: str) -> Any:
    return what.get(name) if isinstance(what, Mapping) else what


def _goal(
    network: Network, name: str, loss: Loss | None, classes: Sequence[object] | None, columns: object
) -> Asked:
    known, link = tuple(str(each) for each in classes or ()), getattr(loss, "link", "")
    says = getattr(loss, "predicts", "classes" if known else "values")
    shape = network.graph.shape(name) if hasattr(network.graph, "shape") else (len(known),)
    count = shape[-1] if shape else 1
    numbered = tuple(map(str, range(count)))
    if says == "classes":
        return Asked(says, known if len(known) == count else numbered, link=link)
    if says == "yes or no" and count == 1:
        return Asked(says, known if len(known) == 2 else ("no", "yes"), link=link)
    own = columns if isinstance(columns, list) else [] if columns is None else [columns]
    names = known if len(known) == count else tuple(map(str, own))
    names = names if len(names) == count else (name,) if count == 1 else numbered
    return Asked(says, (), names, link)
