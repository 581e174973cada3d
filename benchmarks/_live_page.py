"""What the benchmark `live` measures in a browser that draws on the same cores: answers, frames, memory."""

from __future__ import annotations

import contextlib
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks import Row

ROOT = Path(__file__).parents[1]
TOUR = "00_tour.ipynb"
PANELS = ("loss_curve", "weight_histogram", "activations", "status")
FOLLOWING = ("weight_histogram", "activations")
WINDOW = (1280, 1200)
ALL_IN_SIGHT = (1280, 9000)

_CLICK_AND_WAIT = """async names => {
    const bench = document.querySelector(".cortex-bench");
    const panels = names.map(name => bench.querySelector(`.cortex-view[data-view="${name}"]`));
    const before = panels[0].dataset.step;
    const button = [...bench.querySelectorAll("button")].find(one => one.textContent.trim() === "Step");
    const began = performance.now();
    button.click();
    while (true) {
        const late = panels.filter(panel => panel.dataset.step === before);
        if (!late.length) return performance.now() - began;
        if (performance.now() - began > 20000) {
            throw new Error(`not drawn after 20 s: ${late.map(panel => panel.dataset.view)}`);
        }
        await new Promise(requestAnimationFrame);
    }
}"""
_SCRUB = """async ([step, names]) => {
    const { stage } = [...cortexLabBenches.values()].find(({ stage }) => stage?.known.titles.loss_curve);
    const wanted = [...stage.panels.values()].filter(panel => names.includes(panel.name));
    const panels = wanted.map(panel => panel.root);
    const began = performance.now();
    stage.store.put("moment", step);
    while (panels.some(panel => panel.dataset.step !== String(step))) {
        if (performance.now() - began > 20000) throw new Error(`step ${step} was not drawn after 20 s`);
        await new Promise(requestAnimationFrame);
    }
    return performance.now() - began;
}"""
_NOW = "(performance.timeOrigin + performance.now()) / 1000"
_PAUSE = f"""() => {{
    const buttons = document.querySelectorAll(".cortex-bench button"), now = {_NOW};
    [...buttons].find(one => one.textContent.trim() === "Pause").click();
    return now;
}}"""
_EXECUTE = """code => {
    const { kernel } = window.jupyterapp.shell.currentWidget.context.sessionContext.session;
    window.ended = false;
    kernel.requestExecute({ code }).done.then(() => { window.ended = true; });
}"""
_INTERRUPT = f"""() => {{
    const {{ kernel }} = window.jupyterapp.shell.currentWidget.context.sessionContext.session;
    const now = {_NOW};
    kernel.interrupt();
    return now;
}}"""
_WATCH = """() => {
    const panel = document.querySelector('.cortex-bench .cortex-view[data-view="loss_curve"]');
    window.drawn = [];
    new MutationObserver(() => window.drawn.push(performance.now()))
        .observe(panel, { attributes: true, attributeFilter: ["data-step"] });
}"""
_TAB = "() => performance.memory.usedJSHeapSize / 2 ** 20"


class Pages:
    """One JupyterLab and one Chromium; `open(cells)` is a page on a notebook of these cells."""

    def __init__(self, server: Any, browser: Any) -> None:
        self._server, self._browser = server, browser

    @contextlib.contextmanager
    def open(self, cells: list[str] | None, size: tuple[int, int] = WINDOW) -> Iterator[Any]:
        """The notebook, its kernel up and no cell run; None is the tour."""
        from tests.browser.server import write_notebook

        if cells is not None:
            write_notebook(self._server.source, "live.ipynb", cells)
        with self._browser.lab(self._server, size=size) as lab:
            lab.open(TOUR if cells is None else "live.ipynb")
            yield lab


@contextlib.contextmanager
def opened() -> Iterator[Pages]:
    """The pages to measure in; everything they started ends with them."""
    from tests.browser.harness import Browser, Server

    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        shutil.copy(ROOT / "notebooks" / TOUR, folder)
        server = stack.enter_context(Server(folder))
        yield Pages(server, stack.enter_context(Browser()))


def paired(pages: Pages, name: str, options: SimpleNamespace, tell: Callable[[str], None]) -> dict[str, Any]:
    """The result of `Paired` under a page that draws every frame."""
    code = "from benchmarks._live_kernel import *\n"
    code += f"paired = Paired({name!r}, {options.rounds}, {options.seconds})"
    with pages.open([code, "paired.start()"]) as lab:
        lab.run_all()
        # The thread's outputs land in the cell that ran last; it must stay in sight.
        deadline = time.monotonic() + 120 + options.rounds * 4 * options.seconds
        while not lab.value("paired.done"):
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"{name} in a browser was not done in time: {lab.value('paired.result()')}"
                )
            tell(f"{name} net in a browser: {lab.value('len(paired.without)')} of {options.rounds} rounds")
            # Asking takes the kernel's time, too.
            lab.page.wait_for_timeout(5000)
        return lab.value("paired.result()")


def answers(pages: Pages, options: SimpleNamespace, tell: Callable[[str], None]) -> list[Row]:
    """How soon a click is answered, how often frames come, and what stays in memory."""
    code = "from benchmarks._live_kernel import *\nsession = digits_session()\nwatch = StopWatch(session)"
    rows = []
    with pages.open([code, "bench = session.bench(speed=None)"]) as lab:
        lab.run_all()
        lab.page.locator(".cortex-bench").evaluate("bench => bench.scrollIntoView()")
        lab.wait_until(lambda: not lab.value("bench.map_moving"), "a map that rests", 180)
        if options.clicks:
            rows += _clicks(lab, options.clicks, tell)
        if options.scrubs:
            rows += _scrubs(lab, options.scrubs, tell)
        if options.watched:
            rows += _frames(lab, options.watched, tell)
        if options.soak:
            rows += _soak(lab, options.soak, tell)
    return rows


_BENCH = "bench = Bench(session, speed=None{more})\nbench.show()"
# What is on the bench of each of these, the panels that a click on Step has to draw, and the bar in ms.
LARGE: dict[str, tuple[str, str, str, tuple[str, ...], float]] = {
    "everything": (
        "a click on Step with all views open, to its drawn result", "session = digits_session()",
        ', layout="everything"', PANELS, 300.0,
    ),
    "resnet": (
        "a click on Step of ResNet-50, to its drawn map of 175 nodes", "session = resnet_session()",
        ', map=False, layout=["network_map", "loss_curve"]', ("network_map", "loss_curve", "status"), 1000.0,
    ),
    "trace": (
        "a click on Step after a million, to its drawn curve", "session = long_session()",
        ', map=False, layout=["loss_curve"]', ("loss_curve",), 200.0,
    ),
}  # fmt: skip


def large(pages: Pages, options: SimpleNamespace, tell: Callable[[str], None]) -> list[Row]:
    """How soon a click on Step is answered where much is open, or what is open is large."""
    rows = []
    for part, (what, made, more, panels, bar) in LARGE.items():
        count = getattr(options, part)
        if not count:
            continue
        tell(f"{what}: {count} clicks")
        cells = ["from benchmarks._live_kernel import *\n" + made, _BENCH.format(more=more)]
        with pages.open(cells, ALL_IN_SIGHT) as lab:
            lab.run_all(timeout=240)
            lab.wait_until(lambda lab=lab: not lab.value("bench.map_moving"), "a map that rests", 180)
            missing = (
                lab.value("sorted(set(bench.views) - set(bench.layout))") if part == "everything" else []
            )
            if missing:
                raise RuntimeError(f"not everything is open: {missing}")
            drawn = []
            # The first opens what is made once.
            for place in range(count + 1):
                _rest(lab, place)
                drawn.append(lab.page.evaluate(_CLICK_AND_WAIT, list(panels)))
            rows += _percentiles(what, drawn[1:], bar)
            if part == "everything" and options.watched:
                rows += _frames(lab, options.watched, tell, "the digits net with all views open")
    return rows


def tour(pages: Pages, tell: Callable[[str], None]) -> Row:
    """How long all cells of the tour take."""
    tell("all cells of the tour")
    with pages.open(None) as lab:
        began = time.perf_counter()
        lab.run_all(timeout=240)
        seconds = time.perf_counter() - began
    return Row(what="all cells of the tour, in a browser", value=seconds, unit="s", bar=60.0)


def _clicks(lab: Any, count: int, tell: Callable[[str], None]) -> list[Row]:
    run = lab.page.locator(".cortex-bench").get_by_role("button", name="Run", exact=True)
    drawn, stopped, interrupted = [], [], []
    for place in range(count):
        if place % 10 == 0:
            tell(f"Step, Pause and the stop button: {place} of {count} clicks each")
        _rest(lab, place)
        drawn.append(lab.page.evaluate(_CLICK_AND_WAIT, list(PANELS)))
        run.click()
        _running(lab)
        lab.page.wait_for_timeout(700)
        stopped.append(_time_to_stop(lab, _PAUSE))
        lab.page.evaluate(_EXECUTE, "session.run(until=10**9)")
        _running(lab)
        lab.page.wait_for_timeout(300)
        interrupted.append(_time_to_stop(lab, _INTERRUPT))
        lab.wait_until(lambda: lab.page.evaluate("window.ended"), "the end of the cell", 60)
        if lab.value("len(session.trace) != session.step_number or session.last_stop.kind != 'interrupt'"):
            raise RuntimeError("the stop button left a state that is not whole")
    return [
        *_percentiles("a click on Step to its drawn result", drawn, bar=300.0),
        *_percentiles("a click on Pause to the stop", stopped, bar=100.0),
        *_percentiles("the stop button to the end of a run in a cell", interrupted, bar=300.0),
    ]


def _scrubs(lab: Any, count: int, tell: Callable[[str], None]) -> list[Row]:
    """How soon all panels that follow have drawn a step that was kept."""
    tell(f"the slider, to {count} kept steps")
    lab.run_code("session.step(400); bench.wait()")
    kept = lab.value("[step for step in session.history.steps if step < session.step_number]")
    lab.wait_until(lambda: not lab.value("bench.map_moving"), "a map that rests", 180)
    drawn = []
    for place in range(count):
        lab.page.wait_for_timeout(150)
        # Back and forth, far and near.
        drawn.append(lab.page.evaluate(_SCRUB, [kept[(7 * place + 3) % len(kept)], list(FOLLOWING)]))
    lab.run_code("bench.moment = None; bench.wait()")
    return _percentiles("the slider at a kept step to all panels drawn", drawn, bar=200.0)


def _rest(lab: Any, place: int) -> None:
    # As people click: sometimes while the picture is drawn, or a diagnosis made.
    lab.page.wait_for_timeout(300 + 1700 * (place * 0.618 % 1))


def _running(lab: Any) -> None:
    # The kernel cannot be asked while a cell trains.
    status = lab.page.locator('.cortex-bench .cortex-view[data-view="status"]')
    lab.wait_until(lambda: status.get_attribute("data-state") == "running", "a run", 60)


def _time_to_stop(lab: Any, click: str) -> float:
    clicked = lab.page.evaluate(click)
    lab.wait_until(lambda: not lab.value("session.running"), "a stop", 60)
    return 1000 * (lab.value("watch.paused_at") - clicked)


def _percentiles(what: str, times: list[float], bar: float) -> list[Row]:
    late = float(np.percentile(times, 95))
    return [
        Row(what=f"{what}, median", value=statistics.median(times), unit="ms"),
        Row(what=f"{what}, 95th percentile of {len(times)}", value=late, unit="ms", bar=bar),
        Row(what=f"{what}, slowest", value=max(times), unit="ms"),
    ]


def _frames(
    lab: Any, seconds: float, tell: Callable[[str], None], of: str = "the digits net as fast as it goes"
) -> list[Row]:
    """How often the page draws the curve while the training goes as fast as it can, and how evenly."""
    tell(f"frames of a run, for {seconds:g} s")
    lab.run_code("bench.run()")
    _running(lab)
    lab.page.evaluate(_WATCH)
    lab.page.wait_for_timeout(1000 * seconds)
    drawn = lab.page.evaluate("window.drawn")
    lab.run_code("bench.pause(); bench.wait()")
    gaps = np.diff(drawn)
    late, what = float(np.percentile(gaps, 95)), f"frames of {of}"
    return [
        Row(what=what, value=1000 / float(gaps.mean()), unit="1/s", bar=6.0, better="higher"),
        Row(what=f"{what}, 95th percentile from one to the next", value=late, unit="ms"),
        Row(what=f"{what}, spread from one to the next", value=float(gaps.std()), unit="ms"),
    ]


def _soak(lab: Any, seconds: float, tell: Callable[[str], None]) -> list[Row]:
    """What stays in the memory of tab and kernel while the bench runs."""
    lab.run_code("bench.run()")
    # What is kept once is no growth: the first frames, the snapshots up to their budget, and the 20 MB that
    # come with the first diagnosis and map of a training under way, after which nothing came in four minutes.
    lab.page.wait_for_timeout(1000 * min(90, seconds))
    lab.run_code("bench.pause(); bench.wait()")
    devtools = lab.page.context.new_cdp_session(lab.page)
    before = _memories(lab, devtools)
    lab.run_code("bench.run()")
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        tell(f"memory: {left:.0f} of {seconds:g} s to go")
        lab.page.wait_for_timeout(1000 * min(left, 30))
    lab.run_code("bench.pause(); bench.wait()")
    after = _memories(lab, devtools)
    grown = {name: after[name] - before[name] for name in after}
    beyond = grown["kernel"] - grown["kept"]
    told = f"after {seconds:g} s of running"
    return [
        Row(what=f"growth of the tab {told}", value=grown["tab"], unit="MB", bar=5.0),
        Row(what=f"growth of the kernel {told}", value=grown["kernel"], unit="MB"),
        Row(what=f"of that, recorded rows and snapshots, {told}", value=grown["kept"], unit="MB"),
        Row(what=f"growth of the kernel beyond these, {told}", value=beyond, unit="MB", bar=10.0),
        Row(what=f"steps meanwhile, {told}", value=grown["steps"], unit="steps"),
    ]


def _memories(lab: Any, devtools: Any) -> dict[str, float]:
    # Diagnosis and map work on copies, which come and go.
    lab.wait_until(lambda: lab.value("rests(bench)"), "map and diagnosis to rest", 300)
    devtools.send("HeapProfiler.collectGarbage")
    return {"tab": lab.page.evaluate(_TAB), **lab.value("memory(session)")}
