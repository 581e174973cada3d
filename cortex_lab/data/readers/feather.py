"""Feather files, which are Arrow's own."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cortex_lab.data.readers import _arrow
from cortex_lab.data.readers._contract import Reader, Table, needed
from cortex_lab.data.readers._packed import refuse_bomb
from cortex_lab.ground.files import DamagedFile, size_of

_MAGIC = b"ARROW1"
_RECORDS, _DICTIONARY = 3, 2


def read(path: Path, *, columns: Sequence[str] | None = None) -> Table:
    """A Feather file of version 2, or `columns` of it."""
    arrow = needed("pyarrow", path)
    needed("pyarrow.feather", path)
    size = size_of(path)
    with open(path, "rb") as file:
        head = file.read(6)
        file.seek(max(0, size - 6))
        tail = file.read(6)
    if head.startswith(b"FEA1"):
        raise DamagedFile(path, "is Feather of version 1", remedy="write it anew: frame.to_feather(path)")
    if head != _MAGIC or tail != _MAGIC:
        state = "is cut off: it does not end as" if head == _MAGIC else "does not begin as"
        raise DamagedFile(path, f"{state} a Feather file does (ARROW1)")
    with _arrow.reading(path, "Feather"), arrow.memory_map(str(path)) as source:
        refuse_bomb(path, _stated(arrow, source), size, _arrow.LARGE)
        source.seek(0)
        table = arrow.ipc.open_file(source).read_all()
        # Where a word ends is taken from the file, and followed blindly by all that read it.
        table.validate(full=True)
        wanted = _arrow.chosen(columns, table.column_names, path)
        table = table if wanted is None else table.select(wanted)
        return _arrow.as_table(table, path)


def _stated(arrow: Any, source: Any) -> int:
    """The bytes that its columns take once unpacked, as each says that is packed."""
    source.seek(8)
    total = 0
    for message in _messages(arrow, source):
        if message.type not in ("record batch", "dictionary"):
            continue
        body = message.body
        for at, length in _buffers(bytes(message.metadata)):
            if length >= 8:
                stated = struct.unpack("<q", body[at : at + 8])[0]
                # -1 says that a piece was left as it is; what is not packed has any number there.
                total += stated if 0 < stated < 2**62 else length
    return total


def _messages(arrow: Any, source: Any) -> Any:
    reader = arrow.MessageReader.open_stream(source)
    while True:
        try:
            yield reader.read_next_message()
        except StopIteration:
            return


def _buffers(message: bytes) -> list[tuple[int, int]]:
    """Where the packed pieces of a message lie in its body, (at, length); none if they are not packed.

    Flatbuffers: https://arrow.apache.org/docs/format/Columnar.html
    """
    root = _follow(message, 0)
    kind, header = _field(message, root, 1), _field(message, root, 2)
    if kind is None or header is None:
        return []
    batch = _follow(message, header)
    if message[kind] == _DICTIONARY:
        inner = _field(message, batch, 1)
        if inner is None:
            return []
        batch = _follow(message, inner)
    elif message[kind] != _RECORDS:
        return []
    buffers, packed = _field(message, batch, 2), _field(message, batch, 3)
    if buffers is None or packed is None:
        return []
    start = _follow(message, buffers)
    count = struct.unpack_from("<I", message, start)[0]
    return [struct.unpack_from("<qq", message, start + 4 + 16 * place) for place in range(count)]


def _follow(message: bytes, at: int) -> int:
    return at + struct.unpack_from("<I", message, at)[0]


def _field(message: bytes, table: int, number: int) -> int | None:
    """Where a field of a table lies; None if it is left out."""
    fields = table - struct.unpack_from("<i", message, table)[0]
    size = struct.unpack_from("<H", message, fields)[0]
    place = 4 + 2 * number
    offset = struct.unpack_from("<H", message, fields + place)[0] if place < size else 0
    return table + offset if offset else None


READER = Reader(
    "Feather (Arrow's own files): as Parquet",
    read,
    (".feather", ".arrow"),
    lambda path, head: head.startswith((_MAGIC, b"FEA1")),
    needs="pyarrow",
)
