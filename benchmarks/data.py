"""Batches out of data in memory, in a column and in a file larger than memory, and what they hold."""

from __future__ import annotations

import io
import itertools
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import cortex_lab as cl
from benchmarks.harness import Row, Timing, alternate, measure, summarize

OPTIONS = {"only": "", "rounds": 30, "turns": 5, "gigabytes": 20, "jpegs": "", "python": sys.executable}
PACKAGES = ("h5py", "pyarrow", "datasets", "torch", "torchvision", "pillow")

BATCH, PICTURES, JPEGS, WORKERS, TABLE_ROWS = 128, 60_000, 12_000, (0, 1, 2), 1_000_000
PEERS = 24 * BATCH
"""Pictures of an epoch of the slower peers."""
CHANGES = {"rotation_range": 15, "shift_range": 0.1, "zoom_range": 0.1, "contrast_range": 0.2}


def run(options: Any) -> list[Row]:
    """Every part by default; `--set only=memory,column` picks some.

    `python` is one that has torchvision, `jpegs` a folder of classes, or an archive of one, to decode.
    """
    only = [name for name in options.only.split(",") if name] or list(PARTS)
    unknown = sorted(set(only) - set(PARTS))
    if unknown:
        raise ValueError(f"there is no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    return [row for name in only for row in PARTS[name](options)]


def memory(options: Any) -> Iterable[Row]:
    """An epoch of shuffled batches of MNIST's size, as 0..1 in the engine's buffer, to take and multiply."""
    pictures = np.random.default_rng(0).integers(0, 256, (PICTURES, 28, 28, 1), dtype=np.uint8)
    data = cl.data.Dataset(pd.DataFrame({"image": cl.data.TensorArray(pictures), "label": 0}))
    batches = data.batches(BATCH)
    steps = range(PICTURES // BATCH)
    into = np.empty((BATCH, 28, 28, 1), np.float32)
    labels = np.empty(BATCH, np.int64)
    taken, scale = np.empty((BATCH, 784), np.uint8), np.float32(1 / 255)
    flat, plain = pictures.reshape(PICTURES, -1), np.empty((BATCH, 784), np.float32)
    orders = [batches.order(0)[step * BATCH : (step + 1) * BATCH] for step in steps]

    def ours() -> None:
        for step in steps:
            batches.fetch(step).put({"image": into}, [labels], {"image"})

    def peer() -> None:
        for rows in orders:
            np.take(flat, rows, axis=0, out=taken, mode="clip")
            np.multiply(taken, scale, out=plain)

    ours(), peer()
    if not np.array_equal(into.reshape(BATCH, -1), plain):
        raise RuntimeError("the two do not make the same batch")
    what = f"an epoch of {PICTURES} pictures of 28x28 bytes, batches of {BATCH} as 0..1"
    yield alternate(ours, peer, options.rounds).row(what, "np.take and np.multiply", bar=1.5)


def column(options: Any) -> Iterable[Row]:
    """One batch out of a tensor column, in memory, to NumPy's indexing of the same array."""
    array = np.random.default_rng(0).integers(0, 256, (PICTURES, 28, 28, 1), dtype=np.uint8)
    frame = pd.DataFrame({"x": cl.data.TensorArray(array)}, copy=False)
    random = np.random.default_rng(1)
    rows = [random.integers(0, PICTURES, BATCH) for _ in range(100)]
    held = frame["x"].array

    def ours() -> None:
        for each in rows:
            held[each].tensor  # noqa: B018

    what = f"100 batches of {BATCH} out of a tensor column of 28x28 bytes"
    comparison = alternate(ours, lambda: [array[each] for each in rows], options.rounds)
    yield comparison.row(what, "NumPy's indexing", bar=2.0)
    theirs = _of_datasets(array)
    if theirs is not None:
        comparison = alternate(ours, lambda: [theirs[each]["x"] for each in rows], options.rounds, 1)
        yield comparison.row(what, "datasets, as NumPy")


def _of_datasets(array: np.ndarray) -> Any:
    """The same rows in `datasets`, if that is installed."""
    try:
        import datasets
    except ImportError:
        return None
    features = datasets.Features({"x": datasets.Array3D(array.shape[1:], "uint8")})
    return datasets.Dataset.from_dict({"x": array}, features=features).with_format("numpy")


def augmented(options: Any) -> Iterable[Row]:
    """Shuffled batches, moved, turned, enlarged and toned, to torchvision's in a DataLoader."""
    count = 100 * BATCH
    pictures = np.random.default_rng(0).integers(0, 256, (count, 28, 28, 1), dtype=np.uint8)
    data = cl.data.Dataset(
        pd.DataFrame({"image": cl.data.TensorArray(pictures), "label": np.arange(count) % 2})
    )
    network = cl.Network([cl.Flatten(), cl.Dense(2)], data.input_shape)
    session = cl.train(
        network,
        data,
        "softmax_cross_entropy",
        cl.SGD(0.01),
        batch_size=BATCH,
        augment=cl.Augmentation(**CHANGES),
    )
    loader, steps = session.process.loader, count // BATCH
    epochs = itertools.count(1)

    def ours() -> None:
        first = next(epochs) * steps
        for step in range(first, first + steps):
            loader.augment(loader.load(step))

    what = f"shuffled batches of {BATCH} of 28x28 bytes: moved, turned, enlarged, toned"
    own, best = _beside(options, ours)
    yield _rates(what, count, own, best, "torchvision in a DataLoader", 3.0)
    rate = count / own.median
    yield Row(what=f"{what}, alone", value=rate, unit="pictures/s", bar=250_000, better="higher")
    flat, into, scale = pictures.reshape(count, -1), np.empty((BATCH, 784), np.float32), np.float32(1 / 255)
    orders = np.random.default_rng(1).permutation(count).reshape(steps, BATCH)

    def floor() -> None:
        for rows in orders:
            np.multiply(flat.take(rows, axis=0), scale, out=into)

    # In turns, as it is how much of the machine there was that the floor tells.
    both = alternate(ours, floor, options.turns, 1)
    rates = [f"{count / each.median:,.0f}" for each in (both.ours, both.peer)]
    what = f"{what}, time to that of reading the bytes and writing floats ({' and '.join(rates)} pictures/s)"
    yield Row(what=what, value=1e3 * both.ours.median, unit="ms", peer="np.take and np.multiply",
              peer_value=1e3 * both.peer.median)  # fmt: skip
    yield Row(what="moving such a batch, processor time", value=_warp(data, pictures), unit="us")


def _warp(data: cl.data.Dataset, pictures: np.ndarray) -> float:
    """Microseconds of processor time that a batch takes to be moved, one worker at it; the least of many."""
    rows = np.arange(BATCH)
    x = (pictures[:BATCH] * np.float32(1 / 255)).astype(np.float32)
    moves = cl.Augmentation(**CHANGES).moves(rows, 0, 0, data.input_shape, np.zeros(BATCH))
    assert moves is not None
    out, ops = np.empty_like(x), cl.Network([cl.Flatten()], data.input_shape).ops

    def work() -> None:
        ops.warp_affine(x, moves.matrices, moves.tones, False, out, None, None)

    return 1e6 * min(measure(work, 200, clock=time.process_time).samples)


def jpegs(options: Any) -> Iterable[Row]:
    """Decoded batches out of a folder of JPEGs, to a DataLoader with Pillow."""
    with tempfile.TemporaryDirectory() as made:
        folder = _jpegs(options.jpegs, Path(made))
        data = cl.data.read_images(folder, in_memory=False)
        batches, count = data.batches(BATCH), len(data)
        epochs = itertools.count()

        def ours() -> None:
            first = next(epochs) * batches.steps_per_epoch
            for step in range(first, first + batches.steps_per_epoch):
                batches.fetch(step).inputs  # noqa: B018

        what = f"a folder of {count} JPEGs of {data.input_shape[0]}x{data.input_shape[1]}: batches of {BATCH}"
        rows = min(PEERS, count)
        own, best = _beside(options, ours, [str(folder)], rows)
        yield _rates(what, count, own, best, "a DataLoader with Pillow", 1.5, rows)
        paths = [folder / each for each in data.frame["file"]][:2000]
        share = _decoding([path.read_bytes() for path in paths], options.rounds // 5 + 1) / len(paths)
        share *= count / own.median / (os.cpu_count() or 1)
        yield Row(what=f"{what}, share of all cores' time in Pillow's decoder", value=share, unit="of 1")


def _jpegs(given: str, made: Path) -> Path:
    """The folder of classes that was given, as such or in an archive; or noise."""
    if given and Path(given).is_dir():
        return Path(given)
    if given:
        with tarfile.open(given) as archive:
            archive.extractall(made, filter="data")
        # Of one for training and one for testing, the larger.
        return Counter(path.parent.parent for path in made.rglob("*.jp*g")).most_common(1)[0][0]
    from PIL import Image

    draw = np.random.default_rng(0)
    for number in range(JPEGS):
        path = made / "ab"[number % 2] / f"{number:05}.jpg"
        path.parent.mkdir(exist_ok=True)
        small = draw.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(small).resize((32, 32)).save(path)
    return made


def _decoding(files: list[bytes], rounds: int) -> float:
    """Seconds that Pillow's decoder takes for these files, in memory, all else left out."""
    from PIL import Image

    def opened() -> None:
        for each in files:
            Image.open(io.BytesIO(each))

    def decoded() -> None:
        for each in files:
            Image.open(io.BytesIO(each)).load()

    both = alternate(decoded, opened, rounds, 1)
    return both.ours.median - both.peer.median


def _beside(
    options: Any, ours: Callable[[], None], folder: Iterable[str] = (), rows: int = PEERS
) -> tuple[Timing, dict[int, Timing]]:
    """Seconds of an epoch of ours, and of each number of torchvision's workers that runs; in turns."""
    script = Path(__file__).parent / "workloads" / "torchvision_batches.py"
    peers = {}
    for workers in WORKERS:
        command = [options.python, str(script), str(workers), str(BATCH), str(rows), *folder]
        peer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert peer.stdout is not None
        if peer.stdout.readline().strip() == "ready":
            peers[workers] = peer
    own: list[float] = []
    theirs: dict[int, list[float]] = {workers: [] for workers in peers}
    try:
        for turn in range(-1, options.turns):
            began = time.perf_counter()
            ours()
            seconds = {None: time.perf_counter() - began}
            for workers, peer in peers.items():
                seconds[workers] = _epoch(peer, rows)
            if turn >= 0:
                # The first was to warm up.
                own.append(seconds.pop(None))
                for workers in peers:
                    theirs[workers].append(seconds[workers])
    finally:
        for peer in peers.values():
            peer.communicate()
    return summarize(own), {workers: summarize(taken) for workers, taken in theirs.items()}


def _epoch(peer: Any, wanted: int) -> float:
    peer.stdin.write("\n")
    peer.stdin.flush()
    seconds, rows = peer.stdout.readline().split()
    if int(rows) != wanted:
        raise RuntimeError(f"the peer made {rows} rows, not {wanted}")
    return float(seconds)


def _rates(
    what: str, count: int, own: Timing, theirs: dict[int, Timing], peer: str, bar: float, rows: int = PEERS
) -> Row:
    """Pictures a second of ours, to those of the peer at its best; without one, where it is not installed."""
    rate = count / own.median
    what = f"{what} ({count / own.upper:,.0f} to {count / own.lower:,.0f})"
    if not theirs:
        return Row(what=f"{what}; {peer} is not installed", value=rate, unit="pictures/s", better="higher")
    workers = min(theirs, key=lambda each: theirs[each].median)
    best = theirs[workers]
    spread = f"{rows / best.upper:,.0f} to {rows / best.lower:,.0f}"
    peer = f"{peer}, {workers} workers ({spread})"
    return Row(
        what=what, value=rate, unit="pictures/s", peer=peer, peer_value=rows / best.median, bar=bar,
        better="higher",
    )  # fmt: skip


def mapped(options: Any) -> Iterable[Row]:
    """What a process holds that trains on a mapped file, which takes no room on the disk, shuffled."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npy"
        count = options.gigabytes * 2**30 // (64 * 64 * 3)
        np.lib.format.open_memmap(path, "w+", np.uint8, (count, 64, 64, 3)).flush()
        found = subprocess.run(
            [sys.executable, "-m", "benchmarks.data", str(path)], capture_output=True, text=True, check=False
        )
        if found.returncode:
            raise RuntimeError(f"the training on a mapped file failed: {found.stderr[-2000:]}")
        most, rate, ready = map(float, found.stdout.split()[-3:])
    what = f"{options.gigabytes} GB mapped, shuffled batches of {BATCH}, training on two in between"
    yield Row(what=f"{what}: RssAnon and RssShmem", value=most, unit="MB", bar=500, better="lower")
    yield Row(what=f"{what}: rate of the batches", value=rate, unit="rows/s", better="higher")
    yield Row(what=f"{what}: until the first step can be made", value=ready, unit="s")


def _train_on(path: str) -> None:
    """Print the most megabytes held, rows per second of batches read alone, and seconds of set-up."""
    began = time.perf_counter()
    column = cl.data.TensorArray.open(path)
    frame = pd.DataFrame({"x": column, "label": np.arange(len(column)) % 2})
    data = cl.data.Dataset(frame, "x").split(test=0.1)
    network = cl.Network([cl.Flatten(), cl.Dense(8, activation="relu"), cl.Dense(2)], data.input_shape)
    session = cl.train(network, data, "softmax_cross_entropy", cl.SGD(0.01), batch_size=BATCH)
    ready = time.perf_counter() - began
    session.step(1)
    batches, most, steps = data.train.batches(BATCH), _held(), 300
    began = time.perf_counter()
    for step in range(steps):
        batches.fetch(step).inputs  # noqa: B018
        if step == steps // 2:
            session.step(1)
        most = max(most, _held())
    print(most, steps * BATCH / (time.perf_counter() - began), ready)


def _held() -> float:
    """Megabytes of this process that no file stands behind."""
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return sum(int(fields[name].split()[0]) for name in ("RssAnon", "RssShmem")) * 1024 / 1e6


def table(options: Any) -> Iterable[Row]:
    """A Parquet table of numbers, categories, dates and texts: its first view, and every column of it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        _mixed(TABLE_ROWS).to_parquet(path)
        command = [sys.executable, "-m", "benchmarks.data", "view", str(path)]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        if found.returncode:
            raise RuntimeError(f"the table could not be shown: {found.stderr[-2000:]}")
        first, whole = map(float, found.stdout.split()[-2:])
    what = f"{TABLE_ROWS:,} rows of 20 columns in Parquet"
    yield Row(what=f"{what}: read and shown", value=first, unit="s", bar=5, better="lower")
    yield Row(what=f"{what}: overview of every column", value=whole, unit="s", bar=15, better="lower")


def _mixed(rows: int) -> pd.DataFrame:
    """8 columns of numbers, 8 of categories, 2 of dates and 2 of texts."""
    random = np.random.default_rng(0)
    numbers = {f"number {place}": random.normal(place, 1 + place, rows) for place in range(8)}
    words = [np.array([f"word {each} of {place}" for each in range(3 + 5 * place)]) for place in range(8)]
    categories = {
        f"category {place}": pd.Categorical.from_codes(random.integers(0, len(each), rows), each)
        if place % 2
        else each[random.integers(0, len(each), rows)]
        for place, each in enumerate(words)
    }
    seconds = [pd.to_timedelta(random.integers(0, 10**8, rows), unit="s") for _ in range(2)]
    dates = {f"date {place}": pd.Timestamp("2020-01-01") + each for place, each in enumerate(seconds)}
    said = np.array(["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "and", "runs"])
    texts = {
        f"text {place}": [f"{' '.join(each)} {row}" for row, each in enumerate(said[places])]
        for place, places in enumerate(random.integers(0, len(said), (2, rows, 6)))
    }
    frame = pd.DataFrame(numbers | categories | dates | texts)
    frame.loc[::7, "number 0"] = np.nan
    return frame


def _view(path: str) -> None:
    """Print the seconds until a table was read and shown, and those of its overview, in a fresh process."""
    import time

    began = time.perf_counter()
    data = cl.data.read(path, target="category 0")
    data._repr_html_()
    first = time.perf_counter()
    data.overview().html()
    print(first - began, time.perf_counter() - first)


PARTS: dict[str, Callable[[Any], Iterable[Row]]] = {
    "memory": memory, "augmented": augmented, "column": column, "mapped": mapped, "jpegs": jpegs,
    "table": table,
}  # fmt: skip

if __name__ == "__main__":
    _view(sys.argv[2]) if sys.argv[1] == "view" else _train_on(sys.argv[1])
