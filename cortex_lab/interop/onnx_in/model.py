"""A file of ONNX, looked at before anything of it is believed: sizes, names, and where its weights lie."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper, numpy_helper

from cortex_lab.ground.files import DamagedFile, size_of

KIND = "of ONNX"
REMEDY = "take a whole copy of it, or export it anew"
OPSETS = range(13, 24)
MOST_NODES = 50_000
# What of a tensor holds its numbers, where they are not raw bytes; and how many bytes a number has there.
_FIELDS = {
    TensorProto.FLOAT: "float_data", TensorProto.DOUBLE: "double_data", TensorProto.INT64: "int64_data",
    TensorProto.INT32: "int32_data", TensorProto.BOOL: "int32_data", TensorProto.FLOAT16: "int32_data",
}  # fmt: skip


@dataclass(frozen=True)
class OnnxFile:
    """What a file says: its graph, the version of the operators, and its weights by name."""

    path: str | os.PathLike
    graph: Any
    opset: int
    weights: Mapping[str, np.ndarray]

    def wrong(self, where: str, why: str) -> DamagedFile:
        return DamagedFile(self.path, f"cannot be read: {where} {why}", where, REMEDY)


def opened(path: str | os.PathLike) -> OnnxFile:
    """The file at `path`; `DamagedFile` for what is not whole, or asks for what lies outside its folder."""
    if not size_of(path):
        raise DamagedFile(path, "is empty", None, REMEDY)
    try:
        model = onnx.load_model(os.fspath(path), load_external_data=False)
    except (DecodeError, ValueError, TypeError, RecursionError, onnx.checker.ValidationError) as error:
        said = " ".join(str(error).split())[:200]
        raise DamagedFile(path, f"is not a whole file {KIND} ({said})", None, REMEDY) from None
    graph = model.graph
    opsets = {each.domain: each.version for each in model.opset_import}
    version = opsets.get("", opsets.get("ai.onnx", 0))
    if not graph.node or not graph.output:
        raise DamagedFile(path, f"is not a whole file {KIND}: it has no graph", None, REMEDY)
    if version not in OPSETS:
        remedy = f"export it with an opset of {OPSETS[0]} to {OPSETS[-1]}"
        raise DamagedFile(path, f"has operators of opset {version}, which are not read", None, remedy)
    if len(graph.node) > MOST_NODES:
        raise DamagedFile(path, f"has {len(graph.node):,} operators, more than {MOST_NODES:,}", None, REMEDY)
    if len(model.functions):
        name = model.functions[0].name
        raise DamagedFile(path, f"brings operators of its own along, {name!r}", name, "export it without")
    if len(graph.sparse_initializer):
        raise DamagedFile(path, "has sparse weights, which are not read", None, "export them as they are")
    weights = {}
    for tensor in graph.initializer:
        if tensor.name in weights:
            raise DamagedFile(path, f"has two weights called {tensor.name!r}", tensor.name, REMEDY)
        weights[tensor.name] = array_of(tensor, path)
    return OnnxFile(path, graph, version, weights)


def array_of(tensor: Any, path: str | os.PathLike) -> np.ndarray:
    """The numbers of a tensor, whose size is what it says; those outside the file from its own folder."""
    name = tensor.name or "a constant"
    dims = list(tensor.dims)
    if any(n < 0 for n in dims) or tensor.data_type not in _FIELDS:
        raise DamagedFile(path, f"has {name!r} of a shape or type that is not read", name, REMEDY)
    dtype, count = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type)), math.prod(dims)
    if tensor.data_location == TensorProto.EXTERNAL:
        return _outside(tensor, path, name, dtype, count).reshape(dims)
    if tensor.HasField("raw_data"):
        fits = len(tensor.raw_data) == count * dtype.itemsize
    else:
        fits = len(getattr(tensor, _FIELDS[tensor.data_type])) == count
    if not fits:
        raise DamagedFile(path, f"states a shape of {name!r}, {dims}, that is not there", name, REMEDY)
    return numpy_helper.to_array(tensor)


def _outside(tensor: Any, path: str | os.PathLike, name: str, dtype: np.dtype, count: int) -> np.ndarray:
    said = {each.key: each.value for each in tensor.external_data}
    location = said.get("location", "")
    pure, folder = PurePosixPath(location), Path(os.path.realpath(path)).parent
    found = folder / location
    leads_out = (
        not location or pure.is_absolute() or ".." in pure.parts or "\\" in location or ":" in location
    )
    if leads_out or folder not in Path(os.path.realpath(found)).parents:
        why = f"has {name!r} in {location!r}, which is not in its own folder"
        raise DamagedFile(path, why, name, "export it into one file")
    try:
        offset, size = int(said.get("offset") or 0), size_of(found)
        length = int(said["length"]) if said.get("length") else count * dtype.itemsize
    except ValueError:
        raise DamagedFile(path, f"does not say where in {location!r} {name!r} is", name, REMEDY) from None
    except FileNotFoundError:
        remedy = "put the file that belongs to it beside it"
        raise DamagedFile(path, f"has {name!r} in {location!r}, which is not there", name, remedy) from None
    if length != count * dtype.itemsize or offset < 0 or offset + length > size:
        raise DamagedFile(path, f"states a size of {name!r} in {location!r} that is not there", name, REMEDY)
    with open(found, "rb") as file:
        file.seek(offset)
        return np.frombuffer(file.read(length), dtype.newbyteorder("<")).astype(dtype)
