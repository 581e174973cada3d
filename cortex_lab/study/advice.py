"""What to do about a key that is not recorded: a sentence that can be followed."""

from __future__ import annotations

import difflib
from typing import Any


def advice(process: Any, key: str) -> str:
    """How to have `key` recorded of this process, or what there is instead if it cannot be measured."""
    if key in process.keys:
        return f"Record it with session.record(Probe({key!r}))"
    told = process.advice(key) if hasattr(process, "advice") else None
    if told:
        return told
    near = difflib.get_close_matches(key, process.keys, n=3)
    return f"It cannot be measured here; {'near it is' if near else 'there is'} {', '.join(near or process.keys)}"
