"""What goes on inside a recurrent layer over the steps of one row, and how far back its last state looks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cortex_lab.nn import Network
from cortex_lab.nn.graph.graph import PlacedNode
from cortex_lab.nn.layers.recurrent import _Recurrent
from cortex_lab.nn.layers.recurrent_bidirectional import Bidirectional
from cortex_lab.nn.run.plan import edge
from cortex_lab.widgets.chart.passed import RowPasses, Weights
from cortex_lab.widgets.chart.rows import Named

GATES: dict[int, tuple[str, ...]] = {
    1: (),
    3: ("update", "reset", "candidate"),
    4: ("input", "forget", "candidate", "output"),
}
"""What the gates of a SimpleRNN, a GRU and an LSTM are called, in the order of their parameters."""
MOST_UNITS = 256
"""Units of the last state whose gradient is found."""


@dataclass(frozen=True, eq=False)
class ThroughTime:
    """Of one row: `states` "state" and "cell" (steps, units), and `gates` (steps, units) by name.

    `counts` is a bool for each step, false where a mask leaves it out; `lags` says how long before the last
    that is read it is. `by_lag` is the Frobenius norm of the gradient of the last state with respect to the
    input so many steps before, and `of_loss` the norm of that of the row's loss; None where there is none.
    `carries` says whether the state goes on to the next batch, and its gradient does not.
    """

    states: dict[str, np.ndarray]
    gates: dict[str, np.ndarray]
    counts: np.ndarray
    lags: np.ndarray
    by_lag: np.ndarray | None
    of_loss: np.ndarray | None
    carries: bool


def recurrent_layers(network: Network) -> list[str]:
    """Names of the layers that read a sequence step by step."""
    nodes = network.graph.nodes.items()
    return [name for name, node in nodes if isinstance(node.layer, (_Recurrent, Bidirectional))]


def ways_of(node: PlacedNode) -> tuple[str, ...]:
    """The ways in which a layer reads: both, of a Bidirectional."""
    return ("forward", "backward") if isinstance(node.layer, Bidirectional) else ("forward",)


def cell_of(node: PlacedNode, way: str) -> _Recurrent:
    """The layer that reads this way."""
    layer: Any = node.layer
    if isinstance(layer, Bidirectional):
        return replace(layer.layer, go_backwards=way == "backward")
    return layer


def through_time(
    network: Network, passes: RowPasses, weights: Weights, rows: tuple[Named, Named], name: str, way: str
) -> ThroughTime:
    """What a recurrent layer did with one row, (inputs, targets) of it by name, as the network predicts."""
    node = network.graph.nodes[name]
    layer, both = cell_of(node, way), isinstance(node.layer, Bidirectional)
    own = f"{name}/{way}_" if both else f"{name}/"
    source = node.inputs[0]
    masked = node.inputs[-1] if len(node.inputs) > 1 + layer.initial_state else None
    backs = (f"gradient:{source}>{edge(name, 0)}", f"gradient:{source}")
    wanted = (f"{own}gates", f"{own}cells", f"{own}hidden", f"{own}y", name, *backs)
    found = passes.run(weights, *rows, (*wanted, *([masked] if masked else [])))
    gates = found.buffers[f"{own}gates"][0]
    units = layer.units
    states = {"state": _hidden(found.buffers, node, layer, way, own)}
    if f"{own}cells" in found.buffers:
        states["cell"] = found.buffers[f"{own}cells"][0]
    named = {
        each: gates[:, place * units : (place + 1) * units] for place, each in enumerate(GATES[layer.gates])
    }
    counts = np.ones(len(gates), bool) if masked is None else found.buffers[masked][0].reshape(-1) != 0
    back = found.get(backs[0])
    back = found.get(backs[1]) if back is None else back
    order = slice(None) if layer.go_backwards else slice(None, None, -1)
    return ThroughTime(
        states, named, counts, np.arange(len(gates))[order],
        _by_lag(passes, weights, rows[0], node, layer, way, order),
        None if back is None else np.linalg.norm(back[0].astype(np.float64), axis=1)[order],
        bool(layer.stateful),
    )  # fmt: skip


def _hidden(buffers: dict[str, np.ndarray], node: PlacedNode, layer: _Recurrent, way: str,
            own: str) -> np.ndarray:  # fmt: skip
    """The state after each step, in the order of the input's steps."""
    if f"{own}hidden" in buffers:
        return buffers[f"{own}hidden"][0]
    if f"{own}y" in buffers:
        return buffers[f"{own}y"][0]
    y = buffers[node.name][0]
    if isinstance(node.layer, Bidirectional):
        return y[:, : layer.units] if way == "forward" else y[:, layer.units :]
    return y[::-1] if layer.go_backwards else y


def _by_lag(passes: RowPasses, weights: Weights, inputs: Named, node: PlacedNode, layer: _Recurrent,
            way: str, order: slice) -> np.ndarray | None:  # fmt: skip
    """The norm, by lag, of the gradient of the last state's units; None where they are not told apart."""
    merged = isinstance(node.layer, Bidirectional) and node.layer.merge_mode != "concat"
    if merged:
        return None
    first = layer.units if isinstance(node.layer, Bidirectional) and way == "backward" else 0
    units = min(layer.units, MOST_UNITS)
    seed = np.zeros((units, *node.out_shape), np.float32)
    places = np.arange(units)
    if layer.return_sequences:
        steps = node.in_shapes[0][0]
        last = 0 if isinstance(node.layer, Bidirectional) and way == "backward" else steps - 1
        seed[places, last, first + places] = 1
    else:
        seed[places, first + places] = 1
    many = {name: np.repeat(values, units, axis=0) for name, values in inputs.items()}
    try:
        found = passes.gradient(weights, many, node.name, node.inputs[0], seed)
    except ValueError:
        # Nothing that is learned, and no input of numbers, comes before it.
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        return np.sqrt(np.square(found.astype(np.float64)).sum(axis=(0, 2)))[order]
