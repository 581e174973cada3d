"""Any view of a session by itself, by its name, with no front end."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from cortex_lab.ground import checks
from cortex_lab.study import Session
from cortex_lab.widgets.chart.view import NothingToShow, View
from cortex_lab.widgets.views import VIEWS


class Views:
    """Each view alone: `session.views.loss_curve()` makes one, to be shown, asked or written to a file.

    A view goes by the name of its file, and takes what its class takes beside the session:
    `session.views.activations(pinned=3).frame()`. Every one has `frame()`, `figure()`, `png()`, `svg()`,
    `html()` and `save(path)`, none of which needs ipywidgets. `dir(session.views)` lists those that suit the
    session. AttributeError that names the nearest for an unknown name, `NothingToShow` that says why for a
    view that does not suit the session.
    """

    def __init__(self, session: Session) -> None:
        self._session = checks.instance(
            "session", session, Session, "a session, such as cl.train(...) returns"
        )

    def __getattr__(self, name: str) -> Callable[..., View[Any]]:
        if name.startswith("_"):
            raise AttributeError(name)
        return _maker(_known(name), self._session)

    def __dir__(self) -> list[str]:
        return sorted(self)

    def __iter__(self) -> Iterator[str]:
        """The names of the views that suit the session, as a bench would order them."""
        suiting = [cls for cls in (*VIEWS.values(), *VIEWS.others.values()) if not cls.unfit(self._session)]
        return iter(dict.fromkeys(cls.name for cls in sorted(suiting, key=lambda cls: cls.rank)))

    def __repr__(self) -> str:
        return f"<views of {type(self._session).__name__}: {', '.join(self)}>"


def _known(name: str) -> type[View[Any]]:
    """The view of this name; one of somebody's own goes by its bare name where no other has it."""
    try:
        return VIEWS.find(name)
    except ValueError as unknown:
        known = sorted({*VIEWS, *(cls.name for cls in VIEWS.others.values())})
        if VIEWS.named(name):
            raise AttributeError(str(unknown)) from None
        raise AttributeError(
            f"there is no view {name!r}{checks.near(name, known) or '; there are ' + ', '.join(known)}",
            name=name,
        ) from None


def _maker(cls: type[View[Any]], session: Session) -> Callable[..., View[Any]]:
    """What makes the view of this session, described as the class is."""

    def make(*arguments: Any, **options: Any) -> View[Any]:
        if why := cls.unfit(session):
            raise NothingToShow(f"{cls.name} has nothing to show of this session. {why}")
        return cls(session, *arguments, **options)

    own = [*inspect.signature(cls).parameters.values()][1:]
    make.__name__, make.__qualname__, make.__doc__ = cls.name, cls.name, inspect.getdoc(cls)
    make.__signature__ = inspect.Signature(own, return_annotation=cls)  # type: ignore[attr-defined]
    return make
