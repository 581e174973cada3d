"""The table of a network's layers."""

from __future__ import annotations

import html
import math
from typing import Any

from cortex_lab.nn.contract.layer import Layer
from cortex_lab.nn.graph.drawing import draw_graph

NUMBERS = ("parameters", "multiply-adds", "bytes per row")


class Summary:
    """What each layer makes and costs: prints as text, draws as HTML, `.frame()` is a DataFrame.

    Multiply-adds are those of one row's forward pass; bytes are those of its output.
    """

    def __init__(self, network: Any) -> None:
        graph = network.graph
        self.graph = graph
        item = network.ops.dtype.itemsize
        self.rows = [
            {
                "layer": node.name,
                "kind": _kind(node.layer),
                "reads": ", ".join(node.inputs),
                "output": " × ".join(map(str, node.out_shape)),
                "parameters": 0
                if node.shares
                else sum(math.prod(p.shape) for p in node.layer.parameters(*node.in_shapes).values()),
                "multiply-adds": node.layer.multiply_adds(*node.in_shapes),
                "bytes per row": 0 if node.layer.is_view else item * math.prod(node.out_shape),
            }
            for node in graph.nodes.values()
        ]
        totals = {name: sum(row[name] for row in self.rows) for name in NUMBERS}
        self.title = ", ".join(f"{total:,} {name}" for name, total in totals.items())
        self.inputs = ", ".join(
            f"{name} {' × '.join(map(str, shape))}" for name, shape in graph.inputs.items()
        )

    def frame(self) -> Any:
        """The table as a DataFrame, a row per layer."""
        import pandas as pd

        return pd.DataFrame(self.rows).set_index("layer")

    def __str__(self) -> str:
        columns = ("layer", "kind", "output", *NUMBERS)
        cells = [columns, *[[_text(row[name]) for name in columns] for row in self.rows]]
        widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
        lines = [
            "  ".join(_pad(cell, width, i) for i, (cell, width) in enumerate(zip(line, widths, strict=True)))
            for line in cells
        ]
        rule = "─" * len(lines[0])
        return "\n".join([f"input: {self.inputs}", lines[0], rule, *lines[1:], rule, self.title])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        columns = ("layer", "kind", "output", *NUMBERS)
        head = "".join(f"<th style='text-align:{_side(i)}'>{name}</th>" for i, name in enumerate(columns))
        body = "".join(
            "<tr>"
            + "".join(
                f"<td style='text-align:{_side(i)};white-space:nowrap'>{html.escape(_text(row[name]))}</td>"
                for i, name in enumerate(columns)
            )
            + "</tr>"
            for row in self.rows
        )
        caption = f"{html.escape(self.title)}; {html.escape(self.inputs)}"
        branches = any(len(readers) > 1 for readers in self.graph.consumers.values())
        return (
            f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            f"<details{' open' if branches and len(self.rows) <= 40 else ''}><summary>the graph</summary>"
            f"<div style='overflow:auto;max-height:600px'>{draw_graph(self.graph)}</div></details>"
        )


def _kind(layer: Layer) -> str:
    return type(layer).__name__ + (f", {layer.activation}" if layer.activation else "")


def _text(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _pad(cell: str, width: int, column: int) -> str:
    return cell.rjust(width) if column >= 3 else cell.ljust(width)


def _side(column: int) -> str:
    return "right" if column >= 3 else "left"
