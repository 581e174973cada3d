"""The lab bench: how soon a click is answered, and what live views cost the training."""

from __future__ import annotations

import json
import os
import re
import statistics
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from benchmarks import Row, _live_page

ROOT = Path(__file__).parents[1]
NETS = ("digits", "MNIST")
# For a short trial: --set rounds=4 --set clicks=5 --set watched=5 --set soak=5 --set everything=5
# --set resnet=5 --set trace=5; 0 leaves a part out.
OPTIONS = {
    "rounds": 120,
    "seconds": 0.5,
    "clicks": 100,
    "scrubs": 60,
    "watched": 30.0,
    "soak": 60.0,
    "everything": 60,
    "resnet": 40,
    "trace": 40,
    "browser": True,
    "tour": True,
}
PACKAGES = ("playwright",)


def run(options: SimpleNamespace) -> list[Row]:
    rows = []
    for name in NETS if options.rounds else ():
        rows += _cost_rows(name, "no browser", _without_browser(name, options), bar=3.0)
    if options.browser:
        with _live_page.opened() as pages:
            for name in NETS if options.rounds else ():
                result = _live_page.paired(pages, name, options, _tell)
                rows += _cost_rows(name, "browser on the same cores", result, bar=20.0)
            if options.clicks or options.scrubs or options.watched or options.soak:
                rows += _live_page.answers(pages, options, _tell)
            rows += _live_page.large(pages, options, _tell)
            if options.tour:
                rows.append(_live_page.tour(pages, _tell))
    rows.append(Row(what="programs that wanted a core at the end", value=os.getloadavg()[0], unit="load"))
    return rows


def _tell(where: str) -> None:
    """Where it is, with how busy the machine is, for those who wait."""
    print(f"{time.strftime('%H:%M:%S')}  load {os.getloadavg()[0]:.1f}  {where}", file=sys.stderr, flush=True)


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
        return _answer_until_done(client, name, 120 + options.rounds * 4 * options.seconds)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _answer_until_done(client: Any, name: str, seconds: float) -> dict[str, Any]:
    page = _Page(client)
    began = told = time.monotonic()
    _tell(f"{name} net without a browser")
    while time.monotonic() < began + seconds:
        if time.monotonic() > told + 10:
            told = time.monotonic()
            _tell(f"{name} net without a browser: for {told - began:.0f} s")
        kind, content = _next_message(client)
        if kind == "stream" and content["text"].startswith("RESULT"):
            return json.loads(content["text"][6:])
        if kind == "error":
            raise RuntimeError("\n".join(content["traceback"]))
        page.hear(kind, content)
    raise TimeoutError(f"{name} without a browser was not done within {seconds:.0f} s")


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
