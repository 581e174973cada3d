from __future__ import annotations

import threading
from typing import Any

import pytest

from cortex_lab.widgets.locked import Number, mark, write


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
