"""A run shows how far it has come, in one line, where somebody may be looking; no step pays for it."""

from __future__ import annotations

import io
import itertools
import re
import sys
import threading
import types

import pytest

import cortex_lab as cl
from cortex_lab.study import Session, progress
from cortex_lab.study.trace import Trace
from tests.study.walker import Walker


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    seen = Terminal()
    monkeypatch.setattr(progress, "sys", types.SimpleNamespace(stderr=seen, modules=sys.modules))
    # As if it were not installed.
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)

    def lines():
        return [line for line in seen.getvalue().split("\r") if line]

    lines.stream = seen
    return lines


def session(seconds_a_step=0.5):
    made = Session(Walker())
    made.clock = itertools.count(step=seconds_a_step / 4).__next__
    return made


def test_a_line_tells_share_measures_and_time_left(terminal):
    session().run(cl.steps(40))
    first, *_, last = terminal()
    assert "step 3, loss" in first and first.endswith("left")
    assert last.startswith("100%  step 40, loss") and last.endswith("\n")
    shares = [int(line.partition("%")[0]) for line in terminal()]
    assert shares == sorted(shares) and len(shares) > 10


@pytest.mark.parametrize("columns", [60, 80, 200])
@pytest.mark.parametrize("tqdm", [False, True])
def test_the_time_left_is_there_however_much_is_measured(terminal, monkeypatch, capsys, columns, tqdm):
    names = ["epoch", "loss", "accuracy", "validation_loss", "validation_accuracy", "validation_f1_macro"]
    monkeypatch.setenv("COLUMNS", str(columns))
    trace = Trace(names)
    trace.append(7, 3600.0, dict.fromkeys(names, 0.123456))
    if tqdm:
        monkeypatch.delitem(sys.modules, "tqdm.auto")
        pytest.importorskip("tqdm")
    clock = itertools.count(step=100.0).__next__
    line = progress.Progress(trace, cl.steps(10), 0, clock)
    line.show()
    line.close()
    shown = capsys.readouterr().err.split("\r")[-1].strip() if tqdm else terminal()[-1].strip()
    assert len(shown) <= columns and "loss 0.1235" in shown
    assert re.search(r"\d\d:\d\d<\d\d:\d\d\]$" if tqdm else r"\d\d:\d\d left$", shown), shown
    assert ("validation_loss" in shown) == (columns == 200)


def test_a_run_until_something_happens_tells_no_share(terminal):
    session().run(until="loss < 1")
    assert terminal() and not any("%" in line or "left" in line for line in terminal())


SILENT = {
    "asked for": lambda run: run(progress=False),
    "short": lambda run: run(until=2),
    "nobody looks": lambda run: (setattr(progress.sys.stderr, "isatty", lambda: False), run()),
    "another thread": lambda run: _in_a_thread(run),
}


def _in_a_thread(act):
    thread = threading.Thread(target=act)
    thread.start()
    thread.join()


@pytest.mark.parametrize("case", SILENT)
def test_nothing_is_shown(terminal, case):
    it = session()
    SILENT[case](lambda until=40, **options: it.run(until, **options))
    assert it.step_number in (2, 40) and not terminal()


def test_a_run_inside_another_shows_no_line_of_its_own(terminal):
    outer = session()
    outer.subscribe(lambda notice: session().run(20) if notice.step == 10 else None)
    outer.run(40)
    steps = [int(line.partition("step ")[2].partition(",")[0]) for line in terminal()]
    assert steps == sorted(steps) and steps[-1] == 40
    session().run(20)
    assert "step 20" in terminal()[-1]


@pytest.mark.parametrize("fails", ["write", "flush"])
def test_a_line_that_cannot_be_shown_stops_nothing(terminal, monkeypatch, fails):
    def broken(*_):
        raise OSError("no terminal")

    monkeypatch.setattr(terminal.stream, fails, broken)
    assert session().run(40).kind == "condition"


def test_an_error_leaves_the_line_and_is_raised(terminal):
    failing = Session(Walker(fail_at=(20, "gradient")))
    failing.clock = itertools.count(step=0.1).__next__
    with pytest.raises(ArithmeticError):
        failing.run(40)
    assert terminal()[-1].endswith("\n")


def test_where_nobody_looks_a_step_asks_no_clock(monkeypatch):
    counts = []
    for asked in (True, False):
        it = session()
        it.run(40, progress=asked)
        counts.append(next(it.clock.__self__))
    assert counts[0] == counts[1]


SHARES = {
    "steps": (cl.steps(40), 0.25),
    "seconds": (cl.seconds(20.0), 0.25),
    "the earlier of two": (cl.steps(40) | cl.steps(20), 0.5),
    "the later of two": (cl.steps(40) & cl.steps(20), 0.25),
    "one that nobody knows": (cl.below("loss", 0), None),
    "either known": (cl.steps(40) | cl.below("loss", 0), 0.25),
    "both, one known": (cl.steps(40) & cl.below("loss", 0), None),
    "not": (~cl.steps(40), None),
    "an expression": (cl.Expression("loss < 0"), None),
}


@pytest.mark.parametrize("case", SHARES)
def test_conditions_say_how_far_a_run_has_come(case):
    condition, share = SHARES[case]
    trace = Trace(["loss"])
    for step in range(1, 16):
        trace.append(step, step * 0.5, {"loss": 1.0})
    assert condition.done(trace, 5) == share


class Bar:
    """What is called of tqdm."""

    _instances: list = []  # noqa: RUF012
    made: list = []  # noqa: RUF012

    def __init__(self, **options):
        self.options, self.said, self.start_t, self.n = options, [], 0.0, 0
        Bar.made.append(self)

    def set_description_str(self, text, refresh):
        self.said.append(text)

    def refresh(self):
        self.said[-1] = (self.n, self.said[-1])

    def close(self):
        self.said.append("closed")


@pytest.mark.parametrize("outer", [[], ["a bar of one's own"]])
def test_tqdm_draws_it_where_it_is_installed(terminal, monkeypatch, outer):
    monkeypatch.setitem(sys.modules, "tqdm.auto", types.SimpleNamespace(tqdm=Bar))
    monkeypatch.setattr(Bar, "_instances", outer)
    monkeypatch.setattr(Bar, "made", [])
    session().run(40)
    (bar,) = Bar.made
    assert bar.options["leave"] is not bool(outer) and bar.options["total"] == 1.0
    assert bar.said[-2][0] == 1.0 and bar.said[-2][1].startswith("step 40, loss") and bar.said[-1] == "closed"


def test_the_real_tqdm_takes_what_it_is_told(terminal, monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "tqdm.auto")
    pytest.importorskip("tqdm")
    session().run(40)
    last = capsys.readouterr().err.split("\r")[-1]
    assert last.startswith("100%|") and "step 40, loss" in last


def test_in_jupyter_somebody_looks(terminal, monkeypatch):
    monkeypatch.setattr(terminal.stream, "isatty", lambda: False)
    kernel = types.SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: kernel))
    session().run(40)
    assert terminal()
