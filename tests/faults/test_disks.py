"""Whatever becomes of the disk, or of the process: what was there is there, and what is read was written."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import stat
from pathlib import Path

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.nn import Network
from cortex_lab.study import Trace
from tests.faults import damage, disks, hostile
from tests.faults.tally import Tally
from tests.waiting import wait_until


@pytest.fixture
def tally():
    tally = Tally()
    yield tally
    assert tally.tried and not tally.wrong


def test_every_call_may_fail_in_every_way(tally, tmp_path):
    disks.saving_over(tally, tmp_path)


def test_a_nearly_full_disk(tally, tmp_path):
    disks.saving_on_full_disks(tally, tmp_path, range(8))
    disks.traces_on_full_disks(tally, tmp_path, [0, 1, 2, 5, 9, 12, 20, 40])


def test_a_disk_that_is_full_for_one_part_of_a_record(tally, tmp_path, monkeypatch):
    trace, path = Trace(["loss"]), tmp_path / "run.h5"
    with trace.stream_to(path) as file:
        for room in (0, 3, 500, 7000):
            for step in range(len(trace) + 1, len(trace) + 301):
                trace.append(step, 0.0, {"loss": step})
            with tally.one(f"{room} bytes"):
                with disks.limited(room):
                    disks.expect_refusal(file.write, path, errno.ENOSPC)
                with pytest.warns(UserWarning, match="was not closed"):
                    disks.check_rows(Trace.open(path), trace)
            file.write()
            assert file._at.rows == len(trace)
    disks.check_rows(Trace.open(path), trace)


def test_a_kill_at_any_call_leaves_one_whole_file_and_nothing_beside_it(tally, tmp_path):
    disks.killed(tally, tmp_path, "kill_at_each_call({path})")


def test_cut_and_changed_files(tally, tmp_path):
    for path, held in damage.traces(tmp_path).values():
        damage.read_traces(tally, tmp_path, path, held, 400)
    damage.read_networks(tally, tmp_path, 150)
    damage.read_logs(tally, tmp_path, 150)


# Saving as an editor does -------------------------------------------------------------------------------


def script(path: Path) -> None:
    cl.study.script.Script("import this\n").save(path)


SAVERS = {
    "network": lambda path: hostile.network().save(path),
    "script": script,
    "log": lambda path: cl.optimize.log(cl.Sphere(), cl.SGD(0.1), until=cl.steps(3)).save(path),
}


@pytest.mark.parametrize("save", SAVERS.values(), ids=SAVERS)
def test_what_was_there_keeps_its_mode_and_links_lead_where_they_led(tmp_path, save):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    target, link = folder / "target", tmp_path / "link"
    link.symlink_to(target)
    mask = os.umask(0o027)
    try:
        save(link)
    finally:
        os.umask(mask)
    assert link.is_symlink() and stat.S_IMODE(target.stat().st_mode) == 0o640
    for mode in (0o600, 0o664):
        target.chmod(mode)
        save(link)
        assert link.is_symlink() and stat.S_IMODE(target.stat().st_mode) == mode
    assert os.listdir(folder) == ["target"]


@pytest.mark.parametrize("save", SAVERS.values(), ids=SAVERS)
def test_a_name_may_be_as_long_as_the_file_system_lets_it(tmp_path, save):
    longest = os.pathconf(tmp_path, "PC_NAME_MAX")
    save(tmp_path / ("n" * longest))
    with pytest.raises(OSError, match="cannot save to"):
        save(tmp_path / ("n" * (longest + 1)))
    assert os.listdir(tmp_path) == ["n" * longest]


@pytest.mark.parametrize("save", SAVERS.values(), ids=SAVERS)
def test_what_is_no_place_for_a_file_is_refused(tmp_path, save):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for name, why in {"pipe": "pipe", "loop": "symbolic", ".": "folder", "nowhere/f": "no folder"}.items():
        with pytest.raises(OSError, match=f"cannot save to .*{why}"):
            save(tmp_path / name)


def test_two_interrupts_while_saving_leave_what_was_there(tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    path = tmp_path / "net.h5"
    hostile.network(1).save(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupt)
        patch.setattr(Path, "unlink", interrupt)
        with pytest.raises(KeyboardInterrupt):
            hostile.network(2).save(path)
    assert len(os.listdir(tmp_path)) == 2
    np.testing.assert_array_equal(Network.load(path).params, hostile.network(1).params)
    hostile.network(3).save(path)
    assert os.listdir(tmp_path) == ["net.h5"]


# A trace and what becomes of its file -------------------------------------------------------------------


def filled(rows: int) -> Trace:
    trace = Trace(["loss"])
    for step in range(1, rows + 1):
        trace.append(step, 0.0, {"loss": step})
    return trace


def test_a_folder_that_vanishes_is_named_and_the_rows_stay_in_memory(tmp_path):
    trace, folder = filled(20), tmp_path / "folder"
    folder.mkdir()
    file = trace.stream_to(folder / "run.h5")
    file.write()
    folder.rename(tmp_path / "moved")
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*folder"):
        file.close()
    assert len(trace) == 20 and "closed" in repr(file)
    with pytest.warns(UserWarning, match="was not closed"):
        disks.check_rows(Trace.open(tmp_path / "moved" / "run.h5"), trace)


def test_another_file_in_its_place_is_left_alone(tmp_path):
    trace, path = filled(20), tmp_path / "run.h5"
    file = trace.stream_to(path)
    path.rename(tmp_path / "mine.h5")
    path.write_text("theirs")
    with pytest.raises(FileExistsError, match=r"another file has taken its place.*reads the 20 rows"):
        file.close()
    assert path.read_text() == "theirs"


def without_its_folder(path: Path) -> None:
    path.unlink()
    path.parent.rmdir()


def theirs(path: Path) -> None:
    path.unlink()
    path.write_text("theirs")


LOST = {
    "its folder is deleted": (without_its_folder, lambda path: path.parent.mkdir(), "in memory: .*stream_to"),
    "another file is there": (theirs, Path.unlink, "move that away; .*in memory: .*stream_to"),
    "its folder is moved": (
        lambda path: path.parent.rename(path.parent.with_name("moved")), lambda path: path.parent.mkdir(),
        "reads the 20 rows",
    ),
    "the disk is full": (None, lambda path: None, "free some space .*reads the 20 rows"),
}  # fmt: skip


@pytest.mark.parametrize("gone", [False, True], ids=["the trace is there", "the trace is gone"])
@pytest.mark.parametrize(("lose", "mend", "said"), LOST.values(), ids=LOST)
def test_closing_a_stream_fails_until_it_can_be_done(tmp_path, monkeypatch, lose, mend, said, gone):
    monkeypatch.setattr("cortex_lab.study.tracefile._SECONDS_BETWEEN_WRITES", 60)
    trace, path = filled(20), tmp_path / "folder" / "run.h5"
    path.parent.mkdir()
    file = trace.stream_to(path)
    file.write()
    if lose is not None:
        lose(path)
    if gone:
        del trace
        gc.collect()
        said = said.replace("in memory: .*stream_to", "its rows are lost")
    with disks.limited(0) if lose is None else contextlib.nullcontext():
        for _ in range(2):
            with pytest.raises(OSError, match=said) as refused:
                file.close()
            assert ("close() tries again" in str(refused.value)) is not gone
    mend(path)
    if gone:
        with pytest.raises(OSError, match=said):
            file.close()
        return
    file.close()
    file.close()
    assert len(Trace.open(path)) == 20
    disks.check_rows(Trace.open(path), trace)


@pytest.mark.parametrize("after", [0, 5])
def test_a_file_that_is_deleted_while_it_is_written_is_made_anew_and_this_is_shown(
    tmp_path, monkeypatch, after
):
    monkeypatch.setattr("cortex_lab.study.tracefile._SECONDS_BETWEEN_WRITES", 60)
    shown = []
    monkeypatch.setattr("cortex_lab.study.tracefile.show_once", shown.append)
    trace, path = filled(20), tmp_path / "run.h5"
    file = trace.stream_to(path)
    file.write()
    path.unlink()
    for step in range(21, 21 + after):
        trace.append(step, 0.0, {"loss": step})
    file.write()
    file.write()
    assert len(shown) == 1 and "was deleted" in shown[0]
    with pytest.warns(UserWarning, match="was not closed"):
        read = Trace.open(path)
    assert len(read) == 20 + after
    disks.check_rows(read, trace)
    file.close()
    assert len(Trace.open(path)) == 20 + after


def test_a_file_whose_folder_is_deleted_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("cortex_lab.study.tracefile._SECONDS_BETWEEN_WRITES", 0.01)
    shown = []
    monkeypatch.setattr("cortex_lab.study.tracefile.show_once", shown.append)
    trace, path = filled(20), tmp_path / "folder" / "run.h5"
    path.parent.mkdir()
    file = trace.stream_to(path)
    without_its_folder(path)
    wait_until(lambda: file.error is not None, "a folder that is gone")
    assert len(shown) == 1 and "there is no folder" in shown[0]
    path.parent.mkdir()
    wait_until(lambda: file.error is None, "a folder that is there again")
    file.close()
    disks.check_rows(Trace.open(path), trace)


def hit(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


HARM = {
    "nothing": lambda content: content,
    "its first byte": lambda content: hit(content, 0),
    "the head of a record": lambda content: hit(content, 30),
    "a row in its middle": lambda content: hit(content, len(content) // 2),
    "its last byte": lambda content: hit(content, len(content) - 1),
    "its second half is cut off": lambda content: content[: len(content) // 2],
    "all but its name is gone": lambda content: b"",
    "zeros": lambda content: bytes(len(content)),
}


@pytest.mark.parametrize("gone", [False, True], ids=["the trace is there", "the trace is gone"])
@pytest.mark.parametrize("harm", HARM.values(), ids=HARM)
def test_a_file_that_is_damaged_while_it_is_written_ends_whole_or_says_what_is_lost(
    tmp_path, monkeypatch, harm, gone
):
    monkeypatch.setattr("cortex_lab.study.tracefile._SECONDS_BETWEEN_WRITES", 60)
    trace, path = filled(700), tmp_path / "run.h5"
    file = trace.stream_to(path)
    file.write()
    written, expected = path.read_bytes(), filled(700)
    path.write_bytes(harm(written))
    if gone:
        del trace
        gc.collect()
    # Nobody looks at its first bytes while it is written.
    if gone and harm(written)[30:] != written[30:]:
        lost = r"changed meanwhile, and \d+ rows are lost; .*reads the \d+ rows"
        with pytest.raises(OSError, match=lost) as said:
            file.close()
        assert str(said.value).count("cannot save") == 1
        return
    file.close()
    read = Trace.open(path)
    assert len(read) == 700
    disks.check_rows(read, expected)


def test_what_was_recorded_last_is_written_when_the_trace_goes(tmp_path):
    trace, path = filled(20), tmp_path / "run.h5"
    file = trace.stream_to(path)
    trace.append(21, 0.0, {"loss": 21.0})
    del trace
    gc.collect()
    assert file._at.rows == 21
    file.close()
    assert Trace.open(path)["loss"][-1] == 21.0


def test_a_full_disk_is_shown_once_and_the_stream_goes_on_when_there_is_room(tmp_path, monkeypatch):
    monkeypatch.setattr("cortex_lab.study.tracefile._SECONDS_BETWEEN_WRITES", 0.01)
    trace, path, shown = filled(20), tmp_path / "run.h5", []
    monkeypatch.setattr("cortex_lab.study.tracefile.show_once", shown.append)
    with disks.limited(300):
        file = trace.stream_to(path)
        wait_until(lambda: file.error is not None, "a full disk")
    assert file.error.errno == errno.ENOSPC and len(shown) == 1 and "free some space" in shown[0]
    file.write()
    assert file.error is None and file._at.rows == 20
    file.close()
    disks.check_rows(Trace.open(path), trace)
