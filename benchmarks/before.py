"""This tree beside another one, taking turns: is anything slower than it was?

Every benchmark has a row here at least: itself where it is a time, else what most of its time goes to.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks import Comparison, Row, say, summarize
from benchmarks.workloads.contest import steps_that_take

OPTIONS = {"tree": "", "seconds": 6.0, "only": ""}
"""`tree` is a folder with the other tree (`git worktree add ../before v0.3`); `only` as in `cpu`."""
PACKAGES = ()
TURN, PAUSE = 0.15, 0.02
"""Seconds of a turn, and between two."""
HERE = Path(__file__).resolve().parents[1]
NOISE = 1.05


def run(options: Any) -> Iterable[Row]:
    """Time here over time there, of each workload; above 1.05 something has become slower."""
    tree = Path(options.tree).expanduser()
    if not (tree / "benchmarks").is_dir():
        raise ValueError(f"--set tree={options.tree}: give the folder of another tree of this project")
    from benchmarks.workloads import turn

    for name in turn.names():
        if options.only not in name:
            continue
        benchmark = name.partition(":")[0]
        if not (tree / "benchmarks" / f"{benchmark}.py").is_file():
            say(f"{name}: left out, the other tree has no benchmark {benchmark!r}")
        else:
            say(name)
            row = _compared(name, tree, options.seconds).row(name, "the other tree", bar=NOISE)
            say(f"{row.ratio:.3f} of the other tree's time")
            yield row


def _compared(name: str, tree: Path, seconds: float) -> Comparison:
    trees = {"here": HERE, "there": tree.resolve()}
    sides = {side: _Side(folder, name) for side, folder in trees.items()}
    try:
        steps = {side: steps_that_take(contender, TURN) for side, contender in sides.items()}
        taken: dict[str, list[float]] = {side: [] for side in sides}
        for number in range(max(6, round(seconds / TURN))):
            for side in list(sides) if number % 2 == 0 else list(reversed(sides)):
                time.sleep(PAUSE)
                taken[side].append(sides[side].take(steps[side]))
    finally:
        for contender in sides.values():
            contender.end()
    return Comparison(summarize(taken["here"]), summarize(taken["there"]))


class _Side:
    """A process that runs one workload of one tree."""

    def __init__(self, tree: Path, name: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "benchmarks" / "workloads" / "turn.py"), name],
            cwd=tree,
            env={**os.environ, "PYTHONPATH": str(tree)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def take(self, steps: int) -> float:
        """Seconds per step of that many steps."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print(steps, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("a contender ended with an error, which is printed above")
        return float(answer)

    def end(self) -> None:
        """Let it end by itself: its input is closed."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=20)
