"""Which loss is on which output of a network, and whether it fits what that output ends in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cortex_lab.ground import checks
from cortex_lab.nn.contract.axes import row_axis
from cortex_lab.nn.contract.loss import Loss, resolve_loss
from cortex_lab.nn.graph.graph import Graph
from cortex_lab.nn.run.network import Network


def ends_in(graph: Graph, name: str) -> str | None:
    """The activation that the output `name` ends in, whatever shape it is brought into after that."""
    layer = last_layer(graph, name)
    return layer.activation or getattr(layer, "function", None)


def last_layer(graph: Graph, name: str) -> Any:
    """The layer that computes the output `name`, whatever shape it is brought into after that."""
    return graph.nodes[_computed_by(graph, name)].layer


def _computed_by(graph: Graph, name: str) -> str:
    while graph.nodes[name].layer.is_view and graph.nodes[name].inputs[0] in graph.nodes:
        name = graph.nodes[name].inputs[0]
    return name


def _check_axis(graph: Graph, name: str, loss: Loss) -> None:
    """ValueError for a softmax that is taken over another axis than the last, along which classes lie."""
    if loss.predicts != "classes" or ends_in(graph, name) not in ("softmax", "log_softmax"):
        return
    end, wanted = _computed_by(graph, name), graph.shape(name)
    layer, shape = graph.nodes[end].layer, graph.shape(end)
    kind, axis = type(layer).__name__, row_axis("axis", getattr(layer, "axis", -1), shape)
    if axis != len(shape) - 1:
        raise ValueError(
            f"{end!r} is a softmax over axis {axis + 1} of rows {shape}, and {type(loss).__name__} wants "
            f"classes along the last axis of output {name!r}; say {kind}(axis=-1), or Permute the classes to "
            "the end before it"
        )
    if shape[-1:] != wanted[-1:]:
        raise ValueError(
            f"{end!r} is a softmax over {shape[-1]} values, and output {name!r} has {wanted[-1]} classes in "
            f"rows {wanted}; bring them into that shape before the softmax"
        )


def losses_by_output(loss: object, network: Network) -> dict[str, Loss]:
    graph = network.graph
    if not isinstance(loss, Mapping):
        if len(graph.outputs) > 1:
            raise ValueError(
                f"the network has the outputs {list(graph.outputs)}; give a loss for each: loss={{name: ...}}"
            )
        loss = dict.fromkeys(graph.outputs, loss)
    losses = {}
    for name, each in loss.items():
        if name not in graph.outputs:
            raise ValueError(f"a loss is on {name!r}, but the outputs are {', '.join(graph.outputs)}")
        output = ends_in(graph, name), graph.shape(name)
        losses[name] = resolve_loss(each, *output)
        losses[name].check_output(name, graph.shape(name), output[0])
        _check_axis(graph, name, losses[name])
    if not losses:
        raise ValueError(f"there is no loss; give one for {', '.join(graph.outputs)}")
    return losses


def checked_weights(weights: Mapping[str, float] | None, losses: Mapping[str, Loss]) -> dict[str, float]:
    if weights is not None:
        checks.instance("loss_weights", weights, Mapping, "a dict of weights by output name")
    given = dict(weights or {})
    for name, weight in given.items():
        if name not in losses:
            raise ValueError(f"loss_weights has {name!r}, but the losses are on {', '.join(losses)}")
        checks.number(f"the weight of the loss on {name!r}", weight, over=0)
    return {name: float(given.get(name, 1.0)) for name in losses}
