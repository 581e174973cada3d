"""The trace in memory and on disk."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest

from cortex_lab.study import Probe, Session, Trace, every, tracefile
from tests.study.walker import Walker

ROOT = Path(__file__).parents[2]


def filled(rows: int, keys: tuple[str, ...] = ("loss", "grad_norm['conv2d_1']")) -> Trace:
    trace = Trace(keys)
    for step in range(1, rows + 1):
        trace.append(step, step / 10, {key: step * (index + 0.5) for index, key in enumerate(keys)})
    return trace


def test_rows_survive_every_doubling():
    trace = filled(5000)
    assert len(trace) == 5000 and trace.keys == ("step", "seconds", "loss", "grad_norm['conv2d_1']")
    assert (trace["loss"] == np.arange(1, 5001) * 0.5).all()
    assert (trace["grad_norm['conv2d_1']"] == np.arange(1, 5001) * 1.5).all()
    assert (trace["step"] == np.arange(1, 5001)).all()


def test_a_column_is_float64_and_read_only_and_one_taken_before_growth_stays_as_it_was():
    trace = filled(1024)
    column = trace["loss"]
    assert column.dtype == np.float64
    with pytest.raises(ValueError, match="read-only"):
        column[0] = 1
    trace.append(1025, 0.0, {"loss": 7.0})
    assert len(column) == 1024 and trace["loss"][-1] == 7.0


def test_what_was_not_recorded_is_nan_and_is_told_from_a_recorded_nan():
    trace = Trace(["loss", "validation_loss"])
    trace.append(1, 0.0, {"loss": np.nan})
    trace.append(2, 0.0, {"loss": np.float32("nan"), "validation_loss": 3.0})
    assert np.isnan(trace["loss"]).all() and np.isnan(trace["validation_loss"][0])
    steps, values = trace.recorded("validation_loss")
    assert steps.tolist() == [2] and values.tolist() == [3.0]


def test_an_unknown_key_says_what_is_recorded_and_how_to_record_it():
    trace = filled(3)
    with pytest.raises(KeyError, match=r"step, seconds, loss.*Probe\('accuracy'\)"):
        trace["accuracy"]
    with pytest.raises(KeyError):
        trace.append(4, 0.0, {"loss": 1.0, "accuracy": 0.5})
    assert len(trace) == 3
    trace.append(4, 0.0, {})
    assert np.isnan(trace["loss"][3])


def test_truncation_leaves_nothing_behind():
    trace = filled(10)
    trace.truncate(4)
    assert len(trace) == 4
    trace.append(5, 0.5, {})
    assert np.isnan(trace["loss"][4]) and trace["step"].tolist() == [1, 2, 3, 4, 5]


def test_every_change_is_a_new_version():
    trace = filled(2)
    seen = [trace.version]
    for change in (
        lambda: trace.append(3, 0, {}),
        lambda: trace.add_column("new"),
        lambda: trace.truncate(1),
    ):
        change()
        seen.append(trace.version)
    assert sorted(set(seen)) == seen


def test_the_frame_is_indexed_by_step_and_is_a_copy():
    trace = filled(3)
    frame = trace.frame()
    assert frame.index.name == "step" and frame.index.tolist() == [1, 2, 3]
    assert frame.columns.tolist() == ["seconds", "loss", "grad_norm['conv2d_1']"]
    frame.loc[2, "loss"] = 99.0
    assert trace["loss"][1] == 1.0


def test_a_preview_reads_like_a_trace_with_one_row_more_and_leaves_no_mark():
    trace = filled(1024)
    preview = trace.preview(1025, {"loss": -1.0})
    assert len(preview) == 1025 and preview["loss"][-1] == -1.0 and "loss" in preview
    assert len(trace) == 1024 and len(trace["loss"]) == 1024
    preview.close()
    trace.append(1025, 0.0, {})
    assert np.isnan(trace["loss"][-1])


# On disk ---------------------------------------------------------------------------------------------


def same(a: Trace, b: Trace) -> bool:
    return a.keys == b.keys and all(a[key].tobytes() == b[key].tobytes() for key in a.keys)


@pytest.mark.parametrize("rows", [0, 1, 64, 4000, 30_000])
def test_a_trace_file_gives_back_every_bit(tmp_path, rows):
    trace = filled(rows)
    with trace.stream_to(tmp_path / "run.h5"):
        pass
    assert same(Trace.open(tmp_path / "run.h5"), trace)


def test_a_stream_follows_growth_new_columns_and_rewinds(tmp_path):
    session = Session(Walker(), probes=[Probe("loss", every(3))])
    session.step(100)
    with session.trace.stream_to(tmp_path / "run.h5") as file:
        session.step(500)
        file.write()
        session.rewind(step=40)
        session.step(30)
        file.write()
        session.record(Probe("norm"))
        session.step(20)
        file.write()
        session.rewind(step=60)
        file.write()
        session.step(5)
    opened = Trace.open(tmp_path / "run.h5")
    assert same(opened, session.trace) and len(opened) == 65
    opened.append(66, 0.0, {"loss": 1.0})
    assert opened["loss"][-1] == 1.0


def test_the_file_grows_by_itself_within_a_second_and_is_plain_hdf5_once_it_is_closed(tmp_path):
    trace = filled(10)
    with trace.stream_to(tmp_path / "run.h5") as file:
        trace.append(11, 0.0, {"loss": 123.0})
        written, write = threading.Event(), file.write

        def write_and_say() -> None:
            write()
            written.set()

        file.write = write_and_say
        assert written.wait(60) and file._at.rows == 11
        with pytest.warns(UserWarning, match="was not closed.*the 11 rows there are, up to step 11"):
            assert same(Trace.open(tmp_path / "run.h5"), trace)
    with h5py.File(tmp_path / "run.h5") as plain:
        assert json.loads(plain["columns"][()]) == list(trace.keys)
        assert plain["rows"][-1, 2] == 123.0
    assert not any(thread.name == "cortex-lab-trace-file" for thread in threading.enumerate())


def test_a_killed_process_loses_at_most_what_came_after_the_last_write(tmp_path):
    code = f"""
from cortex_lab.study import Trace
from tests.waiting import wait_until
trace = Trace(["loss"])
file = trace.stream_to({str(tmp_path / "run.h5")!r})
for step in range(1, 401):
    trace.append(step, 0.0, {{"loss": step}})
wait_until(lambda: file._at.rows == 400, "the rows to be written")
print("written", flush=True)
for step in range(401, 10**9):
    trace.append(step, 0.0, {{"loss": step}})
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert process.stdout.readline() == b"written\n"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    with pytest.warns(UserWarning, match="was not closed"):
        trace = Trace.open(tmp_path / "run.h5")
    assert len(trace) >= 400 and tracefile._SECONDS_BETWEEN_WRITES < 1
    assert (trace["loss"] == np.arange(1, len(trace) + 1)).all()


def test_a_process_that_ends_without_closing_loses_nothing(tmp_path):
    code = f"""
from cortex_lab.study import Trace
trace = Trace(["loss"])
trace.stream_to({str(tmp_path / "run.h5")!r})
for step in range(1, 1001):
    trace.append(step, 0.0, {{"loss": step}})
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert len(Trace.open(tmp_path / "run.h5")) == 1000


@pytest.mark.parametrize("kept", [0.02, 0.1, 0.35, 0.6, 0.85, 0.999])
def test_a_file_cut_off_in_the_middle_opens_up_to_the_cut(tmp_path, kept):
    trace = filled(20_000)
    path = tmp_path / "run.h5"
    with trace.stream_to(path):
        pass
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.warns(UserWarning, match="cut off or damaged; read the"):
        opened = Trace.open(path)
    assert (opened["loss"] == trace["loss"][: len(opened)]).all()
    # A chunk is at most a quarter of what lies before it, and the descriptions take some room at the front.
    assert len(opened) >= 0.7 * kept * len(trace) - 400


def test_what_is_no_trace_file_is_refused(tmp_path):
    (tmp_path / "text").write_text("loss 1 2 3")
    with pytest.raises(ValueError, match="no trace file"):
        Trace.open(tmp_path / "text")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["weights"] = np.zeros(3)
    with pytest.raises(ValueError, match="no trace file"):
        Trace.open(tmp_path / "other.h5")
    with filled(100).stream_to(tmp_path / "run.h5"):
        pass
    (tmp_path / "stump.h5").write_bytes((tmp_path / "run.h5").read_bytes()[:60])
    with pytest.raises(ValueError, match="cut off before its first row"):
        Trace.open(tmp_path / "stump.h5")
    with pytest.raises(FileExistsError):
        filled(1).stream_to(tmp_path / "run.h5")
    with pytest.raises(FileNotFoundError):
        Trace.open(tmp_path / "missing.h5")
