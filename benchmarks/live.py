"""The lab bench: how soon a click is answered, and what live views cost the training."""

from __future__ import annotations

import contextlib
import json
import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks import Row

ROOT = Path(__file__).parents[1]
OPTIONS = {"rounds": 120, "seconds": 0.5, "clicks": 100, "soak": 60.0, "browser": True, "tour": True}
PACKAGES = ("playwright",)

_CLICK_AND_WAIT = """async () => {
    const bench = document.querySelector(".cortex-bench");
    const panels = ["loss_curve", "weight_histogram", "activations", "status"]
        .map(name => bench.querySelector(`.cortex-view[data-view="${name}"]`));
    const before = panels[0].dataset.step;
    const button = [...bench.querySelectorAll("button")].find(one => one.textContent.trim() === "Step");
    const began = performance.now();
    button.click();
    while (panels.some(panel => panel.dataset.step === before)) await new Promise(requestAnimationFrame);
    return performance.now() - began;
}"""
_PAUSE = """() => {
    const buttons = document.querySelectorAll(".cortex-bench button");
    const now = (performance.timeOrigin + performance.now()) / 1000;
    [...buttons].find(one => one.textContent.trim() === "Pause").click();
    return now;
}"""


def run(options: SimpleNamespace) -> list[Row]:
    rows = []
    for name in ("digits", "MNIST"):
        rows += _cost_rows(name, "no browser", _without_browser(name, options), bar=3.0)
    if options.browser:
        rows += _in_browser(options)
    return rows


def _cost_rows(name: str, where: str, result: dict[str, Any], bar: float) -> list[Row]:
    if result["error"] or not result["done"]:
        raise RuntimeError(f"{name}, {where}: {result['error'] or 'not done'}")
    costs = [
        100 * (1 - ours / bare) for ours, bare in zip(result["with_bench"], result["without"], strict=True)
    ]
    frames = result["frames_per_second"]
    # Of a median of numbers that scatter as these do.
    error = 1.25 * statistics.stdev(costs) / len(costs) ** 0.5
    return [
        Row(
            what=f"bench costs training, {name} net, {where}",
            value=statistics.median(costs),
            unit="%",
            bar=bar,
        ),
        Row(what=f"standard error of that, {name} net, {where}", value=error, unit="%"),
        Row(what=f"frames drawn meanwhile, {name} net, {where}", value=frames, unit="1/s", better="higher"),
        Row(
            what=f"processor time of a frame, training threads aside, {name} net, {where}",
            value=result["frame_milliseconds"],
            unit="ms",
        ),
        Row(
            what=f"training alone, {name} net, {where}",
            value=statistics.median(result["without"]),
            unit="steps/s",
            better="higher",
        ),
    ]


# Without a browser: a client that says it has drawn every frame the moment it arrives ----------------


def _without_browser(name: str, options: SimpleNamespace) -> dict[str, Any]:
    from jupyter_client.manager import KernelManager

    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(ROOT))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        setup = (
            f"from benchmarks._live_kernel import Paired\nfrom json import dumps\npaired = Paired({name!r}, "
        )
        told = "lambda: print('RESULT' + dumps(paired.result()))"
        client.execute(f"{setup}{options.rounds}, {options.seconds})\npaired.start({told})")
        return _answer_until_done(client, 60 + options.rounds * 4 * options.seconds)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _answer_until_done(client: Any, seconds: float) -> dict[str, Any]:
    page = _Page(client)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        kind, content = _next_message(client)
        if kind == "stream" and content["text"].startswith("RESULT"):
            return json.loads(content["text"][6:])
        if kind == "error":
            raise RuntimeError("\n".join(content["traceback"]))
        page.hear(kind, content)
    raise TimeoutError(f"not done within {seconds:.0f} s")


_IN_VAIN = re.compile(rb'"msg_type": ?"(status|execute_input)"')
_FRAME = re.compile(rb'"type": ?"frame"')
_ANSWER = re.compile(rb'"answer": ?true')


def _next_message(client: Any) -> tuple[str, dict[str, Any]]:
    """The next message that needs something done: its type and content; ("", {}) when none comes for a while.

    What a page does with a frame happens elsewhere, so here it must take nothing from the kernel's cores:
    what needs no answer is not even parsed.
    """
    socket = client.iopub_channel.socket
    if not socket.poll(500):
        return "", {}
    parts = socket.recv_multipart()
    header, _, _, content = parts[(first := parts.index(b"<IDS|MSG>") + 2) : first + 4]
    if _IN_VAIN.search(header) or (_FRAME.search(content) and not _ANSWER.search(content)):
        return "", {}
    return json.loads(header)["msg_type"], json.loads(content)


class _Page:
    """What a page does without one: says hello when the bench is displayed, and that it drew every frame."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.channel = ""

    def hear(self, kind: str, content: dict[str, Any]) -> None:
        data = content.get("data", {})
        if kind == "comm_open" and data["state"].get("_anywidget_id", "").endswith("channel.Channel"):
            self.channel = content["comm_id"]
        elif kind == "display_data" and self.channel:
            self._say(type="hello")
        elif kind == "comm_msg" and data.get("content", {}).get("answer"):
            self._say(type="drawn", sequence=data["content"]["sequence"])

    def _say(self, **words: Any) -> None:
        panels = ["loss_curve", "weight_histogram", "activations", "embedding_map"]
        message = {"method": "custom", "content": {"page": self.channel, "visible": panels, **words}}
        told = {"comm_id": self.channel, "data": message}
        self.client.shell_channel.send(self.client.session.msg("comm_msg", told))


# In a browser that draws on the same cores ----------------------------------------------------------


def _in_browser(options: SimpleNamespace) -> list[Row]:
    rows = []
    for name in ("digits", "MNIST"):
        code = "from benchmarks._live_kernel import *\n"
        code += f"paired = Paired({name!r}, {options.rounds}, {options.seconds})"
        with _page([code, "paired.start()"]) as lab:
            lab.run_all()
            # The thread's outputs land in the cell that ran last; it must stay in sight.
            limit = 60 + options.rounds * 4 * options.seconds
            lab.wait_until(lambda lab=lab: lab.value("paired.done"), "the measurement", limit)
            rows += _cost_rows(name, "browser on the same cores", lab.value("paired.result()"), bar=20.0)
    rows += _answers(options)
    if options.tour:
        with _page(None) as lab:
            began = time.perf_counter()
            lab.run_all(timeout=240)
            seconds = time.perf_counter() - began
        rows.append(Row(what="all cells of the tour, in a browser", value=seconds, unit="s", bar=60.0))
    return rows


def _answers(options: SimpleNamespace) -> list[Row]:
    code = "from benchmarks._live_kernel import *\nsession = digits_session()\nwatch = StopWatch(session)"
    with _page([code, "bench = session.bench(speed=None)"]) as lab:
        lab.run_all()
        lab.page.locator(".cortex-bench").scroll_into_view_if_needed()
        lab.wait_until(lambda: not lab.value("bench.map_moving"), "a map that rests", 90)
        drawn = []
        for _ in range(options.clicks):
            drawn.append(lab.page.evaluate(_CLICK_AND_WAIT))
            lab.page.wait_for_timeout(800)
        stopped = []
        for _ in range(options.clicks):
            lab.page.locator(".cortex-bench").get_by_role("button", name="Run", exact=True).click()
            lab.page.wait_for_timeout(700)
            clicked = lab.page.evaluate(_PAUSE)
            lab.wait_until(lambda: not lab.value("session.running"), "a stop")
            stopped.append(1000 * (lab.value("watch.paused_at") - clicked))
            lab.page.wait_for_timeout(300)
        rows = _soak(lab, options) if options.soak else []
    step, pause = "a click on Step to its drawn result", "a click on Pause to the stop"
    return [*_percentiles(step, drawn, bar=300.0), *_percentiles(pause, stopped, bar=100.0), *rows]


def _percentiles(what: str, times: list[float], bar: float) -> list[Row]:
    late = float(np.percentile(times, 95))
    return [
        Row(what=f"{what}, median", value=statistics.median(times), unit="ms"),
        Row(what=f"{what}, 95th percentile of {len(times)}", value=late, unit="ms", bar=bar),
        Row(what=f"{what}, slowest", value=max(times), unit="ms"),
    ]


_TAB = "() => performance.memory.usedJSHeapSize / 2 ** 20"


def _soak(lab: Any, options: SimpleNamespace) -> list[Row]:
    """What stays in the memory of tab and kernel while the bench runs for `soak` seconds."""
    lab.run_code("bench.run()")
    # What is kept once, such as the first frames, is no growth.
    lab.page.wait_for_timeout(1000 * min(10, options.soak))
    lab.run_code("bench.pause(); bench.wait()")
    session = lab.page.context.new_cdp_session(lab.page)
    tab, kernel, steps = _memories(lab, session)
    lab.run_code("bench.run()")
    lab.page.wait_for_timeout(1000 * options.soak)
    lab.run_code("bench.pause(); bench.wait()")
    later = _memories(lab, session)
    grown = 2**20 * (later[1] - kernel) / max(1, later[2] - steps)
    told = f"after {options.soak:g} s of running"
    return [
        Row(what=f"growth of the tab {told}", value=later[0] - tab, unit="MB", bar=5.0),
        Row(what=f"growth of the kernel {told}", value=later[1] - kernel, unit="MB"),
        Row(what=f"growth of the kernel for each step, {told}", value=grown, unit="bytes"),
    ]


def _memories(lab: Any, session: Any) -> tuple[float, float, int]:
    session.send("HeapProfiler.collectGarbage")
    return lab.page.evaluate(_TAB), lab.value("memory()"), lab.value("session.step_number")


@contextlib.contextmanager
def _page(cells: list[str] | None) -> Iterator[Any]:
    """JupyterLab in headless Chromium, on a notebook of these cells; None is the tour."""
    import nbformat

    from tests.browser.harness import Browser, Server

    with contextlib.ExitStack() as stack:
        folder, notebook = ROOT / "notebooks", "00_tour.ipynb"
        if cells is not None:
            folder, notebook = Path(stack.enter_context(tempfile.TemporaryDirectory())), "live.ipynb"
            content = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
            content.metadata["kernelspec"] = {
                "name": "python3",
                "display_name": "Python 3",
                "language": "python",
            }
            nbformat.write(content, folder / notebook)
        server = stack.enter_context(Server(folder))
        lab = stack.enter_context(stack.enter_context(Browser()).lab(server))
        lab.open(notebook)
        yield lab
