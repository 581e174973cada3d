from __future__ import annotations

import gc
import threading
from typing import Any

import pytest

from cortex_lab.widgets import Bench
from cortex_lab.widgets.channel import Channel
from cortex_lab.widgets.lock import widget_lock
from cortex_lab.widgets.locked import Locked, Number, mark, write
from tests.widgets.toys import ToySession


def from_browser(**state: Any) -> dict[str, Any]:
    return {"content": {"data": {"method": "update", "state": state}}, "buffers": []}


def test_no_update_is_lost_between_two_writers_and_the_browser():
    number = Number(value=0)
    sent: list[float] = []
    number._send = lambda message, buffers=None: sent.extend(  # type: ignore[method-assign]
        [message["state"]["value"]] if message["method"] == "update" and "value" in message["state"] else []
    )
    rounds = 1500
    go = threading.Barrier(3)

    def write_values(sign: int) -> None:
        go.wait()
        for i in range(1, rounds + 1):
            number.value = sign * i

    def hear() -> None:
        go.wait()
        for i in range(rounds):
            number._handle_msg(from_browser(description=str(i)))

    threads = [threading.Thread(target=write_values, args=(sign,)) for sign in (1, -1)]
    threads.append(threading.Thread(target=hear))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sent) == 2 * rounds
    assert sorted(sent) == [*range(-rounds, 0), *range(1, rounds + 1)]
    assert number.description == str(rounds - 1)
    number.close()


def test_write_sends_only_what_differs(monkeypatch: pytest.MonkeyPatch):
    number = Number(value=1.0)
    sent: list[Any] = []
    monkeypatch.setattr(number, "_send", lambda message, buffers=None: sent.append(message), raising=False)
    write(number, value=1.0, disabled=False)
    mark(number, "cortex-hidden", False)
    assert not sent
    write(number, value=2.0)
    mark(number, "cortex-hidden", True)
    mark(number, "cortex-hidden", True)
    assert len(sent) == 2
    number.close()


def kinds_of_widget() -> list[type]:
    found, kinds = [Locked], []
    while found:
        kinds.append(found.pop())
        found += kinds[-1].__subclasses__()
    return kinds[1:]


@pytest.mark.parametrize("kind", kinds_of_widget(), ids=lambda kind: kind.__name__)
def test_collecting_a_closed_widget_waits_for_nobody(kind):
    widget = kind("bench", print) if issubclass(kind, Channel) else kind()
    widget.close()
    widget.itself = widget
    del widget
    with widget_lock:
        collecting = threading.Thread(target=gc.collect)
        collecting.start()
        collecting.join(60)
        assert not collecting.is_alive()


def test_no_thread_is_started_under_the_lock(monkeypatch: pytest.MonkeyPatch):
    # Whoever starts a thread waits until it runs, and the thread may meet the lock before.
    start, under_the_lock = threading.Thread.start, []

    def starting(thread: threading.Thread) -> None:
        under_the_lock.append(widget_lock._is_owned())  # type: ignore[attr-defined]
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", starting)
    bench = Bench(ToySession(), map=False)
    bench.picture.draw()
    bench.close()
    assert len(under_the_lock) >= 3 and not any(under_the_lock)
