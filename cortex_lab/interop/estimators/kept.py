"""Fits that are kept in a folder, so that a longer one goes on from there."""

from __future__ import annotations

import os
from pathlib import Path

import joblib

from cortex_lab.ground import checks
from cortex_lab.lab import TrainingSession


class KeptFits:
    """The sessions, in files of one folder, of fits that differ in their `epochs` alone."""

    def __init__(self, folder: str | os.PathLike, name: str) -> None:
        self.folder = Path(checks.path("memory", folder))
        self.name = name

    @classmethod
    def of(cls, folder: str | os.PathLike, settings: object, rows: str, seed: int) -> KeptFits:
        """Those with these settings on these rows."""
        return cls(folder, joblib.hash((settings, rows, seed)))

    def furthest(self, epochs: int) -> Path | None:
        """The file of the longest that is not longer than so many epochs."""
        found = {int(path.stem.rpartition("-")[2]): path for path in self.folder.glob(f"{self.name}-*.h5")}
        within = [each for each in found if each <= epochs]
        return found[max(within)] if within else None

    def keep(self, session: TrainingSession, epochs: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        session.save(self.folder / f"{self.name}-{epochs}.h5")
