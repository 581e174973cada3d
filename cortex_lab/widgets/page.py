"""What draws on a page, whether a kernel is behind it or not: scripts and styles as text."""

from __future__ import annotations

from pathlib import Path

STATIC = Path(__file__).parent / "static"
# In this order: what draws comes after what it draws with.
PARTS = (
    "meeting",
    "theme",
    "store",
    "surface",
    "tools",
    "axes",
    "lines",
    "dense",
    "plane",
    "tiles",
    "boxes",
    "matrix",
    "heat_map",
    "node_map",
    "parallel",
    "sentences",
    "buttons",
    "zoom",
    "lasso",
    "glide",
    "chart",
    "rows",
    "picks",
    "status",
    "timeline",
    "typed",
    "controls",
    "layout",
    "saved",
    "stage",
)


def script(*names: str) -> str:
    """The parts of a script one after the other."""
    # An ES module made of a blob cannot import its neighbors, and nothing may come from a network.
    return "\n".join((STATIC / f"{name}.js").read_text(encoding="utf-8") for name in names)


def styles(*names: str) -> str:
    """Style sheets one after the other."""
    return "\n".join((STATIC / f"{name}.css").read_text(encoding="utf-8") for name in names)
