"""Pictures side by side: some of each class, and what augmentation makes of one."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data._pictures import value_range
from cortex_lab.data.tensor import Tensor, TensorDtype, shape_text
from cortex_lab.data.views.looked import Looked, coded
from cortex_lab.data.views.page import StaticView, brief
from cortex_lab.data.views.thumbnails import MOST_BYTES, figure, thumbnail
from cortex_lab.ground import checks

MOST_CLASSES = 30
MOST_PICTURES = 600


@dataclass(frozen=True, eq=False, repr=False)
class Versions(StaticView):
    """A sample as it is in several epochs; `pictures` are the very numbers, by epoch."""

    pictures: Mapping[int, np.ndarray] = field(default_factory=dict)


def image_grid(
    data: Any,
    by: Hashable | None = None,
    column: Hashable | None = None,
    each: int = 8,
    seed: int = 0,
    size: int = 64,
) -> StaticView:
    """Some pictures of each class, drawn by `seed`; those of other rows are not read.

    Parameters
    ----------
    by
        The column of classes; None is the target that has some, or else all rows are one class.
    column
        The column of pictures: tensors, or arrays of any shapes. None is the first there is.
    each
        How many pictures of each class are shown, of the first 30 classes.
    size
        Their longer side in CSS pixels.

    ValueError where there are no pictures.
    """
    looked = Looked.at(data)
    looked.refuse_empty()
    each, seed = checks.whole("each", each, least=1), checks.seed("seed", seed)
    size = checks.whole("size", size, least=8, most=1024)
    column = _pictures_of(looked) if column is None else column
    pictures = looked.column(column)
    if by is None:
        goal = getattr(data, "_classified", None)
        named = [own for name, own in getattr(data, "_goals", {}).items() if data._targets[name] is goal]
        by = named[0] if goal is not None and named else None
    codes, labels = np.zeros(len(looked.frame), np.int64), [""]
    if by is not None:
        codes, labels = coded(looked.column(by), by)
    there = ~pictures.isna().to_numpy(bool)
    classes = range(min(len(labels), MOST_CLASSES))
    each = min(each, max(1, MOST_PICTURES // max(1, len(classes))))
    random = np.random.default_rng(seed)
    drawn = {code: random.permutation(np.flatnonzero((codes == code) & there))[:each] for code in classes}
    chosen = {code: np.sort(own) for code, own in drawn.items() if len(own)}
    places = np.concatenate([*chosen.values(), np.empty(0, np.int64)]).astype(np.int64)
    if not len(places):
        raise ValueError(f"all pictures in {column!r} are missing" + ", or their classes" * (by is not None))
    arrays = dict(zip(places.tolist(), _taken(pictures, places), strict=True))
    limits = _limits(list(arrays.values()))
    body, rows = [], []
    for code, own in chosen.items():
        label = brief(labels[code])
        figures = []
        for place in own.tolist():
            told = looked.label(place) if by is None else f"{label}, {looked.label(place)}"
            picture = thumbnail(arrays[place], told, limits, size)
            shape = shape_text(arrays[place].shape) or "1"
            figures.append(figure(picture or escape(shape), escape(looked.label(place))))
            rows.append((looked.numbers[place], labels[code], shape))
        count = int(((codes == code) & there).sum())
        head = (
            f"<h4>{escape(label)} <span class='muted'>{len(own)} of {count:,}</span></h4>"
            if by is not None
            else ""
        )
        body.append(f'{head}<div class="tiles">{"".join(figures)}</div>')
    index = looked.index[places]
    table = pd.DataFrame(rows, index=index, columns=["row", "class", "shape"])
    table = table.drop(columns="class") if by is None else table
    said = [f"{len(places)} of {int(there.sum()):,} pictures, drawn by seed {seed}"]
    said[0] += f", each in at most {MOST_BYTES // 1024} kB"
    if not there.all():
        said.append(f"{int((~there).sum()):,} are missing")
    if (codes < 0).any():
        said.append(f"{int((codes < 0).sum()):,} have no class")
    if len(labels) > MOST_CLASSES:
        said.append(f"the first {MOST_CLASSES} of {len(labels):,} classes")
    if limits != (0.0, 255.0):
        said.append(f"black is {brief(limits[0])}, white {brief(limits[1])}")
    named = f" by {brief(by)!r}" if by is not None else ""
    return StaticView(f"Pictures of {looked.name}{named}", tuple(said), table, "".join(body))


def epochs_of(epochs: int | Iterable[int]) -> list[int]:
    """The first so many epochs, or those that are listed."""
    epochs = checks.plain(epochs)
    if isinstance(epochs, int) and not isinstance(epochs, bool):
        epochs = range(checks.whole("epochs", epochs, least=1, most=1000))
    numbers = [checks.whole("an epoch", each, least=0) for each in checks.listed("epochs", epochs)]
    if not numbers:
        raise checks.refused("epochs", "a number of epochs, or which", epochs)
    return numbers


def versions(pictures: Mapping[int, np.ndarray], name: str, given: Any = None, size: int = 96) -> Versions:
    """A sample as augmentation makes it in several epochs, {epoch: array}, beside what was `given`.

    Every pixel is shown, in one gray scale for all.
    """
    arrays = {epoch: np.asarray(picture) for epoch, picture in pictures.items()}
    if not arrays:
        raise checks.refused("pictures", "arrays by epoch", pictures)
    all_of = [*arrays.values(), *([] if given is None else [np.asarray(given)])]
    limits = _limits(all_of)
    figures = []
    if given is not None:
        shown = thumbnail(given, f"{name} as it was given", limits, size, exact=True)
        figures.append(figure(shown or shape_text(np.shape(given)), "as given"))
    rows = []
    for epoch, array in arrays.items():
        shown = thumbnail(array, f"{name} in epoch {epoch}", limits, size, exact=True)
        figures.append(figure(shown or escape(shape_text(array.shape)), f"epoch {epoch}"))
        changed = np.nan if given is None else np.abs(array - np.asarray(given, array.dtype)).mean()
        rows.append((float(array.min()), float(array.mean()), float(array.max()), float(changed)))
    columns = ["lowest", "mean", "highest", "mean change"]
    table = pd.DataFrame(rows, index=pd.Index(arrays, name="epoch"), columns=columns)
    said = [f"the very pixels that are trained on; black is {brief(limits[0])}, white {brief(limits[1])}"]
    body = f'<div class="tiles">{"".join(figures)}</div>'
    return Versions(f"Versions of {name}", tuple(said), table, body, arrays)


def _pictures_of(looked: Looked) -> Hashable:
    for place, name in enumerate(looked.frame.columns):
        column = looked.frame.iloc[:, place]
        if isinstance(column.dtype, TensorDtype) and len(column.dtype.shape) in (2, 3):
            return name
        first = column.dropna().iloc[:1].tolist() if column.dtype == object else []
        if (
            first
            and isinstance(first[0], (np.ndarray, Tensor))
            and np.ndim(first[0].array if isinstance(first[0], Tensor) else first[0]) in (2, 3)
        ):
            return name
    raise ValueError(f"{looked.name!r} has no column of pictures; say which holds arrays: column='image'")


def _taken(pictures: pd.Series, places: np.ndarray) -> list[np.ndarray]:
    if isinstance(pictures.dtype, TensorDtype):
        array: Any = pictures.array
        return list(array.source.take(places))
    found = [np.asarray(each) for each in pictures.iloc[places]]
    wrong = [
        place for place, each in zip(places.tolist(), found, strict=True) if each.dtype.kind not in "biuf"
    ]
    if wrong:
        raise ValueError(
            f"column {pictures.name!r} holds no picture in row {wrong[0]}: {pictures.iloc[wrong[0]]!r}"
        )
    return found


def _limits(arrays: list[np.ndarray]) -> tuple[float, float]:
    """One gray scale for all that is shown."""
    if all(each.dtype == np.uint8 for each in arrays):
        return 0.0, 255.0
    return value_range(np.concatenate([each.astype(np.float64).ravel() for each in arrays]))
