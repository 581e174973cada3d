"""The form of a measurement, how it is taken (by a clock of our own: nothing is timed), what check says."""

from __future__ import annotations

import gc
import importlib
import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import benchmarks
from benchmarks import Row, alternate, check, harness, measure, summarize, table

main = importlib.import_module("benchmarks.__main__").main
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("fields", "ratio", "ok"),
    [
        ({"value": 3.0}, None, None),
        ({"value": 3.0, "bar": 3.0}, None, True),
        ({"value": 3.1, "bar": 3.0}, None, False),
        ({"value": 3.1, "bar": 3.0, "better": "higher"}, None, True),
        ({"value": 2.9, "bar": 3.0, "better": "higher"}, None, False),
        ({"value": 3.0, "peer": "PyTorch", "peer_value": 6.0}, 0.5, None),
        ({"value": 3.0, "peer": "PyTorch", "peer_value": 6.0, "bar": 0.5}, 0.5, True),
        ({"value": 3.0, "peer": "PyTorch", "peer_value": 6.0, "bar": 0.4}, 0.5, False),
        ({"value": 3.0, "peer": "PyTorch", "peer_value": 6.0, "ratio": 0.3, "bar": 0.4}, 0.3, True),
        ({"value": np.float32(3), "bar": np.int64(4)}, None, True),
    ],
)
def test_the_bar_is_for_the_ratio_with_a_peer_and_else_for_the_value(
    fields: dict[str, Any], ratio: float | None, ok: bool | None
) -> None:
    row = Row(what="a step", unit="ms", **fields)
    assert (row.ratio, row.ok) == (ratio, ok)
    written = json.loads(json.dumps(row.as_dict(), allow_nan=False))
    assert set(written) == {"what", "value", "unit", "peer", "peer_value", "ratio", "bar", "better", "ok"}
    assert Row.from_dict(written) == row


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"value": math.nan}, "value must be finite"),
        ({"value": "3"[:0]}, "value must be a number"),
        ({"value": None}, "value must be a number"),
        ({"value": 1.0, "bar": math.inf}, "bar must be finite"),
        ({"value": 1.0, "better": "smaller"}, "better must be 'lower' or 'higher'"),
        ({"value": 1.0, "peer": "PyTorch"}, "peer and peer_value go together"),
        ({"value": 1.0, "peer_value": 2.0}, "peer and peer_value go together"),
        ({"value": 1.0, "ratio": 2.0}, "a ratio needs a peer"),
        ({"value": 1.0, "peer": "PyTorch", "peer_value": 0.0}, "there is no ratio"),
        ({"value": 1.0, "unit": ""}, "unit must be a text"),
    ],
)
def test_a_row_that_cannot_mean_anything_is_refused(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Row(**{"what": "a step", "unit": "ms"} | fields)


def test_a_file_is_not_believed_about_what_is_ok() -> None:
    assert Row.from_dict({"what": "a", "value": 2, "unit": "ms", "bar": 1, "ok": True}).ok is False
    with pytest.raises(ValueError, match=r"unknown \['colour'\], missing \['unit'\]"):
        Row.from_dict({"what": "a", "value": 2, "colour": "red"})


class Clock:
    """Time that passes only when somebody says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def takes(self, seconds: Iterator[float], log: list[str], name: str) -> Callable[[], None]:
        def call() -> None:
            log.append(name)
            self.now += next(seconds)

        return call


def test_two_callables_are_timed_alternately_each_going_first_every_other_round() -> None:
    clock, log = Clock(), []
    ours = clock.takes(iter([9.0, 9.0, 1.0, 2.0, 3.0, 4.0]), log, "ours")
    peer = clock.takes(iter([9.0, 9.0, 10.0, 10.0, 10.0, 50.0]), log, "peer")
    comparison = alternate(ours, peer, rounds=4, warmup=2, clock=clock)
    assert log == ["ours", "peer"] * 2 + ["ours", "peer", "peer", "ours"] * 2
    assert comparison.ours.samples == (1.0, 2.0, 3.0, 4.0), "the warm-up is not counted"
    assert (comparison.ours.median, comparison.ours.lower, comparison.ours.upper) == (2.5, 1.75, 3.25)
    assert comparison.peer.median == 10.0
    assert comparison.ratio == 0.25
    row = comparison.row("a step", "PyTorch", bar=0.3)
    assert (row.value, row.peer_value, row.ratio, row.unit, row.ok) == (2500.0, 10000.0, 0.25, "ms", True)


def test_no_collection_falls_into_a_measurement_and_the_collector_is_left_as_it_was() -> None:
    seen: list[bool] = []
    assert gc.isenabled()
    measure(lambda: seen.append(gc.isenabled()), rounds=2, warmup=0)
    assert seen == [False, False] and gc.isenabled()

    def fails() -> None:
        raise RuntimeError("in the measured work")

    with pytest.raises(RuntimeError, match="measured work"):
        measure(fails, rounds=1, warmup=0)
    assert gc.isenabled()


def test_summaries() -> None:
    assert summarize([2.0]).median == summarize([2.0]).upper == 2.0
    assert str(summarize([0.001, 0.002, 0.003])) == "2 ms (1.5 to 2.5)"
    with pytest.raises(ValueError, match="no samples"):
        summarize([])
    with pytest.raises(ValueError, match="rounds must be at least 1"):
        measure(lambda: None, rounds=0)


def test_the_machine_and_the_versions() -> None:
    facts = benchmarks.machine()
    assert facts["cores_usable"] <= facts["cores"] and facts["cpu"]
    json.dumps(facts)
    found = benchmarks.versions(["numpy", "a-package-that-nobody-has"])
    assert found["numpy"] == np.__version__ and set(found) == {"python", "numpy"}
    assert harness._cpu_model(Path("/no/such/file"))


def test_the_table_is_aligned() -> None:
    rows = [
        Row(what="a step", value=1.23456, unit="ms", peer="PyTorch", peer_value=2.0, bar=0.8),
        Row(what="a much longer name", value=12345.6, unit="img/s", bar=20000, better="higher"),
        Row(what="shown", value=1, unit="MB"),
    ]
    assert table(rows).splitlines() == [
        "what                    value  unit   peer     peer's   ratio       bar  ok",
        "------------------  ---------  -----  -------  ------  ------  --------  ---",
        "a step                  1.235  ms     PyTorch       2  0.6173    <= 0.8  yes",
        "a much longer name  1.235e+04  img/s                           >= 2e+04  NO",
        "shown                       1  MB",
    ]
    assert check(rows) == [rows[1]]


BENCHMARK = '''
"""Nothing is measured here.

More about it."""
from benchmarks import Row

OPTIONS = {"rounds": 3, "share": 0.5, "quick": False, "name": "digits"}
PACKAGES = ("pytest",)

def run(options):
    return [Row(what=f"{options.name} {options.rounds}", value=options.share, unit="ms", bar=1)]
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of benchmarks of our own, under a name that no other test has."""
    made = tmp_path / f"planted_{tmp_path.name}"
    made.mkdir()
    (made / "__init__.py").write_text("")
    (made / "some.py").write_text(BENCHMARK)
    (made / "empty.py").write_text("def run(options):\n    return []\n")
    (made / "helper.py").write_text(
        "raise RuntimeError('a helper is no benchmark, and must not be imported')"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return made


def test_a_benchmark_is_found_run_written_and_checked(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["list"], folder) == 0
    assert capsys.readouterr().out.splitlines() == ["empty        ", "some         Nothing is measured here."]
    assert main(["list", "--names"], folder) == 0
    assert capsys.readouterr().out.split() == ["empty", "some"]

    file = tmp_path / "result.json"
    settings = ["--set", "rounds=7", "--set", "quick=yes", "--set", "share=0.25"]
    assert main(["some", "--json", str(file), *settings], folder) == 0
    assert "digits 7" in capsys.readouterr().out
    result = json.loads(file.read_text())
    assert set(result) == {"benchmark", "date", "machine", "versions", "options", "rows"}
    assert result["benchmark"] == "some" and "pytest" in result["versions"]
    assert result["options"] == {"rounds": 7, "share": 0.25, "quick": True, "name": "digits"}
    assert result["rows"][0]["ok"] is True

    assert main(["check", str(file)]) == 0
    assert capsys.readouterr().out == "all 1 bars met\n"
    assert main(["some", "--json", str(file), "--set", "share=2"], folder) == 0, "only check judges"
    capsys.readouterr()
    assert main(["check", str(file)]) == 1
    assert "1 of 1 rows miss their bar" in capsys.readouterr().out


def test_a_benchmark_says_where_it_is_while_it_runs(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each row is told before the next is measured."""
    (folder / "slow.py").write_text(
        "from benchmarks import Row, say\n\n"
        "def run(options):\n"
        "    say('the first part')\n"
        "    yield Row(what='a step', value=2.0, unit='ms')\n"
        "    seen()\n"
        "    yield Row(what='another', value=3.0, unit='ms')\n"
    )
    slow = importlib.import_module(f"{folder.name}.slow")
    told: list[str] = []
    monkeypatch.setattr(slow, "seen", lambda: told.append(capsys.readouterr().err), raising=False)
    assert main(["slow"], folder) == 0
    assert [line.split(" s  ")[1] for line in told[0].splitlines()] == [
        "slow",
        "the first part",
        "a step: 2 ms",
    ]


def test_every_benchmark_has_a_row_beside_another_tree() -> None:
    turn = importlib.import_module("benchmarks.workloads.turn")
    command = importlib.import_module("benchmarks.__main__")
    told = {name.partition(": ")[0] for name in turn.names()}
    # One needs a device, one a cluster, and both have their peers in the same run.
    assert told == set(command.names()) - {"before", "gpu", "scale"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["none_such"], "no benchmark 'none_such'; there are: empty, some"),
        (["helper"], "no benchmark 'helper'"),
        (["empty"], "gave no rows"),
        (["some", "--set", "round=3"], "cannot set 'round=3' for some: its options are"),
        (["some", "--set", "rounds=many"], "option rounds of some must be a int, not 'many'"),
        (["some", "--set", "quick=perhaps"], "option quick of some must be a bool"),
        (["some", "--json", "no/such/folder/file.json"], "cannot write no/such/folder/file.json"),
        (["check", "no_such_file.json"], "cannot read no_such_file.json"),
    ],
)
def test_what_cannot_be_done_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], complaint: str
) -> None:
    assert main(arguments, folder) == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"rows": 3}', '{"rows": [{"what": "a"}]}', '{"rows": []}', "\xff"]
)
def test_a_file_that_is_no_result_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    file = tmp_path / "result.json"
    file.write_bytes(content.encode("latin1"))
    assert main(["check", str(file)]) == 2
    assert str(file) in capsys.readouterr().err


def test_it_is_a_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "list"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("ours", "ok"), [([0.81, 0.80, 0.81], True), ([0.80, 0.80, 0.80], False)])
def test_an_accuracy_may_fall_behind_pytorchs_by_one_standard_error(ours, ok):
    accuracy = importlib.import_module("benchmarks.accuracy")
    theirs = [0.80, 0.82, 0.81]
    (row,) = accuracy._rows("photographs", list(zip(ours, theirs, strict=True)), 3)
    error = math.sqrt((np.var(ours, ddof=1) + np.var(theirs, ddof=1)) / 3)
    assert row.ok is ok
    assert row.peer_value == pytest.approx(0.81) and row.bar == pytest.approx(1 - error / 0.81)
