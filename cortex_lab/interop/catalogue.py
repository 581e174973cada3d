"""The table of formats by layer and by network of keras.applications, of which a result file says what held.

`python -m cortex_lab.interop.catalogue README.md` writes it. Needs onnx.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cortex_lab.interop.keras_out import WRITTEN
from cortex_lab.interop.onnx_out import file
from cortex_lab.interop.onnx_out.writer import EXPORTS
from cortex_lab.nn import LAYERS

assert file
BEGIN = "<!-- formats: begin; written by python -m cortex_lab.interop.catalogue README.md -->"
END = "<!-- formats: end -->"
# Written as arithmetic that no layer is, and so not read again.
NOT_READ_FROM_ONNX = (
    "KSparse", "LocalResponseNormalization", "Mask", "MultiHeadAttention", "TimeDistributed",
)  # fmt: skip
RESULTS = Path("benchmarks", "results", "applications.json")


def certified(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, ...], list[str]]:
    """Networks that go the same ways, of the rows "NETWORK, WAY: ..." of `RESULTS` that met their bar."""
    held: dict[str, dict[str, bool]] = {}
    for row in rows:
        name, _, way = row["what"].partition(":")[0].partition(", ")
        held.setdefault(name, {})[way] = bool(row["ok"])
    ways: dict[tuple[str, ...], list[str]] = {}
    for name, own in held.items():
        ways.setdefault(tuple(_said(own, kind) for kind in ("Keras", "ONNX", "safetensors")), []).append(name)
    return ways


def _said(held: Mapping[str, bool], kind: str) -> str:
    """What is known of a network and a format: "in", "out", both, "no", or that nobody looked."""
    if kind in held:
        return "in, out" if held[kind] else "no"
    tried = {way: held[f"{kind} {way}"] for way in ("in", "out") if f"{kind} {way}" in held}
    return ", ".join(way for way, ok in tried.items() if ok) or ("no" if tried else "not tried")


def format_table(rows: Iterable[Mapping[str, Any]]) -> str:
    """Markdown table: what goes the same ways together, and which ways these are; `rows` are of `RESULTS`."""
    exported, kept = {kind.__name__ for kind in EXPORTS}, {kind.__name__ for kind in WRITTEN} | {"Mask"}
    ways: dict[tuple[str, ...], list[str]] = {}
    for name in sorted(LAYERS):
        keras = "in, out" if name in kept else "no"
        onnx = "no" if name not in exported else "out" if name in NOT_READ_FROM_ONNX else "in, out"
        ways.setdefault((keras, onnx, "in, out"), []).append(f"`{name}`")
    lines = [f"| {', '.join(names)} | {' | '.join(way)} |" for way, names in ways.items()]
    lines += [
        f"| of keras.applications: {', '.join(names)} | {' | '.join(way)} |"
        for way, names in certified(rows).items()
    ]
    return "\n".join(["| layers | Keras | ONNX | safetensors |", "|---|---|---|---|", *lines])


def with_table(text: str, results: Path) -> str:
    """`text` with the table between its two markers made anew; ValueError if they are not there."""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"the text needs the lines {BEGIN!r} and {END!r}, once each")
    before, rest = text.split(BEGIN)
    rows = json.loads(results.read_text(encoding="utf-8"))["rows"]
    return f"{before}{BEGIN}\n{format_table(rows)}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        path.write_text(with_table(path.read_text(encoding="utf-8"), path.parent / RESULTS), encoding="utf-8")
