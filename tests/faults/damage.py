"""Files cut off and with flipped bits: what is read of them is right, or refused."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from cortex_lab.ground.files import DamagedFile
from cortex_lab.nn import Network
from cortex_lab.optimize import Adam, Rosenbrock, log
from cortex_lab.optimize.descent.logs import Log
from cortex_lab.study import Trace, steps
from tests.faults import hostile
from tests.faults.disks import check_rows
from tests.faults.tally import Tally


def damaged(content: bytes, count: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Cut off, or with one bit flipped, by turns; each with a name."""
    random = np.random.default_rng(seed)
    for turn in range(count):
        if turn % 2:
            size = int(random.integers(len(content)))
            yield f"cut after {size}", content[:size]
        else:
            bit = int(random.integers(8 * len(content)))
            flipped = bytearray(content)
            flipped[bit // 8] ^= 1 << bit % 8
            yield f"bit {bit}", bytes(flipped)


def traces(folder: Path) -> dict[str, tuple[Path, list[Trace]]]:
    """A trace on its way and one finished, each with all that it held when it was written."""
    found = {}
    for name in ("unfinished", "finished"):
        trace, path = Trace(["loss", "accuracy"]), folder / name
        file = trace.stream_to(path)
        held = [trace]
        _append(trace, 1, 600)
        file.write()
        held.append(_copy(trace))
        trace.truncate(400)
        trace.add_column("norm")
        _append(trace, 401, 900)
        file.write()
        if name == "unfinished":
            (folder / "copy").write_bytes(path.read_bytes())
            path = folder / "copy"
        file.close()
        found[name] = (path, held if name == "unfinished" else [trace])
    return found


def _append(trace: Trace, first: int, last: int) -> None:
    for step in range(first, last + 1):
        values = {"loss": 0.0, "accuracy": step / 7} | ({"norm": -step} if "norm" in trace else {})
        trace.append(step, step / 10, values)


def _copy(trace: Trace) -> Trace:
    copy = Trace(key for key in trace.keys if key not in ("step", "seconds"))
    copy.extend(trace)
    return copy


def read_traces(tally: Tally, folder: Path, path: Path, held: list[Trace], count: int, seed: int = 0) -> None:
    """Rows that the trace once had, all of them or with a warning that says how many."""
    for name, content in damaged(path.read_bytes(), count, seed):
        with tally.one(name), warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            (folder / "damaged").write_bytes(content)
            try:
                read = Trace.open(folder / "damaged")
            except DamagedFile:
                continue
            assert any(_is_beginning(read, each) for each in held)
            assert len(read) == len(held[0]) or f"read the {len(read)} rows" in str(said[0].message)


def _is_beginning(read: Trace, held: Trace) -> bool:
    try:
        check_rows(read, held)
    except AssertionError:
        return False
    return len(read) <= len(held)


def read_networks(tally: Tally, folder: Path, count: int, seed: int = 0) -> None:
    """The network that was saved, or a refusal."""
    network, path = hostile.network(), folder / "net.h5"
    network.save(path)
    for name, content in damaged(path.read_bytes(), count, seed):
        with tally.one(name):
            (folder / "damaged").write_bytes(content)
            try:
                read = Network.load(folder / "damaged")
            except DamagedFile:
                continue
            assert read.graph == network.graph and read.seed == network.seed
            np.testing.assert_array_equal(read.params, network.params)


def read_logs(tally: Tally, folder: Path, count: int, seed: int = 0) -> None:
    """The log that was saved, or a refusal; also with a flipped bit in each letter of a column's name."""
    made, path = log(Rosenbrock(), Adam(0.05), until=steps(8)), folder / "log.npz"
    made.save(path)
    content = path.read_bytes()
    letters = [at for found in re.finditer(rb"(column:\w+|points|about)\.npy", content)
               for at in range(*found.span())]  # fmt: skip
    named = [(f"letter {at}", hit(content, at, at % 7)) for at in letters]
    for name, changed in (*named, *damaged(content, count, seed)):
        with tally.one(name):
            (folder / "damaged").write_bytes(changed)
            try:
                read = Log.load(folder / "damaged")
            except DamagedFile:
                continue
            assert (read.function, read.method, read.stop) == (made.function, made.method, made.stop)
            np.testing.assert_array_equal(read.points, made.points)
            pd.testing.assert_frame_equal(read.frame, made.frame, check_index_type=False)


def hit(content: bytes, at: int, bit: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]
