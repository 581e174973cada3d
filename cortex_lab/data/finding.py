"""Where the files of a data set lie, in one of the spellings that they go by."""

from __future__ import annotations

import filecmp
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from cortex_lab.ground import checks

FOLDER_VARIABLE = "CORTEX_LAB_DATA"


def find_files(
    name: str, files: Iterable[str], folder: str | Path | None = None, own: tuple[str, ...] = ()
) -> list[Path]:
    """Where `files` are, all in one place: `folder`, or a folder called `name` or "raw" in it.

    Each may be plain or have .gz, be spelled ".idx3" for "-idx3", be called "test" for "t10k", and lie in a
    folder of its own name.
    The folder is that of the environment variable CORTEX_LAB_DATA, unless given. FileNotFoundError that says
    what was looked for, and where; ValueError if there are several that differ. Files that others are called
    like are looked for in folders of their `own` names alone, unless a folder is given.
    """
    given = os.environ.get(FOLDER_VARIABLE) if folder is None else checks.path("folder", folder)
    files = list(files)
    found = []
    # Nobody's home is as good as any other folder that is not there.
    named = () if folder else own
    for place in _places(Path(os.path.expanduser(given)), name, named) if given else ():
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


def _places(folder: Path, name: str, own: tuple[str, ...]) -> Iterator[Path]:
    named = [folder / each for each in own]
    for above in named or (folder, folder / name, folder / name.upper()):
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
