"""The loss of a training that was given none, or one whose name leaves something open.

| the last layer ends in | its targets are                            | loss                        |
|------------------------|--------------------------------------------|-----------------------------|
| anything               | the inputs themselves                      | `MeanSquaredError`          |
| softmax                | labels, class ids, or one column per class | `CategoricalCrossEntropy`   |
| sigmoid                | yes or no, one or several                  | `BinaryCrossEntropy`        |
| anything else, 1 unit  | yes or no                                  | `SigmoidCrossEntropy`       |
| anything else, more    | labels, class ids, or one column per class | `SoftmaxCrossEntropy`       |
| anything else          | several yes or no                          | `SigmoidCrossEntropy`       |
| anything but softmax   | other numbers                              | `MeanSquaredError`          |

Rows of several steps or pixels have class ids for each, (rows, steps), or a yes or no for each unit,
(rows, steps, units).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Any

from cortex_lab.data.looks import Look, looks
from cortex_lab.ground import checks
from cortex_lab.ground.spelling import spelled
from cortex_lab.nn import LOSSES, Loss, Network, Training
from cortex_lab.nn.contract.loss import resolve_loss
from cortex_lab.nn.contract.loss_names import is_loss_name
from cortex_lab.nn.layers.normalization import BatchNormalization
from cortex_lab.nn.losses.binary import BinaryCrossEntropy, SigmoidCrossEntropy
from cortex_lab.nn.losses.categorical import CategoricalCrossEntropy, SoftmaxCrossEntropy
from cortex_lab.nn.losses.regression import MeanSquaredError
from cortex_lab.nn.train.output_losses import ends_in
from cortex_lab.optimize import OPTIMIZERS, Optimizer
from cortex_lab.optimize.optimizer import OTHERS

SIGMOIDS = ("sigmoid", "hard_sigmoid")
_OF_CLASSES = ("labels", "yes or no", "several yes or no", "whole numbers", "one column per class")


def refuse_swapped(loss: object, optimizer: object) -> None:
    """TypeError for targets or an optimizer in the place of the loss, or a loss in that of the optimizer."""
    if hasattr(loss, "shape") or isinstance(loss, (list, tuple)):
        raise TypeError("inputs and targets are one argument, a pair: train(network, (inputs, targets))")
    for each in loss.values() if isinstance(loss, Mapping) else [loss]:
        if _is_optimizer(each) and not _is_loss(each):
            given = _typed(each)
            raise TypeError(f"{given} is an optimizer, and stands where the loss is: say optimizer={given}")
    if _is_loss(optimizer) and not _is_optimizer(optimizer):
        given = _typed(optimizer)
        raise TypeError(f"{given} is a loss, and stands where the optimizer is: say loss={given}")


def _typed(thing: object) -> str:
    return f"cl.{thing.__name__}" if isinstance(thing, type) else checks.shown(thing)


def _is_optimizer(thing: object) -> bool:
    if isinstance(thing, str):
        return spelled(thing, OPTIMIZERS, OTHERS) is not None
    return isinstance(thing, Optimizer) or (isinstance(thing, type) and issubclass(thing, Optimizer))


def _is_loss(thing: object) -> bool:
    if isinstance(thing, str):
        return is_loss_name(thing, LOSSES)
    return isinstance(thing, Loss) or (isinstance(thing, type) and issubclass(thing, Loss))


def losses_for(network: Network, loss: object, data: object) -> tuple[Any, dict[str, str]]:
    """The loss as it was given, or what it comes to; and by output why, where that was chosen here.

    ValueError that says what to type where nothing can be chosen.
    """
    outputs, found = network.graph.outputs, looks(data)
    if loss is None:
        if not found:
            raise ValueError(
                "of batches of your own, and without targets, no loss can be chosen; say one, such as "
                "loss='mean_squared_error'"
            )
        wanted = outputs if None in found else [name for name in outputs if name in found]
        if not wanted:
            there, ours = (", ".join(map(repr, names)) for names in (found, outputs))
            raise ValueError(f"there are targets for {there}, and the outputs are {ours}; name them alike")
        chosen, why = {}, {}
        for name in wanted:
            chosen[name], why[name] = _default(network, name, found[name if name in found else None])
        return (chosen if len(outputs) > 1 else chosen[wanted[0]]), why
    given = dict(loss) if isinstance(loss, Mapping) else {outputs[0]: loss} if len(outputs) == 1 else {}
    resolved, why = {}, {}
    for name, each in given.items():
        if name not in outputs:
            return loss, {}
        resolved[name] = made = _resolved(network, name, each, found.get(name, found.get(None)))
        if isinstance(each, str) and not isinstance(made, str):
            why[name] = f"{each!r} before {_end(network, name)}"
    if not isinstance(loss, Mapping) and resolved:
        return resolved[outputs[0]], why
    return resolved or loss, why


def said(why: Mapping[str, str], losses: Mapping[str, Loss]) -> list[str]:
    """What was chosen, for the session to say."""
    return [f"minimizes {_called(losses[name])} for {name!r}: {reason}" for name, reason in why.items()]


def _resolved(network: Network, name: str, loss: object, look: Look | None) -> Any:
    """A loss by another name as the loss it is here; anything else as it was given."""
    made = resolve_loss(loss, ends_in(network.graph, name), network.graph.shape(name))
    plain = isinstance(loss, str) and made.to_dict()["kind"] == loss
    if plain or isinstance(loss, Loss):
        return loss
    shape = network.graph.shape(name)
    columns = look is not None and look.kind == "one column per class" and look.shape == shape
    if isinstance(made, (SoftmaxCrossEntropy, CategoricalCrossEntropy)) and columns:
        made = replace(made, one_hot=True)
    return made


def _default(network: Network, name: str, look: Look) -> tuple[Loss, str]:
    end, shape = ends_in(network.graph, name), network.graph.shape(name)
    units, why = shape[-1] if shape else 1, f"{_end(network, name)}, and the targets are {look}"
    one_hot = look.kind == "one column per class" and look.shape == shape
    # By shape, not by which ids occur: those of two classes for each step look like several yes or no.
    ids = look.shape in (shape[:-1], (*shape[:-1], 1)) and look.shape != shape
    classes = one_hot or (look.kind in _OF_CLASSES and ids and units > 1)
    if look.kind == "the inputs":
        return MeanSquaredError(), why
    if end == "softmax" and classes:
        return CategoricalCrossEntropy(one_hot=one_hot), why
    one_hot = one_hot and end not in SIGMOIDS
    if look.two and not one_hot and (units == 1 or look.shape == shape):
        return (BinaryCrossEntropy() if end in SIGMOIDS else SigmoidCrossEntropy()), why
    if classes and end not in (*SIGMOIDS, "softmax"):
        return SoftmaxCrossEntropy(one_hot=one_hot), why
    if classes or end == "softmax" or look.kind == "labels":
        raise ValueError(f"no loss suits output {name!r}: {why}; {_other_end(look, units, end, classes)}")
    return MeanSquaredError(), why


def _other_end(look: Look, units: int, end: str | None, classes: bool) -> str:
    """What to end a network in that has a sigmoid or softmax, or too few units, for such targets."""
    if look.as_numbers and not classes:
        classified = f"end the network in Dense({look.classes})" if look.words else "make words: .astype(str)"
        return f"of what are values, make numbers: {look.as_numbers}; for classes, {classified}"
    if look.kind == "labels" and look.classes < 2:
        return "all are the same, so there is nothing to learn: see which column is the target"
    if look.kind == "labels" or classes:
        without = "" if end in (None, "linear") else ", without activation"
        return f"end the network in Dense({max(look.classes, units)}), a unit for each class{without}"
    values = f"Dense({prod(look.shape)})"
    return f"a softmax gives shares that sum to 1; for values, end the network in {values} without it"


def _end(network: Network, name: str) -> str:
    shape, end = network.graph.shape(name), ends_in(network.graph, name)
    units = shape[-1] if shape else 1
    raw = end in (None, "linear")
    return f"{units} {'raw ' * raw}output{'s' * (units > 1)}{'' if raw else f' of {end}'}"


def _called(loss: Loss) -> str:
    kind, *settings = loss.to_dict().items()
    usual = resolve_loss(kind[1]).to_dict()
    changed = [f"{name}={value!r}" for name, value in settings if value != usual[name]]
    return f"{kind[1]}({', '.join(changed)})" if changed else kind[1]


def in_shards(training: Training) -> list[str]:
    """What a session says of the shards that its batches are cut into."""
    if training.shards == 1:
        return []
    nodes = training.network.graph.nodes.values()
    each = any(isinstance(_within(node.layer), BatchNormalization) for node in nodes)
    alone = "; BatchNormalization takes mean and variance of each shard's rows" if each else ""
    return [f"cuts each batch into {training.shards} shards, whose gradients are added in order{alone}"]


def _within(layer: Any) -> Any:
    return getattr(layer, "layer", layer)
