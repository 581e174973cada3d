"""What was read from a training's file, and the file itself."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cortex_lab.ground.forks import cached_property
from cortex_lab.nn.run import saving
from cortex_lab.nn.train.saved_study import SavedStudy


@dataclass(frozen=True)
class Saved:
    """The content of a file that `save_training` wrote; `study` is None in older ones."""

    path: str | os.PathLike
    description: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]
    study: SavedStudy | None = None

    @cached_property
    def preparations(self) -> dict[str, Any]:
        """What made numbers of the columns, by input name; `DamagedFile` for what is not ours."""
        return saving.preparations_of(self.path, self.description, self.arrays)

    @property
    def reads(self) -> dict[str, list]:
        """Those columns, by input name."""
        return saving.names_of(self.description)["reads"]

    @property
    def file(self) -> FileAsRead:
        """The file, as it is now."""
        return FileAsRead(self.path)


class FileAsRead:
    """A file that something goes on from, and what was in it then."""

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = os.path.abspath(path)
        self._checksum = self._read()

    def check_unchanged(self) -> None:
        """ValueError unless that still is in it."""
        if not os.path.exists(self.path) or self._read() != self._checksum:
            raise ValueError(
                f"this session goes on from {self.path}, which is gone or was written again since; a script "
                "begins with that file as it was: put it back, and save to another path"
            )

    def _read(self) -> int:
        return zlib.crc32(Path(self.path).read_bytes())
