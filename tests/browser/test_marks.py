"""Every mark on the page, shown by views that a cell defines: drawn in both themes, and told of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.widgets.cases import MARK_CASES

CELLS = [
    """from cortex_lab.widgets import Axis, Bench, Chart, Plot, View
from cortex_lab.widgets.chart.view import VIEWS
from tests.widgets.cases import MARK_CASES
from tests.widgets.toys import ToySession

def view_of(cls, marks):
    class Shown(View):
        title = cls.__name__
        place = "wide"

        def collect(self, exact):
            return self.session.step_number

        def chart(self, data):
            limits = (Axis((-1, 24), "across"), Axis((-1, 5), "up"))
            axes = limits if marks[0].on_axes else (None, None)
            plots = [Plot((mark,), "example", x=axes[0], y=axes[1]) for mark in marks]
            return Chart(tuple(plots), "row", caption=cls.kind)

    Shown.name = f"shown_{cls.kind}"
    return Shown

VIEWS.others.clear()
VIEWS.others.update({cls.kind: view_of(cls, marks) for cls, marks in MARK_CASES.items()})
bench = Bench(ToySession(), map=False).show()""",
]

INKS = """view => { const canvas = view.querySelector("canvas"), context = canvas.getContext("2d");
                    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
                    return new Set(new Uint32Array(data.buffer)).size; }"""

# As JupyterLab does when it changes its theme.
AWAY_FOR_A_FRAME = """async () => {
    for (const name of ["ui-font-color1", "ui-font-color2", "border-color2"]) {
        document.body.style.setProperty(`--jp-${name}`, "#ff0000");
    }
    document.body.classList.toggle("another-look");
    await null;
    const root = document.querySelector("#main");
    root.style.display = "none";
    await new Promise((done) => requestAnimationFrame(done));
    root.style.display = "";
}"""

PICTURE = 'view => view.querySelector("canvas").toDataURL()'


def test_every_mark_is_drawn_in_both_themes_and_told_of(notebook: Callable[..., Any]) -> None:
    lab = notebook("marks.ipynb", CELLS)
    lab.resize(1280, 1000)
    kinds = [cls.kind for cls in MARK_CASES]
    panels = {kind: lab.page.locator(f'[data-view="shown_{kind}"]') for kind in kinds}
    light = {}
    for kind, panel in panels.items():
        panel.scroll_into_view_if_needed()
        lab.wait_until(lambda panel=panel: panel.get_attribute("data-step") == "0", f"{kind} to be drawn")
        assert panel.evaluate(INKS) > 8, f"{kind} looks blank"
        assert panel.locator(".cortex-caption").inner_text() == kind
        assert not panel.locator(".cortex-note").is_visible()
        told = sweep(panel)
        assert told, f"nothing is told of {kind}"
        assert not [text for text in told if "undefined" in text], told
        light[kind] = panel.evaluate(PICTURE)
    # Drawing was asked for before the page was away for one frame: what was not drawn then is drawn after it.
    kind, panel = next(iter(panels.items()))
    panel.scroll_into_view_if_needed()
    lab.page.evaluate(AWAY_FOR_A_FRAME)
    panel.scroll_into_view_if_needed()
    lab.wait_until(lambda: panel.evaluate(PICTURE) != light[kind], "a picture after the page was away")
    lab.theme("dark")
    for kind, panel in panels.items():
        panel.scroll_into_view_if_needed()
        lab.wait_until(
            lambda panel=panel, kind=kind: panel.evaluate(PICTURE) != light[kind], f"{kind} in the dark"
        )


def sweep(panel: Any, shares: tuple[float, ...] = (0.35, 0.5, 0.65)) -> set[str]:
    """What is told while the pointer goes over the figure, in lines from left to right at these heights."""
    return {*panel.evaluate(SWEEP, list(shares))}


SWEEP = """(view, shares) => {
    const figure = view.querySelector(".cortex-figure"), tooltip = view.querySelector(".cortex-tooltip");
    const { left, top, width, height } = figure.getBoundingClientRect(), told = [];
    const move = (kind, x, y) => figure.dispatchEvent(new PointerEvent(kind, { clientX: x, clientY: y }));
    for (const share of shares) {
        for (let i = 1; i < 40; i++) {
            move("pointermove", left + (i / 40) * width, top + share * height);
            if (tooltip.checkVisibility()) told.push(tooltip.innerText);
        }
    }
    move("pointerleave", 0, 0);
    return told;
}"""
