"""What a training says of itself when it is asked for numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from cortex_lab.nn.examine.measures import stands
from cortex_lab.nn.examine.record import StepRecord
from cortex_lab.nn.run.network import Network
from cortex_lab.nn.train.validation import Validation
from cortex_lab.study import Probe, every


class Measured:
    """Base of `Training`: what can be measured, and what is recorded unless others are asked for."""

    network: Network
    record: StepRecord
    losses: Any
    metrics: Any
    shards: int
    validate_every: int
    _measures: Mapping[str, Callable[[], float]]
    _validation: Validation

    @property
    def keys(self) -> tuple[str, ...]:
        """What can be measured."""
        return tuple(self._measures)

    @property
    def directions(self) -> dict[str, bool | None]:
        """Whether more of a metric is better, None where only its author knows."""
        return {f"validation_{key}": rising for key, rising in self.metrics.directions.items()}

    @property
    def probes(self) -> tuple[Probe, ...]:
        """Everything cheap at every step, validation on its schedule."""
        schedule = every(self.validate_every)
        cheap = ("loss", "accuracy", "learning_rate", "epoch", *(f"loss[{name!r}]" for name in self.losses))
        return (
            *(Probe(key) for key in cheap if key in self.keys),
            *(Probe(key, schedule) for key in self.keys if key.startswith("validation")),
        )

    def measure(self, key: str) -> float:
        """The value of `key` for the step just completed, or right before its update for the one under way.

        Validation is run when it is asked for.
        """
        return self.measurer(key)()

    def measurer(self, key: str) -> Callable[[], float]:
        """The function that measures `key`; KeyError for what cannot be measured."""
        if key not in self._measures:
            raise KeyError(f"training does not measure {key!r}; it measures {', '.join(self.keys)}")
        measure = self._measures[key]
        # What is decided by a number has to be the same for any number of workers, too.
        return measure if self.shards == 1 else partial(self.network.ops.alike, measure)

    def advice(self, key: str) -> str | None:
        """What to do to have `key` measured, where it could be; None where nothing can be said."""
        return self._validation.advice(key)

    stands = staticmethod(stands)

    def expect(self, keys: Iterable[str]) -> None:
        """Told what is going to be measured at every step, so that it can be."""
        if self.record.params_before is None and any(key.startswith("update_ratio") for key in keys):
            self.record.params_before = self.network.params.copy()
