"""Masks that nobody has to wire: from an Embedding(mask_zero=True) to the layers behind it that take one."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping

from cortex_lab.nn.contract.layer import Shape
from cortex_lab.nn.graph.description import Node
from cortex_lab.nn.layers.masking import Mask


def with_masks(nodes: Iterable[Node], shapes: Mapping[str, Shape]) -> Iterator[Node]:
    """`nodes`, in an order in which each comes after what it reads, with a `Mask` node where one is wanted.

    A layer with `takes_mask` that reads masked steps, and has no mask of its own, gets "NAME_mask" as its
    last input, NAME being the embedding. Layers with `keeps_steps` pass masks on, others do not: a warning
    says so where padding is then read as steps, or put together with them. What has been wired before is left
    as it is, so a description that is read back stays the same. `shapes` are the rows of inputs and of the
    nodes that were given so far: whoever takes the nodes adds each before the next.
    """
    nodes = list(nodes)
    names = {node.name: node for node in nodes}
    masks: dict[str, str] = {}
    ids: dict[str, tuple[str, ...] | None] = {}
    lost: dict[str, tuple[str, str]] = {}
    for node in nodes:
        name, inputs = node.name or "", tuple(node.inputs or ())
        found = {masks.get(source) for source in inputs}
        if getattr(node.layer, "mask_zero", False):
            masks[name] = f"{name}_mask"
            ids[masks[name]] = inputs
        elif node.layer.takes_mask:
            wanted = node.layer.wants_mask_of(tuple(shapes[source] for source in inputs))
            mask = None if wanted is None else masks.get(inputs[wanted])
            if wanted is not None and inputs[wanted] in lost:
                _say_lost(node, *lost[inputs[wanted]])
            if mask is not None:
                if mask not in names:
                    names[mask] = Node(Mask(), mask, ids[mask])
                    yield names[mask]
                elif not isinstance(names[mask].layer, Mask):
                    raise ValueError(
                        f"{mask!r} is what the mask of {mask[:-5]!r} is called; choose another name"
                    )
                node = Node(node.layer, name, (*inputs, mask), node.shares)
            if node.layer.keeps_steps and inputs[0] in masks:
                masks[name] = masks[inputs[0]]
        elif node.layer.keeps_steps and len(found) == 1 and None not in found:
            masks[name] = masks[inputs[0]]
        yield node
        if name in masks:
            continue
        ends = [(masks[source], name) for source in inputs if source in masks]
        ends += [lost[source] for source in inputs if source in lost]
        if ends and len(shapes[name]) > 1:
            lost[name] = ends[0]
        elif ends and not node.layer.takes_mask and not node.layer.is_view:
            _say_merged(node, ends[0][0])


def _say_lost(node: Node, mask: str, where: str) -> None:
    reads = ", ".join(map(repr, node.inputs or ()))
    warnings.warn(
        f"{node.name!r} reads padding as steps: the mask of {mask[:-5]!r} ends at {where!r}; if the steps "
        f"are those still, wire one, cl.Node(cl.Mask(), 'mask', ids) and inputs=({reads}, 'mask'), or leave "
        "mask_zero=True out",
        UserWarning,
        stacklevel=2,
    )


def _say_merged(node: Node, mask: str) -> None:
    kind = type(node.layer).__name__
    warnings.warn(
        f"{node.name!r} puts the steps together, padding too: {kind} takes no mask, as {mask[:-5]!r} has "
        "one; an LSTM or GRU in its place passes over padding, or leave mask_zero=True out if it may count",
        UserWarning,
        stacklevel=2,
    )
