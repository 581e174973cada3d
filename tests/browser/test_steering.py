"""The slider, the conditions that are typed, the lasso and what becomes of its rows: on a page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.harness import Lab
from tests.browser.test_panels import STAGE, Views
from tests.widgets.reading_reports import Read

CELLS = [
    """from cortex_lab.widgets import Bench
from tests.widgets.session_kinds import dataset

session = dataset()
session.clock = lambda: 0.0
session.step(40)
panels = ["loss_curve", "embedding_map", "weight_histogram", "sample_browser"]
bench = Bench(session, speed=None, layout=panels)
for _ in range(80):
    bench.embedding_map.advance()
bench.turn("embedding_map", "live", False)
bench.wait().show()""",
]
OPEN = ["loss_curve", "embedding_map", "weight_histogram", "sample_browser"]


@pytest.fixture
def views(lab: Lab, notebook: Callable[..., Any]) -> Views:
    notebook("steering.ipynb", CELLS, keep=True)
    found = Views(lab)
    found.page.bring_to_front()
    found.lab.run_code(
        f"bench.selection, bench.moment, bench.layout = [], None, {OPEN}; bench.clear_breakpoint()"
    )
    for name, value in (("selection", []), ("moment", None), ("layout", OPEN)):
        found.agree(name, value)
    found.root.scroll_into_view_if_needed()
    for name in OPEN:
        found.panel(name).scroll_into_view_if_needed()
        found.wait(lambda name=name: found.panel(name).get_attribute("data-step"), f"{name} drawn")
    found.root.evaluate("root => root.scrollIntoView()")
    return found


def at(views: Views, step: int) -> None:
    """Wait until the weights shown are those of a step."""
    views.wait(
        lambda: views.panel("weight_histogram").get_attribute("data-step") == str(step), f"step {step}"
    )


def test_the_slider_and_a_click_on_a_curve_move_every_view(views: Views) -> None:
    slider = views.root.get_by_label("The step that all views show")
    said = views.root.locator(".cortex-said-moment")
    at(views, 40)
    weights = views.picture("weight_histogram")
    slider.fill("12")
    views.agree("moment", 12)
    at(views, 12)
    views.wait(lambda: said.text_content() == "at step 12, recorded", "a word of the step")
    assert views.picture("weight_histogram") != weights
    views.root.get_by_role("button", name="One step later").click()
    views.agree("moment", 13)
    at(views, 13)
    views.wait(lambda: said.text_content() == "at step 13, replayed from 12", "a word of the step")
    curve = views.figure("loss_curve").bounding_box()
    views.page.mouse.click(curve["x"] + 0.5 * curve["width"], curve["y"] + 0.4 * curve["height"])
    step = views.page.evaluate(f"({STAGE}).store.values.moment")
    assert 10 < step < 40
    at(views, step)
    views.root.get_by_role("button", name="Show the present again").click()
    at(views, 40)
    views.wait(lambda: views.picture("weight_histogram") == weights, "what it was")
    assert views.lab.value("session.step_number") == 40


def test_a_condition_is_completed_and_refused_as_one_types(views: Views) -> None:
    page, root = views.page, views.root
    until = root.locator(".cortex-typed-until input")
    until.click()
    page.keyboard.type("los")
    offer = root.locator(".cortex-typed-until .cortex-offers button")
    offer.first.wait_for()
    assert offer.all_text_contents() == ["loss"]
    page.keyboard.press("Tab")
    assert until.input_value() == "loss"
    page.keyboard.type(" <")
    refusal = root.locator(".cortex-refusal")
    views.wait(lambda: "is no condition" in refusal.text_content(), "the refusal")
    page.keyboard.type(" 1e9 and step > 44")
    views.wait(lambda: refusal.text_content() == "", "no refusal")
    root.get_by_role("button", name="Run", exact=True).click()
    views.wait(lambda: views.lab.value("session.step_number") == 45, "the run to end by itself")
    until.fill("")
    page.keyboard.press("Enter")
    views.lab.run_code("session.rewind(40)")
    at(views, 40)


def test_breakpoints_are_set_on_a_curve_and_removed(views: Views) -> None:
    curve = views.figure("loss_curve").bounding_box()
    views.page.keyboard.down("Alt")
    views.page.mouse.click(curve["x"] + 0.5 * curve["width"], curve["y"] + 0.3 * curve["height"])
    views.page.keyboard.up("Alt")
    views.wait(lambda: views.lab.value("len(session.breakpoints)") == 1, "a breakpoint")
    listed = views.root.locator(".cortex-listed")
    views.wait(lambda: "break when loss" in (listed.first.text_content() or ""), "it to be listed")
    assert views.lab.value("bench.moment") is None
    views.root.get_by_role("button", name="Forget breakpoint").click()
    views.wait(lambda: views.lab.value("len(session.breakpoints)") == 0, "it to be gone")
    more = views.root.get_by_role("button", name="More", exact=True)
    assert not views.root.get_by_role("button", name="Fork", exact=True).is_visible()
    more.click()
    views.root.get_by_role("button", name="Fork", exact=True).wait_for()
    more.click()


def lasso(page: Any, box: dict[str, float]) -> None:
    left, top = box["x"] + 3, box["y"] + 3
    right, bottom = box["x"] + box["width"] - 3, box["y"] + box["height"] - 3
    page.keyboard.down("Shift")
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom), (left, top + 20)):
        page.mouse.move(x, y, steps=3)
    page.mouse.up()
    page.keyboard.up("Shift")


def test_a_lasso_selects_rows_and_they_are_left_out(views: Views) -> None:
    lasso(views.page, views.figure("embedding_map").bounding_box())
    rows = views.lab.value("[int(row) for row in bench.embedding_map.frame().index]")
    views.wait(
        lambda: sorted(views.lab.value("list(bench.selection)")) == sorted(rows), "all rows of the map"
    )
    training = views.lab.value("[int(row) for row in session.process.batches.rows[:2]]")
    views.lab.run_code(f"bench.selection = {training}")
    views.agree("selection", training)
    views.root.get_by_role("button", name="What to do with the rows selected").click()
    views.page.get_by_role("menuitem", name="Label as cow").wait_for()
    views.page.get_by_role("menuitem", name="Leave out").click()
    views.wait(
        lambda: views.lab.value("[each.name for each in session.events]") == ["excluded_rows"], "an edit"
    )
    views.lab.run_code("session.rewind(0); session.step(40)")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    import cortex_lab as cl

    digits = cl.data.load("digits")
    layers = [cl.Conv2D(4, 3, activation="relu"), cl.Flatten(), cl.Dense(10)]
    network = cl.Network(layers, digits.input_shape, seed=0)
    session = cl.train(network, digits, batch_size=32, validation=None, seed=0)
    session.step(30)
    panels = ["loss_curve", "embedding_map", "weight_histogram", "activations", "confusion_matrix",
              "sample_browser", "network_map"]  # fmt: skip
    return session, session.report(
        tmp_path_factory.mktemp("report") / "run.html", moments=[0, 10, 20], views=panels
    )


@pytest.fixture
def opened(browser: Any, report: tuple[Any, Path]) -> Any:
    context = browser._chromium.new_context(viewport={"width": 1280, "height": 2400}, offline=True)
    page = context.new_page()
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(report[1].as_uri())
    page.locator('[data-view="sample_browser"][data-step]').wait_for()
    yield page
    context.close()
    assert not errors


INKS = """canvas => { const context = canvas.getContext("2d");
                      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
                      return new Set(new Uint32Array(data.buffer)).size; }"""
BOOK = "cortexLabBenches.get('report').stage"
DRAWN = f"""name => {{
    const {{ meta, arrays }} = {BOOK}.frames.get(name);
    return [meta.summary, Object.fromEntries(Object.entries(arrays).map(([key, each]) => [key, [...each]]))];
}}"""


def test_a_report_shows_the_logged_values_of_its_steps_in_every_pane(opened: Any, report: Any) -> None:
    session, path = report
    read, page = Read(path), opened
    slider = page.get_by_label("The step that all views show")
    following = ["weight_histogram", "activations", "confusion_matrix", "sample_browser", "network_map"]
    seen = {}
    for step in (10, 20, 30, 0):
        slider.fill(str(step + 2 if step else 0))
        for name in following:
            page.locator(f'[data-view="{name}"][data-step="{step}"]').wait_for()
        status = page.locator('[data-view="status"]').text_content()
        assert f"step{step}" in status
        if step:
            assert f"loss{session.trace['loss'][step - 1]:.4g}" in status
        for name in following:
            meta, arrays = read.frame(name, step)
            drawn = page.evaluate(DRAWN, name)
            assert drawn[0] == meta["summary"]
            key = next(key for key in arrays if key.endswith("values"))
            # NaN is null on its way from the page.
            assert drawn[1][key] == pytest.approx(arrays[key].tolist(), nan_ok=True)
        seen[step] = page.evaluate(
            "[...document.querySelectorAll('[data-view] canvas')].map(each => each.toDataURL()).join()"
        )
    assert len({*seen.values()}) == 4


def test_a_report_is_linked_and_browsed_without_a_kernel(opened: Any, report: Any) -> None:
    page = opened
    lasso(page, page.locator('[data-view="embedding_map"] .cortex-figure').bounding_box())
    selected = page.evaluate(f"[...{BOOK}.store.values.selection]")
    rows = page.evaluate(f"[...{BOOK}.frames.get('embedding_map').arrays['0.0.keys']]")
    assert sorted(selected) == sorted(rows) and len(rows) > 100
    # Those of the rows shown in the browser stand out there, too.
    marked = page.evaluate(
        f"""() => {{ const panels = [...{BOOK}.panels.values()];
                    const {{ places: [place] }} = panels.find(each => each.name === "sample_browser");
                    const [mark] = place.plot.marks;
                    return [{BOOK}.store.placesIn(mark).size, mark.keys.length]; }}"""
    )
    assert marked[0] == marked[1] > 40
    layer = page.locator(".cortex-card", has=page.locator('[data-view="weight_histogram"]')).locator("select")
    layer.select_option("dense_1")
    page.wait_for_function(f"{BOOK}.frames.get('weight_histogram').meta.subject === 'dense_1'")
    # A click on a node leads there, too.
    page.evaluate(f"{BOOK}.send({{ type: 'act', panel: 'network_map', number: 1 }})")
    page.wait_for_function(f"{BOOK}.frames.get('weight_histogram').meta.subject === 'conv2d_1'")
    assert layer.input_value() == "conv2d_1"
    with page.expect_download() as download:
        page.get_by_role("button", name="Weights: more").click()
        page.get_by_role("menuitem", name="Save as PNG picture").click()
    assert download.value.path().read_bytes().startswith(b"\x89PNG")


def test_what_is_below_the_fold_is_drawn_on_paper(browser: Any, report: Any) -> None:
    context = browser._chromium.new_context(viewport={"width": 900, "height": 400}, offline=True)
    page = context.new_page()
    try:
        page.goto(report[1].as_uri())
        page.locator('[data-view="loss_curve"][data-step]').wait_for()
        below = page.locator(".cortex-card .cortex-view:not([data-sequence])")
        assert below.count() >= 3
        assert page.pdf().startswith(b"%PDF")
        assert below.count() == 0
        for canvas in page.locator(".cortex-card canvas.cortex-canvas").all():
            assert canvas.evaluate(INKS) > 8
    finally:
        context.close()


ACTIVATIONS = ["relu", "elu", "selu", "sigmoid", "tanh", "softplus", "softsign", "swish", "hard_sigmoid",
               "hard_swish", "mish", "gelu", "gelu_tanh", "relu6", "exponential", "softmax"]  # fmt: skip


def test_a_drawing_gets_the_answer_of_the_kernel(browser: Any, tmp_path: Path) -> None:
    """Of a network of every layer and activation that the page computes, by its mouse and by its numbers."""
    import numpy as np

    import cortex_lab as cl
    from cortex_lab.widgets.program import _ELEMENTWISE, _MAKERS, FUNCTIONS

    ELEMENTWISE = [cl.nn.LAYERS[each] for each in _ELEMENTWISE if each not in ("Activation", "ReLU")]

    layers = [
        cl.Rescaling(0.1, -0.2), cl.Normalization(mean=[0.3], variance=[2.0]),
        cl.Conv2D(6, 3, padding="same", activation="relu"), cl.BatchNormalization(),
        cl.GroupNormalization(groups=3), cl.GaussianNoise(0.1), cl.GaussianDropout(0.1), cl.LayerScale(1.3),
        cl.LocalResponseNormalization(size=4, alpha=0.5), cl.PReLU("ones", shared_axes=(1, 2)),
        cl.Conv2D(8, 3, strides=2, groups=2, use_bias=False), cl.LeakyReLU(0.1), cl.PReLU("glorot_uniform"),
        cl.AveragePooling2D(2, padding="same"), cl.RMSNormalization(axis=(-2, -1)),
        cl.Conv2D(4, 2, dilation_rate=1, padding=1), cl.LayerNormalization(), cl.MaxPooling2D(2, strides=1),
        cl.AveragePooling2D(2, strides=1, padding=1, count_padding=True),
        cl.Softmax(axis=1), cl.Softmax(groups=2), cl.LogSoftmax(axis=2), cl.Rescaling(60.0, 66.0),
        cl.Dropout(0.5), cl.ReLU(0.9, 0.2, 0.3), cl.ReLU(threshold=0.1), cl.ReLU(),
        cl.Flatten(), *(cl.Dense(9, activation=each) for each in ACTIVATIONS),
        *(layer for each in ELEMENTWISE for layer in (cl.Dense(9), each())), cl.Activation("tanh"),
        cl.Reshape((3, 3, 1)), cl.Conv2D(3, 1), cl.GlobalAveragePooling2D(keepdims=True),
        cl.GlobalMaxPooling2D(), cl.Dense(10),
    ]  # fmt: skip
    assert {type(each).__name__ for each in layers} == {*_MAKERS}
    assert {*ACTIVATIONS, "linear", "leaky_relu", "log_softmax"} == FUNCTIONS
    digits = cl.data.load("digits")
    network = cl.Network(layers, digits.input_shape, seed=0, ops="reference")
    session = cl.train(network, digits, batch_size=32, validation=None, seed=0)
    session.step(5)
    path = session.report(tmp_path / "run.html", moments=1, views=["loss_curve"])
    context = browser._chromium.new_context(viewport={"width": 1280, "height": 1400}, offline=True)
    page = context.new_page()
    try:
        page.goto(path.as_uri())
        box = page.locator(".cortex-drawing").bounding_box()
        page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.2 * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.8 * box["height"], steps=6)
        page.mouse.up()
        drawing = f"{BOOK}.model.drawing"
        page.wait_for_function(f"{drawing}.ink.some((level) => level > 0) && !{drawing}.waiting")
        drawn = np.array(page.evaluate(f"[...{drawing}.input]"), np.float32).reshape(1, 8, 8, 1)
        assert drawn.max() == digits.arrays()[0].max()
        found = page.evaluate(
            f"Object.fromEntries(Object.entries({drawing}.found).map(([key, each]) => [key, [...each]]))"
        )
        for name, values in network.activations(drawn, list(network.layers)).items():
            assert np.allclose(np.array(found[name]), values.ravel(), rtol=1e-4, atol=1e-4), name
        page.locator('[data-view="drawing"]').get_by_role("img").wait_for()
    finally:
        context.close()
