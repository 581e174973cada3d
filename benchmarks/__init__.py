"""The project's measurements: each with its peer and its bar, all run and written the same way.

Row, Timing, Comparison   what was measured               alternate, measure   how anything is timed
machine, versions         where, and with what            check                which rows miss their bar
say                       what is going on meanwhile

`python -m benchmarks NAME --json FILE` runs `benchmarks/NAME.py`; see benchmarks/README.md.
"""

from __future__ import annotations

from benchmarks.harness import (
    Comparison,
    Row,
    Timing,
    alternate,
    check,
    machine,
    measure,
    say,
    summarize,
    table,
    versions,
)

__all__ = [
    "Comparison",
    "Row",
    "Timing",
    "alternate",
    "check",
    "machine",
    "measure",
    "say",
    "summarize",
    "table",
    "versions",
]
