"""What a bench is opened with: the front end, if it is installed, and its views."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cortex_lab.ground import checks
from cortex_lab.study import Session
from cortex_lab.widgets.chart.view import View
from cortex_lab.widgets.views import VIEWS


def front_end() -> tuple[Any, Any, Callable[[], set[Any]]]:
    """What makes channel and controls, and tells all that is open; ImportError that says what to install."""
    try:
        from cortex_lab.widgets.channel import Channel
        from cortex_lab.widgets.controls import Controls
        from cortex_lab.widgets.locked import open_widgets
    except ModuleNotFoundError as missing:
        raise ImportError("the bench needs Jupyter widgets: pip install 'cortex-lab[lab]'") from missing
    return Channel, Controls, open_widgets


class OpenedViews(dict[str, View[Any]]):
    """The views of a bench by name: `bench.views["loss_curve"]`, or `bench.views.loss_curve`."""

    def __getattr__(self, name: str) -> View[Any]:
        if name in self:
            return self[name]
        near = "" if name.startswith("_") else checks.near(name, self)
        raise AttributeError(f"this bench has no view {name!r}{near}", name=name, obj=self)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]


def views_of(session: Session, chosen: Mapping[str, Any], without: set[str]) -> dict[str, View[Any]]:
    """A view of each registered kind by name; `chosen` is what some look at first."""
    found: dict[str, View[Any]] = {}
    fitting = [cls for cls in (*VIEWS.values(), *VIEWS.others.values()) if cls.fits(session)]
    for cls in sorted(fitting, key=lambda cls: cls.rank):
        # Anybody else's view takes the place of no other one.
        taken = cls.name in found or VIEWS.get(cls.name, cls) is not cls
        name = VIEWS.kind_of(cls) if taken else cls.name
        if name not in without:
            found[name] = cls(session, chosen[name]) if name in chosen else cls(session)
    return found
