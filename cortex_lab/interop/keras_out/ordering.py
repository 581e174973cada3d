"""The order in which Keras has the layers of a functional model, by which it counts them to find weights.

Keras sorts them by depth, the operations between a layer and the outputs, whatever the file lists; layers
that nothing leads from to an output are none of the model's. So what is written has to be in that order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Place = tuple[str, int]
"""A layer by name, and the number of its call."""


def in_keras_order(
    entries: Mapping[str, Mapping[str, Any]], inputs: Sequence[str], outputs: Sequence[Place]
) -> list[str]:
    """The names of the layers that a model has, in the order of `map_graph` in keras/src/ops/function.py."""
    reads = {
        (name, number): list(tensors_in(call))
        for name, entry in entries.items()
        for number, call in enumerate(entry["inbound_nodes"] or ({},))
    }
    finished, met = _walk(reads, outputs)
    depths: dict[Place, int] = {}
    of_layer: dict[str, int] = {}
    for place in reversed(finished):
        depth = max(depths.get(place, 0), of_layer.get(place[0], 0))
        of_layer[place[0]] = depths[place] = depth
        for source in reads[place]:
            depths[source] = max(depth + 1, depths.get(source, 0))
    for name in inputs:
        if name not in of_layer:
            of_layer[name], met[name] = 0, -1
    at = defaultdict(list)
    for name, depth in of_layer.items():
        at[depth].append(name)
    return [name for depth in sorted(at, reverse=True) for name in sorted(at[depth], key=met.__getitem__)]


def _walk(reads: Mapping[Place, list[Place]], outputs: Sequence[Place]) -> tuple[list[Place], dict[str, int]]:
    """Calls after all that they read, depth first from the outputs; and when each layer was first met."""
    finished: dict[Place, None] = {}
    met: dict[str, int] = {}
    for output in outputs:
        if output in finished:
            continue
        met.setdefault(output[0], len(met))
        waiting = [(output, iter(reads[output]))]
        while waiting:
            place, sources = waiting[-1]
            source = next((each for each in sources if each not in finished), None)
            if source is None:
                finished[place] = None
                waiting.pop()
            else:
                met.setdefault(source[0], len(met))
                waiting.append((source, iter(reads[source])))
    return list(finished), met


def tensors_in(value: Any) -> Iterator[Place]:
    """The calls that a description of arguments reads, in Keras' order: keywords by name."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            layer, call, _ = value["config"]["keras_history"]
            yield layer, call
            return
        for key in sorted(value):
            yield from tensors_in(value[key])
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from tensors_in(each)
