"""What a training can measure, computed when asked for.

A measure is about the step just completed, or, asked right before an update, about the step under way. Those
of a layer are written with its name in brackets: "grad_norm['conv2d_1']".
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial

import numpy as np

from cortex_lab.nn.examine.parts import Loading, Scoring, Updating, Validating
from cortex_lab.nn.examine.record import LoadedBatch, StepRecord
from cortex_lab.nn.run.network import Network

_RECTIFIED = ("relu", "leaky_relu", "relu6", "limited_relu")
_BOUNDED = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0), "hard_sigmoid": (0.0, 1.0)}
SATURATED = 0.02
"""How near its bounds, as a share of its range, a bounded activation counts as saturated."""


class Measures:
    """The measures of one training: of its network, its loss, the step in `record`, and its other parts.

    `by_key` has what can be asked for: what concerns the whole first, then each layer. What its validation
    says of other rows goes by "validation_loss", "validation_accuracy" and the names of metrics.
    """

    def __init__(
        self,
        network: Network,
        objective: Scoring,
        record: StepRecord,
        update: Updating,
        loader: Loading,
        validation: Validating,
    ) -> None:
        self._network, self._objective, self._record = network, objective, record
        self._update, self._loader, self._validation = update, loader, validation
        self.by_key = self._table()

    def _table(self) -> dict[str, Callable[[], float]]:
        network, losses = self._network, self._objective.losses
        plain = ["loss", "accuracy"] if self._objective.classifies else ["loss"]
        plain += ["learning_rate", "epoch", "grad_norm", "weight_norm", "update_ratio"]
        plain += ["inputs_checksum"]
        plain += ["penalty"] if self._update.penalizes else []
        found = {key: partial(MEASURES[key], self) for key in plain}
        validation = self._validation
        found |= {f"validation_{key}": partial(validation.__getitem__, key) for key in validation.keys}
        if len(losses) > 1:
            found |= {f"loss[{name!r}]": partial(self.loss_of, name) for name in losses}
        for name in network.graph.nodes:
            function = function_of(network, name)
            of_layer = ["grad_norm", "weight_norm", "update_ratio"] if _has_parameters(network, name) else []
            of_layer += ["dead_units"] if function in _RECTIFIED else []
            of_layer += ["saturated_units"] if function in _BOUNDED else []
            found |= {f"{each}[{name!r}]": partial(MEASURES[each], self, name) for each in of_layer}
        return found

    def loss(self) -> float:
        """The weighted mean of the batch's losses."""
        return self._objective.total(self._known().slots)

    def loss_of(self, output: str) -> float:
        """The loss of one of several outputs, before its weight in the total."""
        return self._objective.of_output(self._known().slots, output)

    def accuracy(self) -> float:
        """The share of the batch's rows that were classified right."""
        return self._objective.accuracy(self._known().slots)

    def learning_rate(self) -> float:
        """The learning rate of the step's update."""
        return self._update.learning_rate(self._record.under_way)

    def epoch(self) -> float:
        """Passes over the training rows."""
        return (self._record.step + 1) / self._loader.source.steps_per_epoch

    def inputs_checksum(self) -> float:
        """The sum of zlib.crc32 of each row of the batch's inputs as they were trained on: changed and mixed.

        Of several inputs, each row's checksum goes on from that of the input before.
        """
        bound, total = self._loaded().bound, 0
        inputs = [self._network.ops.to_numpy(bound.buffers[name]) for name in self._network.graph.inputs]
        for row in zip(*inputs, strict=True):
            found = 0
            for part in row:
                found = zlib.crc32(np.ascontiguousarray(part), found)
            total += found
        return float(total)

    def grad_norm(self, node: str | None = None) -> float:
        """The Euclidean norm of the gradient, of all parameters or of a layer's."""
        return self._network.ops.norm(self._network.gradient[_part(self._network, node)])

    def weight_norm(self, node: str | None = None) -> float:
        """The Euclidean norm of all parameters or of a layer's."""
        return self._network.ops.norm(self._network.params[_part(self._network, node)])

    def update_ratio(self, node: str | None = None) -> float:
        """The norm of the update over the norm of what it changes; 0.001 is a usual value."""
        ops, part, record = self._network.ops, _part(self._network, node), self._record
        params = self._network.params[part]
        if record.under_way:
            pending = self._update.pending(record.changes)
            change = np.concatenate([np.ravel(array) for array in pending.values()])[part]
            return float(np.linalg.norm(change)) / max(ops.norm(params), 1e-30)
        if record.params_before is None:
            raise LookupError(
                "how much the last update changed was not kept; from now on it is, with "
                "session.record(Probe('update_ratio'))"
            )
        before = record.params_before[part]
        return ops.norm(params - before) / max(ops.norm(before), 1e-30)

    def dead_units(self, node: str) -> float:
        """The share of a rectified layer's units (its last axis) that were zero for the whole batch."""
        y = self._loaded().bound.buffers[node]
        return float((y.reshape(-1, y.shape[-1]) <= 0).all(axis=0).mean())

    def saturated_units(self, node: str) -> float:
        """The share of a bounded layer's outputs within 2 percent of a bound."""
        low, high = _BOUNDED[function_of(self._network, node) or ""]
        y, margin = self._loaded().bound.buffers[node], SATURATED * (high - low)
        return float(((y < low + margin) | (y > high - margin)).mean())

    def penalty(self) -> float:
        """What the penalties add to the loss, with the weights as they are."""
        return self._update.penalty()

    def _known(self) -> LoadedBatch:
        """The batch, of which losses and hits are known."""
        if self._record.known is None:
            raise LookupError("no step has been taken yet")
        return self._record.known

    def _loaded(self) -> LoadedBatch:
        """The batch with all that layers made of it."""
        return self._record.loaded or self._known()


MEASURES: dict[str, Callable[..., float]] = {
    "loss": Measures.loss,
    "accuracy": Measures.accuracy,
    "learning_rate": Measures.learning_rate,
    "epoch": Measures.epoch,
    "inputs_checksum": Measures.inputs_checksum,
    "grad_norm": Measures.grad_norm,
    "weight_norm": Measures.weight_norm,
    "update_ratio": Measures.update_ratio,
    "dead_units": Measures.dead_units,
    "saturated_units": Measures.saturated_units,
    "penalty": Measures.penalty,
}


def stands(key: str) -> bool | None:
    """Whether a key is of the weights as they are; None if it cannot be told after an edit."""
    name = key.partition("[")[0]
    if name in ("weight_norm", "penalty") or name.startswith("validation_"):
        return True
    return None if name in ("learning_rate", "epoch", "update_ratio") else False


def function_of(network: Network, node: str) -> str | None:
    """The activation that a node ends in, if any."""
    layer = network.graph.nodes[node].layer
    return layer.activation or getattr(layer, "function", None)


def _has_parameters(network: Network, node: str) -> bool:
    return any(name.startswith(f"{node}/") for name in network.parameters)


def _part(network: Network, node: str | None) -> slice:
    """Where a node's own parameters lie in the flat vector."""
    if node is None:
        return slice(None)
    first, last, start = 0, 0, 0
    for name, array in network.parameters.items():
        if name.split("/")[0] == node:
            first, last = (first if last else start), start + array.size
        start += array.size
    return slice(first, last)
