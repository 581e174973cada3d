"""What does not fit a network is said before the first step, about the layer and the column."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from math import inf
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data import Batches
from cortex_lab.data._large import is_large, some_rows
from cortex_lab.data.given import Given
from cortex_lab.data.source import source_of
from cortex_lab.data.targets import are_numbers, shown
from cortex_lab.ground import checks
from cortex_lab.nn import Network, Training
from cortex_lab.nn.contract.activation import LIMITS
from cortex_lab.nn.contract.layer import Layer, snake_case
from cortex_lab.nn.contract.loss import TooFewClasses, WrongRows
from cortex_lab.nn.graph.graph import Graph
from cortex_lab.nn.layers.scaling import Normalization, Rescaling
from cortex_lab.nn.losses.binary import SigmoidCrossEntropy
from cortex_lab.nn.losses.categorical import SoftmaxCrossEntropy
from cortex_lab.nn.run.ids import reads_ids, refuse_no_ids
from cortex_lab.nn.run.pictures import is_bytes
from cortex_lab.nn.train.labels import refuse_wrong_classes
from cortex_lab.nn.train.output_losses import ends_in, last_layer

Rows = tuple[int, ...]
MOST_NAMES = 6
LARGEST = 20.0
"""Root of the mean square of a column up to which a network learns without a word, as a diagnosis has it."""


def refuse_no_network(network: object, data: object) -> None:
    """An error that says how a network is made of what was given instead; `data` stand behind it."""
    if isinstance(network, Network):
        return
    if isinstance(data, Network):
        raise checks.WrongArgument("the network goes first: say cl.train(network, data)")
    kind = type(network).__name__
    given, say = checks.shown(network), "cl.Network([cl.Dense(3)], input_shape)"
    if isinstance(network, Layer):
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


def refuse_renumbered(training: Training, given: Given) -> None:
    """ValueError for labels that are numbers, not those of the outputs, where there are more outputs.

    They are counted through: whoever takes the number of an output for the label is wrong.
    """
    for name, labels in _numbers_of_their_own(training, given).items():
        loss, units, count = training.losses[name], training.network.graph.shape(name)[-1], len(labels)
        if loss.reads != "classes" or hasattr(loss, "classes") or units <= count:
            continue
        are_ids = min(labels) >= 0 and max(labels) < units
        raise ValueError(
            f"{_targets_of(given, name)} have the {count} labels {shown(labels)}, and output {name!r} has "
            f"{units} units: end the network in Dense({count}), whose outputs are those in order "
            f"(network.classes){', or give class ids as an array, y.to_numpy()' * are_ids}"
        )


def renumbered(training: Training, given: Given) -> list[str]:
    """A line for labels that are numbers, not those of the outputs that stand for them."""
    said = []
    for name, labels in _numbers_of_their_own(training, given).items():
        if training.losses[name].reads == "classes":
            first = ", ".join(map(str, range(min(len(labels), MOST_NAMES))))
            first += ", ..." * (len(labels) > MOST_NAMES)
            kind = type(labels[0]).__name__
            said.append(
                f"outputs {first} of {name!r} are the labels {shown(labels, MOST_NAMES)}: "
                f"numpy.array(network.classes).astype({kind})[network.predict(x).argmax(axis=-1)]"
            )
        else:
            said.append(f"yes of {name!r} is the label {labels[1]!r}, no is {labels[0]!r}")
    return said


def _numbers_of_their_own(training: Training, given: Given) -> dict[str, list]:
    """By output, labels of a column that are numbers and not 0, 1, ...; numbers in arrays are class ids."""
    found = {}
    for name, loss in training.losses.items():
        labels = _labels_of(given, name) if loss.reads in ("classes", "yes or no") else None
        if given.source is not None and labels is not None:
            # Of batches, only how they print is known.
            labels = pd.to_numeric(pd.Index(labels), errors="coerce").dropna()
        if labels is not None and are_numbers(labels) and labels.tolist() != list(range(len(labels))):
            found[name] = labels.tolist()
    return found


def say_out_of_reach(training: Training, given: Given, batch: Any) -> None:
    """A warning for targets of values that the last layer of an output never gives; `batch` is the first."""
    graph, objective = training.network.graph, training.objective
    limits = {
        name: reach(graph, name) for name, loss in objective.losses.items() if loss.predicts == "values"
    }
    limits = {name: each for name, each in limits.items() if each != (-inf, inf)}
    found: dict[str, tuple[float, float]] = {}
    pieces = [batch.targets] if given.source is not None else (some for _, some in given.learned_in_pieces())
    for some in pieces if limits else ():
        for name, values in objective.by_output(some).items():
            # Of bytes that may be pictures something else is said.
            if name in limits and not (is_bytes(values) and np.ndim(values) > 2):
                known = np.asarray(values, float)[np.isfinite(values)]
                low, high = found.get(name, (inf, -inf))
                found[name] = float(known.min(initial=low)), float(known.max(initial=high))
    for name, (low, high) in found.items():
        least, most = limits[name]
        if low < least or high > most:
            warnings.warn(
                f"output {name!r} ends in {ends_in(graph, name)}, which gives {_span(least, most)}, and "
                f"{_targets_of(given, name)} go from {low:.4g} to {high:.4g}: what is beyond is never "
                "reached; leave the activation of the last layer out",
                UserWarning,
                stacklevel=4,
            )


def say_held_logits(training: Training) -> None:
    """A warning for a loss of raw outputs behind an activation that keeps the network from being sure."""
    graph = training.network.graph
    for name, loss in training.losses.items():
        # A censored loss is another one inside.
        loss = getattr(loss, "loss", loss)
        low, high = reach(graph, name)
        below, above = low > -inf, high < inf
        # A sigmoid reads each output, a softmax how far they lie apart.
        held = isinstance(loss, SigmoidCrossEntropy) and (below or above)
        if held or (isinstance(loss, SoftmaxCrossEntropy) and below and above):
            warnings.warn(
                f"output {name!r} ends in {ends_in(graph, name)}, which gives {_span(low, high)}, and "
                f"{snake_case(type(loss).__name__)} reads raw outputs, far below and above 0: of some "
                "answers the network is never sure; end it in a layer without activation",
                UserWarning,
                stacklevel=4,
            )


def _span(low: float, high: float) -> str:
    return f"over {low:g}" if high == inf else f"under {high:g}" if low == -inf else f"{low:g} to {high:g}"


def unscaled(training: Training, given: Given, reads: Mapping[str, list], batch: Any) -> list[str]:
    """A line for inputs, and for targets of values, that are far from what a fresh network learns well on."""
    graph, objective, said = training.network.graph, training.objective, []
    x, y = ("x", "y") if given.dataset is None else ("session.dataset", "session.dataset")
    inputs = batch.inputs if isinstance(batch.inputs, Mapping) else {next(iter(graph.inputs)): batch.inputs}
    for name, values in inputs.items():
        readers = [graph.nodes[reader].layer for reader in graph.consumers.get(name, ())]
        read = all(layer.reads_raw or type(layer).__name__.endswith("Normalization") for layer in readers)
        wide = [] if read or is_bytes(values) else np.flatnonzero(_sizes(values) > LARGEST)
        if len(wide):
            columns = reads.get(name) or ()
            which = f", such as {columns[wide[0]]!r}," if len(columns) == np.shape(values)[-1] else ""
            said.append(
                f"input {name!r} has numbers{which} far from 0 to 1, on which it may not learn: begin the "
                f"network with cl.Normalization().adapt({x})"
            )
    targets = {} if batch.targets is None else objective.by_output(batch.targets)
    for name, values in targets.items():
        of_values = objective.losses[name].predicts == "values" and not is_bytes(values)
        scaled = isinstance(last_layer(graph, name), (Normalization, Rescaling))
        if of_values and not scaled and (_sizes(values) > LARGEST).any():
            said.append(
                f"the targets of {name!r} are far from 0 to 1, which it may not reach: end the network in "
                f"cl.Normalization(invert=True).adapt({y})"
            )
    return said


def answered_together(training: Training) -> list[str]:
    """A line for a metric that counts whole rows of several yes or no, where single answers may be meant."""
    said = []
    for name, several in training.metrics.given.items():
        called = {each if isinstance(each, str) else getattr(each, "__name__", "") for each in several}
        asked = training.validation and not called.isdisjoint(("accuracy", "accuracy_score"))
        units = training.network.graph.shape(name)[-1:]
        if not asked or training.losses[name].predicts != "yes or no" or units in ((), (1,)):
            continue
        targets = np.asarray(training.validation[1][name])
        say = "the share of wrong ones is sklearn.metrics.hamming_loss: metrics=[hamming_loss]"
        if ((targets == 0) | (targets == 1)).all() and (targets.sum(axis=-1) == 1).all():
            say = f"each has one class, so end the network in Dense({units[0]}), for 'softmax_cross_entropy'"
        said.append(f"accuracy of {name!r} counts rows of which all {units[0]} answers are right; {say}")
    return said


def _sizes(values: object) -> np.ndarray:
    """The root of the mean square of each column."""
    rows = np.asarray(values, float)
    if not rows.size:
        return np.zeros(1)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.sqrt(np.mean(rows.reshape(-1, rows.shape[-1] if rows.ndim > 1 else 1) ** 2, axis=0))


def reach(graph: Graph, name: str) -> tuple[float, float]:
    """The least and the most that the output `name` can give, by what it ends in."""
    end, layer = ends_in(graph, name), last_layer(graph, name)
    if end == "softmax" and layer.activation is not None and graph.shape(name)[-1:] == (1,):
        return 1.0, 1.0
    if end == "limited_relu":
        return (-inf if layer.negative_slope else 0.0), (inf if layer.max_value is None else layer.max_value)
    if end == "elu" and hasattr(layer, "alpha"):
        return -layer.alpha, inf
    return LIMITS.get(end or "linear", (-inf, inf))


def refuse_unfitting_inputs(
    graph: Graph, inputs: Any, reads: Mapping[str, list], prepared: Iterable[str] = ()
) -> None:
    """ValueError for inputs whose rows do not fit the network; `reads` are the columns of each.

    Those of `prepared` a preparation has made.
    """
    named = inputs if isinstance(inputs, Mapping) else {next(iter(graph.inputs)): inputs}
    if set(named) != set(graph.inputs):
        columns = all(np.ndim(values) == 1 for values in named.values())
        say = "of columns make a frame, (pandas.DataFrame(x), y)" if columns else "name them alike"
        raise ValueError(
            f"the network has the inputs {shown(graph.inputs)}, and the data have {shown(named)}; {say}"
        )
    for name, values in named.items():
        got, wanted = np.shape(values)[1:], graph.inputs.get(name)
        if wanted is None or got == wanted:
            continue
        columns = reads.get(name) or ()
        reader = graph.consumers[name][0] if graph.consumers[name] else name
        first = ", ".join(map(repr, columns[:MOST_NAMES])) + ", ..." * (len(columns) > MOST_NAMES)
        data = f"the columns {first} give" if columns else "the data have"
        if name in prepared:
            raise ValueError(
                f"input {name!r} of the network has rows of shape {wanted}, and {data} rows of shape {got}, "
                "as they are prepared by the rows to train on: split first, data = data.split(test=0.2, "
                "validation=0.1), and make the network for that, cl.models.mlp_for(data)"
            )
        raise ValueError(
            f"input {name!r} of the network, which {reader!r} reads, has rows of shape {wanted}, and {data} "
            f"rows of shape {got}; {_input_remedy(got, wanted, len(graph.inputs))}"
        )


def refuse_other_scales(graph: Graph, reads: Mapping[str, list], given: Given) -> None:
    """ValueError for a layer that was adapted to other columns, or in another order, than it is to see."""
    target = None if given.dataset is None else given.dataset.target
    for name, node in graph.nodes.items():
        layer, place = node.layer, node.inputs[0]
        if not isinstance(layer, Normalization) or layer.columns is None:
            continue
        while place in graph.nodes and graph.nodes[place].layer.in_place:
            # Each column stays where it is.
            place = graph.nodes[place].inputs[0]
        seen = reads.get(place)
        if layer.invert:
            ends = [out for out in graph.outputs if last_layer(graph, out) is layer]
            seen = target.get(ends[0]) if ends and isinstance(target, Mapping) else ends and target
        if isinstance(seen, list) and len(seen) > 1 and list(layer.columns) != seen:
            raise ValueError(
                f"{name!r} was adapted to the columns {shown(layer.columns)}, in this order, and is given "
                f"{shown(seen)}; adapt it to those: adapt(frame[{seen}])"
            )


def refuse_wrong_rows(graph: Graph, batches: Batches, reads: Mapping[str, list]) -> None:
    """ValueError for missing numbers among the rows to train on, and for ids that a layer has no row for."""
    batches.refuse_missing()
    inputs: Any = batches.inputs
    for name, rows in inputs.items() if isinstance(inputs, dict) else [(next(iter(graph.inputs)), inputs)]:
        if reads_ids(graph, name):
            # Of those in a large file some; the others are looked at as they are read.
            source, served = source_of(rows), batches.rows
            served = np.intersect1d(served, some_rows(source)) if is_large(source) else served
            refuse_no_ids(graph, name, source.take(served), reads.get(name), served)


def _input_remedy(got: Rows, wanted: Rows, inputs: int) -> str:
    if (*got, 1) == wanted:
        column = ", or of a column frame[[name]]" if not got else ""
        return f"give each number a channel of its own: x[..., None]{column}"
    if not got:
        return "inputs stand first, and what is predicted second: (inputs, targets)"
    if len(got) == len(wanted) == 3 and (*got[1:], got[0]) == wanted:
        return "channels go last here: x.transpose(0, 2, 3, 1)"
    if np.prod(got, initial=1) == np.prod(wanted, initial=1):
        return f"give them in that shape: x.reshape(-1, {', '.join(map(str, wanted))})"
    return f"say input_shape={got}" if inputs == 1 else f"say {got} for it in input_shape"


def _check_targets(training: Training, given: Given, targets: object) -> None:
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
        ids, units = np.unique(np.asarray(values)[np.asarray(values) >= 0]), getattr(loss, "classes", units)
        gaps = len(ids) < count and _labels_of(given, name) is None
        say = "labels, y = numpy.unique(y, return_inverse=True)" if gaps else ""
        if gaps and len(ids) <= units:
            said = f"{_targets_of(given, name)} hold the class ids {shown(ids.tolist())}, not numbered from 0"
            return TooFewClasses(f"{said}: {say}; first such rows {{rows}}", rows)
        there = f"{_targets_of(given, name)} hold {count} classes{_named(given, name)}"
        if hasattr(loss, "classes"):
            kind = type(loss).__name__
            return TooFewClasses(f"{kind} on {name!r} has {loss.classes}, and {there}; say {count}", rows)
        what = f"output {name!r}, a {type(graph.nodes[name].layer).__name__}, has {units} units"
        other = f", or number the {len(ids)} there are from 0, {say}" if gaps else ""
        remedy = f"give it {count} units{other}; first such rows {{rows}}"
        return TooFewClasses(f"{what}, and {there}: {remedy}", rows)
    return error


def _named(given: Given, name: str) -> str:
    labels = _labels_of(given, name)
    if labels is None:
        return ", counted from 0"
    return f" ({', '.join(map(str, labels[:MOST_NAMES]))}{', ...' * (len(labels) > MOST_NAMES)})"


def _labels_of(given: Given, name: str) -> Any:
    labels = given.labels if given.dataset is None else given.dataset.labels
    labels = given.classes if given.source is not None else labels
    return labels.get(name) if isinstance(labels, Mapping) else labels


def _targets_of(given: Given, name: str = "") -> str:
    target = None if given.dataset is None else given.dataset.target
    target = target.get(name) if isinstance(target, dict) else target
    if target is None:
        return f"the targets{f' of {name!r}' * isinstance(given.targets, Mapping)}"
    if isinstance(target, list):
        return f"the targets (columns {', '.join(map(repr, target[:MOST_NAMES]))})"
    return f"the targets (column {target!r})"
