"""How a training was set up, so that it can be written down as Python and set up again."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data.source import Source as Rows
from cortex_lab.data.targets import are_words
from cortex_lab.lab.setup import TrainingSetup
from cortex_lab.nn.contract.penalties import Penalties
from cortex_lab.nn.run.network import Network
from cortex_lab.nn.train.saved import FileAsRead
from cortex_lab.nn.train.training import Training
from cortex_lab.study import Event
from cortex_lab.study.script import Script, SourceText, assignment, comments, steps_and_edits

LARGEST_ARRAYS = 16 * 2**20
"""Bytes of arrays that a script holds in its text; more belongs in a file."""


@dataclass(frozen=True, eq=False)
class Recipe:
    """What `train` was called with: data and setup, whose arrays are those that the training holds.

    `file` is the one that it was to go on from, if it was; `chosen` says what `train` chose itself.
    """

    data: Any
    setup: TrainingSetup
    file: FileAsRead | None = None
    new_optimizer: bool = False
    chosen: Sequence[str] = ()

    def script(
        self,
        training: Training,
        first: Mapping[str, Any],
        events: Iterable[Event],
        loaded: str | None,
        through_faults: bool = False,
        remarks: Iterable[tuple[int, str]] = (),
        phase: str | None = None,
    ) -> Script:
        """The whole session as Python: set up as at snapshot `first`, then every step and edit until now.

        A session that went on from a file begins with that file; ValueError if it was written again since.
        `loaded` is the name by which `cortex_lab.data.load` gives the data, if it does. `through_faults` says
        that the script must not stop where the session went on from a fault; `remarks` stand at its end.
        A session inside a step stands after `phase`.
        """
        resumed = self.file is not None
        if self.file is not None:
            self.file.check_unchanged()
        elif first["step"] != 0:
            raise ValueError(
                f"this session began at step {first['step']} of its training; a script begins at step 0"
            )
        source = SourceText()
        network, given = training.network, f"{source.of(self.setup.loss)}, {source.of(self.setup.optimizer)}"
        graph = network.graph.to_dict()
        for kind in _kinds([graph, *(loss.to_dict() for loss in training.losses.values())]):
            module, own, name = kind.partition(":")
            if own:
                source.imported(module, name)
        made = f"cl.Graph.from_dict(description), seed={network.seed}, ops={network.ops.name!r}"
        body = [
            assignment("description", graph),
            f"network = cl.Network({made})",
            *([] if resumed else self._weights(network, first, source)),
            *self._data(source, loaded),
            f"session = cl.train(network, data, {given}{self._said(source)})",
            *([f"assert session.step_number == {first['step']}, 'another file'"] if resumed else []),
            *(["session.stop_on_fault = False"] if through_faults else []),
            *steps_and_edits(events, first["step"], training.step_number, source, phase),
            *comments(remarks),
        ]
        heading = '"""A training session, repeated step by step."""'
        return Script("\n".join([heading, "", "import cortex_lab as cl", *source.lines(), "", *body, ""]))

    def _weights(self, network: Network, first: Mapping[str, Any], source: SourceText) -> list[str]:
        """Nothing if the session began with the weights that the seed draws."""
        fresh, lines = Network(network.graph, seed=network.seed, ops=network.ops), []
        for name, kind in (("params", "params"), ("state", "state")):
            began = network.ops.to_numpy(first[kind])
            if not np.array_equal(began, network.ops.to_numpy(getattr(fresh, name)), equal_nan=True):
                lines.append(f"network.{name}[...] = network.ops.asarray({source.of(_small(began))})")
        return lines

    def _data(self, source: SourceText, loaded: str | None) -> list[str]:
        data = self.data
        if hasattr(data, "fetch"):
            raise ValueError(
                "a script cannot write down batches of your own; train on a Dataset or on arrays"
            )
        if not hasattr(data, "batches"):
            inputs, targets = data
            return [f"data = ({self._arrays(inputs, source)}, {self._arrays(targets, source)})"]
        if loaded is not None:
            return [f"data = cl.data.load({loaded!r})"]
        rows = {int(row): position for position, row in enumerate(data.rows)}
        splits = {name: [rows[int(row)] for row in part] for name, part in (data.splits or {}).items()}
        if not np.array_equal(data.rows, np.arange(len(data))):
            raise ValueError(
                f"a script cannot write down a part of a data set such as {data.name!r}; train on the whole, "
                "with splits, or on arrays"
            )
        # What made its numbers is no Python; the numbers are.
        data = data.unprepared()
        frame = source.imported("pandas", "DataFrame")
        columns = [f"{source.of(name)}: {made}" for name, made in self._columns(data, source).items()]
        made = [source.of(each) for each in (data.inputs, data.target, splits, data.name)]
        return [f"data = cl.data.Dataset({frame}({{{', '.join(columns)}}}), {', '.join(made)})"]

    def _columns(self, data: Any, source: SourceText) -> dict[Any, str]:
        """The columns of a dataset that are read, as expressions by name."""
        shapes = data.input_shape if isinstance(data.input_shape, dict) else {"inputs": data.input_shape}
        # Each number is a byte at least: what is too large is not read from its file first.
        _refuse_large(len(data) * sum(math.prod(shape) for shape in shapes.values()))
        x, y = data.arrays()
        inputs = x if isinstance(x, dict) else {"inputs": x}
        named = data.target if isinstance(data.target, dict) else {"targets": data.target}
        targets, labels = (
            each if isinstance(data.target, dict) else {"targets": each} for each in (y, data.labels)
        )
        parts: dict[Any, np.ndarray] = {}
        for name, columns in data.reads.items():
            array = inputs[name]
            widths = [len(data.categories.get(column, "1")) for column in columns]
            if array.ndim == 2 and array.shape[1] == sum(widths):
                at = np.cumsum([0, *widths])
                for column, first, end in zip(columns, at[:-1], at[1:], strict=True):
                    words = column in data.categories
                    parts[column] = array[:, first:end].argmax(axis=1) if words else array[:, first]
            else:
                parts[columns[0]] = array
        for name, column in named.items():
            if isinstance(column, list):
                parts |= {each: targets[name][:, at] for at, each in enumerate(column)}
            elif labels[name] is None and column is not None:
                parts[column] = targets[name]
        written = {
            name: f"list({self._arrays(part, source)})" if part.ndim > 1 else self._arrays(part, source)
            for name, part in parts.items()
        }
        for column, words in data.categories.items():
            made = source.imported("pandas", "Categorical")
            written[column] = f"{made}.from_codes({self._arrays(parts[column], source)}, {source.of(words)})"
        for name, column in named.items():
            if labels[name] is not None:
                written[column] = self._labels(labels[name], targets[name], source)
        return written

    def _labels(self, labels: pd.Index, codes: np.ndarray, source: SourceText) -> str:
        """The labels of a dataset as its own column has them, to be read again by any loss."""
        sorted_alike = labels.dtype != object and labels.is_monotonic_increasing
        if sorted_alike and len(np.unique(codes)) == len(labels):
            values = labels.to_numpy()
            if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
                return self._arrays(values[codes], source)
        made = source.imported("pandas", "Categorical")
        return f"{made}.from_codes({self._arrays(codes, source)}, {source.of(labels.tolist())})"

    @staticmethod
    def _arrays(values: object, source: SourceText) -> str:
        if isinstance(values, Mapping):
            return source.of({name: _small(part) for name, part in values.items()})
        return source.of(_small(values))

    def _in_words(self, validation: object) -> Any:
        """Rows to validate on with the words of a Dataset for the ids that they came to."""
        labels: Any = getattr(self.data, "labels", None)
        if not isinstance(validation, tuple) or not are_words(labels):
            return validation
        return validation[0], labels.to_numpy(str)[validation[1]]

    def _said(self, source: SourceText) -> str:
        """The options that say something, as keyword arguments."""
        options = {field.name: getattr(self.setup, field.name) for field in fields(self.setup)[2:]}
        if options["shards"] == 1:
            del options["shards"]
        options["validation"] = self._in_words(self.setup.validation)
        plain = {name: _plain(value) for name, value in options.items() if name != "frozen" or value}
        said = [
            f"{name}={source.of(v)}" for name, v in plain.items() if v is not None or name == "validation"
        ]
        if self.file is not None:
            said += [f"resume_from={self.file.path!r}", *["new_optimizer=True"] * self.new_optimizer]
        return "".join(f", {each}" for each in said)


def _kinds(plain: object) -> Iterator[str]:
    """What all that is described in plain data is called."""
    if isinstance(plain, Mapping):
        if "kind" in plain:
            yield plain["kind"]
        plain = list(plain.values())
    if isinstance(plain, list):
        for part in plain:
            yield from _kinds(part)


def _plain(value: Any) -> Any:
    """An option of `train` as plain data, descriptions and arrays."""
    if isinstance(value, Penalties):
        return dict(value.by_pattern)
    value = value.arrays() if hasattr(value, "arrays") else value
    if isinstance(value, (list, tuple)) and any(isinstance(part, str) or callable(part) for part in value):
        return list(value)
    if isinstance(value, (list, tuple)):
        arrays = isinstance(value, tuple) or not all(isinstance(part, (int, float)) for part in value)
        return tuple(_small(np.asarray(part)) for part in value) if arrays else np.asarray(value)
    return _small(value) if isinstance(value, np.ndarray) else value


def _small(values: object) -> np.ndarray:
    if isinstance(values, Rows) and not isinstance(values, np.ndarray):
        _refuse_large(len(values) * math.prod(values.shape) * values.dtype.itemsize)
        return values.take(slice(None))
    array = np.asarray(values)
    _refuse_large(array.nbytes)
    return array


def _refuse_large(size: int) -> None:
    if size > LARGEST_ARRAYS:
        raise ValueError(
            f"a script cannot hold {size / 2**20:.0f} MiB of arrays; train on a data set that "
            "cl.data.load knows by name"
        )
