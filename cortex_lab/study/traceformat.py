"""How a trace lies in a file: what `tracefile.py` writes and `tracereading.py` reads."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping

import h5py
import numpy as np

from cortex_lab.ground import hdf5

UNFINISHED = b"\x89cortex_lab trace 2\r\n\x1a\n"
FINISHED = b"\x89cortex_lab trace 2 in HDF5\r\n\x1a\n"
# A record: what it is, its length, the checksum of all before it and of itself; then that many bytes.
RECORD = struct.Struct("<4sQI")
COLUMNS, ROWS, KEPT, DIRECTIONS = b"cols", b"rows", b"kept", b"dirs"
# The block before the HDF5: where the names begin and how long they are, where the checksums and the rows
# begin, how many rows and columns there are. Then the checksum of this and of the names. Behind it, where
# the directions begin, how long they are (0 if nobody said any) and their checksum.
ABOUT, CHECKSUM, BLOCK = struct.Struct("<6Q"), struct.Struct("<I"), 512
DIRECTIONS_AT, SAID = len(FINISHED) + ABOUT.size + CHECKSUM.size, struct.Struct("<QQI")
ROWS_TO_A_CHECKSUM, ROWS_TO_A_RECORD = 64, 256
# What is longer is no list of names: it is not read.
LONGEST_TEXT = 2**24


def record_checksum(kind: bytes, content: bytes | memoryview, before: int) -> int:
    return zlib.crc32(content, zlib.crc32(RECORD.pack(kind, len(content), before)))


def finished(columns: dict[str, np.ndarray], directions: Mapping[str, bool | None]) -> bytes:
    """The file of a trace that is complete."""
    said = json.dumps(dict(directions)).encode()
    names = json.dumps(list(columns)).encode()
    rows = np.column_stack(list(columns.values())).astype("<f8", copy=False)
    sums, places = block_checksums(names, rows), []

    def fill(file: h5py.File) -> None:
        texts = {"columns": np.bytes_(names), "directions": np.bytes_(said)}
        parts = {**texts, "checksums": sums, "rows": rows}
        made = [file.create_dataset(name, data=part) for name, part in parts.items()]
        file.flush()
        places.extend(BLOCK + (dataset.id.get_offset() or 0) for dataset in made)

    image = hdf5.image(fill)
    about = ABOUT.pack(places[0], len(names), places[2], places[3], *rows.shape)
    block = FINISHED + about + CHECKSUM.pack(zlib.crc32(about + names))
    block += SAID.pack(places[1], len(said), zlib.crc32(said))
    return block.ljust(BLOCK, b"\0") + image


def block_checksums(names: bytes, rows: np.ndarray) -> np.ndarray:
    """What every so many rows sum to, each with all before: uint32."""
    sums, total = [], zlib.crc32(names)
    for start in range(0, len(rows), ROWS_TO_A_CHECKSUM):
        total = zlib.crc32(rows[start : start + ROWS_TO_A_CHECKSUM], total)
        sums.append(total)
    return np.array(sums, dtype="<u4")
