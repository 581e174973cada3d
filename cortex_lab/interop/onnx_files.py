"""ONNX, which the extra `interop` brings: `read_onnx` and `write_onnx`."""

from __future__ import annotations

import os
from typing import Any

from cortex_lab.compute import Ops
from cortex_lab.ground import checks
from cortex_lab.interop.certificate import Report
from cortex_lab.interop.weights_files import EXTRA
from cortex_lab.nn import Network


def write_onnx(
    network: Network,
    path: str | os.PathLike,
    *,
    rows: int = 2,
    certify: bool = True,
    tolerance: float | None = None,
) -> Report | None:
    """Write `network` as ONNX (opset 20), once its own interpreter says that it is the same.

        print(cl.interop.write_onnx(network, "net.onnx"))

    Inputs and outputs are called and shaped as here, channels last, with any number of rows; ids are int64,
    bytes of pictures are not made 0 to 1. Before anything is written, `onnx.reference`, which is another
    program in NumPy, runs `rows` drawn rows through the model, and every node of the network is compared: the
    `Report` is returned. It takes its time over large images; `certify=False` does without, and returns None.
    `tolerance` is that of `verify`, by default 1e-4, or 1e-6 in double precision.

    ValueError names a node that ONNX has nothing for, or the first that differs; ImportError without onnx.
    """
    checks.instance("network", network, Network, "a network")
    checks.whole("rows", rows, least=1)
    checks.flag("certify", certify)
    _look_for_onnx()
    from cortex_lab.interop.onnx_out import file

    return file.write(network, path, rows, certify, tolerance)


def read_onnx(
    path: str | os.PathLike, *, input_shape: Any = None, allow_nan: bool = False, ops: str | Ops = "cpu"
) -> Network:
    """The network in a file of ONNX, opset 13 to 23, with its weights.

        network = cl.interop.read_onnx("model.onnx")

    The first axis of every input is the rows of the batch. Inputs and outputs keep the order of axes that the
    file has, so pictures that come (rows, channels, height, width) are given so; inside, channels are last,
    and axes are moved where an operator needs it. Nodes are called as the tensors that they give ("/" becomes
    "."). `input_shape` is the shape of a row, or a dict of them by input, where the file leaves lengths open.

    Arithmetic of shapes is worked out; no function, subgraph or operator of others is read, nothing in a file
    is run, and weights beside it are taken from its own folder alone. ValueError names the operator that
    cortex_lab has no layer for, `DamagedFile` what is not whole or does not fit; NaN in weights and variances
    below 0 are errors, too, unless `allow_nan`. ImportError without onnx.
    """
    checks.flag("allow_nan", allow_nan)
    _look_for_onnx()
    from cortex_lab.interop.onnx_in import loading

    return loading.read(path, input_shape, allow_nan, ops)


def _look_for_onnx() -> None:
    try:
        import onnx
    except ImportError as error:
        raise ImportError(f"ONNX needs the package onnx: {EXTRA}") from error
    assert onnx
