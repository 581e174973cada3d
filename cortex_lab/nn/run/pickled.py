"""A network as pickle and copy.deepcopy keep it: what a file would, and no memory of the backend."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.ground.described import is_built_in
from cortex_lab.nn.graph.graph import Graph


class Pickled:
    """Base of `Network`, which says how to make one like it: its graph, its numbers and what it knows."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        network: Any = self
        return network.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        network: Any = self
        to_numpy = network.ops.to_numpy
        vectors = network.turns.reading(
            lambda: [np.array(to_numpy(each)) for each in (network.params, network.state)]
        )
        known = {name: getattr(network, name) for name in network.settable}
        # As `copy` has it: a class of one's own may be made in another way.
        kind = next(each for each in type(self).__mro__ if is_built_in(each))
        return _revived, (kind, network.graph.to_dict(), network.seed, network.ops.name, *vectors, known)


def _revived(
    kind: Any,
    graph: dict,
    seed: int,
    ops: str,
    params: np.ndarray,
    state: np.ndarray,
    known: dict[str, Any],
) -> Any:
    network = kind(Graph.from_dict(graph), seed=seed, ops=ops)
    network.params[...], network.state[...] = network.ops.asarray(params), network.ops.asarray(state)
    for name, value in known.items():
        setattr(network, name, value)
    return network
