"""The table of formats by layer; `python -m cortex_lab.interop.catalogue README.md` writes it. Needs onnx."""

from __future__ import annotations

import sys
from pathlib import Path

from cortex_lab.interop.keras_out import WRITTEN
from cortex_lab.interop.onnx_out import file
from cortex_lab.interop.onnx_out.writer import EXPORTS
from cortex_lab.nn import LAYERS

assert file
BEGIN = "<!-- formats: begin; written by python -m cortex_lab.interop.catalogue README.md -->"
END = "<!-- formats: end -->"
# Written as arithmetic that no layer is, and so not read again.
NOT_READ_FROM_ONNX = (
    "GroupNormalization", "KSparse", "LocalResponseNormalization", "Mask", "MultiHeadAttention",
    "RMSNormalization", "TimeDistributed",
)  # fmt: skip


def format_table() -> str:
    """Markdown table: layers that go the same ways together, and which ways these are."""
    exported, kept = {kind.__name__ for kind in EXPORTS}, {kind.__name__ for kind in WRITTEN} | {"Mask"}
    ways: dict[tuple[str, ...], list[str]] = {}
    for name in sorted(LAYERS):
        keras = "in, out" if name in kept else "no"
        onnx = "no" if name not in exported else "out" if name in NOT_READ_FROM_ONNX else "in, out"
        ways.setdefault((keras, onnx, "in, out"), []).append(f"`{name}`")
    rows = [f"| {', '.join(names)} | {' | '.join(way)} |" for way, names in ways.items()]
    return "\n".join(["| layers | Keras | ONNX | safetensors |", "|---|---|---|---|", *rows])


def with_table(text: str) -> str:
    """`text` with the table between its two markers made anew; ValueError if they are not there."""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"the text needs the lines {BEGIN!r} and {END!r}, once each")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{format_table()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        path.write_text(with_table(path.read_text(encoding="utf-8")), encoding="utf-8")
