"""Colors, said once for the canvas (both themes) and for the printed pictures (the light one)."""

from __future__ import annotations

from typing import Any

# Ten colors told apart with normal and with the common color-deficient sight: M. Petroff, "Accessible
# Color Sequences for Data Visualization" (2021), https://arxiv.org/abs/2107.02270, but for the ninth, which
# is a second gray there. The dark ones are lifted for a dark ground.
CATEGORIES = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#0f5a2d",
    "#92dadd",
)
CATEGORIES_ON_DARK = (
    "#4da3f0",
    "#ffb52e",
    "#e2452a",
    "#a9b8b6",
    "#b06be0",
    "#c08a79",
    "#ff7d1f",
    "#cabd80",
    "#5aa54b",
    "#9be6e9",
)
MARKS = ("dot", "square", "triangle")

TRAIN, VALIDATION = 0, 6
FAULT, FAULT_ON_DARK = "#c8351f", "#ff6a55"
"""What is wrong, such as a number that is not finite."""

PALETTE: dict[str, dict[str, Any]] = {
    "light": {
        "categories": CATEGORIES,
        "fault": FAULT,
        "gray": ("#f3f5f8", "#15181d"),
        "sequential": ("#f3f5f8", "#bcd6ee", "#5d9dd4", "#2062ab", "#0b2b59"),
        "depth": ("#0b2b59", "#2062ab", "#5d9dd4", "#bcd6ee", "#f3f5f8"),
        "warm": ("#f2b134", "#e0663c", "#a8327d", "#4b1d91"),
        "diverging": ("#7a3204", "#e08b3d", "#f3f5f8", "#5d9dd4", "#0b2b59"),
    },
    "dark": {
        "categories": CATEGORIES_ON_DARK,
        "fault": FAULT_ON_DARK,
        "gray": ("#1d2128", "#f4f6f8"),
        "sequential": ("#1d2128", "#1c4678", "#2f80c6", "#8fc6f2", "#f2f9ff"),
        "depth": ("#f2f9ff", "#8fc6f2", "#2f80c6", "#1c4678", "#1d2128"),
        "warm": ("#6a55e0", "#c04fb0", "#f0765a", "#ffd166"),
        "diverging": ("#ffe2c0", "#d9802e", "#1d2128", "#3f90d8", "#e4f2ff"),
    },
}


def category(position: int) -> str:
    """The color of the class or series at `position`; it starts again after ten, with another mark."""
    return CATEGORIES[position % len(CATEGORIES)]


def category_mark(position: int) -> str:
    """The mark of the class at `position`: dots for the first ten, then squares, then triangles."""
    return MARKS[position // len(CATEGORIES) % len(MARKS)]
