"""Parquet tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cortex_lab.data.readers import _arrow
from cortex_lab.data.readers._contract import Reader, Table, needed
from cortex_lab.data.readers._packed import refuse_bomb
from cortex_lab.ground.files import DamagedFile, size_of

_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "FLOAT": 4}


def read(path: Path, *, columns: Sequence[str] | None = None) -> Table:
    """A Parquet file, or `columns` of it."""
    parquet = needed("pyarrow.parquet", path)
    size = size_of(path)
    with open(path, "rb") as file:
        head = file.read(4)
        file.seek(max(0, size - 4))
        tail = file.read(4)
    if b"PARE" in (head, tail):
        raise DamagedFile(path, "is encrypted", remedy="decrypt it first")
    if head != b"PAR1" or tail != b"PAR1" or size < 12:
        state = "is cut off: it does not end as" if head == b"PAR1" else "does not begin as"
        raise DamagedFile(path, f"{state} a Parquet file does (PAR1)")
    with _arrow.reading(path, "Parquet"):
        file = parquet.ParquetFile(path)
        about = file.metadata
        refuse_bomb(path, _stated(about), size, _arrow.LARGE)
        wanted = _arrow.chosen(columns, file.schema_arrow.names, path)
        # Words kept once each: how long they are together is known before they are written out.
        kinds = file.schema_arrow
        texts = [name for name in kinds.names if _arrow.is_text(kinds.field(name).type)]
        table = parquet.ParquetFile(path, read_dictionary=texts, page_checksum_verification=True).read(wanted)
        table.validate(full=True)
        refuse_bomb(path, _arrow.written_out(table, texts), size, _arrow.LARGE)
        return _arrow.as_table(_arrow.decoded(table, texts), path)


def _stated(about: Any) -> int:
    """The bytes that its numbers take, once unpacked, as it says."""
    if not about.num_row_groups:
        return 0
    groups = [about.row_group(place) for place in range(about.num_row_groups)]
    widths = [_WIDTHS.get(groups[0].column(place).physical_type, 8) for place in range(about.num_columns)]
    packed = sum(group.total_byte_size for group in groups)
    return max(packed, math.prod([about.num_rows, int(np.sum(widths))]))


READER = Reader(
    "Parquet: numbers, words, dates, categories, and tensors of one shape",
    read,
    (".parquet", ".pq"),
    lambda path, head: head.startswith(b"PAR1"),
    needs="pyarrow",
)
