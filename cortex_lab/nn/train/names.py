"""The names under which a network learns: of columns, of the words in them, and of classes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from cortex_lab.nn.contract.batches import BatchSource
from cortex_lab.nn.run.network import Network

AFRESH = "or begin afresh with network.initialize(seed)"


def learned_names(network: Network) -> dict[str, Any]:
    """What a network has learned under names; nothing as long as no step was made since it was given them."""
    if network.named_at is not None and network.named_at == network.digest(network.params):
        return {"reads": {}, "categories": {}, "classes": None, "preparations": {}}
    own = {"categories": network.categories, "preparations": network.preparations}
    return {"reads": network.reads, "classes": network.classes, **own}


def give_names(
    network: Network,
    reads: Mapping[str, list],
    categories: Mapping[Any, list[str]],
    classes: Any,
    preparations: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Let a network know the names of what it is about to learn; those it has learned stay."""
    known = learned_names(network)
    if not any(known.values()):
        network.named_at = network.digest(network.params)
    if isinstance(classes, Mapping) and len(network.graph.outputs) == 1:
        classes = next(iter(classes.values()))
    if isinstance(known["classes"], Mapping) and isinstance(classes, Mapping):
        classes = {**known["classes"], **classes}
    network.reads = {**known["reads"], **reads}
    network.categories = {**known["categories"], **categories}
    network.preparations = {**known["preparations"], **preparations}
    network.classes = known["classes"] if classes is None else classes


def take_names(network: Network, batches: BatchSource) -> None:
    """Let a network that knows no names read tables as these batches were; ValueError for others."""
    reads, categories, classes = checked_names(network, batches)
    prepared = _prepared(network, batches)
    others = any(network.preparations.get(name) is not each for name, each in prepared.items())
    if others or any(network.reads.get(name) != columns for name, columns in reads.items()):
        give_names(network, reads, categories, classes, prepared)


def checked_names(
    network: Network, batches: BatchSource
) -> tuple[dict[str, list], Mapping[Any, list[str]], Any]:
    """Columns by input, categories and classes of batches; ValueError if the network has learned others."""
    inputs, reads = list(network.graph.inputs), getattr(batches, "reads", None) or {}
    if len(inputs) == len(reads) == 1:
        reads = {inputs[0]: next(iter(reads.values()))}
    categories, classes = getattr(batches, "categories", {}), getattr(batches, "classes", None)
    known, prepared = learned_names(network), _prepared(network, batches)
    refuse_other_names(known, reads, categories, classes)
    for name, columns in reads.items() if known["reads"] else ():
        if known["reads"].get(name) == columns and known["preparations"].get(name) is not prepared.get(name):
            raise ValueError(
                f"the network was trained on what another preparation made of the columns {columns}; make "
                f"the "
                f"batches of dataset.prepared(network.preparations[{name!r}]), {AFRESH}"
            )
    return reads, categories, classes


def _prepared(network: Network, batches: BatchSource) -> dict[str, Any]:
    """What made the numbers of batches, by the network's input name."""
    inputs, found = list(network.graph.inputs), dict(getattr(batches, "preparations", {}))
    return {inputs[0]: next(iter(found.values()))} if len(inputs) == len(found) == 1 else found


def refuse_other_names(
    known: Mapping[str, Any], reads: Mapping[str, list], categories: Mapping[Any, list[str]], classes: Any
) -> None:
    """ValueError for batches of other names than those that a network has learned, or in another order."""
    for name, columns in reads.items():
        learned = known["reads"].get(name, columns)
        if columns != learned:
            raise ValueError(
                f"the network was trained on the columns {learned}, in this order, and the batches have "
                f"{columns}; name them in its order, inputs={learned}, {AFRESH}"
            )
    for column, words in categories.items():
        learned = known["categories"].get(column, words)
        if words != learned:
            raise ValueError(
                f"the network was trained on the words {learned} in column {column!r}, in this order, and "
                f"the batches have {words}; make them a pandas.Categorical of those, {AFRESH}"
            )
    if isinstance(known["classes"], list) and isinstance(classes, Mapping):
        classes = next(iter(classes.values()))
    theirs, ours = (
        each if isinstance(each, Mapping) else {None: each} for each in (known["classes"], classes)
    )
    for name, labels in ours.items():
        learned = theirs.get(name)
        if labels and learned and labels != learned:
            raise ValueError(
                f"the network was trained on the classes {', '.join(learned)}, in this order, and the "
                f"batches have {', '.join(labels)}; make the labels a pandas.Categorical of those, {AFRESH}"
            )
