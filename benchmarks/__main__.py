"""python -m benchmarks NAME [--json FILE] [--set KEY=VALUE]... | list | check FILE..."""

from __future__ import annotations

import argparse
import ast
import datetime
import importlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from benchmarks.harness import PACKAGES, Row, check, machine, say, table, versions

FOLDER = Path(__file__).parent
NOT_BENCHMARKS = {"__init__", "__main__", "harness"}


class UsageError(Exception):
    """What cannot be done as asked; the command ends with status 2."""


def main(arguments: Sequence[str] | None = None, folder: Path = FOLDER) -> int:
    """Returns 0 when all is well, 1 when `check` finds a missed bar, 2 for what cannot be read or run."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        match given[:1]:
            case ["check"]:
                return _check(given[1:])
            case ["list"]:
                return _list(given[1:], folder)
            case _:
                return _run(given, folder)
    except UsageError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2


def names(folder: Path = FOLDER) -> list[str]:
    """The benchmarks there are: the modules of the folder that define `run`, found without importing any."""
    paths = (path for path in sorted(folder.glob("*.py")) if path.stem not in NOT_BENCHMARKS)
    return [path.stem for path in paths if _has_run(path)]


def read(path: Path) -> list[Row]:
    """The rows of a result file. Raises UsageError, naming the file, if it is not one."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        rows = [Row.from_dict(fields) for fields in content["rows"]]
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} is no file of benchmark rows ({type(error).__name__}: {error})") from error
    if not rows:
        raise UsageError(f"{path} has no rows: nothing was measured")
    return rows


def _has_run(path: Path) -> bool:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef) and node.name == "run" for node in tree.body)


def _check(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks check", description="Tell which rows miss their bar."
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    files = parser.parse_args(arguments).files
    missed = barred = 0
    for path, rows in [(path, read(path)) for path in files]:
        misses = check(rows)
        missed += len(misses)
        barred += sum(row.ok is not None for row in rows)
        if misses:
            print(f"{path}: {len(misses)} of {len(rows)} rows miss their bar\n{table(misses)}")
    if not missed:
        print(f"all {barred} bars met")
    return 1 if missed else 0


def _list(arguments: Sequence[str], folder: Path) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks list", description="The benchmarks there are."
    )
    parser.add_argument("--names", action="store_true", help="the names only, for scripts")
    only_names = parser.parse_args(arguments).names
    for name in names(folder):
        path = folder / f"{name}.py"
        summary = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]
        print(name if only_names else f"{name:12} {summary}")
    return 0


def _run(arguments: Sequence[str], folder: Path) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Run a benchmark and print its table. Also: list; check FILE...",
    )
    parser.add_argument("name", metavar="NAME", help=f"one of: {', '.join(names(folder)) or 'none yet'}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the result")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="set one of its options"
    )
    asked = parser.parse_args(arguments)
    if asked.name not in names(folder):
        raise UsageError(f"no benchmark {asked.name!r}; there are: {', '.join(names(folder)) or 'none yet'}")
    module = importlib.import_module(f"{folder.name}.{asked.name}")
    options = _options(module, asked.name, asked.set)
    if asked.json is not None:
        _probe(asked.json)
    say(asked.name)
    rows = []
    for row in module.run(options):
        rows.append(row)
        say(f"{row.what}: {row.value:.4g} {row.unit}")
    if not rows:
        raise UsageError(f"benchmark {asked.name!r} gave no rows")
    result = {
        "benchmark": asked.name,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions((*PACKAGES, *getattr(module, "PACKAGES", ()))),
        "options": vars(options),
        "rows": [row.as_dict() for row in rows],
    }
    print(table(rows))
    if asked.json is not None:
        _write(asked.json, result)
    return 0


def _options(module: ModuleType, name: str, settings: Sequence[str]) -> SimpleNamespace:
    """The module's OPTIONS (name -> default), with the settings read as the types of the defaults."""
    known: dict[str, Any] = dict(getattr(module, "OPTIONS", {}))
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or key not in known:
            raise UsageError(f"cannot set {setting!r} for {name}: its options are {sorted(known) or 'none'}")
        kind = type(known[key])
        try:
            known[key] = _truth(text) if kind is bool else kind(text)
        except ValueError as error:
            raise UsageError(f"option {key} of {name} must be a {kind.__name__}, not {text!r}") from error
    return SimpleNamespace(**known)


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false", "yes", "no", "1", "0"):
        raise ValueError(text)
    return text.lower() in ("true", "yes", "1")


def _probe(path: Path) -> None:
    """Find out before the work, not after it, that its result could not be written."""
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise UsageError(f"cannot write {path}: it is a folder, or its folder is missing or not writable")


def _write(path: Path, result: dict[str, Any]) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        os.replace(unfinished, path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    finally:
        unfinished.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
