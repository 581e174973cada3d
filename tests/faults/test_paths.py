"""Whatever is given for the path of a file: read, written where it leads to, or refused by name."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.data import read_idx
from cortex_lab.ground import files
from cortex_lab.nn import Network
from cortex_lab.nn.train.checkpoint import read_training
from cortex_lab.optimize.descent.logs import Log
from cortex_lab.study import Trace
from tests.faults import hostile, interrupts
from tests.waiting import wait_until

X, Y = np.eye(8, 3, dtype=np.float32), np.arange(8) % 2


def session(**options):
    return cl.train(cl.Network([cl.Dense(2)], 3), (X, Y), batch_size=4, **options)


READERS = {
    "network": Network.load, "trace": Trace.open, "array": read_idx, "log": Log.load,
    "training": read_training, "resume": lambda path: session(resume_from=path),
}  # fmt: skip
WRITERS = {
    "network": lambda path: hostile.network().save(path),
    "trace": lambda path: Trace(["loss"]).stream_to(path).close(),
    "script": lambda path: cl.study.script.Script("import this\n").save(path),
    "log": lambda path: cl.optimize.log(cl.Sphere(), cl.SGD(0.1), until=cl.steps(3)).save(path),
    "training": lambda path: session().save(path),
}
NO_PATHS = {
    "bytes": b"run.h5", "nothing": "", "a zero in it": "a\0b", "half a letter": "run\ud800", "no text": 3,
    "a handle": 0, "beyond any handle": 2**31, "a flag": True, "a list": ["run.h5"], "a class": Path,
    "masked": np.ma.masked,
}  # fmt: skip


@pytest.mark.parametrize("given", NO_PATHS.values(), ids=NO_PATHS)
@pytest.mark.parametrize("use", [*READERS.values(), *WRITERS.values()], ids=[*READERS, *WRITERS])
def test_what_is_no_path_is_refused_by_the_arguments_name(tmp_path, monkeypatch, use, given):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TypeError, match=r"(path|resume_from) must be the path of a file.*, got"):
        use(given)
    assert os.listdir(tmp_path) == []


@pytest.fixture
def places(tmp_path):
    """Paths at which there is no file, some of which are no place for one either."""
    (tmp_path / "file").write_text("this")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "into nowhere").symlink_to("nowhere/file")
    (tmp_path / "dangling").symlink_to("target")
    return tmp_path


NO_FILES = ("n" * 300, "loop", "file/below", "into nowhere", "dangling", "absent", "absent/file", "~nobody/x")
NO_PLACES = {
    "n" * 300: "too long", "loop": "symbolic", "file/below": "Not a directory|no folder",
    "into nowhere": "no folder .*nowhere", "absent/file": "no folder .*absent", "new/": "folder",
    "absent/.": "folder", "": "folder",
}  # fmt: skip


@pytest.mark.parametrize("name", NO_FILES, ids=lambda name: name[:12])
@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_where_no_file_is_none_is_read(places, read, name):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*") as refused:
        read(f"{places}/{name}")
    assert name in str(refused.value)


@pytest.mark.parametrize("name", NO_PLACES, ids=lambda name: name[:12] or "itself")
@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_where_no_file_can_be_none_is_written(places, write, name):
    before = sorted(os.listdir(places))
    with pytest.raises(OSError, match=f"^[^:]*cannot save to .*({NO_PLACES[name]})"):
        write(f"{places}/{name}")
    assert sorted(os.listdir(places)) == before


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_link_is_followed_to_where_no_file_is_yet(places, write):
    write(places / "dangling")
    assert (places / "dangling").is_symlink() and (places / "target").stat().st_size


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_a_file_that_may_not_be_read_is_not_called_damaged(places, monkeypatch, read):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError, match=r"cannot read .*file: you may not"):
        read(places / "file")


@pytest.mark.parametrize("use", [*READERS.values(), *WRITERS.values()], ids=[*READERS, *WRITERS])
def test_where_no_more_files_can_be_opened_it_says_what_to_do(places, monkeypatch, use):
    opened = os.open

    def no_more(path, *how, **options):
        if str(path).startswith(str(places)):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), path)
        return opened(path, *how, **options)

    def open_no_more(path, *how, **options):
        return open(no_more(path, 0), *how, **options)

    monkeypatch.setattr(os, "open", no_more)
    monkeypatch.setattr("cortex_lab.study.tracefile.open", open_no_more, raising=False)
    with pytest.raises(OSError, match=r"cannot (read|save to) .*file.*: Too many open files; close some"):
        use(places / ("file" if use in READERS.values() else "new file"))


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "trace"])
def test_where_something_is_mounted_it_says_what_to_do(tmp_path, monkeypatch, name):
    def busy(*_):
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    monkeypatch.setattr(os, "replace", busy)
    with pytest.raises(OSError, match=r"cannot save to .*; something is mounted there.* save elsewhere"):
        WRITERS[name](tmp_path / "file")


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "trace"])
def test_other_names_of_a_file_are_told_of(tmp_path, name):
    (tmp_path / "file").write_text("this")
    os.link(tmp_path / "file", tmp_path / "other")
    with pytest.warns(UserWarning, match=r"saved to .*file, of which 1 other name \(hard link\) keeps"):
        WRITERS[name](tmp_path / "file")
    assert (tmp_path / "other").read_text() == "this" and (tmp_path / "file").read_bytes()[:4] != b"this"


def test_parts_of_dead_processes_are_cleared_and_those_of_other_machines_after_a_day(tmp_path):
    here, dead = files._HERE, 2**22 + 1  # above what Linux gives
    own = f".cortex-{here}-{os.getpid()}-00000000.part"
    others = ["mine.part", f".cortex-{here}-x.part"]
    kept, cleared = f".cortex-ffffff-{dead}-00000000.part", f".cortex-{here}-{dead}-00000000.part"
    old, alive = f".cortex-ffffff-{dead}-00000001.part", f".cortex-{here}-{os.getppid()}-00000000.part"
    for name in (kept, cleared, old, alive, own, *others):
        (tmp_path / name).touch()
    for name in (old, alive, *others):
        os.utime(tmp_path / name, (0, 0))
    hostile.network().save(tmp_path / "net.h5")
    assert {*os.listdir(tmp_path)} == {kept, alive, "net.h5", *others}


def test_processes_that_are_numbered_by_themselves_are_elsewhere(monkeypatch):
    here = files._here()
    assert here == files._HERE
    for changed, other in ((os, "readlink"), (files.platform, "node")):
        with monkeypatch.context() as patch:
            patch.setattr(changed, other, lambda *_: "another")
            assert files._here() != here


# A stream that is interrupted as it begins or ends -------------------------------------------------------


# What is raised while a file is let go of, Python tells of and goes on.
TOLD = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def filled(rows):
    trace = Trace(["loss"])
    for step in range(1, rows + 1):
        trace.append(step, 0.0, {"loss": 1 / step})
    return trace


def stand(trace, path, file):
    """A row more, unless all is done, and the file has each of them; nothing is left beside it."""
    if not file._file.closed:
        trace.append(len(trace) + 1, 0.0, {"loss": 0.5})
    file.close()
    found = Trace.open(path)
    assert all(found[key].tobytes() == trace[key].tobytes() for key in trace.keys)
    assert os.listdir(path.parent) == [path.name] and file not in trace._files
    os.unlink(path)


@TOLD
@pytest.mark.parametrize("after", [None, 0, 5])
def test_an_interrupt_of_a_stream_that_begins_leaves_one_or_none(tmp_path, after):
    path, whole, trace, threads = tmp_path / "run.h5", interrupts.Interrupter(), filled(3), _threads()
    whole(lambda: trace.stream_to(path))
    stand(trace, path, trace.stream_to(path))
    for at in range(0, whole.count, 23):
        trace = filled(3)
        interrupts.Interrupter(at, after)(lambda trace=trace: trace.stream_to(path))
        assert len(trace._files) >= len(os.listdir(tmp_path)), at
        stand(trace, path, trace.stream_to(path))
    wait_until(lambda: _threads() == threads, "each stream has ended")
    assert whole.count > 200


def _threads():
    return [each for each in threading.enumerate() if each.name == "cortex-lab-trace-file"]


@TOLD
@pytest.mark.parametrize("after", [None, 0, 5])
def test_an_interrupt_of_a_stream_that_ends_is_made_good_by_another_end(tmp_path, after):
    where = (interrupts.STUDY, files.__file__)
    path, whole, trace = tmp_path / "run.h5", interrupts.Interrupter(where=where), filled(3)
    whole(trace.stream_to(path).close)
    os.unlink(path)
    for at in range(0, whole.count, 41):
        trace = filled(3)
        file = trace.stream_to(path)
        interrupts.Interrupter(at, after, where)(file.close)
        stand(trace, path, file)


def test_a_stream_ends_where_it_began_wherever_the_process_went(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    trace = filled(3)
    file = trace.stream_to("run.h5")
    assert trace.stream_to(tmp_path / "run.h5") is file
    with pytest.raises(FileExistsError, match="take another name"):
        filled(1).stream_to("run.h5")
    monkeypatch.chdir(tmp_path / "elsewhere")
    file.close()
    assert len(Trace.open(tmp_path / "run.h5")) == 3 and os.listdir(tmp_path / "elsewhere") == []


def test_what_goes_wrong_in_writing_is_said_once_with_the_path(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    trace = filled(3)
    file = trace.stream_to(tmp_path / "run.h5")
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail)
        for use in (file.write, file.close):
            with pytest.raises(OSError, match=r"run\.h5") as refused:
                use()
            said = str(refused.value)
            assert said.count("cannot save to") == said.count("free some space") == 1


def test_a_bomb_in_a_zip_is_not_unpacked(tmp_path):
    for side in (1, 10**4):
        np.savez_compressed(tmp_path / "mnist.npz", x_train=np.zeros((side, 10**4), "u1"))
        with pytest.raises(ValueError, match="no file of" if side == 1 else "far more than its own size"):
            cl.data.load("mnist", folder=tmp_path)
