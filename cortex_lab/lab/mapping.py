"""What a session does to lay out maps of its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data import Dataset, RaggedArray, TensorArray
from cortex_lab.embed import PCA, TSNE, AlignedTSNE
from cortex_lab.ground import checks
from cortex_lab.lab.embedding import PointMap, PointMaps
from cortex_lab.lab.features import Features, RowReader
from cortex_lab.nn import Training
from cortex_lab.study import Notice, Session, below
from cortex_lab.study import steps as taken

MOST_ROWS = 2_000
MOST_ITERATIONS = 750
PERPLEXITY = 30.0


class FeaturesAtSteps:
    """What rows are to the network at steps of a session: kept while it trains, or found again by replay.

    `steps` are those kept. Called with a step, it gives the numbers of the rows and their features, as
    `AlignedTSNE` asks for them; `columns(step)` is what is known of them then. What was kept of steps that a
    rewind takes back is dropped.
    """

    def __init__(self, session: Any, features: Features, dataset: Dataset) -> None:
        self.session, self.features, self.dataset = session, features, dataset
        self._kept: dict[int, tuple[np.ndarray, pd.DataFrame]] = {}
        self._rows: Any = session._rows_to_score(dataset)
        self._end: Callable[[], None] | None = None
        session.subscribe(self._forget, steps=False)

    @property
    def steps(self) -> tuple[int, ...]:
        return tuple(sorted(self._kept))

    def __call__(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        return np.asarray(self.dataset.rows), self._at(step)[0]

    def columns(self, step: int) -> pd.DataFrame:
        return self._at(step)[1]

    def _at(self, step: int) -> tuple[np.ndarray, pd.DataFrame]:
        if step not in self._kept:
            self._kept[step] = self._looked_at(self.session.branch_at(step))
        return self._kept[step]

    def _looked_at(self, session: Any) -> tuple[np.ndarray, pd.DataFrame]:
        return self.features.read(session.process, *self._rows), session._known_of(self.dataset)

    def record(self, every: int) -> None:
        """Keep what they are after every so many steps, from now on."""
        every = checks.whole("every", every, least=1)

        def hear(notice: Notice) -> None:
            if notice.kind == "step" and notice.step % every == 0:
                self._kept[notice.step] = self._looked_at(self.session)

        self.stop()
        self._end = self.session.subscribe(hear)

    def stop(self) -> None:
        """Record no more; what was kept stays."""
        if self._end is not None:
            self._end()
        self._end = None

    def _forget(self, notice: Notice) -> None:
        if notice.kind == "rewind":
            self._kept = {step: kept for step, kept in self._kept.items() if step <= notice.step}

    def __repr__(self) -> str:
        return f"<{len(self.dataset):,} rows, {self.features.told}; kept at {len(self._kept)} steps>"


class Embedded:
    """Base of `TrainingSession`: its rows as maps.

    What is put into `maps`, by a name, is saved with the session and there again when one goes on from the
    file: `session.maps["last layer"] = session.embedding("dense_2")`.
    """

    maps: dict[str, PointMap | PointMaps]
    process: Training
    dataset: Dataset | None
    step_number: int
    at_rest: Callable[[Callable[[], Any]], Any]
    _rows_to_score: Callable[[Any], tuple[Any, Any]]
    _results: Callable[[Any], pd.DataFrame]
    _split: Callable[[str], Any]

    def embedding(
        self,
        of: str = "inputs",
        rows: object = None,
        most: int = MOST_ROWS,
        method: str = "tsne",
        seed: int = 0,
        iterations: int = MOST_ITERATIONS,
        **options: Any,
    ) -> PointMap:
        """A map of rows as the network sees them now, laid out at once.

            session.embedding("dense_1").quality()
            session.embedding("inputs", rows="train", method="pca").save("map.html")

        `of` is "inputs" (or the name of one), a layer, "weights['dense_1/kernel']", a point for each unit, or
        "gradient['dense_2/kernel']", of each row's loss. `rows` is a split, row numbers or a Dataset; None
        takes those held out, if there are some. Of more than `most` rows a sample is taken, of each class its
        share; None takes all. `method` is "tsne", which stops early once the map stands still, or "pca". Of
        few rows, the perplexity is less than 30, as large as it can be. `options` are those of `TSNE`.
        """
        checks.choice("method", method, ("tsne", "pca"))
        features = Features(self.process.network, of)
        dataset = self._rows_to_map(rows, most, seed) if features.of_rows else None
        x, columns, step, read = self.at_rest(lambda: self._looked_at(features, dataset))
        if method == "pca":
            if options:
                raise TypeError(f"a PCA takes no {', '.join(options)}; say method='tsne'")
            return PointMap(PCA(x, seed), columns, features.told, step, x, read=read)
        options.setdefault("perplexity", max(1.0, min(PERPLEXITY, (len(x) - 1) / 3)))
        session = Session(TSNE(x, seed=seed, **options))
        iterations = checks.whole("iterations", iterations, least=1)
        session.run(below("moved", 1e-3) | taken(iterations), progress=False)
        layout: Any = session.process
        return PointMap(layout, columns, features.told, step, x, session, read)

    def record_features(
        self, of: str, every: int, rows: object = None, most: int = MOST_ROWS, seed: int = 0
    ) -> FeaturesAtSteps:
        """Keep what rows are to the network after every so many steps from now on, for `embeddings`.

        `of`, `rows` and `most` are as in `embedding`. `.stop()` ends it.
        """
        features = Features(self.process.network, of)
        if not features.of_rows:
            raise ValueError("weights have no rows; they are in session.network_at(step)")
        found = FeaturesAtSteps(self, features, self._rows_to_map(rows, most, seed))
        found.record(every)
        return found

    def embeddings(
        self,
        of: str | FeaturesAtSteps,
        steps: Iterable[int] | None = None,
        rows: object = None,
        most: int = MOST_ROWS,
        seed: int = 0,
        **options: Any,
    ) -> PointMaps:
        """Maps of the same rows at several steps, each of which keeps its place; see `AlignedTSNE`.

        `of` is as in `embedding`, or what `record_features` kept. `steps` of this session that were not kept
        are computed again; None takes those kept, or up to 12 spread evenly. `options` are those of
        `AlignedTSNE`.
        """
        if isinstance(of, FeaturesAtSteps):
            source, of = of, of.features.of
        else:
            features = Features(self.process.network, of)
            if not features.of_rows:
                raise ValueError("weights have no rows; embedding(of) maps those of now")
            source = FeaturesAtSteps(self, features, self._rows_to_map(rows, most, seed))
        wanted = list(source.steps) if steps is None else list(steps)
        if not wanted:
            first, last = self.first_step, self.step_number  # type: ignore[attr-defined]
            wanted = np.unique(np.linspace(first, last, 12).astype(int)).tolist()
        options.setdefault("perplexity", max(1.0, min(PERPLEXITY, (len(source.dataset) - 1) / 3)))
        process = AlignedTSNE(source, wanted, seed=seed, **options)
        session = Session(process)
        session.run(below("remaining", 1), progress=False)
        columns = {step: source.columns(step) for step in wanted}
        return PointMaps(process.maps, columns, source.features.told, session, source)

    # What rows, and what is known of them ------------------------------------------------------------

    def _rows_to_map(self, rows: object, most: int | None, seed: int) -> Dataset:
        whole = self.dataset
        if whole is None:
            raise LookupError(
                "this session was given arrays, and a map is of the rows of a Dataset; give cl.train one: "
                "cl.train(network, cl.data.Dataset(frame), ...)"
            )
        if rows is None:
            held_out = [name for name in ("test", "validation") if name in whole.splits]
            found = getattr(whole, held_out[0]) if held_out else whole
        elif isinstance(rows, str):
            found = whole if rows == "all" else self._split(rows)
        elif isinstance(rows, Dataset):
            found = rows
        else:
            found = whole.select(rows)  # type: ignore[arg-type]
        if most is None or len(found) <= checks.whole("most", most, least=4):
            return found
        return found.select(_sampled(found, most, seed), name=f"{most:,} of {len(found):,} of {found.name}")

    def _looked_at(self, features: Features, dataset: Dataset | None) -> tuple[Any, ...]:
        training, step = self.process, self.step_number
        if dataset is None:
            x = features.weights(training.network)
            units = pd.DataFrame({"unit": np.arange(len(x))}, pd.RangeIndex(len(x), name="unit"))
            return x, units, step, None
        x = features.read(training, *self._rows_to_score(dataset))
        # Of another moment than this, should the training go on.
        return x, self._known_of(dataset), step, RowReader.of(features, self)

    def _known_of(self, dataset: Dataset) -> pd.DataFrame:
        """By row number: its label, what the network says of it now, and the part of the data it is in."""
        rows = pd.Index(np.asarray(dataset.rows), name="row")
        found = pd.DataFrame(index=rows)
        target, frame = dataset.target, dataset.frame
        if isinstance(target, str) and target in frame.columns and not _holds_arrays(frame[target]):
            found["label"] = frame[target].to_numpy()
        results = self._results(dataset)
        for name in results:
            if not _holds_arrays(results[name]):
                found[name] = results[name].array
        splits = getattr(self.dataset, "splits", None) or {}
        if splits:
            parts = pd.Series("", rows, dtype=object)
            for name, members in splits.items():
                parts[rows.isin(members)] = name
            found["split"] = parts
        return found


def _holds_arrays(column: pd.Series) -> bool:
    return isinstance(column.array, (TensorArray, RaggedArray))


def _sampled(dataset: Dataset, most: int, seed: int) -> np.ndarray:
    """So many of its rows, in order: of each class its share, as near as whole rows come to it."""
    rows, n = np.asarray(dataset.rows), len(dataset)
    target, frame = dataset.target, dataset.frame
    classes: Any = np.zeros(n, int)
    if isinstance(dataset.classes, list) and isinstance(target, str):
        classes = pd.factorize(frame[target], sort=False)[0]
    order = np.lexsort((np.random.default_rng(checks.seed("seed", seed)).permutation(n), classes))
    # Evenly along rows that lie class by class.
    return np.sort(rows[order[np.linspace(0, n - 1, most).round().astype(np.int64)]])
