"""The one thread that trains for a bench: takes commands from a queue, and never touches a widget."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cortex_lab.ground import forks
from cortex_lab.study import Notice, Session


@dataclass(frozen=True)
class _Command:
    serial: int
    action: Callable[[], Any] | None
    runs: bool = False


class Trainer:
    """Carries out commands one after the other, once started; when there are none, calls `idle`.

    `idle()` does one short piece of work and returns the seconds after which it wants to be called again,
    or None when it has nothing to do until `nudge`. Nothing is ever raised or printed here: the last
    exception is kept in `error`, and `changed()` is called after every command.
    """

    def __init__(
        self,
        session: Session,
        idle: Callable[[], float | None],
        changed: Callable[[], None],
        name: str,
    ) -> None:
        self.session = session
        self.error: BaseException | None = None
        self._idle = idle
        self._changed = changed
        self._queue: queue.SimpleQueue[_Command | None] = queue.SimpleQueue()
        # The lock itself is entered and left in C, where there is no place for an interrupt.
        self._lock = forks.freed(threading.RLock())
        self._moved = threading.Condition(self._lock)
        self._serial = 0
        self._finished = 0
        self._current = 0
        self._stop_through = 0
        self._closing = False
        self._forked = False
        self._stop_watching: Callable[[], None] | None = None
        forks.told(self)
        self._thread = threading.Thread(target=self._loop, name=f"cortex-lab-trainer-{name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def put(self, action: Callable[[], Any], runs: bool = False) -> None:
        """Queue a command. One that `runs` is skipped if it was interrupted before it began."""
        self.refuse_a_child()
        with self._lock:
            if self._closing:
                return
            self._serial += 1
            self._queue.put(_Command(self._serial, action, runs))

    def interrupt(self) -> None:
        """Pause the stepping under way, and whatever was queued before now that runs."""
        self.refuse_a_child()
        with self._lock:
            self._stop_through = self._serial
            if self._current and self._stop_watching is None:
                # A pause asked for between taking a command and its first step would otherwise be lost.
                self._stop_watching = self.session.subscribe(self._heed)
        self.session.pause()

    def nudge(self) -> None:
        """Have `idle` called again, if there is nothing better to do."""
        self._queue.put(None)

    @property
    def busy(self) -> bool:
        """Whether a command is under way or waiting."""
        return self._finished < self._serial

    def wait(self, timeout: float) -> bool:
        """Wait until every command put so far is done; False when the time is over first."""
        self.refuse_a_child()
        with self._lock:
            wanted = self._serial
            return self._moved.wait_for(lambda: self._finished >= wanted, min(timeout, threading.TIMEOUT_MAX))

    def close(self, timeout: float = 10.0) -> bool:
        """Stop what is going on and end the thread; False if it did not end in time."""
        if self._forked:
            return True
        with self._lock:
            self._closing = True
        self.interrupt()
        self.nudge()
        # One that was never started cannot be joined.
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def after_fork(self) -> None:
        """In a child: the thread is not there."""
        self._forked = True

    def refuse_a_child(self) -> None:
        """RuntimeError in a forked child."""
        if self._forked:
            raise RuntimeError(
                "this process was forked, and the bench is that of the other one; here, use the session "
                f"itself: session.step(), session.run(); or {forks.SPAWN}"
            )

    def _heed(self, notice: Notice) -> None:
        if 0 < self._current <= self._stop_through and notice.kind in ("run", "step"):
            self.session.pause()

    def _loop(self) -> None:
        pause: float | None = 0.0
        while not self._closing:
            try:
                command = self._queue.get(timeout=pause) if pause != 0 else self._queue.get_nowait()
            except queue.Empty:
                command = None
            if command is None:
                pause = self._rest()
            else:
                self._perform(command)
                pause = 0.0

    def _rest(self) -> float | None:
        try:
            return self._idle()
        except Exception as error:
            self.error = error
            self._changed()
            return None

    def _perform(self, command: _Command) -> None:
        with self._lock:
            self._current = command.serial
            refused = command.runs and command.serial <= self._stop_through
        try:
            if command.action and not refused:
                self.error = None
                command.action()
        except BaseException as error:
            self.error = error
        finally:
            with self._lock:
                self._current = 0
                if self._stop_watching is not None:
                    self._stop_watching()
                    self._stop_watching = None
                self._finished = command.serial
                self._moved.notify_all()
            self._changed()
