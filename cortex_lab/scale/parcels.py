"""Objects sent to a process that is told of each large array once."""

from __future__ import annotations

import io
import pickle
from typing import Any

import cloudpickle
import numpy as np

LARGE = 2**16
"""Bytes from which an array is sent once."""


class Sender:
    """Packs objects for one receiver. It keeps what it has sent, to know it when it comes again."""

    def __init__(self) -> None:
        self._sent: dict[int, np.ndarray] = {}

    def pack(self, thing: object) -> bytes:
        stream = io.BytesIO()
        _Pickler(stream, self._sent).dump(thing)
        return stream.getvalue()


class Receiver:
    """Unpacks what its sender packed, in the same order."""

    def __init__(self) -> None:
        self._had: dict[int, np.ndarray] = {}

    def unpack(self, parcel: bytes) -> Any:
        return _Unpickler(io.BytesIO(parcel), self._had).load()


class _Pickler(cloudpickle.Pickler):
    def __init__(self, stream: io.BytesIO, sent: dict[int, np.ndarray]) -> None:
        super().__init__(stream)
        self._sent = sent

    def persistent_id(self, obj: object) -> tuple[int, bytes | None] | None:
        # Objects of Python that an array holds may change; numbers in large arrays of ours do not.
        if type(obj) is not np.ndarray or obj.nbytes < LARGE or obj.dtype.hasobject:
            return None
        known = id(obj) in self._sent
        self._sent[id(obj)] = obj
        return id(obj), None if known else pickle.dumps(obj, protocol=pickle.HIGHEST_PROTOCOL)


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, had: dict[int, np.ndarray]) -> None:
        super().__init__(stream)
        self._had = had

    def persistent_load(self, pid: tuple[int, bytes | None]) -> np.ndarray:
        number, parcel = pid
        if parcel is not None:
            self._had[number] = pickle.loads(parcel)
        return self._had[number]
