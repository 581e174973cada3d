"""What nobody should hand to a bench, and what happens all the same: it says so, and leaves nothing."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.widgets import Bench
from cortex_lab.widgets.chart.canvas import pack
from cortex_lab.widgets.opening import views_of
from tests.waiting import wait_until
from tests.widgets.session_kinds import KINDS
from tests.widgets.toys import Page, ToySession

MOST = 200_000
"""Numbers that one panel sends to a page at most."""


DRAWN = ("dataset",)
"""Kinds of sessions whose panels are drawn in every way; those of the others are packed for a page."""


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert not [each.name for each in threading.enumerate() if each.name.startswith("cortex-lab")]


@pytest.mark.parametrize("kind", KINDS)
def test_weights_and_losses_that_are_all_nan_leave_a_picture_in_every_panel(kind: str) -> None:
    session = KINDS[kind]()
    session.step(2)
    session.network.params[:] = np.nan
    for name, view in views_of(session, {}, without={"findings"}).items():
        chart = view.drawing()
        assert pack(chart).meta["plots"] or chart.note, name
        assert kind not in DRAWN or (view.png(dpi=30) and view.figure())


def test_a_bench_of_nan_says_what_is_wrong_and_goes_on_to_be_a_bench() -> None:
    session = KINDS["arrays"]()
    session.network.params[:] = np.nan
    bench = Bench(session, map=False, interval=0.02, speed=None)
    page = Page(bench)
    page.say("hello")
    bench.step()
    bench.wait()
    wait_until(lambda: page.last("status").get("state") == "error", "a status that says so")
    assert "held back" in page.last("status")["text"] and "NaN" in page.last("status")["text"]
    for name in bench.layout:
        wait_until(lambda name=name: page.last(name), f"the panel of {name}")
    bench.close()


def test_a_million_rows_send_no_more_than_a_page_can_draw() -> None:
    x = np.random.default_rng(0).normal(size=(1_000_000, 2)).astype(np.float32)
    network = cl.Network([cl.Dense(4, activation="relu"), cl.Dense(2)], (2,), seed=0)
    session = cl.train(network, (x, (x[:, 0] > 0).astype(int)), batch_size=100_000, validation=0.5, seed=0)
    session.step(1)
    # A comparison without another run is a note.
    for name, view in views_of(session, {}, without={"findings", "run_comparison"}).items():
        packed = pack(view.drawing())
        assert packed.meta["plots"], name
        assert sum(array.size for array in packed.arrays.values()) < MOST, name


def test_a_closed_bench_does_nothing_more_and_its_session_goes_on() -> None:
    bench = Bench(ToySession(), map=False, interval=0.02)
    page = Page(bench)
    page.say("hello")
    bench.close()
    sent = len(page.frames)
    bench.step_button.click()
    bench.run()
    page.say("hello")
    page.say("run_or_pause")
    bench.wait()
    assert bench.session.step_number == 0 and not bench.session.running and len(page.frames) == sent
    assert bench.session.step(3).kind == "step" and repr(bench) == "<Bench closed>"


IN_NO_NOTEBOOK = """
import threading
{shell}
from tests.widgets.toys import ToySession
from cortex_lab.widgets import Bench
bench = Bench(ToySession(), map=False).show()
bench.step_button.click()
bench.wait()
assert bench.session.step_number == 1 and bench.error is None
bench.close()
assert not [each.name for each in threading.enumerate() if each.name.startswith("cortex-lab")]
"""
SHELLS = {
    "no shell": "",
    "a terminal": "from IPython.core.interactiveshell import InteractiveShell as S; S.instance()",
}


@pytest.mark.parametrize("shell", SHELLS)
def test_without_a_notebook_the_bench_is_there_for_code(shell: str) -> None:
    code = IN_NO_NOTEBOOK.format(shell=SHELLS[shell])
    ran: Any = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0 and not ran.stderr, ran.stderr
    assert "Traceback" not in ran.stdout
