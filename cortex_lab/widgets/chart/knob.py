"""The knobs of a view, as data: a bench makes controls of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Knob:
    """One attribute of a view that somebody may set while looking.

    Parameters
    ----------
    name
        The attribute of the view that it shows and sets. `default` is its value at first.
    kind
        "choice" among `choices`, a whole number ("count") or a "number" within `limits`, or a "switch".
    label
        What stands beside it; for a switch, what a click does, when it is on and when it is off.
    shared
        Whether it says the same on every view that has an attribute of this name, so that all follow.
    """

    name: str
    kind: Literal["choice", "count", "number", "switch"]
    default: Any = None
    choices: tuple[str, ...] = ()
    limits: tuple[float, float] = (float("-inf"), float("inf"))
    label: str | tuple[str, str] = ""
    tooltip: str = ""
    shared: bool = False

    def __post_init__(self) -> None:
        if self.kind == "switch" and (isinstance(self.label, str) or len(self.label) != 2):
            raise ValueError(
                f"the switch {self.name!r} wants two labels: what a click does when on, when off"
            )
        if self.kind == "choice" and self.default not in self.choices:
            raise ValueError(f"the default of {self.name!r} is none of its choices: {self.default!r}")

    def check(self, value: Any) -> None:
        """ValueError for a number outside the limits."""
        lowest, highest = self.limits
        if self.kind == "number" and not lowest <= value <= highest:
            raise ValueError(f"{self.label or self.name} must be from {lowest:g} to {highest:g}, got {value}")
