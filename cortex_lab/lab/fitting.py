"""What does not fit a network is said before the first step, about the layer and the column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cortex_lab.data import Batches
from cortex_lab.data.given import Given
from cortex_lab.data.source import source_of
from cortex_lab.ground import checks
from cortex_lab.nn import Network, Training
from cortex_lab.nn.contract.layer import Layer
from cortex_lab.nn.contract.loss import TooFewClasses, WrongRows
from cortex_lab.nn.graph.graph import Graph
from cortex_lab.nn.run.ids import reads_ids, refuse_no_ids
from cortex_lab.nn.train.labels import refuse_wrong_classes

Rows = tuple[int, ...]
MOST_NAMES = 6


def refuse_no_network(network: object) -> None:
    """An error that says how a network is made of what was given instead."""
    if isinstance(network, Network):
        return
    kind = type(network).__name__
    given, say = checks.shown(network), "cl.Network([cl.Dense(3)], input_shape)"
    if isinstance(network, Graph):
        given, say = "a Graph", "cl.Network(graph)"
    elif isinstance(network, Layer):
        given, say = f"a layer, {kind}", "cl.Network([layer], input_shape)"
    elif isinstance(network, (list, tuple)):
        given, say = f"a {kind}", "cl.Network(layers, input_shape)"
    elif isinstance(getattr(network, "network", None), Network):
        given, say = f"a {kind}", "session.network"
    raise checks.WrongArgument(f"network must be a Network, got {given}; say {say}")


def refuse_unfitting_targets(training: Training, given: Given, batch: Any) -> None:
    """ValueError for targets whose rows or classes do not fit the network.

    `batch` is the first one.
    """
    _check_targets(training, given, batch.targets)
    try:
        refuse_wrong_classes(training.objective, given)
    except TooFewClasses as error:
        raise _too_few(training, given, error) from None
    except WrongRows as error:
        rows = np.asarray(given.rows)[error.rows]
        raise WrongRows(f"{_targets_of(given)}: {error.text}", rows) from None


def refuse_unfitting_inputs(graph: Graph, inputs: Any, reads: Mapping[str, list]) -> None:
    """ValueError for inputs whose rows do not fit the network; `reads` are the columns of each."""
    named = inputs if isinstance(inputs, Mapping) else {next(iter(graph.inputs)): inputs}
    for name, values in named.items():
        got, wanted = np.shape(values)[1:], graph.inputs.get(name)
        if wanted is None or got == wanted:
            continue
        columns = reads.get(name) or ()
        reader = graph.consumers[name][0] if graph.consumers[name] else name
        first = ", ".join(map(repr, columns[:MOST_NAMES])) + ", ..." * (len(columns) > MOST_NAMES)
        data = f"the columns {first} give" if columns else "the data have"
        raise ValueError(
            f"input {name!r} of the network, which {reader!r} reads, has rows of shape {wanted}, and {data} "
            f"rows of shape {got}; {_input_remedy(got, wanted, len(graph.inputs))}"
        )


def refuse_wrong_rows(graph: Graph, batches: Batches, reads: Mapping[str, list]) -> None:
    """ValueError for missing numbers among the rows to train on, and for ids that a layer has no row for."""
    batches.refuse_missing()
    inputs: Any = batches.inputs
    for name, rows in inputs.items() if isinstance(inputs, dict) else [(next(iter(graph.inputs)), inputs)]:
        if reads_ids(graph, name):
            refuse_no_ids(graph, name, source_of(rows).take(batches.rows), reads.get(name), batches.rows)


def _input_remedy(got: Rows, wanted: Rows, inputs: int) -> str:
    if (*got, 1) == wanted:
        return "give each number a channel of its own: x[..., None]"
    if len(got) == len(wanted) == 3 and (*got[1:], got[0]) == wanted:
        return "channels go last here: x.transpose(0, 2, 3, 1)"
    if np.prod(got, initial=1) == np.prod(wanted, initial=1):
        return f"give them in that shape: x.reshape(-1, {', '.join(map(str, wanted))})"
    return f"say input_shape={got}" if inputs == 1 else f"say {got} for it in input_shape"


def _check_targets(training: Training, given: Given, targets: Any) -> None:
    if targets is None:
        return
    graph, objective = training.network.graph, training.objective
    for name, values in objective.by_output(targets).items():
        loss, shape, got = objective.losses[name], graph.shape(name), np.shape(values)[1:]
        wanted = loss.target_shape(shape)
        if got == wanted or (loss.of_classes and got == (*wanted, 1)) or (got, wanted) == ((), (1,)):
            continue
        if loss.of_classes and len(got) == len(wanted) + 1:
            # One column per class, or others: the loss says which.
            loss.check_targets(np.asarray(values), shape)
        node = graph.nodes[name]
        what = f"output {name!r}, a {type(node.layer).__name__}, has rows of shape {shape}"
        raise ValueError(
            f"{what}, for which {type(loss).__name__} wants targets of shape {wanted}, and "
            f"{_targets_of(given, name)} have {got}; {_target_remedy(got, wanted, shape, loss.of_classes)}"
        )


def _target_remedy(got: Rows, wanted: Rows, shape: Rows, of_classes: bool) -> str:
    if of_classes and len(shape) > 1 and got == ():
        return (
            "for one class a row, bring the rows before it to one axis: Flatten(), or return_sequences=False"
        )
    if len(shape) == 1 and len(got) <= 1 and not of_classes:
        return f"end the network in Dense({got[0] if got else 1})"
    if np.prod(got, initial=1) == np.prod(wanted, initial=1):
        return f"give them in that shape: y.reshape(-1, {', '.join(map(str, wanted))})"
    return "bring one to the shape of the other, with Flatten(), Reshape(...) or a last layer of other units"


def _too_few(training: Training, given: Given, error: TooFewClasses) -> ValueError:
    graph, objective = training.network.graph, training.objective
    rows = np.asarray(given.rows)[error.rows]
    for name, values in objective.by_output(given.learned).items():
        loss, units = objective.losses[name], graph.shape(name)[-1]
        count = int(np.max(values, initial=-1)) + 1
        if not loss.of_classes or count <= getattr(loss, "classes", units):
            continue
        there = f"{_targets_of(given, name)} hold {count} classes{_named(given, name)}"
        if hasattr(loss, "classes"):
            kind = type(loss).__name__
            return TooFewClasses(f"{kind} on {name!r} has {loss.classes}, and {there}; say {count}", rows)
        what = f"output {name!r}, a {type(graph.nodes[name].layer).__name__}, has {units} units"
        remedy = f"give it {count} units; first such rows {{rows}}"
        return TooFewClasses(f"{what}, and {there}: {remedy}", rows)
    return error


def _named(given: Given, name: str) -> str:
    labels = given.labels if given.dataset is None else given.dataset.labels
    labels = labels.get(name) if isinstance(labels, dict) else labels
    if labels is None:
        return ", counted from 0"
    return f" ({', '.join(map(str, labels[:MOST_NAMES]))}{', ...' * (len(labels) > MOST_NAMES)})"


def _targets_of(given: Given, name: str = "") -> str:
    target = None if given.dataset is None else given.dataset.target
    target = target.get(name) if isinstance(target, dict) else target
    if target is None:
        return f"the targets{f' of {name!r}' * isinstance(given.targets, Mapping)}"
    if isinstance(target, list):
        return f"the targets (columns {', '.join(map(repr, target[:MOST_NAMES]))})"
    return f"the targets (column {target!r})"
