"""A worker of a cluster, as the notebook sees it."""

from __future__ import annotations

import os
import secrets
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from distributed import Client

from cortex_lab.nn.run.sharding import Span
from cortex_lab.scale.parcels import Sender
from cortex_lab.scale.service import about, listen
from cortex_lab.scale.wire import Wire, connect

REACH = 10.0
"""Seconds after which a worker that does not answer a call cannot be reached."""
SLOW = 3.0
"""How many times as long as others a worker takes for a shard that is called slow."""
NOTICED = 0.02
"""Seconds by which it is longer at the least."""
LOOKED_AT = 40
"""Steps by which a worker is judged, once there were as many."""


class WrongWorker(ValueError):
    """A worker that would not compute the same."""


@dataclass(eq=False)
class Seat:
    """A worker with its line, the shards that it computes, and how it has been doing."""

    address: str
    wire: Wire
    bits: int
    own: Span = (0, 0)
    settings: Mapping[str, Any] | None = None
    """Those that it was told last."""
    steps: int = 0
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=LOOKED_AT))
    """What it took for a shard in the latest steps, in seconds."""
    checked: bool = False
    parcels: Sender = field(default_factory=Sender)

    @property
    def seconds(self) -> float:
        """What it takes for a shard: the median of its latest steps."""
        return median(self.recent) if self.recent else 0.0

    def has_taken(self, seconds: float) -> None:
        """One step more."""
        self.steps += 1
        self.recent.append(seconds / max(1, self.own[1] - self.own[0]))


def seated(client: Client, address: str, ops: str) -> Seat:
    """A worker that was called and answered. WrongWorker for one that computes by another version.

    WireLost if it cannot be reached, whatever Dask raises if that cannot.
    """
    token = secrets.token_bytes(32)
    try:
        told = client.run(listen, token, ops, os.getpid(), workers=[address])[address]
    except (ImportError, AttributeError) as error:
        if isinstance(error, AttributeError) and "Can't get attribute" not in str(error):
            raise
        raise WrongWorker(
            f"the worker {address} cannot import this cortex_lab ({error}); install the same version there, "
            "with its extra: pip install 'cortex-lab[scale]'"
        ) from error
    here = about(ops)
    for name, version in told["versions"].items():
        if version != here["versions"][name]:
            raise WrongWorker(
                f"the worker {address} has {name} {version}, and here it is {here['versions'][name]}; "
                "install the same there, or leave the worker out of the cluster"
            )
    return Seat(address, connect(told["host"], told["port"], token, REACH), told["bits"])


def slow_ones(seats: Sequence[Seat]) -> list[tuple[Seat, float]]:
    """Workers that take much longer for a shard than others, with what these take, in seconds."""
    judged = [seat for seat in seats if len(seat.recent) == LOOKED_AT]
    found = []
    for seat in judged:
        others = sorted(each.seconds for each in judged if each is not seat)
        usual = others[len(others) // 2] if others else seat.seconds
        if seat.seconds > max(SLOW * usual, usual + NOTICED):
            found.append((seat, usual))
    return found
