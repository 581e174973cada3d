"""Masks that nobody has to wire: from an Embedding(mask_zero=True) to the layers behind it that take one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from cortex_lab.nn.contract.layer import Shape
from cortex_lab.nn.graph.description import Node
from cortex_lab.nn.layers.masking import Mask


def with_masks(nodes: Iterable[Node], shapes: Mapping[str, Shape]) -> Iterator[Node]:
    """`nodes`, in an order in which each comes after what it reads, with a `Mask` node where one is wanted.

    A layer with `takes_mask` that reads masked steps, and has no mask of its own, gets "NAME_mask" as its
    last input, NAME being the embedding. Layers with `keeps_steps` pass masks on, others do not. What has
    been wired before is left as it is, so a description that is read back stays the same. `shapes` are the
    rows of inputs and of the nodes that were given so far: whoever takes the nodes adds each before the next.
    """
    nodes = list(nodes)
    names = {node.name: node for node in nodes}
    masks: dict[str, str] = {}
    ids: dict[str, tuple[str, ...] | None] = {}
    for node in nodes:
        name, inputs = node.name or "", tuple(node.inputs or ())
        found = {masks.get(source) for source in inputs}
        if getattr(node.layer, "mask_zero", False):
            masks[name] = f"{name}_mask"
            ids[masks[name]] = inputs
        elif node.layer.takes_mask:
            wanted = node.layer.wants_mask_of(tuple(shapes[source] for source in inputs))
            mask = None if wanted is None else masks.get(inputs[wanted])
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
