"""Data sets by name. A new one is a module `load_<name>.py` here with a function `load`."""

from __future__ import annotations

import filecmp
import os
import pkgutil
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from cortex_lab.data.dataset import Dataset
from cortex_lab.ground import checks

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
    if checks.text("name", name, "digits") not in available():
        raise ValueError(f"there is no data set {name!r}; there are {', '.join(available())}")
    return import_module(f"cortex_lab.data.{_PREFIX}{name}").load(**options)


def loaded_as(dataset: Any) -> str | None:
    """The name by which `load` gives exactly this data set; None if it does not."""
    if not hasattr(dataset, "batches") or dataset.name not in available():
        return None
    same = load(dataset.name)
    alike = np.array_equal(same.rows, dataset.rows) and same.splits.keys() == dataset.splits.keys()
    alike = alike and all(np.array_equal(same.splits[part], dataset.splits[part]) for part in same.splits)
    arrays = zip(same.arrays(), dataset.arrays(), strict=True) if alike else [(0, 1)]
    return dataset.name if all(np.array_equal(ours, theirs) for ours, theirs in arrays) else None


def find_files(name: str, files: Iterable[str], folder: str | Path | None = None) -> list[Path]:
    """Where `files` are, all in one place: `folder`, or a folder called `name` or "raw" in it.

    Each may be plain or have .gz, be spelled ".idx3" for "-idx3", be called "test" for "t10k", and lie in a
    folder of its own name.
    The folder is that of the environment variable CORTEX_LAB_DATA, unless given. FileNotFoundError that says
    what was looked for, and where; ValueError if there are several that differ.
    """
    given = os.environ.get(FOLDER_VARIABLE) if folder is None else checks.path("folder", folder)
    files = list(files)
    found = []
    # Nobody's home is as good as any other folder that is not there.
    for place in _places(Path(os.path.expanduser(given)), name) if given else ():
        paths = [_in_place(place, file) for file in files]
        if None not in paths:
            found.append(paths)
    for paths in found[1:]:
        for one, other in zip(found[0], paths, strict=True):
            _refuse_two(one, other)
    if found:
        return found[0]
    wanted = ", ".join(f"{file}[.gz]" for file in files)
    where = (
        f"not all of them are in {given}, or in its folders {name} and raw"
        if given
        else (f"{FOLDER_VARIABLE} is not set")
    )
    raise FileNotFoundError(
        f"{name} needs the files {wanted}, and {where}. Put them into one folder, and name it with the "
        f"environment variable {FOLDER_VARIABLE} or with load({name!r}, folder=...)"
    )


def find_one_of(
    name: str, choices: Iterable[Iterable[str]], folder: str | Path | None = None
) -> tuple[int, list[Path]]:
    """The number of the first of several sets of files that is there, and where; see `find_files`."""
    choices = [list(files) for files in choices]
    missing: FileNotFoundError | None = None
    for number, files in enumerate(choices):
        try:
            return number, find_files(name, files, folder)
        except FileNotFoundError as error:
            missing = missing or error
    others = "; or ".join(" and ".join(files) for files in choices[1:])
    raise FileNotFoundError(f"{missing}. As good are {others}") from None


def _places(folder: Path, name: str) -> Iterator[Path]:
    for above in (folder, folder / name, folder / name.upper()):
        yield from (above, above / "raw")


def _in_place(place: Path, file: str) -> Path | None:
    """The one file in `place` that is called so, in one of its spellings; None if there is none."""
    spellings = [file, file.replace("-idx", ".idx")]
    spellings += [each.replace("t10k-", "test-") for each in spellings if "t10k-" in each]
    names = [place / folder / each for each in spellings for folder in ("", *spellings)]
    there = [
        next((p for p in (path, path.with_name(f"{path.name}.gz")) if os.path.isfile(p)), None)
        for path in names
    ]
    paths = [path for path in there if path is not None]
    for other in paths[1:]:
        _refuse_two(paths[0], other)
    return paths[0] if paths else None


def _refuse_two(one: Path, other: Path) -> None:
    if not filecmp.cmp(one, other, shallow=False):
        raise ValueError(
            f"{one} and {other} differ, and either could be meant; name the folder of one, or move one"
        )
