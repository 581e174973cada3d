"""Whether more of what is recorded is better, or less: the one place that says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cortex_lab.ground import checks

MODES = ("min", "max")

_FALLING = frozenset(
    ("loss", "error", "penalty", "divergence", "kl_divergence", "value", "distance", "grad_norm", "step_norm",
     "moved", "dead_units", "saturated_units")
)  # fmt: skip
_FALLING_ENDS = ("_loss", "_error")


def rises(key: str, mode: str | None = None, known: Mapping[str, bool | None] | None = None) -> bool:
    """Whether more of `key` is better.

    `mode`, "max" or "min", says it; else `known` does by key, None where nobody can tell; else the name does:
    losses, errors and norms of gradients fall, accuracies and scikit-learn's scorers rise, which are negated
    ("neg_...") where they would not. ValueError that asks for a mode if nothing says it.
    """
    if mode is not None:
        return need_mode(mode) == "max"
    told = known[key] if known and key in known else _by_name(key)
    if told is None:
        raise ValueError(
            f"whether more or less of {key!r} is better cannot be told from its name: "
            "say mode='max' if more is, mode='min' if less is"
        )
    return told


def written_down(found: object, keys: Iterable[str]) -> dict[str, bool | None]:
    """What a file says of directions, None if it does not; ValueError for what is no such thing.

    Of a metric in a file that does not say, its name is no proof: only that of a scorer is taken for one.
    """
    if found is None:
        metrics = (key for key in keys if key.startswith("validation_"))
        return {key: None for key in metrics if _name(key) != "loss" and not _by_name(key)}
    if not isinstance(found, dict) or not all(each in (True, False, None) for each in found.values()):
        raise ValueError("directions are true, false or null by key")
    return found


def need_mode(mode: str) -> str:
    """`mode`; ValueError unless it is "min" or "max"."""
    return checks.choice("mode", mode, MODES)


def _by_name(key: str) -> bool | None:
    name = _name(key)
    if name.startswith("neg_") or name == "accuracy" or name.endswith("_accuracy"):
        return True
    if name in _FALLING or name.endswith(_FALLING_ENDS):
        return False
    try:
        from sklearn.metrics import get_scorer_names
    except ImportError:
        return None
    return True if name in get_scorer_names() else None


def _name(key: str) -> str:
    return key.partition("[")[0].removeprefix("validation_")
