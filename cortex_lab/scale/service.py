"""What runs in a worker of a Dask cluster: it listens for the notebook and computes what that asks for."""

from __future__ import annotations

import contextlib
import os
import platform
import socket
import threading
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
from distributed.comm.addressing import get_address_host
from distributed.worker import Worker

from cortex_lab.compute import get_ops
from cortex_lab.scale.block import SharedBlock
from cortex_lab.scale.member import Member, identity_of, timed
from cortex_lab.scale.parcels import Receiver
from cortex_lab.scale.wire import Wire, WireLost, accept

WAIT = 60.0
"""Seconds for which a worker listens for a notebook that asked it to."""


def listen(token: bytes, ops: str, asking: int, dask_worker: Worker) -> dict[str, Any]:
    """Listen for who knows the token, in a thread; where, and what is to be known of this worker.

    `asking` is the process that asks: a worker of its own leaves the cores that it was given to itself.
    """
    if os.getpid() != asking:
        os.environ.setdefault("CORTEX_LAB_WORKERS", str(dask_worker.state.nthreads))
    host = get_address_host(dask_worker.address)
    listener = socket.create_server((host, 0))
    listener.settimeout(WAIT)
    port = listener.getsockname()[1]
    threading.Thread(target=_serve, args=(listener, token), name="cortex-lab-scale", daemon=True).start()
    return {"host": host, "port": port, **about(ops)}


def about(ops: str) -> dict[str, Any]:
    """What two processes have to agree in, to give the same bits."""
    versions = {"cortex_lab": _source(), "python": platform.python_version(), "numpy": np.__version__}
    return {"versions": versions, "bits": _bits(ops)}


@lru_cache
def _source() -> str:
    """A checksum of this package's own files: a repository's head has no number of its own."""
    folder, found = Path(__file__).parents[1], 0
    for path in sorted(folder.rglob("*.py")):
        found = zlib.crc32(path.read_bytes(), zlib.crc32(path.relative_to(folder).as_posix().encode(), found))
    return f"of source {found:08x}"


@lru_cache
def _bits(name: str) -> int:
    """A checksum of what some kernels give for the same numbers, which depends on the kind of processor."""
    ops = get_ops(name)
    a, b, out = ops.zeros((64, 96)), ops.zeros((96, 80)), ops.zeros((64, 80))

    def work() -> None:
        ops.random_normal(a, 1, 2, 3)
        ops.random_normal(b, 4, 5, 6)
        ops.matmul(a, b, out=out)
        ops.softmax_across(out.reshape(64, 80, 1), out=out.reshape(64, 80, 1))

    ops.alike(work)
    return zlib.crc32(np.ascontiguousarray(ops.to_numpy(out)))


def _serve(listener: socket.socket, token: bytes) -> None:
    with listener, contextlib.suppress(OSError):
        line = None
        while line is None:
            line = accept(listener, token)
        try:
            serve(line)
        except WireLost:
            line.close()


def serve(line: Wire) -> None:
    """Answer what is asked, until the other end is gone."""
    at = _Desk(line)
    while True:
        words, arrays = line.receive()
        number = words["number"]
        try:
            (answer, found), seconds = timed(lambda words=words, arrays=arrays: at.answer(words, arrays))
        except Exception as error:
            parcel = np.frombuffer(cloudpickle.dumps(_sendable(error)), np.uint8)
            line.send({"number": number, "failed": True}, [parcel])
            continue
        line.send({"number": number, "seconds": seconds, **answer}, found)


def _sendable(error: Exception) -> Exception:
    try:
        cloudpickle.loads(cloudpickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


class _Desk:
    """One worker's part in one training."""

    def __init__(self, line: Wire) -> None:
        self._line, self._parcels = line, Receiver()
        self._member: Any = None

    def answer(self, words: dict[str, Any], arrays: list[np.ndarray]) -> tuple[dict[str, Any], list[Any]]:
        """Words and arrays that answer what is asked."""
        return getattr(self, f"_{words['do']}")(words, arrays)

    def _begin(self, words: dict[str, Any], arrays: list[np.ndarray]) -> tuple[dict[str, Any], list[Any]]:
        self._member = Member(self._parcels.unpack(arrays[0].tobytes()))
        shared = False
        if words["blocks"]:
            # On another machine there is no such file.
            with contextlib.suppress(OSError):
                board, desk = (SharedBlock.open(*told) for told in words["blocks"])
                self._line.into, self._line.out, shared = board, desk, True
        return {"shared": shared}, []

    def _stand(self, words: dict[str, Any], arrays: list[np.ndarray]) -> tuple[dict[str, Any], list[Any]]:
        settings = self._parcels.unpack(arrays[0].tobytes())
        self._member.stand(settings, tuple(words["own"]))
        return {"data": identity_of(settings["batches"]) if words["identify"] else None}, []

    def _step(self, words: dict[str, Any], arrays: list[np.ndarray]) -> tuple[dict[str, Any], list[Any]]:
        return self._member.compute(words["step"], self._member.take(arrays))

    def _rows(self, words: dict[str, Any], arrays: list[np.ndarray]) -> tuple[dict[str, Any], list[Any]]:
        self._member.rows = cloudpickle.loads(arrays[0].tobytes())
        return {}, []

    def _judge(self, words: dict[str, Any], arrays: list[np.ndarray]) -> tuple[dict[str, Any], list[Any]]:
        self._member.take(arrays)
        return {}, self._member.judge(words["some_unknown"])
