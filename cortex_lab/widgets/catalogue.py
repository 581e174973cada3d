"""The table of views, from the registry; `python -m cortex_lab.widgets.catalogue README.md` writes it."""

from __future__ import annotations

import sys
from pathlib import Path

from cortex_lab.ground.generated import first_line, replaced_between
from cortex_lab.widgets.views import VIEWS

BEGIN = "<!-- views: begin; written by python -m cortex_lab.widgets.catalogue README.md -->"
END = "<!-- views: end -->"


def view_table() -> str:
    """Markdown table of every built-in view: its name, its title, and the first line of its docstring."""
    rows = [f"| `{name}` | {kind.title} | {first_line(kind)} |" for name, kind in sorted(VIEWS.items())]
    return "\n".join(["| view | on the bench | what it shows |", "|---|---|---|", *rows])


def with_table(text: str) -> str:
    """`text` with the table between its two markers made anew; ValueError if they are not there."""
    return replaced_between(text, BEGIN, END, view_table())


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        path.write_text(with_table(path.read_text(encoding="utf-8")), encoding="utf-8")
