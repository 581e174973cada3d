"""What files a view can be."""

from __future__ import annotations

import os
from pathlib import Path

from cortex_lab.ground import checks

FORMATS = {"png": "image/png", "svg": "image/svg+xml", "html": "text/html", "csv": "text/csv"}
"""The kinds of files, and what pages call them."""


def format_of(path: str | os.PathLike[str]) -> str:
    """The one of FORMATS that a file is, by its ending; ValueError for another ending."""
    format = Path(checks.path("path", path)).suffix.lower().removeprefix(".")
    if format not in FORMATS:
        endings = ", ".join(f".{each}" for each in FORMATS)
        raise ValueError(f"a view is saved as one of {endings}, got {os.fspath(path)!r}")
    return format
