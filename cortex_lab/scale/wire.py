"""Messages between two processes over TCP: words as JSON, arrays after them."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import socket
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from cortex_lab.scale.block import Place, SharedBlock, size_of

_LENGTH = struct.Struct("!Q")
_NONCE = 32
_MOST_WORDS = 2**28


class WireLost(ConnectionError):
    """The process at the other end is gone, or cannot be reached."""


class Wire:
    """One end of a connection. `blocks` are memory that both ends share: `out` is written to, `into` read.

    Where there is none, arrays travel over TCP. `sent` and `received` count bytes of arrays, either way.
    """

    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._socket = connection
        self.out: SharedBlock | None = None
        self.into: SharedBlock | None = None
        self.sent = self.received = 0
        self._kept: dict[tuple[int, str, tuple[int, ...]], np.ndarray] = {}

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def shut(self) -> None:
        """Have whoever reads from it find that it ended."""
        self._socket.shutdown(socket.SHUT_RDWR)

    def send(
        self, words: dict[str, Any], arrays: Sequence[np.ndarray] = (), placed: list[Place] | None = None
    ) -> None:
        """Send words and arrays; those that were `placed` in a block that both see are not sent again."""
        self.sent += sum(array.nbytes for array in arrays)
        if placed is None and self.out is not None and arrays and size_of(arrays) <= self.out.nbytes:
            placed = self.out.write(arrays)
        shapes = [(array.dtype.str, array.shape) for array in arrays]
        text = json.dumps({**words, "arrays": placed or shapes, "placed": placed is not None}).encode()
        try:
            self._socket.sendall(_LENGTH.pack(len(text)) + text)
            for array in arrays if placed is None else ():
                self._socket.sendall(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        except OSError as error:
            raise WireLost(str(error)) from error

    def receive(self) -> tuple[dict[str, Any], list[np.ndarray]]:
        """The next message. Its arrays are the receiver's until the one after."""
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size))
        if length > _MOST_WORDS:
            raise WireLost(f"a message of {length} bytes of words: not one of ours")
        words = json.loads(self._read(length))
        places = [(dtype, tuple(shape), *rest) for dtype, shape, *rest in words.pop("arrays")]
        if words.pop("placed"):
            assert self.into is not None
            arrays = self.into.read(places)
        else:
            arrays = [self._array(number, *place) for number, place in enumerate(places)]
        self.received += sum(array.nbytes for array in arrays)
        return words, arrays

    def _array(self, number: int, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
        key = number, dtype, shape
        if key not in self._kept:
            self._kept = {each: array for each, array in self._kept.items() if each[0] != number}
            self._kept[key] = np.empty(shape, dtype)
        self._read_into(memoryview(self._kept[key].reshape(-1).view(np.uint8)))
        return self._kept[key]

    def _read(self, count: int) -> bytes:
        found = bytearray(count)
        self._read_into(memoryview(found))
        return bytes(found)

    def _read_into(self, view: memoryview) -> None:
        done = 0
        while done < len(view):
            try:
                count = self._socket.recv_into(view[done:])
            except OSError as error:
                raise WireLost(str(error)) from error
            if not count:
                raise WireLost("the connection was closed")
            done += count


def connect(host: str, port: int, token: bytes, timeout: float) -> Wire:
    """A line to who listens there and knows the token. WireLost that says why there is none."""
    try:
        connection = socket.create_connection((host, port), timeout)
        nonce = _exactly(connection, _NONCE)
        connection.sendall(_proof(token, nonce))
        connection.settimeout(None)
    except OSError as error:
        raise WireLost(f"{host}:{port} cannot be reached: {error}") from error
    return Wire(connection)


def accept(listener: socket.socket, token: bytes) -> Wire | None:
    """A line to who connects and knows the token; None if that one does not."""
    connection, _ = listener.accept()
    connection.settimeout(listener.gettimeout())
    nonce = secrets.token_bytes(_NONCE)
    connection.sendall(nonce)
    if not hmac.compare_digest(_exactly(connection, hashlib.sha256().digest_size), _proof(token, nonce)):
        connection.close()
        return None
    connection.settimeout(None)
    return Wire(connection)


def _proof(token: bytes, nonce: bytes) -> bytes:
    return hmac.new(token, nonce, hashlib.sha256).digest()


def _exactly(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = connection.recv(count - len(found))
        if not part:
            raise WireLost("the connection was closed")
        found += part
    return found
