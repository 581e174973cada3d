"""Rows and a step that all views mark, panels that move, plots that zoom: page and Python agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.harness import Lab

CELLS = [
    """from cortex_lab.widgets import Bench
from tests.widgets.toys import ToySession

session = ToySession()
session.step(40)
bench = Bench(session)
bench.turn("embedding_map", "live", False)
# An iteration that was under way is over when the next command is.
bench.trainer.put(lambda: None)
bench.wait().show()""",
    """import cortex_lab as cl
browser = cl.data.load("digits").browse()""",
]
ALL = ["loss_curve", "embedding_map", "weight_histogram", "activations"]
STAGE = "[...cortexLabBenches.values()].find((bench) => bench.stage?.known.titles.loss_curve).stage"
PANEL = f"name => [...({STAGE}).panels.values()].find((panel) => panel.name === name)"


class Views:
    """The panels of the bench on a page of the notebook."""

    def __init__(self, lab: Any) -> None:
        self.lab, self.page = lab, lab.page
        self.root = lab.page.locator(".cortex-bench:not(.cortex-browser)")

    def panel(self, name: str) -> Any:
        return self.root.locator(f'.cortex-view[data-view="{name}"]')

    def figure(self, name: str) -> Any:
        return self.panel(name).locator(".cortex-figure")

    def card(self, name: str) -> Any:
        return self.root.locator(".cortex-card", has=self.page.locator(f'[data-view="{name}"]'))

    def picture(self, name: str) -> str:
        return self.panel(name).evaluate('view => view.querySelector("canvas").toDataURL()')

    def pictures(self, names: list[str] = ALL) -> list[str]:
        return [self.picture(name) for name in names]

    def order(self) -> list[str]:
        """The panels that are seen, in the order of the document."""
        return self.root.evaluate(
            """root => [...root.querySelectorAll(".cortex-card")].filter(card => card.offsetParent)
                          .map(card => card.querySelector(".cortex-view-chart").dataset.view)"""
        )

    def points(self) -> dict[int, tuple[float, float]]:
        """Where the rows of the map are on the page, those that lie apart from all others."""
        found = self.page.evaluate(
            f"""() => {{ const {{ figure, places: [place] }} = ({PANEL})("embedding_map");
                         const {{ keys, x, y }} = place.plot.marks[0], box = figure.getBoundingClientRect();
                         return [...keys].map((row, i) =>
                             [row, box.left + place.scales.x(x[i]), box.top + place.scales.y(y[i])]); }}"""
        )
        apart = [
            (row, left, top)
            for row, left, top in found
            if all(abs(left - x) + abs(top - y) > 20 for other, x, y in found if other != row)
        ]
        return {row: (left, top) for row, left, top in apart}

    def wait(self, condition: Any, what: str) -> Any:
        return self.lab.wait_until(condition, what)

    def agree(self, name: str, value: Any) -> None:
        """Wait until page and Python both have this value of something shared."""
        held = f"({STAGE}).store.values.{name}"
        shared = f"[...{held}]" if isinstance(value, list) else held
        kernel = f"list(bench.{name})" if isinstance(value, list) else f"bench.{name}"
        self.wait(lambda: self.page.evaluate(shared) == value, f"{name} of {value} on the page")
        self.wait(lambda: self.lab.value(kernel) == value, f"{name} of {value} in Python")


@pytest.fixture
def views(lab: Lab, notebook: Callable[..., Any]) -> Views:
    notebook("panels.ipynb", CELLS, keep=True)
    found = Views(lab)
    found.page.bring_to_front()
    found.lab.run_code("bench.selection, bench.moment, bench.enlarged, bench.layout = [], None, None, None")
    for name, value in (("selection", []), ("moment", None), ("enlarged", None), ("layout", ALL)):
        found.agree(name, value)
    found.root.scroll_into_view_if_needed()
    for name in ALL:
        found.panel(name).scroll_into_view_if_needed()
        found.wait(lambda name=name: found.panel(name).get_attribute("data-step") == "40", f"{name} drawn")
    found.root.evaluate("root => root.scrollIntoView()")
    return found


def test_what_python_selects_and_marks_stands_out_in_every_view(views: Views) -> None:
    follow = ["loss_curve", "embedding_map", "activations"]
    plain = views.pictures(follow)
    views.lab.run_code("bench.selection, bench.moment = [bench.pinned, 6], 12")
    views.agree("selection", [views.lab.value("bench.pinned"), 6])
    views.agree("moment", 12)
    views.wait(lambda: views.root.get_by_text("2 rows selected").is_visible(), "a word about the rows")
    # What cannot be cloned, as these toys, is marked on its curves alone.
    views.wait(lambda: views.root.get_by_text("at step 12, marked only").is_visible(), "a word of the step")
    for name, before in zip(follow, plain, strict=True):
        views.wait(lambda name=name, before=before: views.picture(name) != before, f"{name} to follow")
    marked = views.pictures(follow)
    views.root.get_by_role("button", name="2 rows selected").click()
    views.root.get_by_role("button", name="Show the present again").click()
    views.agree("selection", [])
    views.agree("moment", None)
    for name, before in zip(follow, marked, strict=True):
        views.wait(lambda name=name, before=before: views.picture(name) != before, f"{name} to follow")


def test_what_is_clicked_is_selected_and_marked_in_python(views: Views) -> None:
    (first, at), (second, there) = list(views.points().items())[:2]
    views.page.mouse.click(*at)
    views.agree("selection", [first])
    views.wait(lambda: views.lab.value("bench.pinned") == first, "the row to be pinned")
    views.page.keyboard.down("Shift")
    views.page.mouse.click(*there)
    views.agree("selection", [first, second])
    views.page.mouse.click(*at)
    views.page.keyboard.up("Shift")
    views.agree("selection", [second])
    box = views.figure("embedding_map").bounding_box()
    views.page.mouse.click(box["x"] + 2, box["y"] + box["height"] - 3)
    views.agree("selection", [])
    # The picture of the pinned row is the row, too.
    tiles = views.figure("activations").bounding_box()
    views.page.mouse.click(tiles["x"] + 40, tiles["y"] + 70)
    views.agree("selection", [first])

    curve = views.figure("loss_curve").bounding_box()
    middle = curve["x"] + 0.5 * curve["width"], curve["y"] + 0.4 * curve["height"]
    views.page.mouse.move(*middle)
    step = views.page.evaluate(f"({STAGE}).store.glance")
    assert 10 < step < 40 and views.lab.value("bench.moment") is None
    views.page.mouse.click(*middle)
    views.agree("moment", step)
    views.page.mouse.click(*middle)
    views.agree("moment", None)


def test_views_follow_one_another_without_a_word_from_the_kernel(views: Views) -> None:
    """With a kernel that hears nothing, and so says nothing."""
    pinned = views.lab.value("bench.pinned")
    views.page.evaluate(
        f"() => {{ const {{ model }} = {STAGE}; model.sent = model.send; model.send = () => {{}}; }}"
    )
    try:
        before = views.pictures(["embedding_map", "activations"])
        tiles = views.figure("activations").bounding_box()
        views.page.mouse.click(tiles["x"] + 40, tiles["y"] + 70)
        assert views.page.evaluate(f"[...({STAGE}).store.values.selection]") == [pinned]
        views.wait(
            lambda: all(
                a != b for a, b in zip(before, views.pictures(["embedding_map", "activations"]), strict=True)
            ),
            "both to follow",
        )
        views.root.get_by_role("button", name="Close Weights").click()
        views.wait(lambda: "weight_histogram" not in views.order(), "the panel to close")
        assert views.lab.value("bench.layout") == ALL and views.lab.value("list(bench.selection)") == []
    finally:
        views.page.evaluate(f"() => {{ const {{ model }} = {STAGE}; model.send = model.sent; }}")
    # The next change of each is the later one.
    views.lab.run_code("bench.selection, bench.layout = [2], ['loss_curve']")
    views.lab.run_code("bench.selection, bench.layout = [4], ['activations']")
    views.agree("selection", [4])
    views.agree("layout", ["activations"])


def test_a_step_marked_paints_the_charts_over_steps_alone_before_its_numbers_are_there(views: Views) -> None:
    code = f"""() => {{
        const stage = {STAGE}, all = [...stage.panels.values()];
        const charts = all.filter(({{ name }}) => {ALL}.includes(name));
        const dirty = () => charts.filter((panel) => panel.dirty).map((panel) => panel.name).sort();
        stage.draw(true);
        const found = [dirty()];
        for (const [name, value] of [["moment", 1], ["selection", [2]]]) {{
            stage.store.put(name, value);
            found.push(dirty());
        }}
        return found;
    }}"""
    for name in ALL:
        views.panel(name).locator("canvas").first.wait_for()
    assert views.page.evaluate(code) == [[], ["loss_curve"], sorted(ALL)]
    views.agree("moment", 1)


def test_panels_are_closed_opened_enlarged_and_put_in_order(views: Views) -> None:
    root, page = views.root, views.page
    assert views.order() == ALL
    root.get_by_role("button", name="Close Loss and accuracy").click()
    views.agree("layout", ALL[1:])
    assert views.order() == ALL[1:]
    root.get_by_role("button", name="Which panels are open").click()
    page.get_by_role("menuitemcheckbox", name="Loss and accuracy").click()
    views.agree("layout", ALL)
    page.keyboard.press("Escape")
    root.get_by_role("button", name="Enlarge Map of the test rows").click()
    views.agree("enlarged", "embedding_map")
    views.wait(lambda: views.order() == ["embedding_map"], "the map alone")
    assert views.card("embedding_map").bounding_box()["width"] > 0.95 * root.bounding_box()["width"]
    root.get_by_role("button", name="Back to all panels").click()
    views.agree("enlarged", None)

    # By its title, to where another stands.
    start = views.card("activations").locator(".cortex-title").bounding_box()
    end = views.card("loss_curve").bounding_box()
    page.mouse.move(start["x"] + 20, start["y"] + 8)
    page.mouse.down()
    page.mouse.move(end["x"] + 60, end["y"] + 60, steps=4)
    page.mouse.up()
    moved = ["activations", *ALL[:3]]
    views.agree("layout", moved)
    assert views.order() == moved

    # With keys alone.
    more = root.get_by_role("button", name="Activations: more")
    more.focus()
    page.keyboard.press("Enter")
    page.get_by_role("menuitem", name="Move later").wait_for()
    for _ in range(5):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    views.agree("layout", [ALL[0], "activations", *ALL[1:3]])

    views.lab.run_code("bench.layout = 'sequence'")
    wanted = ["loss_curve", "activations", "weight_histogram", "embedding_map"]
    views.agree("layout", wanted)
    views.wait(lambda: views.order() == wanted, "the order of the preset")
    root.get_by_role("button", name="Which panels are open").click()
    page.get_by_role("menuitem", name="regress").click()
    views.agree("layout", ["loss_curve", "embedding_map", "weight_histogram", "activations"])


@pytest.mark.parametrize("name", ["embedding_map", "loss_curve"])
def test_the_wheel_zooms_dragging_pans_and_a_double_click_shows_all(views: Views, name: str) -> None:
    figure, page, panel = views.figure(name), views.page, views.panel(name)
    page.mouse.move(2, 2)
    whole, box = views.picture(name), figure.bounding_box()
    middle = box["x"] + 0.55 * box["width"], box["y"] + 0.35 * box["height"]

    def window() -> Any:
        return page.evaluate(f"name => ({PANEL})(name).zoom.windowOf(0).x ?? null", name)

    page.mouse.move(*middle)
    page.mouse.wheel(0, -300)
    views.wait(lambda: panel.get_attribute("data-zoomed") == "true", "the zoom")
    low, high = window()
    page.mouse.down()
    page.mouse.move(middle[0] - 60, middle[1] + 9, steps=3)
    page.mouse.up()
    views.wait(lambda: window()[0] > low, "the pan")
    assert window()[1] - window()[0] == pytest.approx(high - low, rel=1e-6)
    assert views.lab.value("[list(bench.selection), bench.moment]") == [[], None], "a drag is no click"
    if name == "loss_curve":
        both = page.evaluate(
            f"() => ({PANEL})('loss_curve').places.map((place) => place.scales.x.invert(100))"
        )
        assert both[0] == both[1], "plots over the same steps show the same steps"
    page.mouse.dblclick(*middle)
    page.mouse.move(2, 2)
    views.lab.run_code("bench.selection, bench.moment = [], None")
    views.agree("moment", None)
    views.wait(lambda: views.picture(name) == whole, "all of it again")
    figure.focus()
    page.keyboard.press("+")
    views.wait(lambda: window(), "a zoom with keys")
    panel.get_by_role("button", name="Show all").click()
    views.wait(lambda: window() is None, "all of it again")
    # There is no more to see: the wheel scrolls the notebook.
    box = figure.bounding_box()
    page.mouse.move(box["x"] + 90, box["y"] + 50)
    page.mouse.wheel(0, 80)
    views.wait(lambda: figure.bounding_box()["y"] < box["y"], "the notebook to scroll")
    assert window() is None


def test_a_panel_is_saved_and_opened_in_plotly(views: Views) -> None:
    page = views.page

    def choose(what: str) -> None:
        views.root.get_by_role("button", name="Loss and accuracy: more").click()
        page.get_by_role("menuitem", name=what).click()

    signs = {"PNG": b"\x89PNG", "SVG": b"<svg", "HTML": b"Plotly.newPlot", "CSV": b"key,line"}
    for what, sign in signs.items():
        with page.expect_download() as download:
            choose(f"Save as {what}")
        assert download.value.suggested_filename == f"loss_curve-step-40.{what.lower()}"
        content = download.value.path().read_bytes()
        assert sign in content or (what == "CSV" and b"training" in content)
    with page.expect_popup() as popup:
        choose("Open in plotly")
    popup.value.locator(".js-plotly-plot .main-svg").first.wait_for()
    popup.value.close()


TOO_WIDE = """() => [document.body, ...document.querySelectorAll(".cortex-bench, .cortex-bench *")]
    .filter((each) => each.scrollWidth > each.clientWidth + 1 && each.clientWidth
                      && getComputedStyle(each).overflowX !== "visible"
                      // A canvas out of sight is made to fit once it is seen.
                      && !each.matches("input, select, .cortex-figure"))
    .map((each) => `${each.className}: ${each.scrollWidth} in ${each.clientWidth}`)"""


@pytest.mark.parametrize("width", [1280, 1024])
def test_nothing_is_wider_than_its_place(views: Views, width: int) -> None:
    views.lab.resize(width, 800)
    views.lab.run_code("bench.selection, bench.moment = [2], 40")
    views.agree("moment", 40)
    views.wait(lambda: not views.page.evaluate(TOO_WIDE), "everything to fit")


def test_two_tabs_show_the_same(views: Views) -> None:
    """The second comes when something is selected already, and sees it at once."""
    views.lab.run_code("bench.selection, bench.layout = [4], ['embedding_map', 'activations']")
    views.agree("layout", ["embedding_map", "activations"])
    views.lab.command("docmanager:save")
    with views.page.context.new_page() as tab:
        tab.goto(views.page.url)
        other = Views(Lab(views.lab.server, tab))
        other.root.wait_for()
        held = f"[...({STAGE}).store.values.selection]"
        views.wait(lambda: tab.evaluate(f"globalThis.cortexLabBenches && {held}") == [4], "what is selected")
        views.wait(lambda: other.order() == ["embedding_map", "activations"], "the layout")
        tab.evaluate(f"() => ({STAGE}).store.put('selection', [6, 8])")
        views.agree("selection", [6, 8])
        views.page.evaluate(f"() => ({STAGE}).store.put('selection', [2])")
        views.wait(lambda: tab.evaluate(held) == [2], "what the first selects")
        assert not other.lab.console_errors


def test_a_dataset_is_browsed_without_a_session(views: Views) -> None:
    page, lab = views.page, views.lab
    root = page.locator(".cortex-browser")
    root.scroll_into_view_if_needed()
    rows = root.locator('[data-view="dataset_rows"]')
    for name in ("dataset_rows", "class_balance", "column_histograms"):
        panel = root.locator(f'[data-view="{name}"]')
        panel.scroll_into_view_if_needed()
        views.wait(lambda panel=panel: panel.get_attribute("data-step") == "0", f"{name} to be drawn")
    assert not root.get_by_role("button", name="Run").is_visible()
    rows.scroll_into_view_if_needed()
    box = rows.locator(".cortex-figure").bounding_box()
    page.mouse.move(box["x"] + 12, box["y"] + 12)
    assert rows.locator(".cortex-tooltip").inner_text() == "row 0: 0"
    page.mouse.click(box["x"] + 12, box["y"] + 12)
    views.wait(lambda: lab.value("list(browser.selection)") == [0], "the row to be selected")
    lab.run_code('browser.turn("dataset_rows", "part", "test")')
    views.wait(lambda: "of 449" in rows.inner_text(), "the test rows")
    assert lab.value("browser.error is None")
