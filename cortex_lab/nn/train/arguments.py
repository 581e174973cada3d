"""What a training is given, looked at before anything is set up."""

from __future__ import annotations

from typing import Any

from cortex_lab.ground import checks
from cortex_lab.nn.run.network import Network
from cortex_lab.optimize import Optimizer, as_optimizer

_OF_A_SOURCE = ("fetch", "batch_size", "steps_per_epoch")


def check_arguments(
    network: Any,
    batches: Any,
    optimizer: Any,
    row_weights: Any,
    validation: Any,
    validate_every: Any,
    seed: Any,
) -> Optimizer:
    """The optimizer; TypeError or ValueError that names the first argument that cannot be one."""
    checks.instance("network", network, Network, "a Network")
    if isinstance(batches, type) or not all(hasattr(batches, name) for name in _OF_A_SOURCE):
        raise checks.refused("batches", "a source of batches, such as dataset.batches(32)", batches)
    optimizer = as_optimizer(optimizer)
    if row_weights is not None:
        weights = checks.finite("row_weights", row_weights, "finite numbers, one for each row")
        if weights.ndim != 1 or weights.min() < 0:
            raise checks.refused("row_weights", "numbers (rows,) of at least 0", row_weights)
    if validation is not None and (not isinstance(validation, (tuple, list)) or len(validation) != 2):
        raise checks.refused("validation", "a pair (inputs, targets)", validation)
    if validate_every is not None:
        checks.whole("validate_every", validate_every, least=1)
    checks.seed("seed", seed)
    return optimizer
