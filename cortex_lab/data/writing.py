"""Frames written to Parquet or Feather with their tensor columns, a few megabytes at a time."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from cortex_lab.data.arrow import needed
from cortex_lab.data.ragged_dtype import RaggedDtype
from cortex_lab.data.tensor import TensorDtype
from cortex_lab.ground import checks
from cortex_lab.ground.files import writing

_GROUP = 32 * 2**20
_FORMATS = (".parquet", ".feather")


def write(frame: pd.DataFrame, path: str | os.PathLike) -> None:
    """Write a frame as `.parquet` or `.feather`; tensor columns that lie in files are never read whole.

    Feather is not compressed, so that `TensorArray.open` can map a column of it.
    """
    frame = checks.instance("frame", checks.in_numpy(frame), pd.DataFrame, "a pandas.DataFrame")
    kind = checks.choice("the suffix of path", Path(checks.path("path", path)).suffix, _FORMATS)
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise ValueError(f"the frame has more than one column {twice!r}; rename one")
    pa = needed(f"writing {kind[1:].capitalize()}")
    tensors = [name for name, dtype in frame.dtypes.items() if isinstance(dtype, (TensorDtype, RaggedDtype))]
    # What is no tensor is in memory, and its types are seen in all rows together.
    others = pa.Table.from_pandas(frame.drop(columns=tensors))
    schema = _with_tensors(others.schema, frame, tensors)
    with writing(path) as handle, os.fdopen(handle, "wb", closefd=False) as file:
        if kind == ".parquet":
            from pyarrow.parquet import ParquetWriter as make
        else:
            make = pa.ipc.new_file
        with make(file, schema) as writer:
            for rows in _groups(frame, tensors):
                piece = others.slice(rows.start, rows.stop - rows.start)
                for name in tensors:
                    place = schema.get_field_index(str(name))
                    piece = piece.add_column(place, schema.field(place), pa.array(frame[name].array[rows]))
                writer.write_table(piece.replace_schema_metadata(schema.metadata))


def _with_tensors(schema: Any, frame: pd.DataFrame, tensors: list) -> Any:
    """The schema of all columns in their order, with what pandas wants to know of them."""
    every = needed("writing").Schema.from_pandas(frame.iloc[:0])
    known, seen = (json.loads(each.metadata[b"pandas"]) for each in (schema, every))
    for place in map(int, frame.columns.get_indexer(tensors)):
        schema = schema.insert(place, every.field(place))
        known["columns"].insert(place, seen["columns"][place])
    known["column_indexes"] = seen["column_indexes"]
    return schema.with_metadata({**schema.metadata, b"pandas": json.dumps(known).encode()})


def _groups(frame: pd.DataFrame, tensors: list) -> Iterator[slice]:
    row = sum(frame[name].array.nbytes for name in tensors) // max(1, len(frame))
    step = max(1, min(2**20, _GROUP // max(1, row)))
    for start in range(0, len(frame), step) if len(frame) else [0]:
        yield slice(start, min(start + step, len(frame)))
