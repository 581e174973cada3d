"""The table of layers, from the registry; `python -m cortex_lab.nn.graph.catalogue README.md` writes it."""

from __future__ import annotations

import sys
from pathlib import Path

from cortex_lab.ground.generated import first_line, replaced_between
from cortex_lab.nn.layers import LAYERS

BEGIN = "<!-- layers: begin; written by python -m cortex_lab.nn.graph.catalogue README.md -->"
END = "<!-- layers: end -->"


def layer_table() -> str:
    """Markdown table of every built-in layer: its name, and the first line of its docstring."""
    rows = [f"| `{name}` | {first_line(kind)} |" for name, kind in sorted(LAYERS.items())]
    return "\n".join(["| layer | what it does |", "|---|---|", *rows])


def with_table(text: str) -> str:
    """`text` with the table between its two markers made anew; ValueError if they are not there."""
    return replaced_between(text, BEGIN, END, layer_table())


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        path.write_text(with_table(path.read_text(encoding="utf-8")), encoding="utf-8")
