"""Run n, run until, breakpoints, branches, files, phases and back: refused, listed, in the script."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.study.asking import why_not
from cortex_lab.widgets import Bench
from cortex_lab.widgets.steering import settings_of
from tests.waiting import wait_until
from tests.widgets.session_kinds import dataset
from tests.widgets.toys import Page, ToySession


@pytest.fixture
def bench() -> Iterator[Any]:
    made = Bench(dataset(), map=False, interval=0.02, speed=None)
    yield made
    made.close()


@pytest.mark.parametrize(("until", "stands"), [("7", 7), (5, 5), ("steps(4)", 4), ("step >= 9", 9)])
def test_it_runs_so_many_steps_or_until_it_is_so(bench, until, stands) -> None:
    if isinstance(until, str):
        bench.controls.until_entry.value = until
        bench.run_button.click()
    else:
        bench.run(until)
    assert bench.wait().session.step_number == stands and bench.error is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("loss <", "is no condition: invalid syntax, at character 7"),
        ("lost < 1", "waits for 'lost', which nothing records"),
        ("0", "a comparison such as loss < 0.1 is wanted"),
        ("-3", "a comparison such as loss < 0.1 is wanted"),
        ("__import__('os').system('x')", "a comparison such as loss < 0.1 is wanted"),
        ("5 epochs", r"say cl.epochs\(5\)"),
        ("loss < 1" * 400, "a condition has up to"),
    ],
)
def test_what_it_cannot_wait_for_is_refused_and_nothing_runs(bench, text, told) -> None:
    with pytest.raises((ValueError, KeyError), match=told):
        bench.run(text)
    bench.controls.until_entry.value = text
    bench.run_button.click()
    wait_until(lambda: bench.wait().error is not None, "the refusal")
    assert bench.session.step_number == 0 and not bench.session.running


def test_a_page_is_told_while_one_types(bench) -> None:
    page = Page(bench)
    page.say("hello")
    for field, text, refusal in (
        ("until", "loss <", "is no condition"),
        ("until", "loss < 0.1", ""),
        ("until", "", ""),
        ("break", "lost > 1", "no probe can record 'lost'"),
        ("break", "grad_norm > 1", ""),
        ("fork", "learning_rate", "does not say what to try"),
    ):
        page.say("typed", field=field, text=text)
        wait_until(lambda text=text: page.answers and page.answers[-1]["text"] == text, "an answer")
        told = page.answers[-1]
        assert (
            refusal in told["refusal"] and bool(refusal) == bool(told["refusal"]) and told["page"] == "page"
        )
    words = next(each["words"] for each in page.answers if each["field"] == "until")
    assert {"loss", "accuracy", "epochs", "isfinite", "and"} <= {*words}
    assert why_not(bench.session, "loss < 0.1") == "" and bench.error is None


def test_breakpoints_are_set_listed_and_removed(bench) -> None:
    session, page = bench.session, Page(bench)
    page.say("hello")
    bench.controls.more.break_entry.value = "step == 4"
    bench.controls.more.break_button.click()
    page.say("break", text="loss > 1e9")
    wait_until(lambda: len(page.last("timeline").get("breakpoints", ())) == 2, "both to be listed")
    assert page.last("timeline")["breakpoints"] == [[1, "'step == 4'"], [2, "'loss > 1e9'"]]
    bench.run()
    bench.wait()
    assert session.step_number == 3 and session.last_stop.kind == "breakpoint"
    page.say("clear_breakpoint", number=1)
    wait_until(lambda: len(session.breakpoints) == 1, "one to go")
    bench.clear_breakpoint()
    assert not session.breakpoints
    said = [call for _, call in session.remarks]
    assert said == ["session.break_when('step == 4')", "session.break_when('loss > 1e9')",
                    "session.clear_breakpoints(1)", "session.clear_breakpoints()"]  # fmt: skip
    page.say("break", text="lost > 1")
    wait_until(lambda: "lost" in str(bench.wait().error), "the refusal")


def test_branches_see_the_same_batches_and_one_is_kept(bench) -> None:
    bench.step(4)
    bench.wait().fork(6, learning_rate=[0.5, 1e-4])
    assert bench.wait().session.step_number == 4 and bench.error is None
    lines = bench.branches.lines()
    assert [line[1] for line in lines] == ["learning_rate=0.5", "learning_rate=0.0001"]
    assert all(line[2].startswith("6 steps, loss ") for line in lines)
    assert set(bench.views["recorded_curves"].over) == {"learning_rate=0.5", "learning_rate=0.0001"}
    apart = bench.views["run_comparison"].look()
    assert apart.names == ("learning_rate=0.5", "learning_rate=0.0001") and apart.paired[0][-1] == 10
    wanted = bench.branches.fork[0].network.params.copy()
    bench.keep(0)
    session = bench.wait().session
    assert session.step_number == 10 and np.array_equal(session.network.params, wanted)
    assert bench.branches is None and bench.views["recorded_curves"].over == {}
    assert bench.views["run_comparison"].over == {}
    assert bench.learning_rate == 0.5
    said = str(session.script())
    assert "bench.fork(6, learning_rate=[0.5, 0.0001])" in said and "bench.keep(0)" in said
    with pytest.raises(LookupError, match="there is no branch to keep"):
        bench.keep()


def test_a_branch_that_fails_leaves_the_others_going(bench) -> None:
    bench.fork(8, learning_rate=[1e-3, 1e38])
    bench.wait()
    good, bad = (line[2] for line in bench.branches.lines())
    assert good.startswith("8 steps") and bench.error is None
    assert "8 steps" in bad or "held back" in bad or "Error" in bad or "UpdateHeldBack" in bad
    bench.forget_branches()
    assert bench.branches is None and bench.session.step_number == 0


def test_a_session_that_moved_on_keeps_no_branch(bench) -> None:
    bench.fork(1, learning_rate=[0.5])
    bench.wait().step(2)
    bench.wait().keep(0)
    assert "the branch began at step 0" in str(bench.wait().error) and bench.session.step_number == 2


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("learning_rate=0.1, 0.01", {"learning_rate": [0.1, 0.01]}),
        ("learning_rate = [0.1]; dropout_rate=0.5", {"learning_rate": [0.1], "dropout_rate": [0.5]}),
        ("frozen='conv2d_1', 'dense_*'", {"frozen": ["conv2d_1", "dense_*"]}),
        ("", {}),
    ],
)
def test_what_to_try_is_read(text, settings) -> None:
    assert settings_of(text) == settings


@pytest.mark.parametrize(
    "text", ["0.1", "learning_rate", "a=", "a=b", "a=__import__('os')", "a=1 b", "a=(" * 99]
)
def test_what_says_nothing_to_try_is_refused(text) -> None:
    with pytest.raises(ValueError, match="does not say what to try; write names and values"):
        settings_of(text)


def test_a_training_is_saved_and_goes_on(bench, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    bench.step(3)
    bench.wait().controls.more.save_button.click()
    bench.wait()
    assert bench.saved == "session-step-3.h5" and bench.error is None
    network = cl.Network.load(bench.saved)
    assert np.array_equal(network.params, bench.session.network.params)
    bench.save(tmp_path / "nowhere" / "it.h5")
    assert isinstance(bench.wait().error, OSError) and "session.save" in str(bench.session.script())
    toys = Bench(ToySession(), map=False)
    with pytest.raises(TypeError, match="cannot be saved"):
        toys.save("it.h5")
    toys.close()


def test_phases_one_by_one_and_back(bench) -> None:
    session = bench.session
    bench.step(2)
    bench.wait().step_phase()
    assert bench.wait().session.phase == session.phases[0]
    bench.step_phase()
    assert bench.wait().session.phase == session.phases[1]
    bench.back()
    assert (bench.wait().session.phase, session.step_number) == (None, 2)
    bench.back()
    assert bench.wait().session.step_number == 1
    bench.back()
    bench.wait().back()
    assert "step 0 is the first" in str(bench.wait().error)
