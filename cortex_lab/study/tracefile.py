"""A trace on disk: HDF5, written while the run goes on, readable up to wherever it was cut off.

Rows lie in chunks with checksums. HDF5 keeps the index of the chunks of a dataset at its beginning while
they are few, and moves it to the end of the file once they are many, where a cut would take it. So rows go to
a few datasets one after the other, each with chunks four times as long, all made when the file is; whenever a
column is added, there is a new group of them. A whole file is plain HDF5 for any reader; a broken one is read
chunk by chunk up to the first that is missing or wrong.
"""

from __future__ import annotations

import atexit
import io
import json
import struct
import threading
import warnings
import weakref
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np

from cortex_lab.study.missing import MISSING
from cortex_lab.study.subscribers import show_once

FORMAT = b"cortex_lab trace 1"
_CHUNKS_BEFORE_THE_INDEX_MOVES = 60
_CHUNKS = tuple(64 * 4**level for level in range(6))
_STARTS = tuple(_CHUNKS_BEFORE_THE_INDEX_MOVES * sum(_CHUNKS[:level]) for level in range(6))
_SECONDS_BETWEEN_WRITES = 0.25
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# The version of the superblock that a TraceFile writes, and where in it the length of the file stands.
_SUPERBLOCK = 2
_END_OF_FILE_AT = 28
_LARGEST = 2**34


_OPEN: weakref.WeakSet[TraceFile] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for file in list(_OPEN):
        file.close()


class TraceFile:
    """Follows a Trace into an HDF5 file from a thread of its own; `error` is what ended it early."""

    def __init__(self, trace: Any, path: Path) -> None:
        self.path = path
        self.error: BaseException | None = None
        self._trace = weakref.ref(trace)
        self._lock = trace._changing
        self._kept: int | None = None
        self._written = 0
        self._file = h5py.File(path, "x", libver=("v108", "v108"))
        self._file.attrs["format"] = np.bytes_(FORMAT)
        self._parts: list[h5py.Group] = []
        self._begin_part(trace.keys)
        self._file.flush()
        _OPEN.add(self)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="cortex-lab-trace-file", daemon=True)
        self._thread.start()

    def truncate(self, rows: int) -> None:
        """Forget all rows but the first `rows`; called by the trace, which holds the lock."""
        self._kept = rows if self._kept is None else min(rows, self._kept)

    def write(self) -> None:
        """Bring the file up to date with the trace."""
        trace = self._trace()
        if trace is None or not self._file:
            return
        with self._lock:
            kept, self._kept = self._kept, None
            begin = self._written if kept is None else min(kept, self._written)
            names, length = trace.keys, len(trace)
            rows = np.column_stack([trace._columns[name][begin:length] for name in names])
        if begin < self._written:
            self._drop_after(begin)
        if list(names) != _columns(self._parts[-1]):
            self._begin_part(names)
        self._append(rows)

    def _append(self, rows: np.ndarray) -> None:
        part = self._parts[-1]
        begin = self._written - int(part.attrs["begin"])
        stop = begin + len(rows)
        for level, start in enumerate(_STARTS):
            end = _STARTS[level + 1] if level + 1 < len(_STARTS) else stop
            low, high = max(begin, start), min(stop, end)
            if low < high:
                dataset = part[str(level)]
                dataset.resize(high - start, axis=0)
                dataset[low - start : high - start] = rows[low - begin : high - begin]
                self._file.flush()
        self._file.flush()
        self._written += len(rows)

    def close(self) -> None:
        """Write what is left and close the file."""
        self._done.set()
        if self._thread is not threading.current_thread():
            self._thread.join()
        if self._file:
            try:
                self.write()
            finally:
                self._file.close()
        trace = self._trace()
        if trace is not None and self in trace._files:
            trace._files.remove(self)

    def __enter__(self) -> TraceFile:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trail: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<TraceFile {str(self.path)!r}: {self._written} rows, {'open' if self._file else 'closed'}>"

    def _follow(self) -> None:
        while not self._done.wait(_SECONDS_BETWEEN_WRITES):
            if self._trace() is None:
                self._file.close()
                return
            try:
                self.write()
            except Exception as error:
                self.error = error
                message = f"the trace is no longer written to {str(self.path)!r}: {error}"
                show_once(message)
                return

    def _begin_part(self, names: tuple[str, ...]) -> None:
        part = self._file.create_group(f"part_{len(self._parts)}")
        part.attrs["columns"] = np.bytes_(json.dumps(names))
        part.attrs["begin"] = self._written
        for level, chunk in enumerate(_CHUNKS):
            part.create_dataset(
                str(level), shape=(0, len(names)), maxshape=(None, len(names)), chunks=(chunk, len(names)),
                dtype="<f8", fletcher32=True,
            )  # fmt: skip
        self._parts.append(part)

    def _drop_after(self, rows: int) -> None:
        for part in self._parts:
            for level, start in enumerate(_STARTS):
                there = part[str(level)]
                there.resize(min(len(there), max(0, rows - int(part.attrs["begin"]) - start)), axis=0)
        self._written = rows
        if rows < int(self._parts[-1].attrs["begin"]):
            self._begin_part(tuple(_columns(self._parts[-1])))


def read_trace(path: Path) -> dict[str, np.ndarray]:
    """The columns of a trace file by name, float64 (rows,); a broken file with a warning, up to the break."""
    content = path.read_bytes()
    if not content.startswith(_SIGNATURE):
        raise ValueError(f"{str(path)!r} is no trace file: it does not begin as HDF5 does")
    header = content.ljust(_END_OF_FILE_AT + 8, b"\0")
    stored = struct.unpack_from("<Q", header, _END_OF_FILE_AT)[0] if header[8] == _SUPERBLOCK else 0
    cut = len(content) < stored < _LARGEST
    # HDF5 refuses a file shorter than it says; zeros stand in for what is gone, and fail their checksums.
    source = io.BytesIO(content + bytes(stored - len(content)) if cut else content)
    try:
        with h5py.File(source, "r") as file:
            if file.attrs.get("format") != FORMAT:
                raise ValueError(f"{str(path)!r} is HDF5, but no trace file")
            columns, whole = _read_parts(file)
    except (OSError, KeyError, RuntimeError) as error:
        raise ValueError(f"{str(path)!r} is cut off before its first row: {error}") from error
    if "step" not in columns:
        raise ValueError(f"{str(path)!r} is cut off before its first row")
    if cut or not whole:
        warnings.warn(
            f"{str(path)!r} is cut off or damaged; read the {len(columns['step'])} rows before that",
            UserWarning,
            stacklevel=3,
        )
    return columns


def _columns(part: h5py.Group) -> list[str]:
    return json.loads(bytes(part.attrs["columns"]))


def _read_parts(file: h5py.File) -> tuple[dict[str, np.ndarray], bool]:
    pieces: list[tuple[int, list[str], np.ndarray]] = []
    whole, total = True, 0
    for index in range(len(file)):
        try:
            part = file[f"part_{index}"]
            columns, begin = _columns(part), int(part.attrs["begin"])
        except (OSError, KeyError, RuntimeError, ValueError):
            whole = False
            break
        rows, whole = _read_rows(part, len(columns))
        pieces.append((begin, columns, rows))
        total = begin + len(rows) if len(rows) or not whole else total
        if not whole:
            break
    names = dict.fromkeys(name for _, columns, _ in pieces for name in columns)
    table = {name: np.full(total, MISSING) for name in names}
    for begin, columns, rows in pieces:
        for position, name in enumerate(columns):
            table[name][begin : begin + len(rows)] = rows[:, position]
    return table, whole


def _read_rows(part: h5py.Group, width: int) -> tuple[np.ndarray, bool]:
    """The rows up to the first chunk that cannot be read, and whether that was all."""
    found = [np.empty((0, width))]
    whole = True
    for level, chunk in enumerate(_CHUNKS):
        try:
            dataset = part[str(level)]
            for start in range(0, len(dataset), chunk):
                found.append(dataset[start : start + chunk])
        except (OSError, KeyError, RuntimeError):
            whole = False
            break
    return np.concatenate(found), whole
