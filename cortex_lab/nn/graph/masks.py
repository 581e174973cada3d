"""Masks that nobody has to wire: from an Embedding(mask_zero=True) to the recurrent layers behind it."""

from __future__ import annotations

from collections.abc import Iterable

from cortex_lab.nn.graph.description import Node
from cortex_lab.nn.layers.masking import Mask


def with_masks(nodes: Iterable[Node]) -> list[Node]:
    """`nodes`, ordered so that each comes after what it reads, with a `Mask` node where one is wanted.

    A layer with `takes_mask` that reads masked steps, and has no second input of its own, gets "NAME_mask"
    for one, NAME being the embedding. Layers with `keeps_steps` pass masks on, others do not. What has been
    wired before is left as it is, so a description that is read back stays the same.
    """
    nodes = list(nodes)
    names = {node.name: node for node in nodes}
    wired: list[Node] = []
    masks: dict[str, str] = {}
    ids: dict[str, tuple[str, ...] | None] = {}
    for node in nodes:
        name, inputs = node.name or "", tuple(node.inputs or ())
        found = {masks.get(source) for source in inputs}
        if getattr(node.layer, "mask_zero", False):
            masks[name] = f"{name}_mask"
            ids[masks[name]] = inputs
        elif node.layer.takes_mask and inputs[0] in masks:
            if len(inputs) == 1:
                mask = masks[inputs[0]]
                if mask not in names:
                    names[mask] = Node(Mask(), mask, ids[mask])
                    wired.append(names[mask])
                elif not isinstance(names[mask].layer, Mask):
                    raise ValueError(
                        f"{mask!r} is what the mask of {mask[:-5]!r} is called; choose another name"
                    )
                node = Node(node.layer, name, (*inputs, mask), node.shares)
            if node.layer.keeps_steps:
                masks[name] = masks[inputs[0]]
        elif node.layer.keeps_steps and len(found) == 1 and None not in found:
            masks[name] = masks[inputs[0]]
        wired.append(node)
    return wired
