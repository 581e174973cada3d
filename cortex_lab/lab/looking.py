"""What a session says of rows of its data, one by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, TypeGuard

import numpy as np
import pandas as pd

from cortex_lab.data import Batches, Dataset, TensorArray
from cortex_lab.data.frames import common_index
from cortex_lab.data.roles import as_list
from cortex_lab.data.views import StaticView, Versions, epochs_of, timed, versions
from cortex_lab.ground import checks
from cortex_lab.nn import Training
from cortex_lab.nn.train.by_row import OutputByRow, by_row


class Looking:
    """Base of `TrainingSession`: its rows, one by one."""

    process: Training
    dataset: Dataset | None
    at_rest: Callable[[Callable[[], Any]], Any]
    augmented: Callable[..., Any]
    _labels: Any
    _split: Callable[[str], Any]
    _rows_to_score: Callable[[Any], tuple[Any, Any]]

    def results(self, data: object = "test") -> pd.DataFrame:
        """What the network says of each row now, on the index that the rows came with.

        "loss" is each row's own, without row weights. Of classes and of yes or no: "prediction", the label;
        its "probability"; "margin", the probability of the right one less that of the most probable other,
        below 0 where it is wrong; and "correct". Of values: "prediction" and "error", which is prediction
        less target. Several outputs each have theirs, as "digit prediction"; several values too, by column.
        Of a target that is unknown, loss, margin, error and correct are missing. A row whose label was
        changed in this session is judged by that; "excluded" says which it trains on no more.

            session.results("train").sort_values("loss").tail(20)
            frame.join(session.results("test"))

        `data` is given as to `score`. Coordinates of an embedding become columns by
        `dataset.results({"place": coordinates})`.
        """
        return self.at_rest(lambda: self._results(data))

    def versions(self, row: int, epochs: int | Iterable[int] = 8, input: str | None = None) -> Versions:
        """A row's picture as it is trained on in several epochs, beside the one given; see `augmented`.

        `epochs` is how many from the first on, or which; `input` names one of several that are augmented.
        """
        training: Any = self.process
        pictures = {epoch: self.augmented(row, epoch) for epoch in epochs_of(epochs)}
        names = list(training.augmenter.by_input)
        name = names[0] if input is None else checks.choice("input", input, names)
        if len(names) > 1:
            pictures = {epoch: each[name] for epoch, each in pictures.items()}
        given = self.at_rest(lambda: _given(training, name, row))
        return versions(pictures, f"row {row}", given)

    def batch_times(self, steps: int = 20) -> StaticView:
        """Where the time of a step goes: reading, the buffer, augmentation, training; on a copy.

        Of batches that a thread reads ahead, "wait" is what a step waits for them.
        """
        steps = checks.whole("steps", steps, least=1, most=1000)
        training = self.at_rest(self.process.clone)
        return _batch_times(training, steps, getattr(self.dataset, "name", "arrays"))

    def _results(self, data: object) -> pd.DataFrame:
        training = self.process
        if isinstance(data, str):
            data = self._split(data)
        inputs, targets = self._rows_to_score(data)
        total, outputs = by_row(training.objective, inputs, targets)
        columns: dict[str, Any] = {"loss": total}
        for name, output in outputs.items():
            columns |= self._columns(name, output, len(outputs) > 1)
        batches = training.batches
        if self._has(data) and isinstance(batches, Batches) and len(batches.excluded):
            columns["excluded"] = np.isin(data.rows, batches.excluded)
        return pd.DataFrame(columns, index=_index(data, len(total)))

    def _has(self, data: object) -> TypeGuard[Dataset]:
        """Whether these are rows of the dataset that is trained on, known by their numbers."""
        return isinstance(data, Dataset) and self.dataset is not None and data._whole is self.dataset._whole

    def _columns(self, name: str, output: OutputByRow, several: bool) -> dict[str, Any]:
        """What one output says, by the names of its columns."""
        before = f"{name} " if several else ""
        found: dict[str, Any] = {f"{before}loss": output.loss} if several else {}
        parts = {"prediction": output.prediction, "probability": output.probability, "margin": output.margin}
        parts |= {"error": output.error, "correct": output.correct}
        labels, goals = self._known(name)
        for called, values in parts.items():
            if values is None:
                continue
            each = values[:, np.newaxis] if values.ndim == 1 else values
            wide = each.shape[1]
            if each.ndim > 2:
                # Pictures and sequences stay what they are, one in a cell.
                found[f"{before}{called}"] = TensorArray(np.asarray(each, np.float32))
                continue
            names = (
                [""] if wide == 1 else [f" {goal}" for goal in (goals if len(goals) == wide else range(wide))]
            )
            for place, of in enumerate(names):
                found[f"{before}{called}{of}"] = _column(called, each[:, place], output.says, labels)
        return found

    def _known(self, name: str) -> tuple[pd.Index | None, list]:
        """The labels of an output's class ids, and the columns of its target."""
        data, words, network = self.dataset, self._labels, self.process.network
        if data is None:
            labels = words.get(name) if isinstance(words, dict) else words
            if labels is None:
                classes = network.classes
                labels = classes.get(name) if isinstance(classes, dict) else classes
            return None if labels is None else pd.Index(labels), []
        if isinstance(data.target, dict):
            return data.labels[name], as_list(data.target[name])
        return data.labels, as_list(data.target)


def _column(called: str, values: np.ndarray, says: str, labels: pd.Index | None) -> Any:
    if called == "correct":
        unknown = np.isnan(values)
        if not unknown.any():
            return values.astype(bool)
        return pd.arrays.BooleanArray(np.where(unknown, 0, values).astype(bool), unknown)
    if called != "prediction" or says not in ("classes", "yes or no"):
        return values
    ids = values.astype(np.int64)
    if labels is None or (says == "yes or no" and len(labels) != 2):
        return ids
    if (ids < 0).any():
        return np.array([pd.NA if each < 0 else labels[each] for each in ids], object)
    return labels.take(ids)


def _index(data: object, rows: int) -> pd.Index:
    if isinstance(data, Dataset):
        return data._index[data.rows]
    if isinstance(data, pd.DataFrame):
        return data.index
    found = common_index(*data) if isinstance(data, (tuple, list)) and len(data) == 2 else None
    return pd.RangeIndex(rows) if found is None or len(found) != rows else found


def _given(training: Training, name: str, row: int) -> np.ndarray:
    batches = training.batches
    part = batches._inputs[name if isinstance(batches.inputs, dict) else "inputs"]
    return np.asarray(training.network.seen(name, part.take(np.array([row]))))[0]


class _Timed:
    """Batches whose arrays are read when they are fetched, with the seconds that took."""

    def __init__(self, source: Any) -> None:
        self._source, self.seconds = source, []  # type: ignore[var-annotated]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def fetch(self, step: int) -> Any:
        began = time.perf_counter()
        batch = self._source.fetch(step)
        _ = batch.inputs, batch.targets
        self.seconds.append(time.perf_counter() - began)
        return batch


def _batch_times(training: Training, steps: int, name: str) -> StaticView:
    source: Any = training.batches
    watched = _Timed(source)
    training.loader.read(watched)
    reading = "wait" if getattr(source, "_ahead", None) is not None else "read"
    stages: dict[str, list[float]] = {reading: [], "to the buffer": []}
    if training.augmenter:
        stages["augment"] = []
    stages["train"] = []
    for step in range(steps + 1):
        spent = dict.fromkeys(stages, 0.0)
        before = time.perf_counter()
        for phase in training.walk():
            now = time.perf_counter()
            stage = {"fetch": "to the buffer", "augment": "augment"}.get(phase, "train")
            spent[stage] += now - before
            before = time.perf_counter()
        spent[reading] = watched.seconds[-1]
        spent["to the buffer"] = max(0.0, spent["to the buffer"] - watched.seconds[-1])
        # The first finds out what all others know.
        for stage, seconds in spent.items() if step else ():
            stages[stage].append(seconds)
    return timed(stages, name, source.batch_size)
