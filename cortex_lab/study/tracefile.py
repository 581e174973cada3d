"""A trace on disk: a file of records while the run goes on, HDF5 once it is closed.

Records are only ever appended, each with its length and a checksum that goes on from the record before, so
whatever a crash, a full disk or a cut leaves is read up to the last whole record and not a row further. On
closing, the file becomes HDF5 for any reader. In front of that stands a block, which HDF5 skips, that says
where its rows are and what they sum to: of a finished file, too, each row is read as it was written, or not.
`tracereading.py` reads both.
"""

from __future__ import annotations

import atexit
import errno
import json
import os
import struct
import threading
import weakref
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, NamedTuple

import numpy as np

from cortex_lab.ground.files import cannot_save, target_of, write_whole
from cortex_lab.ground.flag import Flag
from cortex_lab.study.settling import settled
from cortex_lab.study.subscribers import show_once
from cortex_lab.study.traceformat import (
    COLUMNS,
    DIRECTIONS,
    KEPT,
    RECORD,
    ROWS,
    ROWS_TO_A_RECORD,
    UNFINISHED,
    finished,
    record_checksum,
)
from cortex_lab.study.tracereading import Columns, Directions, rows_of_records

_SECONDS_BETWEEN_WRITES = 0.25
_ANOTHER = "another file has taken its place; move that away"

_OPEN: weakref.WeakSet[TraceFile] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for file in list(_OPEN):
        try:
            file.close()
        except OSError as error:
            show_once(str(error))


class _Written(NamedTuple):
    """How far the file is; one thing, so that it changes at one instant."""

    end: int
    checksum: int
    names: tuple[str, ...]
    rows: int
    directions: Mapping[str, bool | None] = MappingProxyType({})


class TraceFile:
    """Follows a Trace into a file from a thread of its own; `error` is why its last rows are not in there.

    What cannot be written, because the disk is full for example, is shown once and tried again.
    """

    def __init__(self, trace: Any, path: str) -> None:
        self.path = Path(path)
        self.error: BaseException | None = None
        self._trace = weakref.ref(trace)
        self._writing = threading.RLock()
        self._process = os.getpid()
        # The rows to keep, said by one thread and written by another; one thing each, to be compared as such.
        self._kept = self._kept_written = (0,)
        self._at = _Written(0, 0, (), 0)
        # How many rows were found, where fewer than were written; what was made of them.
        self._whole: int | None = None
        self._made: tuple[int, int] | None = None
        self._done = Flag()
        self._released = False
        # What the file was when closing it failed; then it is closed again, from what the trace has.
        self._failed: os.stat_result | None = None
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._follow, name="cortex-lab-trace-file", daemon=True)
        self._file: Any = None
        try:
            # Wherever the process goes, and whatever links lead to meanwhile, this is the file.
            self._target = target_of(path)
            if os.path.lexists(self._target):
                raise FileExistsError(errno.EEXIST, "there is a file; take another name, or move that away")
        except OSError as error:
            raise cannot_save(path, error) from error

    def is_of(self, path: str) -> bool:
        """Whether this is the file at `path`, being written."""
        writes = self._thread.is_alive() and not self._file.closed
        return writes and os.path.realpath(path) == str(self._target)

    def begin(self) -> TraceFile:
        """Make the file, and follow the trace from here on; all of it or nothing."""
        try:
            return settled(self._begin, lambda error: None if error is None else self._give_up(error))
        except OSError as error:
            raise cannot_save(self.path, error) from error

    def _begin(self) -> TraceFile:
        trace: Any = self._trace()
        self._file = open(self._target, "x+b", buffering=0)  # noqa: SIM115 (close() closes it)
        self._append(UNFINISHED, _Written(len(UNFINISHED), zlib.crc32(UNFINISHED), (), 0))
        self._record(COLUMNS, json.dumps(trace.keys).encode(), names=trace.keys)
        self._record_directions(trace)
        _OPEN.add(self)
        trace._files.append(self)
        self._thread.start()
        return self

    def _give_up(self, error: BaseException) -> None:
        """What was begun is undone; a file that somebody else has made meanwhile stays."""
        # First, since what is left of a stream without its file is a stream.
        if not isinstance(error, FileExistsError):
            self._target.unlink(missing_ok=True)
        _OPEN.discard(self)
        self._done.set()
        with self._writing:
            self._leave()

    def truncate(self, rows: int) -> None:
        """Forget all rows but the first `rows`; called by the trace before it clears the others."""
        waiting = self._kept
        self._kept = (rows if waiting is self._kept_written else min(rows, waiting[0]),)

    def write(self) -> None:
        """Bring the file up to date with the trace; OSError if that fails, and what was written is whole."""
        if os.getpid() != self._process:
            raise RuntimeError(
                f"{self.path} is written by the process that this one was forked from; write another file: "
                "session.trace.stream_to(...)"
            )
        trace = self._trace()
        if trace is not None:
            try:
                self.write_from(trace)
            except OSError as error:
                raise cannot_save(self.path, error) from error

    def release(self, trace: Any) -> None:
        """Write what is left of a trace that is about to go, if it can be, and have the file closed."""
        # In a forked child the lock may be that of a thread which is not there.
        if os.getpid() == self._process:
            try:
                self.write_from(trace)
            finally:
                self._released = True

    def write_from(self, trace: Any) -> None:
        """`write`, of this trace."""
        with self._writing:
            if self._file.closed:
                return
            if not os.fstat(self._file.fileno()).st_nlink and not self._is_there():
                self._begin_anew()
            kept, begin, names, rows = self._copied(trace, self._at.rows)
            if begin < self._at.rows:
                self._record(KEPT, struct.pack("<Q", begin), rows=begin)
            self._kept_written = kept
            if not self._at.end:
                self._append(UNFINISHED, _Written(len(UNFINISHED), zlib.crc32(UNFINISHED), (), 0))
            if names != self._at.names:
                self._record(COLUMNS, json.dumps(names).encode(), names=names)
            if trace.directions is not self._at.directions:
                self._record_directions(trace)
            for start in range(0, len(rows), ROWS_TO_A_RECORD):
                piece = rows[start : start + ROWS_TO_A_RECORD].astype("<f8", copy=False)
                self._record(ROWS, piece.tobytes(), rows=self._at.rows + len(piece))
            self.error = None

    def _begin_anew(self) -> None:
        """Make the file that somebody has deleted once more; what it had is all in memory."""
        if os.path.lexists(self._target):
            raise FileExistsError(errno.EEXIST, _ANOTHER)
        made = open(self._target, "x+b", buffering=0)  # noqa: SIM115 (close() closes it)
        self._at = _Written(0, 0, (), 0)
        deleted, self._file = self._file, made
        deleted.close()
        show_once(f"{self.path} was deleted while the trace is written there; it is made anew, with all rows")

    def _copied(self, trace: Any, written: int) -> tuple[tuple[int], int, tuple[str, ...], np.ndarray]:
        """What was said last, how many of those `written` stay, and names and rows to write behind them."""
        while True:
            kept, length = self._kept, len(trace)
            # Rows so far are in these columns too, whatever larger ones the trace makes meanwhile.
            columns = trace._columns
            begin = written if kept is self._kept_written else min(kept[0], written)
            rows = np.column_stack([column[begin:length] for column in columns.values()])
            if self._kept is kept:
                return kept, begin, tuple(columns), rows

    def close(self) -> None:
        """Write what is left, and make the file HDF5.

        OSError if that fails, for want of room for example. `Trace.open` reads what was written then, too;
        as long as there is the trace, another `close()` tries again.
        """
        if os.getpid() != self._process:
            return
        self._done.set()
        if self._thread is not threading.current_thread():
            self._thread.join()
        with self._writing:
            if self._error is not None and self._trace() is None:
                raise self._error
            try:
                if not self._file.closed:
                    self.write()
                if not self._file.closed or self._failed is not None:
                    self._finish()
            except OSError as error:
                self._error = cannot_save(self.path, error, self._what_is_left())
                self._leave()
                # It was said, and is not said again when the process ends.
                _OPEN.discard(self)
                raise self._error from error
            self._failed = self._error = None
            # Not if this was interrupted: then it can be done again.
            self._leave()

    def _what_is_left(self) -> str:
        """What to do after closing failed; also keeps what the file was, which the next `close` compares."""
        if not self._file.closed:
            self._failed = os.fstat(self._file.fileno())
        again = "; close() tries again" if self._trace() is not None else ""
        if self._failed is not None and (self._failed.st_nlink or self._is_there()):
            whole = self._at.rows if self._whole is None else self._whole
            return f"Trace.open reads the {whole} rows written so far{again}"
        if again:
            return f"there is no file any more, the rows are in memory: trace.stream_to(elsewhere){again}"
        return "there is no file any more, nor the trace in memory: its rows are lost"

    def _is_there(self) -> bool:
        """Whether the file that is at its place is the one that was written."""
        try:
            there = os.stat(self._target)
        except (FileNotFoundError, NotADirectoryError):
            return False
        if not self._file.closed:
            return os.path.samestat(os.fstat(self._file.fileno()), there)
        # Of one that was closed and deleted, another file may have the number.
        was = self._failed
        if was is None or not os.path.samestat(was, there):
            return False
        return (was.st_size, was.st_mtime_ns) == (there.st_size, there.st_mtime_ns)

    def _leave(self) -> None:
        if self._file is not None:
            self._file.close()
        trace = self._trace()
        if trace is not None and self in trace._files:
            trace._files.remove(self)

    def __enter__(self) -> TraceFile:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trail: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._file is None or self._file.closed else "open"
        return f"<TraceFile {str(self.path)!r}: {self._at.rows} rows, {state}>"

    def _follow(self) -> None:
        while not self._done.take(_SECONDS_BETWEEN_WRITES):
            try:
                # A trace cannot be asked for any more before it has written its last rows.
                if self._released:
                    self.close()
                    return
                self.write()
            except Exception as error:
                if self.error is None:
                    why = error.strerror or str(error) if isinstance(error, OSError) else repr(error)
                    show_once(f"rows of the trace wait in memory: {why}")
                self.error = error
                if self._file.closed:
                    return

    def _record(self, kind: bytes, content: bytes, **changes: Any) -> None:
        checksum = record_checksum(kind, content, self._at.checksum)
        piece = RECORD.pack(kind, len(content), checksum) + content
        end = self._at.end + len(piece)
        self._append(piece, self._at._replace(end=end, checksum=checksum, **changes))

    def _record_directions(self, trace: Any) -> None:
        said = trace.directions
        self._record(DIRECTIONS, json.dumps(dict(said)).encode(), directions=said)

    def _append(self, piece: bytes, then: _Written) -> None:
        """Put `piece` behind what is whole, and over what was not: all of it, or it does not count."""
        self._file.seek(self._at.end)
        self._file.truncate()
        try:
            left = memoryview(piece)
            while left:
                left = left[os.write(self._file.fileno(), left) :]
        except OSError:
            self._file.truncate(self._at.end)
            raise
        self._at = then

    def _finish(self) -> None:
        trace = self._trace()
        columns, directions = self._read_back() if trace is None else self._in_memory(trace)
        if self._target.exists() and not self._is_there() and not self._is_made():
            raise FileExistsError(errno.EEXIST, _ANOTHER)
        content = finished(columns, directions)
        self._made = len(content), zlib.crc32(content)
        write_whole(self._target, content)

    def _is_made(self) -> bool:
        """Whether the file was finished, by a `close` that was interrupted after that."""
        if self._made is None or self._target.stat().st_size != self._made[0]:
            return False
        return zlib.crc32(self._target.read_bytes()) == self._made[1]

    def _in_memory(self, trace: Any) -> tuple[Columns, Directions]:
        """All that the trace has: what became of the records meanwhile is of no account."""
        _, _, names, rows = self._copied(trace, 0)
        return dict(zip(names, rows.T, strict=True)), dict(trace.directions)

    def _read_back(self) -> tuple[Columns, Directions]:
        """What was written of a trace that is gone; OSError unless all of it is still there."""
        columns, directions, _ = rows_of_records(self._file, os.fstat(self._file.fileno()).st_size)
        rows = len(next(iter(columns.values()), ()))
        if rows < self._at.rows or set(columns) != set(self._at.names):
            self._whole = rows
            raise OSError(f"it was changed meanwhile, and {self._at.rows - rows} rows are lost")
        return columns, directions or {}
