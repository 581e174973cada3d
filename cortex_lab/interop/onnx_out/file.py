"""Networks written as ONNX, and certified by ONNX' own interpreter before they are: `write_onnx`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

from cortex_lab.ground.files import write_whole
from cortex_lab.interop.certificate import Report, verify
from cortex_lab.interop.onnx_out import elementwise, sequences, windows
from cortex_lab.interop.onnx_out.writer import FIRST, LAST, Task, Unwritable, Value, Writer, export
from cortex_lab.interop.recording import RecordedLayers
from cortex_lab.interop.weights_files import copied
from cortex_lab.nn import Network

assert elementwise and sequences and windows
OPSET, IR_VERSION = 20, 9
MOST_BYTES = 2**31 - 2**20
"""What one file of ONNX can hold, less what describes it."""


@dataclass(frozen=True)
class Written:
    """A model of ONNX, and for each node of the network the tensors that hold what it gives."""

    model: onnx.ModelProto
    values: Mapping[str, Value]


def write(
    network: Network, path: str | os.PathLike, rows: int, certify: bool, tolerance: float | None
) -> Report | None:
    """See `cortex_lab.interop.write_onnx`."""
    written = onnx_model(network)
    report = certificate(network, written, rows, tolerance) if certify else None
    if report is not None and not report.ok:
        raise Unwritable(f"ONNX' own interpreter gives something else, so nothing was written: {report}")
    write_whole(path, written.model.SerializeToString())
    return report


def onnx_model(network: Network) -> Written:
    """`network` as ONNX; ValueError naming the node that ONNX has nothing for."""
    graph, arrays, dtype = network.graph, copied(network), np.dtype(network.ops.dtype)
    if sum(each.nbytes for each in arrays.values()) > MOST_BYTES:
        raise Unwritable("the weights are more than the 2 GB that a file of ONNX holds; write_weights them")
    writer, values = Writer(dtype), {}
    writer.names |= {*graph.inputs, *graph.nodes}
    inputs = []
    for name, shape in graph.inputs.items():
        whole = name in network.ids
        kind = onnx.TensorProto.INT64 if whole else helper.np_dtype_to_tensor_dtype(dtype)
        inputs.append(helper.make_tensor_value_info(name, kind, ["rows", *shape]))
        values[name] = Value(shape, {LAST: name}, whole)
    for node in graph.nodes.values():
        owner = node.shares or node.name
        parameters, states = node.layer.parameters(*node.in_shapes), node.layer.state(*node.in_shapes)
        own = {key: arrays[f"{owner}/{key}"] for key in parameters}
        own |= {key: arrays[f"{node.name}/{key}"] for key in states}
        # States are each call's own, and what is trained is shared.
        prefix = f"{node.name if states else owner}/"
        reads = [values[name] for name in node.inputs]
        task = Task(writer, node.layer, node.name, reads, own, prefix, node.out_shape)
        try:
            values[node.name] = export(task)
        except Unwritable as error:
            raise Unwritable(f"layer {node.name!r} {error}") from None
    outputs = [_output(writer, name, values[name], dtype) for name in graph.outputs]
    model = helper.make_model(
        helper.make_graph(writer.nodes, "network", inputs, outputs, list(writer.weights.values())),
        opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="cortex_lab",
    )  # fmt: skip
    onnx.checker.check_model(model)
    return Written(model, values)


def _output(writer: Writer, name: str, value: Value, dtype: np.dtype) -> Any:
    """An output, under the name of its node."""
    writer.nodes.append(helper.make_node("Identity", [writer.turned(value, LAST, name)], [name], name=name))
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(dtype), ["rows", *value.shape])


def certificate(network: Network, written: Written, rows: int = 2, tolerance: float | None = None) -> Report:
    """Every node beside what ONNX' own interpreter, in NumPy, makes of the model for `rows` drawn rows."""
    inputs = drawn_inputs(network, rows)
    session = ReferenceEvaluator(written.model)
    with np.errstate(all="ignore"):
        found: Any = session.run(None, dict(inputs), intermediate=True)
    layers = {}
    for name in network.graph.nodes:
        value = written.values[name]
        array = np.asarray(found[value.tensors.get(LAST) or value.tensors[FIRST]])
        layers[name] = array if LAST in value.tensors or array.ndim < 3 else np.moveaxis(array, 1, -1)
    if tolerance is None:
        # Settings of operators are float32, whatever the weights are.
        tolerance = 1e-6 if np.dtype(network.ops.dtype).itemsize == 8 else 1e-4
    return verify(network, None, RecordedLayers(inputs, layers), tolerance=tolerance)


def drawn_inputs(network: Network, rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Rows to try a network on: ids, where it reads them, else numbers near 0."""
    random, found = np.random.default_rng(seed), {}
    for name, shape in network.graph.inputs.items():
        if name in network.ids:
            readers = [network.graph.nodes[each].layer for each in network.graph.consumers[name]]
            counts = [each.id_count for each in readers if each.id_count is not None]
            found[name] = random.integers(0, min(counts, default=2), (rows, *shape))
        else:
            found[name] = random.normal(size=(rows, *shape)).astype(network.ops.dtype)
    return found
