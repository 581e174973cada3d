"""Disks that fill up, fail or vanish, and processes that are killed, while something is saved."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from cortex_lab.nn import Network
from cortex_lab.study import Trace
from tests.faults import hostile
from tests.faults.tally import Tally

PAGE = 4096
ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ENOENT, errno.EACCES)
CALLS = ("open", "write", "fsync", "replace")
ROOT = Path(__file__).parents[2]


@contextmanager
def nearly_full(folder: Path, pages: int) -> Iterator[Path]:
    """A disk with room for so many pages: a small file system where one may mount it, else an acted one."""
    disk = Path(tempfile.mkdtemp(dir=folder))
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        with limited(pages * PAGE):
            yield disk
        return
    try:
        with open(disk / "filler", "wb") as filler:
            filler.write(bytes((os.statvfs(disk).f_bfree - pages) * PAGE))
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@contextmanager
def limited(room: int, error: int = errno.ENOSPC) -> Iterator[None]:
    """`os.write` takes `room` bytes more, the last of them in part, and then fails."""
    write = os.write

    def limited_write(handle: int, content: Any) -> int:
        nonlocal room
        if not room:
            raise OSError(error, os.strerror(error))
        written = write(handle, content[:room])
        room -= written
        return written

    with mock.patch("os.write", limited_write):
        yield


@contextmanager
def failing(call: str, error: int) -> Iterator[None]:
    """`os.open`, `os.write`, ... fail, the second time they are called for `write`."""

    def fail(*arguments: Any, **options: Any) -> Any:
        raise OSError(error, os.strerror(error))

    with limited(100, error) if call == "write" else mock.patch(f"os.{call}", fail):
        yield


def expect_refusal(act: Callable[[], Any], path: Path, number: int | None = None) -> None:
    try:
        act()
    except OSError as error:
        assert (path == Path("") or str(path) in str(error)) and error.errno == (number or error.errno), error
    else:
        raise AssertionError("it was not refused")


def saving_over(tally: Tally, folder: Path) -> None:
    """Every call that saving makes, failing in every way: the earlier file stays, and nothing beside it."""
    path, earlier, later = folder / "net.h5", hostile.network(1), hostile.network(2)
    earlier.save(path)
    for call in CALLS:
        for number in ERRORS:
            with tally.one(f"{call} {errno.errorcode[number]}"):
                with failing(call, number):
                    expect_refusal(lambda: later.save(path), path, number)
                assert os.listdir(folder) == ["net.h5"]
                np.testing.assert_array_equal(Network.load(path).params, earlier.params)


def saving_on_full_disks(tally: Tally, folder: Path, rooms: Iterable[int]) -> None:
    """With any room: saved whole, or refused with nothing left; and saved once there is room."""
    network = hostile.network()
    for pages in rooms:
        with tally.one(f"{pages} pages"), nearly_full(folder, pages) as disk:
            path = disk / "net.h5"
            with suppress(OSError):
                network.save(path)
            there = {*os.listdir(disk)} - {"filler"}
            assert there in (set(), {"net.h5"}), there
            if there:
                np.testing.assert_array_equal(Network.load(path).params, network.params)


def traces_on_full_disks(tally: Tally, folder: Path, rooms: Iterable[int]) -> None:
    """With any room: the trace goes on in memory, and what was written is read."""
    for pages in rooms:
        with tally.one(f"{pages} pages"), nearly_full(folder, pages) as disk, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trace, path = Trace(["loss"]), disk / "run.h5"
            with suppress(OSError):
                file = trace.stream_to(path)
                for step in range(1, 1501):
                    trace.append(step, step / 10, {"loss": 2 * step})
                    if step % 500 == 0:
                        with suppress(OSError):
                            file.write()
                file.close()
            assert len(trace) in (0, 1500) and {*os.listdir(disk)} <= {"filler", "run.h5"}
            if path.exists():
                check_rows(Trace.open(path), trace)


def check_rows(read: Trace, written: Trace) -> None:
    """Exactly the first rows that were written, and every bit of them."""
    for key in written.keys:
        assert key not in read or (read[key].tobytes() == written[key][: len(read)].tobytes()), key


def kill_at_each_call(path: str) -> None:
    """Saves over and over, in children that kill themselves in one of the calls; for a process of its own."""
    for count in range(12):
        child = os.fork()
        if child == 0:
            left = count

            def counted(call: Callable[..., Any]) -> Callable[..., Any]:
                def made(*arguments: Any, **options: Any) -> Any:
                    nonlocal left
                    left -= 1
                    if left < 0:
                        os.kill(os.getpid(), signal.SIGKILL)
                    return call(*arguments, **options)

                return made

            for name in ("open", "write", "fsync", "replace", "chmod"):
                setattr(os, name, counted(getattr(os, name)))
            while True:
                hostile.network(2).save(path)
        os.waitpid(child, 0)


def kill_at_any_time(path: str, count: int, seed: int = 0) -> None:
    """Saves over and over, in children that are killed; for a process of its own."""
    random = np.random.default_rng(seed)
    networks = [hostile.network(1), hostile.network(2)]
    for lifetime in random.uniform(1e-4, 0.02, count):
        child = os.fork()
        if child == 0:
            # Nothing catches it, and it counts what this process has worked, however busy the machine is.
            signal.setitimer(signal.ITIMER_PROF, lifetime)
            while True:
                for network in networks:
                    network.save(path)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGPROF
        Network.load(path)


def killed(tally: Tally, folder: Path, how: str) -> None:
    """After all the kills that `how` does: one of the networks, whole, and nothing beside it."""
    path = folder / "net.h5"
    hostile.network(1).save(path)
    with tally.one(how):
        code = f"from tests.faults import disks; disks.{how.format(path=repr(str(path)))}"
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
        assert any(np.array_equal(Network.load(path).params, hostile.network(n).params) for n in (1, 2))
        hostile.network(3).save(path)
        assert os.listdir(folder) == ["net.h5"]
