"""Each view of a session by itself, by its name, and where it does not suit."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import pytest

from cortex_lab.study import Session
from cortex_lab.widgets import Bench, NothingToShow, View, Views
from cortex_lab.widgets.views import VIEWS
from tests.widgets import session_kinds
from tests.widgets.toys import ToyNetwork, ToyTraining


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("kind", ["regression", "sequences"])
def test_a_view_is_made_by_its_name_or_says_why_not(kind: str, name: str) -> None:
    session = session_kinds.KINDS[kind]()
    make = getattr(session.views, name)
    assert make.__doc__ == inspect.getdoc(VIEWS[name]) and "session" not in inspect.signature(make).parameters
    if VIEWS[name].fits(session):
        assert name in dir(session.views) and type(make()) is VIEWS[name] and make().session is session
    else:
        assert name not in dir(session.views)
        with pytest.raises(NothingToShow, match=rf"{name} has nothing to show of this session\. \w.*\n\w"):
            make()


def test_what_a_view_takes_is_handed_on_and_a_name_with_a_slip_has_its_nearest() -> None:
    session = session_kinds.dataset()
    assert session.views.activations(pinned=3).pinned == 3
    with pytest.raises(AttributeError, match="there is no view 'los_curve'; did you mean 'loss_curve'"):
        session.views.los_curve  # noqa: B018
    with pytest.raises(AttributeError, match="there is no view 'zzz'; there are activations, also_recorded,"):
        session.views.zzz  # noqa: B018
    assert "loss_curve" in repr(session.views) and not hasattr(session.views, "_repr_html_")


def test_views_of_ones_own_and_of_other_sessions_are_there_too() -> None:
    class TellsTheStep(View[int]):
        def collect(self, exact: bool) -> int:
            return self.session.step_number

    try:
        views = Views(Session(ToyTraining(ToyNetwork())))
        assert {"tells_the_step", "loss_curve"} <= set(views) and "decision_regions" not in set(views)
        assert views.tells_the_step().look() == 0
    finally:
        VIEWS.others.pop(VIEWS.kind_of(TellsTheStep))
    with pytest.raises(TypeError, match="session"):
        Views(3)  # type: ignore[arg-type]


def test_the_views_of_a_bench_go_by_their_names_as_well() -> None:
    pytest.importorskip("anywidget")
    bench = Bench(session_kinds.dataset(), map=False)
    assert bench.views.loss_curve is bench.views["loss_curve"] and "loss_curve" in dir(bench.views)
    with pytest.raises(AttributeError, match="no view 'loss_curv'; did you mean 'loss_curve'"):
        bench.views.loss_curv  # noqa: B018
    bench.close()


ALONE = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("ipywidgets", "anywidget", "IPython"):
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Blocked())
from tests.widgets import session_kinds
session = session_kinds.dataset()
assert not any(name.startswith("cortex_lab.widgets") or name == "plotly" for name in sys.modules)
session.step(2)
for name in session.views:
    if name in ("run_comparison", "embedding_map", "findings"):
        continue
    view = getattr(session.views, name)()
    assert view.frame() is not None and view.figure() is not None, name
    assert view.png(dpi=30)[1:4] == b"PNG" and "<svg" in view.svg() and "<img" in view.html(), name
"""


def test_no_view_needs_widgets_and_none_is_imported_before_it_is_asked_for() -> None:
    ran: Any = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr


def test_a_network_is_what_a_comparison_is_of() -> None:
    session = Session(ToyTraining(ToyNetwork()))
    with pytest.raises(NothingToShow, match="This session trains no network"):
        Views(session).run_comparison(session)
