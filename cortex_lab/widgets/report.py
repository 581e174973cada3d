"""A session as one file that opens in any browser: its steps, its panels, linked, without a kernel."""

from __future__ import annotations

import copy
import importlib.util
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cortex_lab.ground import checks
from cortex_lab.ground.files import write_whole
from cortex_lab.study import Past, Session
from cortex_lab.study.process import Cloneable
from cortex_lab.widgets import notebook
from cortex_lab.widgets.chart.answered import OfAnswers
from cortex_lab.widgets.chart.buttons import Buttons
from cortex_lab.widgets.chart.canvas import Packed
from cortex_lab.widgets.chart.view import View
from cortex_lab.widgets.frames import collected, packed_view
from cortex_lab.widgets.layouts import checked_panel, first_layout, presets_of
from cortex_lab.widgets.opening import views_of
from cortex_lab.widgets.program import program_of
from cortex_lab.widgets.report_file import MOST_BYTES, Book, html_of
from cortex_lab.widgets.scrubbing import EXPECTED, follows
from cortex_lab.widgets.views.embedding_map import EmbeddingMap
from cortex_lab.widgets.views.sample_browser import SELECTED

MOMENTS = 25
ALSO = (
    "network_map",
    "confusion_matrix",
    "predicted_values",
    "layer_table",
    "distributions",
    "sample_browser",
)
"""Panels of a report that a bench has closed at first."""
BROWSED = {"layer": 24, "node": 24, "part": 4, "order": 5}
"""Settings that can be chosen in a report, and how many of their choices at most."""
SHOWN = "test"
"""The part of the data that panels of rows show, as a map does, where no bench says another."""
ITERATIONS = 250
"""Of the layout of a map that nobody has laid out yet."""


@dataclass(frozen=True)
class TakenAlong:
    """A view of the present, and the names of the settings that are taken along with all their choices."""

    view: View[Any]
    browsed: tuple[str, ...]


def write_report(
    session: Session,
    path: str | os.PathLike[str],
    moments: int | Iterable[int] = MOMENTS,
    views: Iterable[str] | None = None,
) -> Path:
    """Write the report of a session to an .html file; returns its path.

    `moments` are steps to take along, or how many at most, spread over the session; what of them was not
    kept is replayed on a copy. `views` are names of panels; None takes those that are usual. What a bench of
    the session shows, such as its layers and its map, is taken as it is there. So that it stays under
    5 MB, a report that would be larger takes fewer moments along. A network of up to 1 MB, for gray pictures
    and of layers that the page knows, is taken along too, and answers for what is drawn.

    Raises KeyError for a panel and ValueError for a step that there is not, and for a path that is no .html
    file; OSError where it cannot be written.
    """
    checks.instance("session", session, Session, "a session, such as cl.train(...) returns")
    target = Path(checks.path("path", path))
    if target.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"a report is an .html file, got {os.fspath(path)!r}")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(target.parent)!r} to write {target.name!r} to")
    steps = chosen_steps(session, moments)
    shown = _shown(session, views)
    gathered = {step: frames for step, frames in _by_step(session, shown, steps)}
    write_whole(target, _fitting(session, shown, gathered))
    return target


def chosen_steps(session: Session, moments: int | Iterable[int]) -> list[int]:
    """The steps to take along, rising, the present one among them."""
    first, last = session.first_step, session.step_number
    if not isinstance(session.process, Cloneable):
        return [last]
    if isinstance(moments, (int, np.integer)) and not isinstance(moments, bool):
        count = checks.whole("moments", moments, least=1, most=1000)
        kept = [*session.history.steps, last] if session.history.steps else [last]
        places = np.unique(np.linspace(0, len(kept) - 1, min(count, len(kept))).astype(int)[::-1])
        return sorted({kept[place] for place in places} | {last})
    listed = checks.listed("moments", moments, "steps, or how many")
    found = [checks.whole("a moment", step) for step in listed]
    for step in found:
        if not first <= step <= last:
            raise ValueError(f"there is no step {step}: this session goes from step {first} to step {last}")
    return sorted({*found, last})


def _shown(session: Session, names: Iterable[str] | None) -> dict[str, TakenAlong]:
    """The views by name; those of a bench that is open are asked what they show."""
    bench = notebook.open_on(session)
    opened: Mapping[str, View[Any]] = {} if bench is None else bench.views
    views = views_of(session, {}, set())
    if names is None:
        usual = [*(bench.layout if bench is not None else first_layout(views)), *ALSO]
        # Nobody has looked for what is wrong where there is no bench.
        out = () if bench is not None else ("findings",)
        wanted = [name for name in dict.fromkeys(usual) if name in views and name not in out]
    else:
        wanted = [checked_panel(views, name) for name in checks.listed("views", names, "names of panels")]
    found = {}
    for name in wanted:
        view = views[name]
        if (here := opened.get(name)) is not None:
            if _moves(here):
                view = here.twin(session)
            else:
                # What it keeps of steps gone by goes along; its settings are turned here, not on the bench.
                view = _alike(view, here) if follows(here) else copy.copy(here)
        elif isinstance(view, EmbeddingMap) and importlib.util.find_spec("openTSNE"):
            _lay_out(view)
        elif isinstance(view, OfAnswers) and view.outputs and SHOWN in view.answers.parts():
            view.part = SHOWN
        knobs = {knob.name: knob for knob in view.knobs if knob.kind == "choice"}
        still = _moves(view) or name == "network_map"
        able = [each for each in BROWSED if each in knobs and 1 < len(knobs[each].choices) <= BROWSED[each]]
        browsed = () if still else tuple(able)
        found[name] = TakenAlong(view, browsed[:1])
    return found


def _alike(view: View[Any], other: View[Any]) -> View[Any]:
    for knob in other.knobs:
        setattr(view, knob.name, getattr(other, knob.name))
    view.selection = other.selection
    return view


def _lay_out(view: EmbeddingMap) -> None:
    """A map as it is after a while: nobody is there to watch it move."""
    view.patience = 0.0
    for _ in range(ITERATIONS):
        if view.advance() is None:
            return


# What each panel shows at each step -----------------------------------------------------------------------

Frames = dict[str, list[tuple[dict[str, str], Packed]]]
"""By panel, what it shows for each combination of settings that can be chosen."""


def _by_step(
    session: Session, shown: Mapping[str, TakenAlong], steps: list[int]
) -> Iterator[tuple[int, Frames]]:
    """The frames of each step, and under -1 those that are the same for all of them."""
    yield -1, {name: [*_choices(each.view, each)] for name, each in shown.items() if not follows(each.view)}
    following = {name: each for name, each in shown.items() if follows(each.view)}
    past: Past | None = None
    twins: dict[str, View[Any]] = {}
    for step in steps:
        if step == session.step_number:
            yield step, {name: [*_choices(each.view, each)] for name, each in following.items()}
            continue
        if past is None:
            past = Past(session, EXPECTED)
            twins = {}
        past.aim(step)
        while not past.arrived:
            past.advance()
        for name, each in following.items():
            if name not in twins:
                twin = each.view.twin(past.then)
                twins[name] = twin if _moves(twin) else _alike(twin, each.view)
        yield step, {name: [*_choices(twins[name], each)] for name, each in following.items()}


def _moves(view: View[Any]) -> bool:
    """Whether it is one that moves by itself, and knows its own past."""
    return type(view).twin is not View.twin


def _choices(view: View[Any], each: TakenAlong) -> Iterator[tuple[dict[str, str], Packed]]:
    """What the view shows with each choice of what can be chosen, the one it has first."""
    if not each.browsed:
        yield {}, _seen(view)
        return
    (name,) = each.browsed
    now = getattr(view, name)
    choices = next(knob.choices for knob in view.knobs if knob.name == name)
    # What is selected in a report is known to its page alone.
    for choice in (now, *(other for other in choices if other not in (now, SELECTED))):
        setattr(view, name, choice)
        yield {name: str(choice)}, _seen(view)
    setattr(view, name, now)


def _seen(view: View[Any]) -> Packed:
    found = view.session.between_steps(lambda: collected(view)).result()
    packed = packed_view(view, found)
    # What is to be clicked changes a training, and here is none.
    plots = [
        plot for plot in packed.meta["plots"] if Buttons.kind not in [each["kind"] for each in plot["marks"]]
    ]
    return Packed({**packed.meta, "plots": plots}, packed.arrays)


# The file -------------------------------------------------------------------------------------------------


def _fitting(session: Session, shown: Mapping[str, TakenAlong], gathered: dict[int, Frames]) -> bytes:
    """The file with as many moments as it has room for, the last always among them."""
    steps = sorted(step for step in gathered if step >= 0)
    while True:
        written = html_of(_book(session, shown, gathered, steps), _title(session))
        if len(written) <= MOST_BYTES or len(steps) == 1:
            return written
        steps = steps[::-1][::2][::-1]


def _book(
    session: Session, shown: Mapping[str, TakenAlong], gathered: dict[int, Frames], steps: list[int]
) -> Book:
    book = Book(steps, session.first_step)
    views = {name: each.view for name, each in shown.items()}
    for name, each in shown.items():
        view = each.view
        listed = gathered[-1].get(name)
        by_step = [listed or gathered[step][name] for step in steps]
        settings = [chosen for chosen, _ in by_step[-1]]
        frames = [[book.add(packed) for _, packed in found] for found in by_step]
        labels = {knob.name: str(knob.label or knob.name) for knob in view.knobs}
        book.panel(
            name,
            title=view.title,
            height=view.height,
            place=view.place,
            settings=[[labels[key], key, value] for chosen in settings for key, value in chosen.items()],
            frames=frames,
            turns=[list(map(list, turns)) for turns in _turns(name, view)],
        )
    book.program(session.at_rest(lambda: program_of(session)))
    book.told = [_facts(session, step) for step in steps]
    book.known = {"presets": presets_of(views)}
    return book


def _turns(name: str, view: View[Any]) -> list[tuple[tuple[str, str, Any], ...]]:
    """What a click on each node of a map of the network has other panels show."""
    if name != "network_map":
        return []
    graph = view.session.network.graph  # type: ignore[attr-defined]
    return [view.act(number).turns for number in range(len(graph.inputs) + len(graph.nodes))]


def _facts(session: Session, step: int) -> list[list[str]]:
    """What was recorded of a step, in words."""
    row = session.trace.row(step) if step else {}
    said = [["step", f"{step:,}"]]
    for key in ("epoch", "loss", "accuracy", "validation_loss", "validation_accuracy", "learning_rate"):
        if key in row:
            value = f"{100 * row[key]:.1f}%" if "accuracy" in key else f"{row[key]:.4g}"
            said.append([key.replace("_", " "), value])
    return said


def _title(session: Session) -> str:
    name = getattr(getattr(session, "dataset", None), "name", "")
    return f"{name}: step {session.step_number:,}" if name else f"A session at step {session.step_number:,}"
