"""The network in a file of ONNX: see `cortex_lab.interop.read_onnx`."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.ground.files import DamagedFile
from cortex_lab.interop.keras_layers import Untranslatable
from cortex_lab.interop.onnx_in import elementwise, folding, sequences, windows
from cortex_lab.interop.onnx_in.model import REMEDY, opened
from cortex_lab.interop.onnx_in.reader import OnnxReader
from cortex_lab.interop.onnx_in.recognizing import Recognizer
from cortex_lab.nn import Network

assert elementwise and folding and sequences and windows


def read(path: str | os.PathLike, input_shape: Any, allow_nan: bool, ops: str | Ops) -> Network:
    """See `cortex_lab.interop.read_onnx`."""
    file = opened(path)
    try:
        reader = OnnxReader(file, input_shape)
        graph = reader.graph(Recognizer(reader))
    except ValueError as error:
        if isinstance(error, DamagedFile):
            raise
        raise Untranslatable(f"{path}: {error}") from None
    wanted = {
        (node.name, key): spec.shape
        for node in graph.nodes.values()
        for key, spec in {
            **node.layer.parameters(*node.in_shapes),
            **node.layer.state(*node.in_shapes),
        }.items()
    }
    for place, array in reader.weights.items():
        name = "/".join(place)
        if array.shape != wanted[place]:
            why = f"does not fit {place[0]!r}: {place[1]} is of {array.shape}, and {wanted[place]} is wanted"
            raise DamagedFile(path, why, place[0], REMEDY)
        if not allow_nan and not np.isfinite(array).all():
            raise DamagedFile(path, f"has NaN or infinite numbers in {name!r}", place[0], _ANYWAY)
        if not allow_nan and name.endswith("variance") and (array < 0).any():
            raise DamagedFile(path, f"has a variance below 0 in {name!r}", place[0], _ANYWAY)
    network = Network(graph, ops=ops, drawn=False)
    for (node, key), array in reader.weights.items():
        name = f"{node}/{key}"
        (network.parameters if name in network.parameters else network.states)[name] = array
    return network


_ANYWAY = "export it anew, or look at it as it is: read_onnx(path, allow_nan=True)"
