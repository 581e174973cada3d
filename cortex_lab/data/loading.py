"""Data sets by name. A new one is a module `load_<name>.py` here with a function `load`."""

from __future__ import annotations

import os
import pkgutil
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from cortex_lab.data.dataset import Dataset

FOLDER_VARIABLE = "CORTEX_LAB_DATA"
_PREFIX = "load_"


def available() -> list[str]:
    """The names that `load` knows."""
    modules = (module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    return sorted(name.removeprefix(_PREFIX) for name in modules if name.startswith(_PREFIX))


def load(name: str, **options: Any) -> Dataset:
    """The data set `name`, already split; see `available()`, and `help(cortex_lab.data.load_<name>.load)`.

    ValueError for an unknown name, FileNotFoundError if its files are not on this machine.
    """
    if name not in available():
        raise ValueError(f"there is no data set {name!r}; there are {', '.join(available())}")
    return import_module(f"cortex_lab.data.{_PREFIX}{name}").load(**options)


def find_files(name: str, files: Iterable[str], folder: str | Path | None = None) -> list[Path]:
    """Where `files` are, each plain or with .gz, in `folder` or in `folder`/`name`.

    The folder is that of the environment variable CORTEX_LAB_DATA, unless given. FileNotFoundError that says
    what was looked for, and where.
    """
    given = folder or os.environ.get(FOLDER_VARIABLE)
    folders = [] if not given else [Path(given).expanduser(), Path(given).expanduser() / name]
    files = list(files)
    for place in folders:
        pairs = [(place / file, place / f"{file}.gz") for file in files]
        found = [
            next(path for path in pair if path.is_file()) for pair in pairs if any(map(Path.is_file, pair))
        ]
        if len(found) == len(files):
            return found
    wanted = ", ".join(f"{file}[.gz]" for file in files)
    where = f"{FOLDER_VARIABLE} is not set"
    if folders:
        where = f"not all of them are in {' or in '.join(map(str, folders))}"
    raise FileNotFoundError(
        f"{name} needs the files {wanted}, and {where}. Put them into one folder, and name it with the "
        f"environment variable {FOLDER_VARIABLE} or with load({name!r}, folder=...)"
    )
