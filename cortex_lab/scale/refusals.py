"""What a team of workers cannot be made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from distributed import Client
from distributed.deploy.cluster import Cluster

from cortex_lab.ground import checks
from cortex_lab.nn.train.training import Training


def client_of(client: Any) -> Client:
    """The client, if it can be asked and waited for."""
    # A cluster has some of a client's members.
    about = isinstance(client, (str, Cluster))
    if about or not hasattr(client, "scheduler_info") or getattr(client, "asynchronous", False):
        wanted = "a distributed.Client that is not asynchronous"
        if about:
            wanted += f", such as Client({repr(client) if isinstance(client, str) else 'cluster'})"
        raise checks.refused("cluster", wanted, client)
    return client


def refuse_unfitting(training: Training) -> None:
    """ValueError that names what keeps a training from being computed by several processes."""
    if training.shards < 2:
        raise ValueError(
            "a cluster computes the shards of a batch, and this one has a single shard: give shards=4, or as "
            "many as there will ever be workers"
        )
    if training.network.ops.xp is not np:
        raise ValueError("a cluster computes on CPUs, and this network is on a GPU; leave out `cluster`")
    mixing = [name for name, each in training.augmenter.by_input.items() if each.mixes]
    if mixing:
        raise ValueError(
            f"the augmentation of {mixing[0]!r} mixes rows of a batch, which lie with several workers; leave "
            "out mixup and cutmix, or `cluster`"
        )


def addresses_of(workers: Iterable[str], client: Client) -> list[str]:
    """Addresses as they were given, of workers that there are; ValueError for one that there is not."""
    wanted = "addresses of workers, as in client.scheduler_info()['workers']"
    found = checks.listed("workers", workers, wanted)
    there = list(client.scheduler_info()["workers"])
    for each in found:
        if each not in there:
            raise ValueError(f"the cluster has no worker {each!r}; it has {', '.join(there) or 'none'}")
    return found
