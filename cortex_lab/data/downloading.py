"""Files of well-known data sets, downloaded once: hash-checked, and kept in a folder of their own."""

from __future__ import annotations

import hashlib
import http.client
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cortex_lab.data.finding import FOLDER_VARIABLE
from cortex_lab.ground.files import write_whole

TIMEOUT = 20.0
"""Seconds without an answer after which a server is given up."""
_PIECE = 2**18


@dataclass(frozen=True)
class Remote:
    """A file on a server: what it is called here, where it is, how many bytes it has and their SHA-256."""

    name: str
    url: str
    size: int
    sha256: str

    def is_at(self, path: Path) -> bool:
        return path.is_file() and path.stat().st_size == self.size and _hash(path.read_bytes()) == self.sha256


def cache_folder(name: str) -> Path:
    """Where downloads of a data set are kept: in the folder CORTEX_LAB_DATA, else in the user's cache."""
    given = os.environ.get(FOLDER_VARIABLE)
    if given:
        return Path(given).expanduser() / name
    if sys.platform == "darwin":
        cache = Path.home() / "Library" / "Caches"
    elif os.name == "nt":
        cache = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "cortex_lab" / name


def downloaded(name: str, files: Sequence[Remote], missing: str, download: bool = True) -> list[Path]:
    """The files of a data set, downloaded unless they are there already.

    FileNotFoundError, which begins with what is `missing`, if they are not and cannot be downloaded, or are
    not to be; ValueError if a server sends something else.
    """
    folder = cache_folder(name)
    paths = [folder / file.name for file in files]
    for file, path in zip(files, paths, strict=True):
        if file.is_at(path):
            continue
        if not download:
            raise FileNotFoundError(missing)
        content = _fetched(name, file, missing)
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    return paths


def _fetched(name: str, file: Remote, missing: str) -> bytes:
    line = _Line(f"{name}: {file.name}", file.size)
    try:
        with urllib.request.urlopen(file.url, timeout=TIMEOUT) as answer:
            pieces, done = [], 0
            # One more byte than is wanted tells that there are too many, whatever the server says.
            while piece := answer.read(min(_PIECE, file.size + 1 - done)):
                pieces.append(piece)
                done += len(piece)
                line.show(done)
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
        why = getattr(error, "reason", None) or error
        raise FileNotFoundError(
            f"{missing}. Downloading {file.url} failed as well ({why}): without a network, put the files "
            f"into {cache_folder(name)}"
        ) from None
    finally:
        line.close()
    content = b"".join(pieces)
    if len(content) < file.size:
        raise FileNotFoundError(
            f"{missing}. Downloading {file.url} broke off after {len(content):,} of {file.size:,} bytes: try "
            "again"
        )
    if len(content) > file.size or _hash(content) != file.sha256:
        raise ValueError(
            f"{file.url} is not the file that was expected (SHA-256 {_hash(content)[:16]}..., not "
            f"{file.sha256[:16]}...), and was not kept; take {file.name} from elsewhere and put it into "
            f"{cache_folder(name)}"
        )
    return content


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class _Line:
    """How far a download has come, where somebody may be looking."""

    def __init__(self, what: str, size: int) -> None:
        self.what, self.size, self._tenth = what, size, -1
        self._shown = sys.stderr is not None and (sys.stderr.isatty() or "ipykernel" in sys.modules)

    def show(self, done: int) -> None:
        tenth = 10 * done // self.size
        if self._shown and tenth != self._tenth:
            self._tenth = tenth
            line = f"\rdownloading {self.what}, {done / 1e6:.1f} of {self.size / 1e6:.1f} MB"
            print(line, end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        if self._shown and self._tenth >= 0:
            print(file=sys.stderr)
