from __future__ import annotations

import base64
import threading
from pathlib import Path
from typing import Any

import pytest

from cortex_lab.widgets import Bench
from cortex_lab.widgets.picture import small_picture
from tests.waiting import wait_until
from tests.widgets.toys import ToySession

ROOT = str(Path(__file__).parents[2])


class Notebook:
    """What would be displayed, as (object, options), and the cell that runs."""

    def __init__(self) -> None:
        self.shown: list[tuple[Any, dict[str, Any]]] = []
        self.cell = "one"
        self.execution_count = 1
        self.attended = True

    def get_parent(self) -> dict[str, Any]:
        metadata = {"cellId": self.cell} if self.attended else {}
        return {"metadata": metadata, "content": {"allow_stdin": self.attended}}

    def display(self, what: Any, **options: Any) -> None:
        self.shown.append((what, options))

    def pictures(self) -> list[dict[str, str]]:
        return [what for what, options in self.shown if options.get("raw") and "image/png" in what]


def is_live(what: Any, bench: Bench) -> bool:
    """Whether what was displayed is the live bench, and nothing beside it."""
    view = {"version_major": 2, "version_minor": 0, "model_id": bench.controls.box.model_id}
    return what == {"application/vnd.jupyter.widget-view+json": view}


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Notebook:
    notebook = Notebook()
    monkeypatch.setattr("IPython.display.display", notebook.display)
    monkeypatch.setattr("cortex_lab.widgets.notebook.running_shell", lambda: notebook)
    monkeypatch.setattr("cortex_lab.widgets.bench.REST_BEFORE_PICTURE", 0.05)
    return notebook


def test_the_bench_and_its_picture_are_outputs_of_their_own(notebook):
    bench = Bench(ToySession(), map=False).show()
    (live, _), (saved, options) = notebook.shown[:2]
    assert is_live(live, bench) and options["raw"] and bench.id in options["display_id"]
    assert f'class="cortex-lab-static-{bench.id}"' in saved["text/html"]
    wait_until(notebook.pictures, "the first picture")
    bundle = notebook.pictures()[0]
    png = base64.b64decode(bundle["image/png"])
    assert png.startswith(b"\x89PNG") and bundle["image/png"] in bundle["text/html"] and bundle["text/plain"]
    assert f'class="cortex-lab-static-{bench.id}"' in bundle["text/html"]
    assert notebook.shown[-1][1] == {"raw": True, "display_id": options["display_id"], "update": True}
    bench.close()


def test_a_notebook_that_nobody_looks_at_has_the_picture_alone(notebook):
    notebook.attended = False
    bench = Bench(ToySession(), map=False).show()
    ((bundle, _),) = notebook.shown
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    bench.step_button.click()
    assert bench.wait().session.step_number == 1
    bench.close()


CELL = """from cortex_lab.widgets import Bench
from tests.widgets.toys import ToySession
bench = Bench(ToySession(), map=False)
bench"""


def test_a_notebook_that_is_converted_keeps_no_view_that_a_page_would_look_for():
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    nbclient.NotebookClient(made, timeout=300, resources={"metadata": {"path": ROOT}}).execute()
    kinds = [set(output.data) for output in made.cells[0].outputs]
    assert kinds == [{"image/png", "text/html", "text/plain"}]


def test_the_picture_is_renewed_when_training_rests_and_on_closing_not_while_it_runs(notebook):
    bench = Bench(ToySession(seconds=0.001), map=False).show()
    wait_until(notebook.pictures, "the first picture")
    bench.run_button.click()
    wait_until(lambda: bench.session.step_number > 150, "some steps")
    assert len(notebook.pictures()) == 1
    bench.pause_button.click()
    bench.wait()
    wait_until(lambda: len(notebook.pictures()) == 2, "the picture of the pause")
    bench.session.step()
    bench.close()
    assert len(notebook.pictures()) == 3
    assert notebook.pictures()[1] != notebook.pictures()[2]


def test_a_bench_that_is_shown_late_has_its_picture(notebook, monkeypatch):
    monkeypatch.setattr("cortex_lab.widgets.bench.REST_BEFORE_PICTURE", -1.0)
    bench = Bench(ToySession(), map=False)
    for _ in range(3):
        bench.wait()
    bench.show()
    wait_until(notebook.pictures, "the picture")
    bench.close()


def test_what_happens_while_a_picture_is_drawn_is_in_the_next(notebook, monkeypatch):
    monkeypatch.setattr("cortex_lab.widgets.bench.REST_BEFORE_PICTURE", -1.0)
    bench = Bench(ToySession(), map=False)
    drawing, go_on = threading.Event(), threading.Event()

    def slowly() -> bytes:
        drawn = str(bench.session.step_number).encode()
        drawing.set()
        assert go_on.wait(60)
        return drawn

    monkeypatch.setattr(bench.picture, "_paint", slowly)
    bench.show()
    assert drawing.wait(60)
    bench.session.step(7)
    bench.wait()
    go_on.set()
    wait_until(lambda: bench.picture.png == b"7", "a picture of the last step")
    bench.close()


def test_a_cell_that_shows_and_returns_the_bench_shows_it_once(notebook):
    bench = Bench(ToySession(), map=False).show()
    before = len([what for what, _ in notebook.shown if is_live(what, bench)])
    bench._ipython_display_()
    assert len([what for what, _ in notebook.shown if is_live(what, bench)]) == before == 1
    notebook.execution_count = 2
    bench._ipython_display_()
    assert len([what for what, _ in notebook.shown if is_live(what, bench)]) == 2
    bench.close()


def test_running_the_cell_again_closes_the_bench_it_showed_even_for_a_new_session(notebook):
    first = Bench(ToySession(), map=False).show()
    notebook.execution_count = 2
    second = Bench(ToySession(), map=False).show()
    assert first.closed and not second.closed
    notebook.cell = "two"
    third = Bench(ToySession(), map=False).show()
    assert not second.closed
    second.close()
    third.close()


def test_a_picture_that_cannot_be_drawn_does_not_take_the_bench_with_it(notebook, monkeypatch):
    bench = Bench(ToySession(), map=False)
    bench.picture._paint = lambda: 1 / 0
    bench.show()
    wait_until(lambda: bench.picture.error is not None, "the failure")
    bench.step_button.click()
    assert bench.wait().session.step_number == 1
    bench.close()


def test_a_picture_keeps_to_its_bytes_and_says_how_to_be_live_again(notebook):
    bench = Bench(ToySession(), map=False).show()
    wait_until(notebook.pictures, "the picture")
    bundle = notebook.pictures()[0]
    assert sum(map(len, bundle.values())) < 290_000
    assert "To be live again, run the cells" in bundle["text/html"]
    assert f"[data-jp-theme-light=false] .cortex-lab-static-{bench.id} img" in bundle["text/html"]
    bench.close()


def test_a_picture_of_much_has_fewer_dots():
    asked = []

    def paint(dpi: int) -> bytes:
        asked.append(dpi)
        return bytes(40 * dpi**2)

    assert len(small_picture(paint)) <= 100_000 and asked[0] == 120 and 40 <= asked[-1] < 60
