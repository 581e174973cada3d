"""One file for each kind of file that `read` reads. A new one is a module here with a `READER`.

Modules whose name begins with "_" are no readers: `_contract` says what one is, `_packed` unpacks with care.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from pathlib import Path

from cortex_lab.data.readers._contract import Reader, Table
from cortex_lab.ground.files import DamagedFile

__all__ = ["Reader", "Table", "all_readers", "markdown", "reader_of"]

_HEAD = 512


def all_readers() -> dict[str, Reader]:
    """Every reader by its name, which is that of its file."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = {name: import_module(f"{__name__}.{name}") for name in names if not name.startswith("_")}
    return {name: module.READER for name, module in modules.items()}


def reader_of(path: Path) -> Reader:
    """Who reads what is at `path`: told by how it begins, else by its name.

    FileNotFoundError if nothing is there, `DamagedFile` if nobody reads it.
    """
    if not path.exists():
        raise FileNotFoundError(f"there is no file or folder {path}")
    head = b""
    if path.is_file():
        with open(path, "rb") as file:
            head = file.read(_HEAD)
    elif not path.is_dir():
        raise DamagedFile(path, "is a pipe or device", remedy="name a file or a folder")
    readers = all_readers()
    named = [reader for reader in readers.values() if path.is_file() and reader.is_called(path.name)]
    knowing = [reader for reader in readers.values() if reader.knows(path, head)]
    for reader in [*knowing, *named]:
        return reader
    kind = "folder with none of the files that are read" if path.is_dir() else "kind that is not read"
    suffixes = ", ".join(suffix for reader in readers.values() for suffix in reader.suffixes)
    raise DamagedFile(
        path,
        f"is of a {kind}: {suffixes}, and IDX by its first bytes",
        remedy="what pandas reads is given as a frame: Dataset(pandas.read_excel(...), target=...)",
    )


def markdown() -> str:
    """The readers as a table: what each reads, by which names, with which options."""
    lines = ["| reader | reads | names | options | needs |", "|---|---|---|---|---|"]
    for name, reader in all_readers().items():
        options = ", ".join(f"`{option}`" for option in reader.options) or "none"
        names = ", ".join(f"`{suffix}`" for suffix in reader.suffixes) or "any"
        lines.append(f"| `{name}` | {reader.what} | {names} | {options} | {reader.needs or 'nothing more'} |")
    return "\n".join(lines)
