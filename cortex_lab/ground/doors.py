"""Doors upward: what people call on a thing of a lower room, and a higher room does.

The lower room names the door; which room is behind it is said here alone, and it is imported when asked.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

_BEHIND = {
    "browse": "cortex_lab.lab.browsing",
    "augmented": "cortex_lab.lab.augmenting",
    "read_preparation": "cortex_lab.data.preparing",
}


def through(door: str) -> Callable[..., Any]:
    """The function behind a door, which has its name."""
    return getattr(importlib.import_module(_BEHIND[door]), door)
