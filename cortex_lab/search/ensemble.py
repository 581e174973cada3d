"""Several networks as one predictor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, softmax

from cortex_lab.ground import checks
from cortex_lab.lab import TrainingSession


class Ensemble:
    """What several trained networks say of a row, as one answer, and how much they disagree.

        Ensemble(session.fork(learning_rate=[0.1, 0.01]))
        Ensemble.of_snapshots(session, [600, 800, 1000])

    `sessions` are of one task: their networks have the same classes, or outputs of the same shape, and one
    output each. ValueError that names what differs.
    """

    def __init__(self, sessions: Iterable[TrainingSession]) -> None:
        listed = list(sessions)
        if not listed:
            raise ValueError("an ensemble has at least one session")
        for session in listed:
            checks.instance("sessions", session, TrainingSession, "sessions, such as cl.train(...) returns")
        self._set([session.network for session in listed], listed)

    @classmethod
    def of_snapshots(cls, session: TrainingSession, steps: Iterable[int]) -> Ensemble:
        """One training as it was after each of several steps (Huang et al. 2017)."""
        found = cls([session])
        networks = [session.network_at(step) for step in checks.listed("steps", steps, "numbers of steps")]
        if not networks:
            raise ValueError("an ensemble of snapshots has at least one step")
        found.networks = networks
        return found

    def _set(self, networks: list[Any], sessions: list[TrainingSession]) -> None:
        links = []
        for session in sessions:
            if len(session.process.losses) != 1:
                raise ValueError("an ensemble is of networks with one output; these have several")
            links.append(next(iter(session.process.losses.values())).link)
        told = [
            ("classes", [network.classes for network in networks]),
            ("the shape of a row of outputs", [_output_shape(network) for network in networks]),
            ("what makes probabilities of outputs", links),
        ]
        for what, values in told:
            for place, value in enumerate(values):
                if value != values[0]:
                    raise ValueError(f"{what} of member {place} is {value}, and of the first {values[0]}")
        self.networks, self.link, self.classes = networks, links[0], networks[0].classes
        self._of_classes = bool(next(iter(sessions[0].process.losses.values())).reads == "classes")

    def __len__(self) -> int:
        return len(self.networks)

    def members(self, x: object) -> np.ndarray:
        """(members, rows, ...): what each says of rows `x`; probabilities, where outputs stand for some."""
        said = np.stack([np.asarray(network.predict(x), dtype=np.float64) for network in self.networks])
        if self.link == "softmax":
            return softmax(said, axis=-1)
        return expit(said) if self.link == "sigmoid" else said

    def predict(self, x: object) -> np.ndarray:
        """(rows, ...): the mean of what the members say."""
        return self.members(x).mean(axis=0)

    def votes(self, x: object) -> np.ndarray:
        """(rows, classes): the share of the members that say each class."""
        self._need_classes("vote")
        said = self.members(x)
        chosen = said.argmax(axis=-1)
        return np.stack([(chosen == place).mean(axis=0) for place in range(said.shape[-1])], axis=-1)

    def disagreement(self, x: object) -> np.ndarray:
        """(rows,): how far apart the members are.

        Of classes the part of the uncertainty that is about the network, in nats: the entropy of the mean,
        less the mean entropy (Houlsby et al. 2011); 0 where all say the same. Of other outputs the standard
        deviation, the mean over a row's outputs.
        """
        said = self.members(x)
        if self.link == "sigmoid":
            said = np.stack([said, 1 - said], axis=-1)
        if self.link is None and not self._of_classes:
            return said.std(axis=0).reshape(said.shape[1], -1).mean(axis=1)
        found = _entropy(said.mean(axis=0)) - _entropy(said).mean(axis=0)
        return found.reshape(len(found), -1).mean(axis=1).clip(min=0)

    def frame(self, data: Any) -> pd.DataFrame:
        """By the index of `data`, a Dataset or a frame: columns "prediction" and "disagreement"."""
        frame = getattr(data, "frame", data)
        said = self.predict(data)
        if self._of_classes:
            places = said.argmax(axis=-1)
            known = None if self.classes is None else np.asarray(self.classes, dtype=object)
            labels: Any = places if known is None else known[places]
        else:
            labels = list(said) if said.ndim > 1 and said.shape[1] > 1 else said.reshape(-1)
        return pd.DataFrame(
            {"prediction": labels, "disagreement": self.disagreement(data)}, index=frame.index
        )

    def _need_classes(self, what: str) -> None:
        if not self._of_classes:
            raise ValueError(f"only networks that tell classes {what}; predict(x) is the mean of these")


def _output_shape(network: Any) -> tuple[int, ...]:
    outputs = network.graph.outputs
    if len(outputs) != 1:
        raise ValueError("an ensemble is of networks with one output; these have several")
    return network.graph.nodes[outputs[0]].out_shape


def _entropy(shares: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return -np.where(shares > 0, shares * np.log(shares), 0).sum(axis=-1)
