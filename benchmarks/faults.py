"""Faults tried, and how many were survived: bad disks, kills, cut and hostile files, interrupts."""

from __future__ import annotations

import gc
import resource
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks import Row, say
from cortex_lab.ground.files import DamagedFile
from cortex_lab.nn import Network
from cortex_lab.study import Trace
from tests.faults import damage, disks, forks, hostile, hostile_trainings, interrupts, junk, memory, signals
from tests.faults.tally import Tally

OPTIONS = {
    "only": "", "damaged": 2000, "pages": 102, "kills": 400, "every": 7, "forks": 10, "steps": 10**6,
    "benches": 1000,
}  # fmt: skip
PACKAGES = ("h5py",)
LONGEST, LARGEST = 1.0, 200 * 2**10
"""Seconds, and KiB of memory, that a refusal may take."""


def run(options: Any) -> Iterable[Row]:
    """Run `only` one of the parts, or all of them; shows what was not survived."""
    for name, part in PARTS.items():
        if options.only in ("", name):
            say(name)
            with tempfile.TemporaryDirectory() as folder:
                tally = Tally()
                part(tally, Path(folder), options)
            for fault, why in tally.wrong:
                print(f"{name}: {fault}: {why}")
            yield Row(
                what=name, value=tally.survived, unit=f"of {tally.tried}", bar=tally.tried, better="higher"
            )


def saving_calls(tally: Tally, folder: Path, options: Any) -> None:
    disks.saving_over(tally, folder)


def full_disk_saving(tally: Tally, folder: Path, options: Any) -> None:
    disks.saving_on_full_disks(tally, folder, [index % 12 for index in range(options.pages)])


def full_disk_trace(tally: Tally, folder: Path, options: Any) -> None:
    disks.traces_on_full_disks(tally, folder, [index % 40 for index in range(options.pages)])


def kills(tally: Tally, folder: Path, options: Any) -> None:
    disks.killed(tally, folder, "kill_at_each_call({path})")
    count = options.kills
    for seed in range(0, count, 20):
        disks.killed(tally, folder, f"kill_at_any_time({{path}}, {min(20, count - seed)}, {seed})")


def cut_traces(tally: Tally, folder: Path, options: Any) -> None:
    for path, held in damage.traces(folder).values():
        damage.read_traces(tally, folder, path, held, options.damaged)


def cut_networks(tally: Tally, folder: Path, options: Any) -> None:
    damage.read_networks(tally, folder, options.damaged)


def hostile_files(tally: Tally, folder: Path, options: Any) -> None:
    for name, (path, _) in hostile.write_all(folder).items():
        with tally.one(name):
            _quickly(lambda path=path: Network.load(path))


def all_hostile_trainings(tally: Tally, folder: Path, options: Any) -> None:
    hostile_trainings.resume_all(tally, folder)


def hostile_traces(tally: Tally, folder: Path, options: Any) -> None:
    for name, (change, why) in hostile.TRACES.items():
        hostile.write_trace(folder / "run.h5", change)
        if why is not None:
            with tally.one(name):
                _quickly(lambda: Trace.open(folder / "run.h5"))


def junk_arguments(tally: Tally, folder: Path, options: Any) -> None:
    junk.try_all(tally)


def _quickly(read: Callable[[], Any]) -> None:
    """Refused, within a second and 200 MB."""
    gc.collect()
    memory, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    try:
        read()
    except DamagedFile:
        pass
    else:
        raise AssertionError("it was read")
    taken = time.perf_counter() - began
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    if taken > LONGEST or grown > LARGEST:
        raise AssertionError(f"its refusal took {taken:.1f} s and {grown / 2**10:.0f} MiB")


def interrupted_sessions(tally: Tally, folder: Path, options: Any) -> None:
    for name in interrupts.SCENARIOS:
        for tight in (False, True):
            interrupts.interrupt(tally, name, options.every, tight, twice=[0, 1, 3, 8, 20])


def interrupted_trainings(tally: Tally, folder: Path, options: Any) -> None:
    for name in (*interrupts.OF_TRAINING, *interrupts.OF_DESCENT):
        interrupts.interrupt(tally, name, 7 * options.every, True, twice=[1, 8])
        interrupts.interrupt(tally, name, options.every, True, by=signals.Signal)


def forked_children(tally: Tally, folder: Path, options: Any) -> None:
    for what in forks.PARENT:
        forks.while_the_parent(tally, folder, what, options.forks)
    forks.while_a_bench_draws(tally, options.forks)


def many_steps(tally: Tally, folder: Path, options: Any) -> None:
    for name in memory.STUDIES:
        memory.steps(tally, name, options.steps)


def many_benches(tally: Tally, folder: Path, options: Any) -> None:
    memory.benches(tally, options.benches)


def signals_inside(tally: Tally, folder: Path, options: Any) -> None:
    for name in signals.ACTS:
        signals.interrupt(tally, name, every=1)


PARTS: dict[str, Callable[[Tally, Path, Any], None]] = {
    "a million steps, at most 12 MB": many_steps,
    "a thousand benches, at most 5 MB": many_benches,
    "saving, with each call failing": saving_calls,
    "saving on a nearly full disk": full_disk_saving,
    "a trace on a nearly full disk": full_disk_trace,
    "saving, killed 20 times": kills,
    "traces cut and with flipped bits": cut_traces,
    "networks cut and with flipped bits": cut_networks,
    "hostile networks": hostile_files,
    "hostile trainings": all_hostile_trainings,
    "hostile traces": hostile_traces,
    "interrupts of a session": interrupted_sessions,
    "interrupts of trainings and descents": interrupted_trainings,
    "signals inside a network's work": signals_inside,
    "forks beside threads at work": forked_children,
    "junk arguments": junk_arguments,
}
