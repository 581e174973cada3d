"""Points drawn around on the map are rows in Python, and what is done to them counts in every batch after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

CELLS = [
    """import cortex_lab as cl
from cortex_lab.widgets import Bench

digits = cl.data.load("digits")
digits = digits.select(digits.rows[:160])
network = cl.Network([cl.Flatten(), cl.Dense(8, activation="relu"), cl.Dense(10)], digits.input_shape)
session = cl.train(network, digits, optimizer=cl.Adam(0.01), batch_size=32)
session.step(20)
bench = Bench(session, layout=["embedding_map"])
bench.turn("embedding_map", "live", False)
bench.trainer.put(lambda: None)
bench.wait().show()"""
]
PANEL = """() => [...cortexLabBenches.values()].flatMap((bench) => [...(bench.stage?.panels.values() ?? [])])
                 .find((panel) => panel.name === "embedding_map" && panel.places.length)"""
POINTS = f"""() => {{ const {{ figure, places: [place] }} = ({PANEL})(), box = figure.getBoundingClientRect();
                  const {{ keys, x, y }} = place.plot.marks[0];
                  return [...keys].map((row, i) =>
                      [row, box.left + place.scales.x(x[i]), box.top + place.scales.y(y[i])]); }}"""


def inside(points: list[tuple[int, float, float]], box: tuple[float, float, float, float]) -> set[int]:
    left, top, right, bottom = box
    return {row for row, x, y in points if left < x < right and top < y < bottom}


def draw(page: Any, key: str, path: list[tuple[float, float]]) -> None:
    page.keyboard.down(key)
    page.mouse.move(*path[0])
    page.mouse.down()
    for place in path[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()
    page.keyboard.up(key)


@pytest.fixture
def points(notebook: Callable[..., Any]) -> tuple[Any, list[tuple[int, float, float]]]:
    lab = notebook("lasso.ipynb", CELLS, keep=True)
    lab.run_code("bench.selection = []")
    panel = lab.page.locator('[data-view="embedding_map"]')
    panel.scroll_into_view_if_needed()
    lab.wait_until(lambda: panel.get_attribute("data-step") == "20", "the map")
    lab.wait_until(lambda: lab.page.evaluate(f"Boolean(({PANEL})())"), "the points")
    return lab, [tuple(each) for each in lab.page.evaluate(POINTS)]


@pytest.mark.parametrize("key", ["Shift", "Alt"])
def test_points_drawn_around_are_the_rows_selected(points: Any, key: str) -> None:
    lab, found = points
    xs, ys = sorted(x for _, x, _ in found), sorted(y for _, _, y in found)
    box = (xs[0] - 3, ys[0] - 3, (xs[79] + xs[80]) / 2, (ys[79] + ys[80]) / 2)
    left, top, right, bottom = box
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    draw(lab.page, key, [*corners, corners[0]] if key == "Shift" else [corners[0], corners[2]])
    wanted = inside(found, box)
    assert 5 < len(wanted) < 100
    lab.wait_until(lambda: set(lab.value("list(bench.selection)")) == wanted, "the rows in Python")
    # The plane has not moved under the pointer.
    assert [tuple(each) for each in lab.page.evaluate(POINTS)] == found


def test_rows_excluded_are_in_no_batch_after(points: Any) -> None:
    lab, found = points
    xs, ys = sorted(x for _, x, _ in found), sorted(y for _, _, y in found)
    draw(lab.page, "Alt", [(xs[0] - 3, ys[0] - 3), (xs[60], ys[-1] + 3)])
    chosen = lab.wait_until(lambda: lab.value("list(bench.selection)"), "a selection")
    assert set(chosen) == inside(found, (xs[0] - 3, ys[0] - 3, xs[60], ys[-1] + 3))
    lab.run_code(
        "gone = set(bench.selection)\n"
        "session.edit('excluded_rows', list(bench.selection))\n"
        "seen = set()\n"
        "def look(notice):\n"
        "    if notice.kind == 'step':\n"
        "        seen.update(int(row) for row in session.process.record.loaded.batch.rows)\n"
        "end = session.subscribe(look)\n"
        "session.step(40)\n"
        "end()"
    )
    assert lab.value("len(gone & seen)") == 0 and lab.value("len(seen)") == 160 - len(chosen)
    left = lab.value("[int(row) for row in digits.exclude(sorted(gone)).rows]")
    assert not set(left) & set(chosen)
