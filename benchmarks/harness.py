"""How everything in this project is timed, and the one form in which a measurement is kept.

Two callables are timed alternately, in one process, and in both orders: what drifts (clock rates, other
programs, caches) then falls on both. A median says how long it takes, the quartiles how much to believe it.
"""

from __future__ import annotations

import dataclasses
import gc
import importlib.metadata
import math
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PACKAGES = (
    "cortex-lab", "numpy", "pandas", "numba", "scikit-learn", "threadpoolctl", "openTSNE", "torch", "keras",
    "ipykernel", "ipywidgets", "anywidget", "plotly", "jupyterlab", "cupy-cuda13x", "nvidia-cudnn-frontend",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measurement: ours, the peer's if there is one, and the bar it is held to.

    With a peer the bar is for the ratio (ours / peer's, filled in if not given), without one for the value;
    `ok` follows, and is None without a bar. Raises ValueError for a row that cannot mean anything.
    """

    what: str
    value: float
    unit: str
    peer: str | None = None
    peer_value: float | None = None
    ratio: float | None = None
    bar: float | None = None
    better: str = "lower"

    def __post_init__(self) -> None:
        for name in ("what", "unit"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                self._refuse(f"{name} must be a text that is not empty, not {getattr(self, name)!r}")
        if self.better not in ("lower", "higher"):
            self._refuse(f"better must be 'lower' or 'higher', not {self.better!r}")
        for name in ("value", "peer_value", "ratio", "bar"):
            self._check_number(name)
        if (self.peer is None) != (self.peer_value is None):
            self._refuse("peer and peer_value go together")
        if self.peer is None and self.ratio is not None:
            self._refuse("a ratio needs a peer")
        if self.peer_value is not None and self.ratio is None:
            if self.peer_value == 0:
                self._refuse("peer_value is 0, so there is no ratio")
            object.__setattr__(self, "ratio", self.value / self.peer_value)

    @property
    def ok(self) -> bool | None:
        if self.bar is None:
            return None
        judged = self.value if self.ratio is None else self.ratio
        return judged <= self.bar if self.better == "lower" else judged >= self.bar

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self) | {"ok": self.ok}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Row:
        """The row a file describes, its `ok` worked out again. Raises ValueError if the fields do not fit."""
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(fields) - known - {"ok"})
        missing = sorted({"what", "value", "unit"} - set(fields))
        if unknown or missing:
            raise ValueError(f"row {fields.get('what', '?')!r}: unknown {unknown}, missing {missing}")
        return cls(**{name: value for name, value in fields.items() if name in known})

    def _check_number(self, name: str) -> None:
        number = getattr(self, name)
        if number is None and name != "value":
            return
        try:
            number = float(number)  # NumPy scalars too, which json could not write
        except (TypeError, ValueError):
            self._refuse(f"{name} must be a number, not {number!r}")
        if not math.isfinite(number):
            self._refuse(f"{name} must be finite, not {number!r}")
        object.__setattr__(self, name, number)

    def _refuse(self, reason: str) -> None:
        raise ValueError(f"benchmark row {self.what!r}: {reason}")


@dataclass(frozen=True)
class Timing:
    """Seconds per call: the median, the quartiles, and every sample in the order it was taken."""

    median: float
    lower: float
    upper: float
    samples: tuple[float, ...]

    def __str__(self) -> str:
        return f"{1e3 * self.median:.3g} ms ({1e3 * self.lower:.3g} to {1e3 * self.upper:.3g})"


@dataclass(frozen=True)
class Comparison:
    """Two callables timed alternately; `ratio` is ours / peer's, of the medians."""

    ours: Timing
    peer: Timing

    @property
    def ratio(self) -> float:
        return self.ours.median / self.peer.median

    def row(self, what: str, peer: str, *, bar: float | None = None) -> Row:
        """This comparison in milliseconds as a Row."""
        ours, theirs = 1e3 * self.ours.median, 1e3 * self.peer.median
        return Row(what=what, value=ours, unit="ms", peer=peer, peer_value=theirs, bar=bar)


def summarize(samples: Iterable[float]) -> Timing:
    """Median and quartiles of seconds measured elsewhere, in a browser say. Raises ValueError for none."""
    kept = tuple(float(sample) for sample in samples)
    if not kept:
        raise ValueError("no samples to summarize")
    if len(kept) == 1:
        return Timing(kept[0], kept[0], kept[0], kept)
    lower, median, upper = statistics.quantiles(kept, n=4, method="inclusive")
    return Timing(median, lower, upper, kept)


def measure(
    call: Callable[[], object],
    rounds: int = 20,
    warmup: int = 3,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> Timing:
    """Seconds per call of one callable."""
    return _timed([call], rounds, warmup, clock)[0]


def alternate(
    ours: Callable[[], object],
    peer: Callable[[], object],
    rounds: int = 20,
    warmup: int = 3,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> Comparison:
    """Time two callables alternately in this process, each going first every other round."""
    return Comparison(*_timed([ours, peer], rounds, warmup, clock))


def _timed(
    calls: Sequence[Callable[[], object]], rounds: int, warmup: int, clock: Callable[[], float]
) -> list[Timing]:
    if rounds < 1 or warmup < 0:
        raise ValueError(f"rounds must be at least 1 and warmup at least 0, not {rounds} and {warmup}")
    for _ in range(warmup):
        for call in calls:
            call()
    samples: list[list[float]] = [[] for _ in calls]
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()  # a collection would fall on whichever happens to run then
    try:
        for turn in range(rounds):
            order = range(len(calls)) if turn % 2 == 0 else reversed(range(len(calls)))
            for index in order:
                begin = clock()
                calls[index]()
                samples[index].append(clock() - begin)
    finally:
        if collecting:
            gc.enable()
    return [summarize(taken) for taken in samples]


def machine() -> dict[str, Any]:
    """What this was measured on: processor, cores, memory; never the name of a host or a person."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "cores_usable": usable,
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions(names: Iterable[str] = PACKAGES) -> dict[str, str]:
    """The versions of Python and of those of `names` that are installed."""
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    try:
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None


_BEGAN = time.perf_counter()


def say(where: str) -> None:
    """Tell whoever waits what is going on, after so many seconds; the table itself comes at the end."""
    print(f"{time.perf_counter() - _BEGAN:5.0f} s  {where}", file=sys.stderr, flush=True)


def check(rows: Iterable[Row]) -> list[Row]:
    """The rows that miss their bar."""
    return [row for row in rows if row.ok is False]


def table(rows: Sequence[Row]) -> str:
    """The rows as an aligned table of text."""
    heads = ("what", "value", "unit", "peer", "peer's", "ratio", "bar", "ok")
    cells = [heads, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(heads))]
    numeric = {1, 4, 5, 6}
    lines = [
        "  ".join(
            text.rjust(width) if column in numeric else text.ljust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _cells(row: Row) -> tuple[str, ...]:
    sign = "<= " if row.better == "lower" else ">= "
    bar = "" if row.bar is None else sign + _short(row.bar)
    verdict = {None: "", True: "yes", False: "NO"}[row.ok]
    peer, theirs, ratio = row.peer or "", _short(row.peer_value), _short(row.ratio)
    return (row.what, _short(row.value), row.unit, peer, theirs, ratio, bar, verdict)


def _short(number: float | None) -> str:
    return "" if number is None else f"{number:.4g}"
