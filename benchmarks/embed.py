"""Maps of points: the time to a divergence, beside a training, on a page, and maps that keep their places."""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from openTSNE import TSNEEmbedding
from openTSNE.affinity import PerplexityBasedNN
from openTSNE.initialization import pca

import cortex_lab as cl
from benchmarks.harness import Row, alternate, say
from cortex_lab.embed import TSNE, AlignedTSNE
from cortex_lab.study import Session, below
from cortex_lab.study import steps as taken
from cortex_lab.widgets import EmbeddingMap, MapPicture
from cortex_lab.widgets.aside import Aside
from cortex_lab.widgets.chart.canvas import pack
from cortex_lab.widgets.chart.row_map import Colors, chart_of_map

OPTIONS = {
    "only": "",
    "points": 10_000,
    "iterations": 750,
    "rounds": 3,
    "steps": 1_000,
    "rows": 1_000,
    "epochs": 20,
    "mnist": "",
    "nets": "digits,mnist",
}
PACKAGES = ("openTSNE", "scikit-learn", "playwright")
BETWEEN_FRAMES = 0.1


def run(options: Any) -> Iterable[Row]:
    """Every part by default; `--set only=aligned` picks one, `mnist` is a folder that has the files."""
    parts = {"speed": _speed, "frames": _frames, "beside": _beside, "drawn": _drawn, "aligned": _aligned}
    for name, part in parts.items():
        if options.only in ("", name):
            say(name)
            yield from part(options)


def _mnist(options: Any) -> cl.data.Dataset:
    return cl.data.load("mnist", folder=options.mnist or None)


def _speed(options: Any) -> Iterable[Row]:
    """The same iterations on the same affinities: ours, recorded and watched, beside plain openTSNE."""
    x = _mnist(options).test.arrays()[0].reshape(10_000, -1)[: options.points].astype(np.float32)
    x = (x / 255) @ np.linalg.svd(x[:2000] / 255 - (x[:2000] / 255).mean(0), full_matrices=False)[2][:50].T
    affinities = PerplexityBasedNN(x, perplexity=30, method="approx", random_state=0, n_jobs=1)
    start = pca(x, random_state=0)
    method = "bh" if len(x) < 10_000 else "fft"
    found: dict[str, float] = {}

    def ours() -> None:
        process = TSNE(x, initial=start, n_jobs=1, early_iterations=0, iterations_per_step=10)
        process.early_iterations = 250
        process._state.points.__dict__["_neighbors"] = affinities
        session = Session(process)
        with _watched(session):
            session.run(taken(options.iterations // 10), progress=False)
        found["ours"] = process.divergence()

    def theirs() -> None:
        peer = TSNEEmbedding(start, affinities, negative_gradient_method=method, n_jobs=1, random_state=0)
        peer.optimize(250, inplace=True, exaggeration=12, momentum=0.8, learning_rate="auto")
        peer.optimize(options.iterations - 250, inplace=True, momentum=0.8, learning_rate="auto")
        found["theirs"] = float(peer.kl_divergence)

    what = f"{options.iterations} iterations of {len(x):,} points of MNIST, watched"
    yield alternate(ours, theirs, options.rounds, warmup=0).row(what, "plain openTSNE", bar=1.05)
    yield Row(
        what=f"divergence after {what}",
        value=found["ours"],
        unit="nats",
        peer="plain openTSNE",
        peer_value=found["theirs"],
        bar=1.01,
    )


@contextlib.contextmanager
def _watched(session: Session) -> Iterator[None]:
    """All points are copied and packed for a page ten times a second, as a bench does it."""
    process: Any = session.process
    done, rows = threading.Event(), np.arange(len(process.positions))
    colors = Colors("group", rows % 10, tuple(map(str, range(10))))

    def watch() -> None:
        while not done.wait(BETWEEN_FRAMES):
            positions = session.between_steps(lambda: process.positions.copy()).result()
            packed = pack(chart_of_map(positions, rows, colors))
            b"".join(array.tobytes() for array in packed.arrays.values())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _frames(options: Any) -> Iterable[Row]:
    """From rows to a first picture and to a map that stands still."""
    x = _mnist(options).test.arrays()[0][:2_000].reshape(2_000, -1) / np.float32(255)
    # What is imported only once.
    Session(TSNE(x[:100], n_jobs=-1)).step()
    began = time.perf_counter()
    session = Session(TSNE(x, n_jobs=-1))
    assert session.buffers["embedding"].shape == (2_000, 2)
    yield Row(what="first picture of 2,000 points", value=time.perf_counter() - began, unit="s", bar=1.0)
    session.run(below("moved", 1e-3) | taken(options.iterations), progress=False)
    yield Row(what="2,000 points laid out", value=time.perf_counter() - began, unit="s", bar=8.0)


def _beside(options: Any) -> Iterable[Row]:
    """What a map costs a training that it is laid out beside, by a thread that gives way as on a bench."""
    data = cl.data.load("digits")
    net = cl.Network([cl.Flatten(), cl.Dense(256, activation="relu"), cl.Dense(10)], data.input_shape)
    session = cl.train(net, data, optimizer=cl.Adam(1e-3), batch_size=64)
    map_, watching = EmbeddingMap(session), threading.Event()
    aside = Aside(
        lambda: map_.advance() if watching.is_set() else 0.02, watching.is_set, _raised, "benchmark"
    )
    # The first picture, and the first affinities: what is imported, and compiled, only once.
    while map_.layout is None or map_.layout.step_number < 5:
        map_.advance()
    session.run(options.steps, progress=False)
    aside.start()

    def beside() -> None:
        watching.set()
        session.run(options.steps, progress=False)
        watching.clear()

    def alone() -> None:
        session.run(options.steps, progress=False)

    try:
        for stopped, bar in ((False, 1.10), (True, 1.02)):
            map_.live = not stopped
            what = f"{options.steps} steps beside a map that is {'stopped' if stopped else 'laid out'}"
            yield alternate(beside, alone, 4 * options.rounds).row(what, "alone", bar=bar)
    finally:
        aside.close()


def _drawn(options: Any) -> Iterable[Row]:
    """Frames a second of a saved map that is zoomed and moved, drawn in software on the same cores."""
    from tests.browser.harness import LAPTOP, Browser

    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder, Browser() as browser:
        for count, bar in ((5_000, 30.0), (200_000, 10.0)):
            group = rng.integers(0, 10, count)
            turn = 2 * np.pi * group / 10
            places = np.stack([np.cos(turn), np.sin(turn)], axis=1) + 0.2 * rng.normal(size=(count, 2))
            frame = pd.DataFrame(places, columns=["x", "y"]).assign(label=group).rename_axis("row")
            path = Path(folder) / f"{count}.html"
            MapPicture([(0, frame)]).save(path)
            page = browser.page(LAPTOP)
            page.goto(path.as_uri())
            page.locator('[data-view="map"][data-step]').wait_for()
            for name, seconds in page.evaluate(_MOVE, 60).items():
                rate = len(seconds) / sum(seconds)
                what = f"{name} {count:,} points"
                yield Row(what=what, value=rate, unit="frames/s", bar=bar, better="higher")
            page.close()


_MOVE = """async (frames) => {
    const [{ stage }] = [...cortexLabBenches.values()];
    const { figure } = [...stage.panels.values()].find((panel) => panel.name === "map");
    const box = figure.getBoundingClientRect();
    const at = (x, y) => ({ clientX: box.left + x, clientY: box.top + y, bubbles: true, cancelable: true });
    const middle = [box.width / 2, box.height / 2];
    const wheel = (deltaY) => figure.dispatchEvent(new WheelEvent("wheel", { deltaY, ...at(...middle) }));
    const point = (kind, x, y) =>
        figure.dispatchEvent(new PointerEvent(kind, { button: 0, buttons: 1, pointerId: 1, ...at(x, y) }));
    const timed = async (act) => {
        const seconds = [];
        for (let k = 0; k < frames; k++) {
            const began = performance.now();
            act(k);
            await new Promise(requestAnimationFrame);
            seconds.push((performance.now() - began) / 1000);
        }
        return seconds;
    };
    wheel(-200);
    const zooming = await timed((k) => wheel(k % 20 < 10 ? -60 : 60));
    point("pointerdown", ...middle);
    const [x, y] = middle;
    const pull = (k) => point("pointermove", x + 60 * Math.sin(k / 4), y + 40 * Math.cos(k / 5));
    const moving = await timed(pull);
    return { zooming, moving };
}"""


def _raised(error: Exception) -> None:
    raise error


def _aligned(options: Any) -> Iterable[Row]:
    """Every epoch's map beside one made alone, and how far rows go whose activations stay."""
    nets = {"digits": ("digits", _of_digits), "mnist": ("Cortex's MNIST net", _of_mnist)}
    for name, made in (nets[each] for each in options.nets.split(",")):
        features = made(options)
        alone = []
        for x in features:
            process = TSNE(x)
            Session(process).run(taken(750), progress=False)
            alone.append(process.divergence())
        curves = {}
        settings = {
            "warm start": {"afresh": 0.0, "coherence": 0.0},
            "as by default": {},
            "afresh below 0.8": {"afresh": 0.8},
            "warm and held, 0.003": {"afresh": 0.0, "coherence": 0.003},
            "warm and held, 0.03": {"afresh": 0.0, "coherence": 0.03},
        }
        for called, setting in settings.items():
            process = AlignedTSNE(
                lambda moment, features=features: (np.arange(len(features[0])), features[moment]),
                range(len(features)),
                **setting,
            )
            Session(process).run(below("remaining", 1), progress=False)
            worst = max(each.kl_divergence / peer for each, peer in zip(process.maps, alone, strict=True))
            error = float(np.mean([each.coherence_error for each in process.maps[1:]]))
            curves[called] = error
            default = called == "as by default"
            yield Row(
                what=f"{name}, {called}: worst divergence of {len(features)} epochs, to a map made alone",
                value=worst,
                unit="x",
                bar=1.03 if default else None,
            )
            yield Row(
                what=f"{name}, {called}: coherence error",
                value=error,
                unit="of the radius",
                peer="warm start",
                peer_value=curves["warm start"],
                bar=0.5 if default else None,
            )


def _of_digits(options: Any) -> list[np.ndarray]:
    data = cl.data.load("digits")
    layers = [cl.Flatten(), cl.Dense(64, activation="relu"), cl.Dense(32, activation="relu"), cl.Dense(10)]
    return _activations(cl.Network(layers, data.input_shape), data, "dense_2", 32, options)


def _of_mnist(options: Any) -> list[np.ndarray]:
    from benchmarks.workloads.ours import mnist

    data = _mnist(options)
    data = data.select(np.r_[:4_000, 60_000 : 60_000 + options.rows])
    return _activations(mnist()(), data, "dense_1", 128, options)


def _activations(
    network: cl.Network, data: cl.data.Dataset, layer: str, batch_size: int, options: Any
) -> list[np.ndarray]:
    session = cl.train(network, data, optimizer=cl.Adam(1e-3), batch_size=batch_size, seed=0)
    x: Any = data.select(data.rows[-options.rows :]).arrays()[0]
    found = []
    for _ in range(options.epochs):
        session.step(session.process.batches.steps_per_epoch)
        found.append(network.activations(x, [layer])[layer].reshape(len(x), -1))
    return found
