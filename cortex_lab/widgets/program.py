"""A small network as steps that the page of a report computes: what a drawing is, layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cortex_lab.nn import Layer, Network
from cortex_lab.study import Session
from cortex_lab.widgets.chart.rows import rows_of
from cortex_lab.widgets.chart.view import NothingToShow

MOST_BYTES = 2**20
"""Of parameters; larger networks are not taken along."""
FUNCTIONS = frozenset(
    (
        "linear", "relu", "relu6", "leaky_relu", "elu", "selu", "sigmoid", "tanh", "softplus", "softsign",
        "exponential", "swish", "hard_sigmoid", "hard_swish", "mish", "gelu", "gelu_tanh", "softmax",
        "log_softmax",
    )
)  # fmt: skip
"""The activations that the page knows (`static/compute.js`)."""

Told = dict[str, Any]
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Program:
    """`said` is what is plain, `arrays` are those of each step; `cannot` says why there is none."""

    said: Told = field(default_factory=dict)
    arrays: tuple[Arrays, ...] = ()
    cannot: str = ""


class _Unknown(Exception):
    pass


def program_of(session: Session) -> Program:
    """What the page needs to answer for a drawing; or why it cannot."""
    try:
        known = rows_of(session)
        network: Network = session.network  # type: ignore[attr-defined]
        return _of_network(network, known)
    except (_Unknown, NothingToShow) as error:
        return Program(cannot=str(error).partition("\n")[0])


def _of_network(network: Network, known: Any) -> Program:
    graph = network.graph
    # One of somebody's own may be known by its layers alone.
    if len(getattr(graph, "inputs", ())) != 1 or len(getattr(graph, "outputs", ())) != 1:
        raise _Unknown("it has not one input and one output")
    (name, shape), (output,) = next(iter(graph.inputs.items())), graph.outputs
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] != 1):
        raise _Unknown(f"its input {'×'.join(map(str, shape))} is no gray picture to draw")
    if 4 * network.params.size > MOST_BYTES:
        raise _Unknown(f"its {network.params.size:,} parameters are more than a report takes along")
    steps, arrays = [], []
    for called, node in graph.nodes.items():
        if len(node.inputs) != 1:
            raise _Unknown(f"{called!r} joins several layers")
        make = _MAKERS.get(type(node.layer).__name__)
        if make is None:
            raise _Unknown(f"{called!r} is a {type(node.layer).__name__}")
        said, mine = make(node.layer, tuple(node.in_shapes[0]), _own(network, called))
        shapes = {"shape": list(node.out_shape), "from_shape": list(node.in_shapes[0])}
        steps.append({"name": called, "of": node.inputs[0], "view": node.layer.is_view, **shapes, **said})
        arrays.append({key: np.asarray(each, np.float32) for key, each in mine.items()})
    goal = known.goals[output]
    sample = known.take(known.shown[:64])[0][name]
    seen = np.asarray(network.seen(name, sample))
    limits = [float(min(0.0, np.nanmin(seen))), float(np.nanmax(seen)) or 1.0]
    said = {"input": name, "shape": list(shape), "limits": limits, "output": output, "steps": steps}
    return Program({**said, "classes": list(goal.classes), "link": goal.link}, tuple(arrays))


def _own(network: Network, node: str) -> Arrays:
    """Parameters and state of a node, by their own names."""
    to_numpy, found = network.ops.to_numpy, {**network.parameters, **network.states}
    return {
        key.rpartition("/")[2]: to_numpy(each)
        for key, each in found.items()
        if key.rpartition("/")[0] == node
    }


def _function(name: str | None) -> str:
    if (name or "linear") not in FUNCTIONS:
        raise _Unknown(f"its activation {name!r} is none that a page computes")
    return name or "linear"


def _dense(layer: Any, shape: tuple[int, ...], own: Arrays) -> tuple[Told, Arrays]:
    return {"kind": "dense", "activation": _function(layer.activation)}, own


def _convolution(layer: Any, shape: tuple[int, ...], own: Arrays) -> tuple[Told, Arrays]:
    strides, padding, dilation, groups = layer.constants(shape)["geometry"]
    window = own["kernel"].shape[:2]
    said = {"strides": strides, "padding": padding, "dilation": dilation, "groups": groups, "window": window}
    return {"kind": "convolution", **said, "activation": _function(layer.activation)}, own


def _pooling(kind: str) -> Callable[[Any, tuple[int, ...], Arrays], tuple[Told, Arrays]]:
    def made(layer: Any, shape: tuple[int, ...], own: Arrays) -> tuple[Told, Arrays]:
        window, strides, padding = layer.constants(shape)["geometry"]
        counted = bool(getattr(layer, "count_padding", False))
        said = {"window": window, "strides": strides, "padding": padding, "counted": counted}
        return {"kind": kind, **said}, {}

    return made


def _plain(kind: str) -> Callable[[Any, tuple[int, ...], Arrays], tuple[Told, Arrays]]:
    return lambda layer, shape, own: ({"kind": kind}, {})


def _batch_normalization(layer: Any, shape: tuple[int, ...], own: Arrays) -> tuple[Told, Arrays]:
    mean = own["moving_mean"]
    if mean.shape != shape[-1:] or layer.constants(shape)["order"] is not None:
        raise _Unknown("a BatchNormalization of its is not along the channels")
    scale = own.get("gamma", np.ones_like(mean)) / np.sqrt(own["moving_variance"] + layer.epsilon)
    return {"kind": "affine"}, {"scale": scale, "shift": own.get("beta", np.zeros_like(mean)) - mean * scale}


def _normalization(kind: str) -> Callable[[Any, tuple[int, ...], Arrays], tuple[Told, Arrays]]:
    def made(layer: Any, shape: tuple[int, ...], own: Arrays) -> tuple[Told, Arrays]:
        found = layer.constants(shape)
        if found["order"] is not None:
            raise _Unknown(f"a {type(layer).__name__} of its is not along the last axes")
        groups = getattr(layer, "groups", 1)
        features = int(found["features"])
        said = {"features": features, "groups": features if groups == -1 else groups}
        return {"kind": kind, **said, "epsilon": layer.epsilon}, {
            name: each.reshape(-1) for name, each in own.items()
        }

    return made


def _local_response(layer: Any, shape: tuple[int, ...], own: Arrays) -> tuple[Told, Arrays]:
    said = {name: getattr(layer, name) for name in ("size", "alpha", "beta", "k")}
    return {"kind": "local_response", **said}, {}


def _activation(layer: Any, shape: tuple[int, ...], own: Arrays) -> tuple[Told, Arrays]:
    found = layer.constants(shape)
    said = {"kind": "activation", "alpha": float(found.get("alpha", 1.0))}
    if layer.function != "limited_relu":
        return {**said, "activation": _function(layer.function)}, {}
    limit = None if np.isinf(found["limit"]) else float(found["limit"])
    return {**said, "kind": "limited_relu", "limit": limit, "threshold": float(found["threshold"])}, {}


def _softmax(layer: Any, shape: tuple[int, ...], own: Arrays) -> tuple[Told, Arrays]:
    _, classes, *places = layer.constants(shape)["split"]
    said = {"activation": layer.function, "classes": classes, "places": [*places, 1][0]}
    return {"kind": "softmax", **said}, {}


def _prelu(layer: Any, shape: tuple[int, ...], own: Arrays) -> tuple[Told, Arrays]:
    return {"kind": "prelu"}, {"alpha": np.broadcast_to(own["alpha"], shape)}


def _rescaling(layer: Any, shape: tuple[int, ...], own: Arrays) -> tuple[Told, Arrays]:
    return {"kind": "affine"}, {"scale": np.array([layer.scale]), "shift": np.array([layer.offset])}


def _layer_scale(layer: Any, shape: tuple[int, ...], own: Arrays) -> tuple[Told, Arrays]:
    return {"kind": "affine"}, {"scale": own["gamma"], "shift": np.zeros_like(own["gamma"])}


def _adapted(layer: Any, shape: tuple[int, ...], own: Arrays) -> tuple[Told, Arrays]:
    scale = 1 / np.sqrt(np.broadcast_to(own["spread"], shape).astype(float))
    return {"kind": "affine"}, {"scale": scale, "shift": -own["center"] * scale}


_ELEMENTWISE = (
    "Activation", "ReLU", "ReLU6", "LeakyReLU", "ELU", "SELU", "GELU", "Swish", "HardSwish", "Mish",
    "Softsign", "Exponential", "Softplus", "Sigmoid", "HardSigmoid", "Tanh",
)  # fmt: skip
_MAKERS: dict[str, Callable[[Layer, tuple[int, ...], Arrays], tuple[Told, Arrays]]] = {
    "Dense": _dense,
    "Conv2D": _convolution,
    "MaxPooling2D": _pooling("max"),
    "AveragePooling2D": _pooling("average"),
    "GlobalAveragePooling2D": _plain("global_average"),
    "GlobalMaxPooling2D": _plain("global_max"),
    **dict.fromkeys(("Flatten", "Reshape", "Dropout", "GaussianNoise", "GaussianDropout"), _plain("same")),
    "BatchNormalization": _batch_normalization,
    "LayerNormalization": _normalization("normalize"),
    "GroupNormalization": _normalization("group_normalize"),
    "RMSNormalization": _normalization("rms_normalize"),
    "LocalResponseNormalization": _local_response,
    **dict.fromkeys(_ELEMENTWISE, _activation),
    **dict.fromkeys(("Softmax", "LogSoftmax"), _softmax),
    "PReLU": _prelu,
    "Rescaling": _rescaling,
    "LayerScale": _layer_scale,
    "Normalization": _adapted,
}
