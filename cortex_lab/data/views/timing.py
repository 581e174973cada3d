"""Where the time of a batch goes: reading it, changing it, putting it where a network finds it, waiting."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data.views.page import StaticView, bar, listing, share
from cortex_lab.ground import checks

REMEDIES = {
    "read": "keep the column in memory, or let a thread read ahead: batches.prefetching(2)",
    "wait": "reading is slower than what is done with a batch: prefetch more, make pictures smaller, or keep "
    "them in memory",
    "augment": "ask for fewer changes, or for those of one pass: all but noise, mixing, and `then`",
    "to the buffer": "batches are cheap to read: what is copied is what is trained on",
    "train": "the network is the limit, and the data are not",
}


def timed(stages: Mapping[str, Sequence[float]], name: str, rows: int) -> StaticView:
    """The view of seconds per batch, {stage: those of each batch}, and which stage is the limit."""
    if not stages or not all(len(seconds) for seconds in stages.values()):
        raise checks.refused("stages", "seconds of some batches by stage", stages)
    middle = {stage: 1e3 * float(np.median(seconds)) for stage, seconds in stages.items()}
    worst = {stage: 1e3 * float(np.max(seconds)) for stage, seconds in stages.items()}
    total = sum(middle.values())
    table = pd.DataFrame(
        {
            "milliseconds": middle,
            "share": {stage: each / total if total else 0.0 for stage, each in middle.items()},
            "slowest": worst,
        }
    ).rename_axis("stage")
    limit = max(middle, key=lambda stage: middle[stage])
    table["limiting"] = table.index == limit
    count = len(next(iter(stages.values())))
    said = [f"medians of {count} batches of {rows:,} rows, one after the other"]
    if total:
        said.append(f"{total:.3g} ms a batch, {1e3 * rows / total:,.0f} rows/s")
        said.append(f"most of it is {limit!r}: {REMEDIES.get(limit, '')}".removesuffix(": "))
    body = []
    for stage, each in middle.items():
        named = f'<span class="warn">{escape(stage)}</span>' if stage == limit else escape(stage)
        drawn = bar(each, max(middle.values()), f"{stage}: {each:.3g} milliseconds")
        body.append([named, f"{each:.3g}", share(each, total), drawn, f"{worst[stage]:.3g}"])
    html = listing(["stage", "ms", "share", "", "slowest ms"], body, (1, 2, 4))
    return StaticView(f"Time of a batch of {name}", tuple(said), table, html)


def batch_times(data: Any, batch_size: int = 128, steps: int = 30, seed: int = 0) -> StaticView:
    """Where the time of the shuffled batches of a Dataset goes, without a network.

    "read" is from where the rows lie, in memory or in files, decoded and as numbers to learn from; "to the
    buffer" is copying them, bytes as 0 to 1, to where a network would find them. The first batch is not
    counted. `session.batch_times()` has augmentation and training as well.
    """
    rows = len(data)
    batches = data.batches(min(checks.whole("batch_size", batch_size), rows), seed=seed)
    if batches._ahead is not None:
        # What a thread reads ahead would be waited for, and not be seen.
        batches = batches._with(_ahead=None)
    steps = checks.whole("steps", steps, least=1, most=1000)
    stages: dict[str, list[float]] = {"read": [], "to the buffer": []}
    into: dict[tuple, np.ndarray] = {}
    for step in range(steps + 1):
        began = time.perf_counter()
        batch = batches.fetch(step)
        parts = batch.inputs if isinstance(batch.inputs, dict) else {"inputs": batch.inputs}
        _ = batch.targets
        read = time.perf_counter()
        for name, values in parts.items():
            buffer = into.setdefault((name, values.shape), np.empty(values.shape, np.float32))
            np.multiply(
                values, np.float32(1 / 255) if values.dtype == np.uint8 else np.float32(1), out=buffer
            )
        done = time.perf_counter()
        if step:
            stages["read"].append(read - began)
            stages["to the buffer"].append(done - read)
    return timed(stages, data.name, batches.batch_size)
