"""How a training is stopped: by Pause where a click is heard, else by the stop button of the notebook."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from cortex_lab.widgets import Bench, notebook
from cortex_lab.widgets.controls import DEAF
from tests.waiting import wait_until
from tests.widgets.toys import Page, ToySession


@pytest.fixture
def bench() -> Iterator[Any]:
    bench = Bench(ToySession(seconds=0.001), map=False, interval=0.02)
    yield bench
    bench.close()


def shell(**kernel: Any) -> Any:
    return SimpleNamespace(kernel=SimpleNamespace(**kernel))


def test_while_a_cell_trains_pause_is_gray_and_names_the_button_that_stops_it(bench):
    page = Page(bench)
    page.say("hello")
    session = bench.session
    looks: list[tuple[bool, str]] = []

    def look(notice: Any) -> None:
        pause = bench.pause_button
        if notice.kind != "step":
            return
        looks.append((pause.disabled, pause.description))
        if (pause.disabled, pause.description) == (True, DEAF) or len(looks) > 20_000:
            session.pause()

    session.subscribe(look)
    session.run()
    assert looks[-1] == (True, DEAF)
    wait_until(lambda: bench.pause_button.description == "Pause", "what it is called at rest")


def test_where_a_click_is_heard_while_a_cell_trains_pause_stops_it(bench):
    page = Page(bench)
    # A message that does not come behind the cells.
    aside = threading.Thread(target=lambda: page.say("hello"))
    aside.start()
    aside.join()
    clicked: list[bool] = []

    def click() -> None:
        wait_until(lambda: not bench.pause_button.disabled, "a button that can be clicked")
        clicked.append(bench.deaf)
        bench.pause_button.click()

    clicker = threading.Thread(target=click)
    clicker.start()
    assert bench.session.run().kind == "pause"
    clicker.join()
    assert clicked == [False]


def test_the_stop_button_pauses_a_run_of_the_bench(bench):
    kernel = shell(saved_sigint_handler=None)
    assert notebook.heed_interrupts(kernel)
    bench.run()
    wait_until(lambda: bench.session.running, "a run")
    kernel.kernel.saved_sigint_handler(2, None)
    assert bench.wait().session.running is False


def test_where_the_stop_button_is_not_heard_the_status_line_says_what_is(bench):
    assert not notebook.heed_interrupts(shell()) and not notebook.heed_interrupts(SimpleNamespace())
    bench._speed.hint = "Pause stops it"
    bench.run()
    wait_until(lambda: bench.session.running, "a run")
    assert bench.status.startswith("running: Pause stops it · ")
    bench.pause()
    assert "Pause stops it" not in bench.wait().status
