"""Waiting for the thing itself: as long as a busy machine takes, and no longer than a hung one deserves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cortex_lab.compute.cpu.pool import Workers

PATIENCE = 60.0
"""Seconds that nothing takes, however busy the machine."""


def wait_until(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Wait until something holds of which nobody is told; AssertionError that says `what` if it does not."""
    deadline, never = time.monotonic() + seconds, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        never.wait(0.005)


def wait_for_rest(workers: Workers) -> None:
    """Wait until the helpers of a pool have fallen asleep; there are none where work goes through Python."""
    wait_until(lambda: not any(helper.awake for helper in workers._helpers), "helpers asleep")
