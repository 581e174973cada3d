"""Which panels of a bench are open, in what order: a list of their names, or a preset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cortex_lab.ground import checks
from cortex_lab.widgets.chart.view import View
from cortex_lab.widgets.views import VIEWS

PRESETS: dict[str, tuple[str, ...]] = {
    "classify": ("findings", "loss_curve", "embedding_map", "activations", "weight_histogram"),
    "regress": ("findings", "loss_curve", "embedding_map", "weight_histogram", "activations"),
    "sequence": ("findings", "loss_curve", "recurrence", "activations", "weight_histogram", "embedding_map"),
    "data": ("loss_curve", "confusion_matrix", "predicted_values", "reliability", "sample_browser"),
    "layers": (
        "loss_curve", "network_map", "layer_table", "layer_microscope", "distributions", "activations",
    ),
    "descent": ("loss_curve", "also_recorded", "optimization"),
}  # fmt: skip
"""What is studied, and the views that serve for it, the most telling first; a bench may lack some.

Beside them there is "everything": all views that suit the session.
"""


def first_layout(views: Mapping[str, View[Any]]) -> list[str]:
    """The panels that are open unless somebody says which."""
    return [name for name, view in views.items() if view.opened]


def presets_of(views: Mapping[str, View[Any]]) -> dict[str, list[str]]:
    """The presets as lists of panels that are there; views of one's own are in all of them."""
    own = [name for name, view in views.items() if type(view) in VIEWS.others.values()]
    found = {preset: [name for name in names if name in views] for preset, names in PRESETS.items()}
    served = {preset: names + own for preset, names in found.items() if names}
    return served | ({"everything": [*views]} if views else {})


def panels_of(views: Mapping[str, View[Any]], layout: list[str]) -> dict[str, Any]:
    """What a page has to know of the panels."""
    titles = {name: view.title for name, view in views.items()}
    return {"titles": titles, "layout": layout, "presets": presets_of(views)}


def checked_layout(views: Mapping[str, View[Any]], layout: object) -> list[str]:
    """The names of the panels to open, in order; `layout` is a list of them, the name of a preset, or None.

    Raises KeyError for a panel or a preset that there is not, ValueError for a panel named twice.
    """
    if layout is None:
        return first_layout(views)
    presets = presets_of(views)
    if isinstance(layout, str) and layout not in presets:
        raise KeyError(
            f"there is no layout {layout!r}; there are {', '.join(map(repr, presets))}, "
            f"or give a list of panels: {[*views]}{checks.near(layout, presets)}"
        )
    names = presets[layout] if isinstance(layout, str) else checks.listed("layout", layout, _WANTED)
    for place, name in enumerate(names):
        checked_panel(views, name)
        if name in names[:place]:
            raise ValueError(f"layout names the panel {name!r} twice")
    return [str(name) for name in names]


def checked_panel(views: Mapping[str, View[Any]], name: object) -> str:
    """`name`, if it is one of a panel; KeyError that names those there are."""
    if not isinstance(name, str) or name not in views:
        raise KeyError(
            f"there is no panel {checks.shown(name)}; there are {', '.join(views)}{checks.near(name, views)}"
        )
    return name


Layout = Iterable[str] | str | None

_WANTED = "names of panels in a list, or the name of a preset such as 'classify'"
