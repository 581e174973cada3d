"""cortex_lab: a laboratory for neural networks. Load data, describe a network, step through its training.

Names are imported when first used, so `import cortex_lab` is quick and needs none of the extras.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "cortex_lab.lab": ("train", "TrainingSession"),
    "cortex_lab.data": ("Augmentation",),
    "cortex_lab.interop.estimators": ("NetworkClassifier", "NetworkRegressor", "NetworkTransformer"),
    "cortex_lab.nn": ("Network", "Block", "Node", "Graph", "Layer", "Loss", "Training"),
    "cortex_lab.nn.contract.penalties": ("L1", "L2", "MaxNorm", "Penalties"),
    "cortex_lab.optimize": (
        "Descent", "Optimizer", "ReduceOnPlateau", "Schedule",
        "check_gradient", "follow", "learning_rate_range_test", "steepest",
    ),
    "cortex_lab.study": (
        "Breakpoint", "Condition", "Event", "Expression", "Fork", "Observation", "Probe", "Process",
        "Session", "Stop", "Trace", "above", "below", "distance_to", "epochs", "every", "non_finite",
        "seconds", "stalled", "steps",
    ),
}  # fmt: skip
_NAMES = {name: home for home, names in _HOMES.items() for name in names}
_ROOMS = {
    **{
        name: f"cortex_lab.{name}"
        for name in ("compute", "data", "embed", "interop", "nn", "optimize", "scale", "search", "study")
    },
    "widgets": "cortex_lab.widgets",
    "models": "cortex_lab.nn.models",
}
_REGISTRIES = (
    ("cortex_lab.nn", "LAYERS"),
    ("cortex_lab.nn", "LOSSES"),
    ("cortex_lab.optimize", "OPTIMIZERS"),
    ("cortex_lab.optimize", "SCHEDULES"),
    ("cortex_lab.optimize", "FUNCTIONS"),
)


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(_ROOMS[name])
    if name in _NAMES:
        found = getattr(importlib.import_module(_NAMES[name]), name)
    else:
        found = _registered().get(name)
        if found is None:
            raise AttributeError(f"module 'cortex_lab' has no attribute {name!r}{_answer(name)}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*_NAMES, *_ROOMS, *_registered(), "__version__"})


def _answer(name: str) -> str:
    if name.startswith("_"):
        return ""
    from cortex_lab.ground.habits import elsewhere

    return elsewhere(name, __dir__())


def _registered() -> dict[str, Any]:
    """Every built-in layer, loss, optimizer, schedule and test function by class name."""
    found: dict[str, Any] = {}
    for module, registry in _REGISTRIES:
        found |= {kind.__name__: kind for kind in getattr(importlib.import_module(module), registry).values()}
    return found
