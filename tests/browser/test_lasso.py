"""The map on the page: rows drawn around, looked for, pointed at and sifted, and what is done to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

CELLS = [
    """import cortex_lab as cl
import numpy as np
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
UNDER = f"""([x, y]) => {{ const {{ figure, places: [place] }} = ({PANEL})();
                       const box = figure.getBoundingClientRect();
                       return place.pin(x - box.left, y - box.top); }}"""
SHOWN = f"""() => {{ const {{ places: [place] }} = ({PANEL})(), [mark] = place.plot.marks;
                    const names = [...mark.groups].filter((_, i) => mark.isShown(i));
                    return names.map((group) => mark.names[group]); }}"""


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
    lab.page.get_by_role("button", name="What to do with the rows selected").click()
    lab.page.get_by_role("menuitem", name="Leave out").click()
    lab.wait_until(lambda: lab.value("len(session.process.batches.excluded)") == len(chosen), "their end")
    lab.run_code(
        "gone = set(bench.selection)\n"
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


def test_a_point_shows_its_row_as_a_picture(points: Any) -> None:
    lab, found = points
    lab.run_code("bench.turn('embedding_map', 'color', 'label')")
    row, x, y = found[0]
    lab.page.mouse.move(x, y)
    picture = lab.page.locator('[data-view="embedding_map"] .cortex-tooltip canvas')
    picture.wait_for()
    told = lab.page.locator('[data-view="embedding_map"] .cortex-tooltip').inner_text()
    assert told.startswith(f"row {lab.page.evaluate(UNDER, [x, y])}: ") and "\nlabel: " in told
    inks = """canvas => { const { data } = canvas.getContext("2d").getImageData(0, 0, 8, 8);
                          return [...data].filter((_, i) => i % 4 === 0); }"""
    under = lab.page.evaluate(UNDER, [x, y])
    drawn = lab.value(f"(np.asarray(digits.frame.image[{under}]).ravel() * 255 + 0.5).astype(int).tolist()")
    assert picture.evaluate(inks) == drawn
    lab.page.mouse.move(5, 5)


def test_rows_are_found_by_label_and_by_number(points: Any) -> None:
    lab, found = points
    panel = lab.page.locator('[data-view="embedding_map"]')
    panel.get_by_role("button", name="Find rows").click()
    field = panel.get_by_role("searchbox")
    sevens = set(lab.value("digits.rows[digits.frame.label.eq(7)].tolist()")) & {row for row, *_ in found}
    for text, wanted in (("7", sevens), (f"#{found[5][0]}", {found[5][0]})):
        field.fill(text)
        field.press("Enter")
        lab.wait_until(lambda wanted=wanted: set(lab.value("list(bench.selection)")) == wanted, text)
    assert panel.locator(".cortex-search").inner_text().endswith("1 row")
    field.fill("color: red")
    field.press("Enter")
    lab.wait_until(lambda: "no column 'color'" in panel.locator(".cortex-search").inner_text(), "words")
    field.press("Escape")


def test_the_legend_sifts_the_points(points: Any) -> None:
    lab, _ = points
    panel = lab.page.locator('[data-view="embedding_map"]')
    lab.run_code("bench.turn('embedding_map', 'color', 'label')")
    three = panel.locator(".cortex-legend button", has_text="3")
    everything = lab.page.evaluate(SHOWN)
    three.click()
    lab.wait_until(lambda: "3" not in lab.page.evaluate(SHOWN), "all but the threes")
    assert sorted(lab.page.evaluate(SHOWN)) == sorted(name for name in everything if name != "3")
    assert three.get_attribute("aria-pressed") == "false"
    three.dblclick()
    lab.wait_until(lambda: set(lab.page.evaluate(SHOWN)) == {"3"}, "the threes alone")
    # What is not shown is not selected either.
    box = panel.locator(".cortex-figure").bounding_box()
    ends = (box["x"] + 1, box["y"] + 1), (box["x"] + box["width"] - 1, box["y"] + box["height"] - 1)
    draw(lab.page, "Alt", [*ends])
    lab.wait_until(lambda: len(lab.value("list(bench.selection)")) == everything.count("3"), "threes")
    three.click()
    lab.wait_until(lambda: len(lab.page.evaluate(SHOWN)) == len(everything), "all of them")
