"""The front desk: wires data, network, optimizer and study together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cortex_lab.nn import Network, Training
from cortex_lab.optimize import Optimizer
from cortex_lab.study import Probe, Session


class TrainingSession(Session):
    """A Session over a Training, with its network and data at hand.

    `network` is what learns, `dataset` what it learns from (None when trained on bare arrays).
    """

    process: Training

    def __init__(
        self,
        training: Training,
        dataset: Any = None,
        probes: Iterable[Probe] | None = None,
        snapshot_budget: int = 256 * 2**20,
    ) -> None:
        super().__init__(training, probes, snapshot_budget)
        self.dataset = dataset

    @property
    def network(self) -> Network:
        return self.process.network

    def bench(self, **options: Any) -> Any:
        """The live lab bench on this session, displayed; see `cortex_lab.widgets.Bench` for the options."""
        try:
            from cortex_lab.widgets import Bench
        except ImportError as missing:
            raise ImportError("the bench needs Jupyter widgets: pip install 'cortex-lab[lab]'") from missing
        return Bench(self, **options).show()


def train(
    network: Network,
    data: Any,
    loss: Any,
    optimizer: Optimizer,
    *,
    batch_size: int = 32,
    seed: int = 0,
    validation: Any = "validation",
    validate_every: int | None = None,
    probes: Iterable[Probe] | None = None,
    snapshot_budget: int = 256 * 2**20,
) -> TrainingSession:
    """Set up a training and return its session, at step 0.

    Parameters
    ----------
    network
        The network to train, in place.
    data
        A Dataset (its training rows are used), or a pair (inputs, targets) of arrays.
    loss
        A loss or its name, such as "softmax_cross_entropy" or "mean_squared_error"; a dict by output name if
        there are several.
    optimizer
        Such as `Adam(1e-3)`.
    batch_size
        Rows of a batch; the last batch of an epoch may be smaller.
    seed
        Keys the order of the rows and everything drawn at random.
    validation
        The name of one of the dataset's splits, a Dataset, a pair of arrays, or None. A dataset without the
        split of that name simply is not validated.
    validate_every
        Steps between validations; None is once per epoch.
    """
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"the optimizer must be one such as Adam(1e-3), got {optimizer!r}")
    dataset, batches = _batches(data, batch_size, seed)
    training = Training(
        network,
        batches,
        loss,
        optimizer,
        validation=_validation(dataset, validation),
        validate_every=validate_every,
        seed=seed,
    )
    return TrainingSession(training, dataset, probes, snapshot_budget)


def _batches(data: Any, batch_size: int, seed: int) -> tuple[Any, Any]:
    if hasattr(data, "fetch"):
        return None, data
    if hasattr(data, "batches"):
        rows = data.train if data.splits else data
        return data, rows.batches(batch_size, seed=seed)
    from cortex_lab.data import Batches

    inputs, targets = data
    return None, Batches(inputs, targets, batch_size=batch_size, seed=seed)


def _validation(dataset: Any, validation: Any) -> tuple[Any, Any] | None:
    if validation is None:
        return None
    if isinstance(validation, str):
        if dataset is None or validation not in (dataset.splits or ()):
            if validation != "validation":
                raise KeyError(f"there is no split {validation!r} to validate on")
            return None
        validation = getattr(dataset, validation)
    return validation.arrays() if hasattr(validation, "arrays") else tuple(validation)
