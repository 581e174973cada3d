"""ONNX, which the extra `interop` brings: `write_onnx`."""

from __future__ import annotations

import os

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
    """Write `network` as ONNX (opset 18), once its own interpreter says that it is the same.

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
    try:
        from cortex_lab.interop.onnx_out import file
    except ImportError as error:
        raise ImportError(f"ONNX needs the package onnx: {EXTRA}") from error
    return file.write(network, path, rows, certify, tolerance)
