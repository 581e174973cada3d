"""A saved map, opened as a file without a server: it draws, tells, sifts, finds rows, and goes by steps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cortex_lab.widgets import MapPicture

STAGE = "[...cortexLabBenches.values()][0].stage"
PANEL = f"""[...{STAGE}.panels.values()].find((panel) => panel.name === "map")"""
MARK = f"{PANEL}.places[0].plot.marks[0]"
SELECTED = f"[...{STAGE}.store.values.selection]"


def frames(count: int, steps: tuple[int, ...] = (0,)) -> list[tuple[int, pd.DataFrame]]:
    rng = np.random.default_rng(0)
    label = np.arange(count) % 3
    rows = pd.Index(np.arange(count) + 100, name="row")
    found = []
    for step in steps:
        turn = 2 * np.pi * label / 3 + step / 10
        places = np.stack([np.cos(turn), np.sin(turn)], axis=1) + 0.15 * rng.normal(size=(count, 2))
        names = np.array(["ant", "bee", "cow"], object)[label]
        about = {"label": names, "loss": rng.random(count), "correct": rng.random(count) > 0.1}
        found.append((step, pd.DataFrame(places, rows, ["x", "y"]).assign(**about)))
    return found


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Any]:
    pages = []

    def open_it(picture: MapPicture) -> Any:
        picture.save(tmp_path / "map.html")
        page = browser.page()
        pages.append(page)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: asked.append(f"error {error}"))
        page.goto((tmp_path / "map.html").as_uri())
        page.locator('[data-view="map"][data-step]').wait_for()
        return page, asked

    yield open_it
    for page in pages:
        page.close()


def place_of(page: Any, point: int) -> tuple[float, float]:
    return page.evaluate(
        f"""point => {{ const panel = {PANEL}, [{{ scales }}] = panel.places, mark = {MARK};
                        const box = panel.figure.getBoundingClientRect();
                        return [box.left + scales.x(mark.x[point]), box.top + scales.y(mark.y[point])]; }}""",
        point,
    )


def test_a_map_of_several_steps_works_from_a_file(opened: Any) -> None:
    maps = frames(90, (0, 10, 20))
    page, asked = opened(MapPicture(maps, row=104))
    last = maps[-1][1]
    page.mouse.move(*place_of(page, 7))
    tooltip = page.locator(".cortex-tooltip")
    page.wait_for_function("() => document.querySelector('.cortex-tooltip').innerText.includes('loss: ')")
    told = tooltip.inner_text()
    assert told.startswith("row 107: bee") and f"loss: {last.loss[107]:.4g}" in told
    # Another color, and another step: the points glide to where they were then.
    page.get_by_label("color").select_option("loss")
    page.wait_for_function(f"() => {MARK}.values.length === 90")
    np.testing.assert_allclose(page.evaluate(f"[...{MARK}.values]"), last["loss"], rtol=1e-6)
    page.locator(".cortex-track input").fill("10")
    page.wait_for_function(f"() => {PANEL}.root.dataset.step === '10' && !{MARK}.glide")
    np.testing.assert_allclose(page.evaluate(f"[...{MARK}.x]"), maps[1][1]["x"], rtol=1e-6)
    assert page.evaluate(f"{PANEL}.frame.meta.plots[0].marks.length") == 2
    assert len(asked) == 1 and asked[0].startswith("file://"), asked


def test_rows_are_sifted_and_found_in_a_file(opened: Any) -> None:
    ((_, frame),) = maps = frames(90)
    page, asked = opened(MapPicture(maps))
    page.locator(".cortex-legend button", has_text="wrong").click(modifiers=["Shift"])
    page.wait_for_function(f"() => !{MARK}.isShown(0) || {MARK}.around.has(100)")
    shown = page.evaluate(f"[...{MARK}.keys].filter((_, i) => {MARK}.isShown(i))")
    assert shown == frame.index[~frame["correct"]].tolist()
    page.get_by_role("button", name="Find rows").click()
    field = page.get_by_role("searchbox")
    for text, wanted in (
        ("cow", frame.index[frame["label"] == "cow"].tolist()),
        ("label: an", frame.index[frame["label"] == "ant"].tolist()),
        ("#105", [105]),
        ("105", [105]),
        ("horse", []),
    ):
        field.fill(text)
        field.press("Enter")
        page.wait_for_function(f"wanted => {SELECTED}.join() === wanted", arg=",".join(map(str, wanted)))
    field.fill("color: red")
    field.press("Enter")
    assert "there is no column 'color'" in page.locator(".cortex-search").inner_text()
    assert len(asked) == 1, asked


def test_many_points_are_drawn_told_and_drawn_around(opened: Any) -> None:
    ((_, frame),) = maps = frames(60_000)
    page, asked = opened(MapPicture(maps))
    # Each class in its color, and nothing else but the ground.
    inks = page.evaluate(
        f"""() => {{ const {{ canvas, theme }} = {PANEL}, seen = new Map();
                     const context = canvas.getContext("2d"), {{ width, height }} = canvas;
                     const {{ data }} = context.getImageData(0, 0, width, height);
                     for (const ink of new Uint32Array(data.buffer)) seen.set(ink, (seen.get(ink) ?? 0) + 1);
                     const wanted = [0, 1, 2].map((i) => packed(theme.color(i)));
                     return wanted.map((ink) => seen.get(ink) ?? 0); }}""".replace(
            "packed(theme.color(i))", PACKED
        )
    )
    assert min(inks) > 2_000, inks
    x, y = place_of(page, 30_000)
    page.mouse.move(x, y)
    page.locator(".cortex-tooltip").wait_for()
    assert page.locator(".cortex-tooltip").inner_text().startswith("row ")
    page.keyboard.down("Alt")
    page.mouse.move(x - 30, y - 30)
    page.mouse.down()
    page.mouse.move(x + 30, y + 30, steps=4)
    page.mouse.up()
    page.keyboard.up("Alt")
    page.wait_for_function(f"() => {SELECTED}.length > 10")
    places = np.array(page.evaluate(f"[[...{MARK}.x], [...{MARK}.y]]"))
    left, top, right, bottom = page.evaluate(
        f"""box => {{ const panel = {PANEL}, [{{ scales }}] = panel.places;
                      const {{ left, top }} = panel.figure.getBoundingClientRect();
                      const [x, y] = [scales.x.invert, scales.y.invert];
                      return [x(box[0] - left), y(box[1] - top), x(box[2] - left), y(box[3] - top)]; }}""",
        [x - 30, y - 30, x + 30, y + 30],
    )
    inside = (places[0] > left) & (places[0] < right) & (places[1] < top) & (places[1] > bottom)
    assert set(page.evaluate(SELECTED)) == set(frame.index[inside])
    assert len(asked) == 1, asked


PACKED = """(() => { const probe = document.createElement("canvas").getContext("2d");
                      probe.fillStyle = theme.color(i);
                      probe.fillRect(0, 0, 1, 1);
                      return new Uint32Array(probe.getImageData(0, 0, 1, 1).data.buffer)[0]; })()"""
