"""The lab bench of a small training in a real browser: speed, keys, names, numbers and colors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.contrast import FAINT_TEXT
from tests.browser.harness import Lab
from tests.browser.test_marks import sweep
from tests.browser.test_tour import BenchOnPage

DIGITS = """import cortex_lab as cl
digits = cl.data.load("digits")
layers = [cl.Flatten(), cl.Dense(16, activation="relu"), cl.Dense(10)]
net = cl.Network(layers, input_shape=digits.input_shape, seed=0)
session = cl.train(net, digits, optimizer=cl.Adam(3e-3), batch_size=32, seed=0)"""


@pytest.fixture
def bench(lab: Lab, notebook: Callable[..., Any]) -> BenchOnPage:
    """A bench without a map, at step 0."""
    notebook("digits.ipynb", [DIGITS, "bench = session.bench(map=False)"], keep=True)
    lab.run_code("bench.ask(lambda: None); bench.rewind(0); bench.wait()")
    found = BenchOnPage(lab)
    found.root.evaluate("bench => bench.scrollIntoView()")
    found.wait_for_step(0, ("loss_curve", "weight_histogram", "activations"))
    return found


def test_keys_names_and_numbers(bench: BenchOnPage, lab: Lab) -> None:
    root, keys = bench.root, lab.page.keyboard
    bench.panel("loss_curve").locator(".cortex-figure").click()
    keys.press("ArrowRight")
    lab.wait_until(lambda: lab.value("session.step_number") == 1, "a step")
    keys.press(" ")
    lab.wait_until(lambda: lab.value("session.running"), "a run")
    # The button that was clicked is gray now, and the next key must not be lost with it.
    keys.press(" ")
    lab.wait_until(lambda: not lab.value("session.running"), "a pause")
    bench.click("Run")
    lab.wait_until(lambda: lab.value("session.running"), "a run")
    lab.wait_until(
        lambda: not root.get_by_role("button", name="Run", exact=True).is_enabled(), "a gray button"
    )
    keys.press(" ")
    lab.wait_until(lambda: not lab.value("session.running"), "a pause")

    # Those of panels that are closed are not to be seen, nor reached.
    names = root.locator("input, select").evaluate_all(
        "all => all.filter(one => one.offsetParent).map(one => one.getAttribute('aria-label'))"
    )
    assert "Step by" in names and "Weights layer" in names and "Run at" in names
    assert all(names) and len({*names}) == len(names)
    # Everything is reached by Tab, and shows it.
    run = root.get_by_role("button", name="Run", exact=True)
    lab.wait_until(run.is_enabled, "a button to be live again")
    root.focus()
    reached, visible = set(), True
    for _ in range(40):
        keys.press("Tab")
        told = lab.page.evaluate(
            """() => { const at = document.activeElement, style = getComputedStyle(at);
                       if (!at.closest(".cortex-bench")) return null;
                       return [at.ariaLabel || at.textContent.trim(), style.outlineStyle]; }"""
        )
        if told is None:
            break
        reached.add(told[0])
        visible = visible and told[1] != "none"
    assert {"Step", "Run", "Step to", "Rewind", *names} <= reached and visible

    size, refused = root.get_by_label("Step by"), root.locator(".cortex-refusal")
    for typed in ("1e9", "3.5", "-2"):
        size.click()
        size.press("Control+a")
        size.press_sequentially(typed)
        size.press("Enter")
        lab.wait_until(lambda typed=typed: f"not {typed}" in refused.inner_text(), "a refusal")
        assert size.input_value() == "1" and lab.value("bench.step_size.value") == 1
    size.press("Control+a")
    size.press_sequentially("7")
    size.press("Enter")
    lab.wait_until(lambda: lab.value("bench.step_size.value") == 7, "a number that can be")
    assert not refused.is_visible()


def test_the_speed_is_shown_whoever_chose_it(bench: BenchOnPage, lab: Lab) -> None:
    field = bench.root.get_by_label("Run at")
    rates = {7: "7 steps/s", None: "as fast as it goes", 2.5: "2.5 steps/s", 10: "10 steps/s"}
    shown = "field => field.selectedOptions[0]?.textContent.replaceAll('\\u00a0', ' ') ?? ''"
    for rate, name in rates.items():
        lab.run_code(f"bench.speed = {rate}")
        lab.wait_until(lambda name=name: field.evaluate(shown) == name, f"{name} to be shown")
    lab.run_code("bench.speed = 7")
    lab.wait_until(lambda: field.evaluate(shown) == "7 steps/s", "a speed of one's own")
    for name, rate in (("3 steps/s", 3), ("as fast as it goes", None), ("10 steps/s", 10)):
        field.select_option(name)
        lab.wait_until(lambda rate=rate: lab.value("bench.speed") == rate, f"{name} to be chosen")
        lab.wait_until(lambda name=name: field.evaluate(shown) == name, f"{name} to stay")


def test_text_stands_out_in_both_themes(bench: BenchOnPage, lab: Lab) -> None:
    lab.run_code("bench.step(2); bench.wait(); bench.ask(lambda: 1 / 0)")
    bench.root.get_by_text("ZeroDivisionError").first.wait_for()
    for theme in ("light", "dark"):
        lab.theme(theme)
        # A change of theme fades in.
        lab.wait_until(lambda: not bench.root.evaluate(FAINT_TEXT)[1], f"text that stands out in {theme}")
        assert bench.root.evaluate(FAINT_TEXT)[0] > 20


EXECUTE = """code => {
    const { kernel } = window.jupyterapp.shell.currentWidget.context.sessionContext.session;
    window.ended = null;
    kernel.requestExecute({ code }).done.then(reply => { window.ended = reply.content.status; });
}"""


def test_what_trains_is_stopped_by_pause_and_by_the_stop_button(bench: BenchOnPage, lab: Lab) -> None:
    status, pause = bench.panel("status"), bench.root.get_by_role("button", name="Pause", exact=True)
    for _ in range(2):
        before = bench.step()
        lab.page.evaluate(EXECUTE, "session.run(until=10**9)")
        lab.wait_until(lambda before=before: bench.step() > before and pause.is_enabled(), "a run")
        pause.click()
        lab.wait_until(lambda: lab.page.evaluate("window.ended") == "ok", "the end of the cell")
    lab.page.evaluate(EXECUTE, "session.run(until=10**9)")
    lab.wait_until(lambda: status.get_attribute("data-state") == "running", "a run")
    lab.command("notebook:interrupt-kernel")
    lab.wait_until(lambda: lab.page.evaluate("window.ended") == "ok", "the end of the cell")
    assert lab.value("session.last_stop.kind") == "interrupt" and lab.value("len(session.trace)") > 0
    lab.run_code(SAME)
    bench.click("Run")
    lab.wait_until(lambda: lab.value("session.running"), "a run of the bench")
    lab.command("notebook:interrupt-kernel")
    lab.wait_until(lambda: not lab.value("session.running or bench.trainer_busy"), "the end of it")
    assert lab.value("bench.error is None")
    lab.run_code(SAME)


SAME = """stopped, trained = session.step_number, net.params.copy()
assert len(session.trace) == stopped and session.phase is None and session.held_back is None
session.rewind(0)
session.run(until=stopped)
assert (net.params == trained).all() and len(session.trace) == stopped"""
"""The state is whole: it is that of so many steps, to the last bit."""

LONG_NAMES = """import cortex_lab as cl
digits = cl.data.load("digits")
names = [f"stage1_block1.main_branch.dense_{number}" for number in range(5)]
layers = [cl.Flatten(), *(cl.Dense(16, name=name) for name in names), cl.Dense(10)]
net = cl.Network(layers, input_shape=digits.input_shape, seed=0)
session = cl.train(net, digits, batch_size=32, seed=0)"""


def test_all_is_in_sight_on_a_low_window_and_long_names_are_told_apart(
    lab: Lab, notebook: Callable[..., Any]
) -> None:
    lab.resize(1366, 768)
    notebook("names.ipynb", [LONG_NAMES, "bench = session.bench(map=False)"])
    bench = BenchOnPage(lab)
    bench.root.evaluate("bench => bench.scrollIntoView({ block: 'start' })")
    bench.wait_for_step(0, ("activations",))
    figure = bench.panel("activations").locator(".cortex-figure")
    window = lab.page.locator(".jp-WindowedPanel-outer")
    lowest = "each => each.getBoundingClientRect().bottom"
    lab.wait_until(lambda: figure.evaluate(lowest) <= window.evaluate(lowest), "activations in sight")
    # What is cut on the canvas is told in full under the pointer, and to those who hear the page.
    names = [f"stage1_block1.main_branch.dense_{number}" for number in range(5)]

    def told() -> set[str]:
        return {each.partition("\n")[0] for each in sweep(bench.panel("activations"), shares=(0.04,))}

    lab.wait_until(lambda: {*names} <= told(), "names that were cut to be told")
    assert all(name in figure.get_attribute("aria-label") for name in names)
    lab.resize(768, 1024)
    lab.wait_until(
        lambda: bench.root.evaluate("b => b.scrollWidth <= b.clientWidth"), "no scrolling sideways"
    )
    bench.root.get_by_label("Weights layer").select_option(names[3])
    lab.wait_until(lambda: lab.value("bench.layer") == names[3], "the layer")

    # A weight that a cell changes in place is seen at once; and so is a gradient.
    before = bench.picture("activations")
    lab.run_code("net.parameters['dense_1/bias'][3] = 50.0")
    lab.wait_until(lambda: bench.picture("activations") != before, "other activations")
    before = bench.picture("weight_histogram")
    lab.run_code("bench.step_to('backward:dense_1')")
    panel = bench.panel("weight_histogram")
    lab.wait_until(lambda: "gradients" in panel.locator(".cortex-caption").inner_text(), "gradients")
    assert bench.picture("weight_histogram") != before
