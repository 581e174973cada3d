"""The table of layers, from the registry; `python -m cortex_lab.nn.graph.catalogue README.md` writes it."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from cortex_lab.nn.contract.layer import Layer
from cortex_lab.nn.layers import LAYERS

BEGIN = "<!-- layers: begin; written by python -m cortex_lab.nn.graph.catalogue README.md -->"
END = "<!-- layers: end -->"


def layer_table() -> str:
    """Markdown table of every built-in layer: its name, and the first line of its docstring."""
    rows = [f"| `{name}` | {_first_line(kind)} |" for name, kind in sorted(LAYERS.items())]
    return "\n".join(["| layer | what it does |", "|---|---|", *rows])


def with_table(text: str) -> str:
    """`text` with the table between its two markers made anew; ValueError if they are not there."""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"the text needs the lines {BEGIN!r} and {END!r}, once each")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{layer_table()}\n{END}{rest.split(END)[1]}"


def _first_line(kind: type[Layer]) -> str:
    return (inspect.getdoc(kind) or "").split("\n")[0].replace("|", "\\|")


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        path.write_text(with_table(path.read_text(encoding="utf-8")), encoding="utf-8")
