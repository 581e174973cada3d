"""What to do about a key that is not recorded: a sentence that can be followed."""

from __future__ import annotations

import difflib

from cortex_lab.study.process import Advising, Process

_ALSO = {"lr": "learning_rate", "acc": "accuracy", "train_loss": "loss", "training_loss": "loss"}


def advice(process: Process, key: str) -> str:
    """How to have `key` recorded of this process, or what there is instead if it cannot be measured."""
    if key in process.keys:
        return f"Record it with session.record(Probe({key!r}))"
    if _ALSO.get(key) in process.keys:
        return f"It is called {_ALSO[key]!r} here"
    told = process.advice(key) if isinstance(process, Advising) else None
    if told:
        return told
    near = difflib.get_close_matches(key, process.keys, n=3)
    there = f"near it is {', '.join(near)}" if near else f"there is {', '.join(process.keys)}"
    return f"It cannot be measured here; {there}"
