"""The line that says how far a run has come."""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
import weakref
from collections.abc import Callable
from importlib import import_module
from typing import Any

from cortex_lab.study.conditions import Condition, last_recorded
from cortex_lab.study.trace import Trace

FIRST, BETWEEN = 1.0, 0.25
"""Seconds of a run before its line is shown, and from one time to the next."""
_SHOWN_FIRST = ("loss", "accuracy", "validation_loss", "validation_accuracy", "value")
_MOST = 3
_BESIDE = 32
"""Columns of a terminal for the share, a bar and the time left, which are there however much is measured."""

# The line that is shown, as long as its run goes on.
_shown: list[weakref.ref] = []


class Progress:
    """One line: epoch, loss, a metric or two, the time left. To be shown when `clock()` has come to `due`.

    By tqdm where it is installed, in a notebook as in a terminal, else as plain text. It is shown where
    somebody may be looking: from the main thread, in a terminal or in Jupyter; not inside another run.
    """

    def __init__(
        self, trace: Trace, until: Condition | None, start: int, clock: Callable[[], float]
    ) -> None:
        self._trace, self._until, self._start, self._clock = trace, until, start, clock
        self._began = clock()
        self.due = self._began + FIRST
        self._line: Any = None

    def show(self) -> None:
        """Show it as it is now; never an error, for the run goes on in any case."""
        try:
            self._line = self._line or _line()
            done = None if self._until is None else self._until.done(self._trace, self._start)
            self._line.show(done, self._text(), self._clock() - self._began)
            self.due = self._clock() + BETWEEN
        except Exception:
            self.due = float("inf")

    def close(self) -> None:
        """Leave the line as it is at the end."""
        _shown.clear()
        if self._line is not None:
            self.show()
            with contextlib.suppress(Exception):
                self._line.close()

    def _text(self) -> str:
        trace = self._trace
        said = [f"step {int(trace['step'][-1])}"] if len(trace) else []
        if "epoch" in trace and len(trace):
            said = [f"epoch {trace['epoch'][-1]:.1f}"]
        others = [key for key in trace.keys if key not in ("step", "seconds", "epoch", "learning_rate")]
        keys = [key for key in _SHOWN_FIRST if key in trace] or others
        metrics = [key for key in others if key.startswith("validation_") and key not in keys]
        for key in [*keys[:_MOST], *metrics[:1]]:
            value = last_recorded(trace, key, 0)
            if value is not None:
                said.append(f"{key} {value:.4g}")
        room = None if _in_jupyter() else shutil.get_terminal_size().columns - _BESIDE
        while len(said) > 1 and room is not None and len(", ".join(said)) > room:
            said.pop()
        return ", ".join(said)


def progress_of(
    trace: Trace, until: Condition | None, start: int, clock: Callable[[], float]
) -> Progress | None:
    """The line of a run that begins; None where nobody would see it."""
    if threading.current_thread() is not threading.main_thread() or any(ref() for ref in _shown):
        return None
    if not _in_jupyter() and not _in_terminal():
        return None
    line = Progress(trace, until, start, clock)
    _shown[:] = [weakref.ref(line)]
    return line


class _Plain:
    """The line as text that is written over itself."""

    def __init__(self) -> None:
        self._width = 0

    def show(self, done: float | None, text: str, seconds: float) -> None:
        left = f", {_time(seconds / done - seconds)} left" if done else ""
        share = f"{done:4.0%}  " if done is not None else ""
        line = f"{share}{text}, {_time(seconds)}{left}"
        sys.stderr.write(f"\r{line.ljust(self._width)}")
        sys.stderr.flush()
        self._width = len(line)

    def close(self) -> None:
        sys.stderr.write("\n")
        sys.stderr.flush()


class _Bar:
    """The line as tqdm draws it, which takes an inner one away at its end."""

    def __init__(self, tqdm: Any) -> None:
        self._tqdm, self._bar = tqdm, None

    def show(self, done: float | None, text: str, seconds: float) -> None:
        if self._bar is None:
            share = "{percentage:3.0f}%|{bar}| " if done is not None else ""
            left = "{elapsed}<{remaining}" if done is not None else "{elapsed}"
            form = f"{share}{{desc}} [{left}]"
            # Inside somebody's own bar it goes at its end.
            total, outermost = 1.0 if done is not None else None, not getattr(self._tqdm, "_instances", ())
            # With a delay, nothing is drawn before there is something to say.
            self._bar = self._tqdm(total=total, leave=outermost, bar_format=form, delay=1e-9)
            self._bar.start_t -= seconds
        self._bar.n = min(done, 1.0) if done is not None else 0
        self._bar.set_description_str(text, refresh=False)
        self._bar.refresh()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def _line() -> _Plain | _Bar:
    try:
        return _Bar(import_module("tqdm.auto").tqdm)
    except ImportError:
        return _Plain()


def _in_terminal() -> bool:
    return bool(getattr(sys.stderr, "isatty", lambda: False)())


def _in_jupyter() -> bool:
    # Whoever is in a kernel has imported it.
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


def _time(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes:02d}:{seconds:02d}"
