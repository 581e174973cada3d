"""IDX files, as MNIST, Fashion-MNIST and EMNIST are: one, with its labels beside it, or a folder of them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from cortex_lab.data.idx import is_idx, read_idx
from cortex_lab.data.readers._contract import Reader, Table, listed
from cortex_lab.data.tensor_array import TensorArray

_NAME = re.compile(r"(?P<set>.*?)(?P<part>images|labels)[-.]idx(?P<sides>\d)(?:-ubyte)?(?P<gz>\.gz)?$")
_SPLITS = {
    "train": "train",
    "t10k": "test",
    "test": "test",
    "valid": "validation",
    "validation": "validation",
}


def read(path: Path, *, labels: str | Path | None = None) -> Table:
    """An IDX file, with its `labels` from another: the one beside it that is called so, unless given.

    A folder gives all pairs in it, those called "train" and "t10k" or "test" as splits.
    """
    if path.is_dir():
        return _folder(path)
    values = read_idx(path)
    beside = None if labels is None else Path(labels)
    notes = []
    if beside is None and (beside := _labels_of(path)) is not None:
        notes.append(f"labels from {beside.name}, which lies beside it")
    if beside is None:
        return Table(_frame(path, values, None), tuple(notes))
    return Table(_frame(path, values, _labels(beside, path, values)), tuple(notes), "label")


def _folder(path: Path) -> Table:
    images = [each for each in sorted(path.iterdir()) if _is_part(each, "images")]
    # What is trained on comes first, as everywhere.
    images.sort(key=lambda each: "train" not in each.name)
    pairs = [(each, _labels_of(each)) for each in images]
    named = {each: (_NAME.match(each.name) or [""])["set"].strip("-_. ") for each in images}  # type: ignore[index]
    beginnings = {name.rpartition("-")[0] for name in named.values()}
    if len(beginnings) > 1:
        raise ValueError(
            f"{path} has IDX files of several sets: {listed(sorted(beginnings))}; name one of the files, or "
            "give each set a folder of its own"
        )
    frames, splits, start, notes = [], {}, 0, []
    for each, beside in pairs:
        values = read_idx(each)
        frame = _frame(each, values, None if beside is None else _labels(beside, each, values))
        frames.append(frame)
        part = _SPLITS.get(named[each].rpartition("-")[2])
        if part:
            splits[part] = np.arange(start, start + len(frame))
        start += len(frame)
        notes.append(f"{len(frame):,} rows from {each.name}")
    if len({beside is None for _, beside in pairs}) > 1:
        alone = next(each for each, beside in pairs if beside is None)
        raise ValueError(f"{alone} has no labels beside it, and others have; name one of the files")
    splits = splits if sum(map(len, splits.values())) == start and len(splits) == len(frames) > 1 else None
    labeled = pairs[0][1] is not None
    frame = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
    return Table(frame, tuple(notes), "label" if labeled else None, splits)


def _is_part(path: Path, part: str) -> bool:
    found = _NAME.match(path.name)
    return path.is_file() and found is not None and found["part"] == part


def _labels_of(path: Path) -> Path | None:
    """The file of labels beside one of images."""
    found = _NAME.match(path.name)
    if found is None or found["part"] != "images":
        return None
    others = [each for each in path.parent.iterdir() if _is_part(each, "labels")]
    ours = [each for each in others if (_NAME.match(each.name) or {"set": ""})["set"] == found["set"]]
    return min(ours, default=None)


def _labels(path: Path, images: Path, values: np.ndarray) -> np.ndarray:
    labels = read_idx(path)
    if labels.ndim != 1 or len(labels) != len(values):
        raise ValueError(
            f"{images} has {len(values):,} rows, and {path} holds {labels.dtype} of shape {labels.shape}; "
            "one label for each is wanted"
        )
    return labels


def _frame(path: Path, values: np.ndarray, labels: np.ndarray | None) -> pd.DataFrame:
    if values.ndim == 1:
        return pd.DataFrame({"label" if "label" in path.name else "value": values})
    pictures = values.ndim == 3
    if pictures and "emnist" in path.name.lower():
        # They were written column by column.
        values = values.transpose(0, 2, 1)
    values = np.ascontiguousarray(values[..., np.newaxis] if pictures else values)
    columns = {"image" if pictures else "values": TensorArray(values)}
    if labels is not None:
        columns["label"] = _letters(path, labels)
    return pd.DataFrame(columns, copy=False)


def _letters(path: Path, labels: np.ndarray) -> np.ndarray:
    """Labels as whole numbers; those of EMNIST as letters and digits, where its mapping lies beside."""
    name = path.name.lower()
    found = sorted(path.parent.glob(f"{name.partition('-train')[0].partition('-test')[0]}*mapping.txt"))
    if "emnist" not in name or not found:
        return labels.astype(np.int64)
    lines = [line.split() for line in found[0].read_text(encoding="ascii").splitlines() if line.strip()]
    letters = {int(number): "".join(sorted({chr(int(code)) for code in codes})) for number, *codes in lines}
    missing = sorted(set(labels.tolist()) - set(letters))
    if missing:
        raise ValueError(f"{found[0]} does not say what the label {missing[0]} of {path} is")
    return np.array([letters[label] for label in labels.tolist()], object)


def _knows(path: Path, head: bytes) -> bool:
    if path.is_dir():
        return any(_is_part(each, "images") for each in path.iterdir())
    return is_idx(head) or (head.startswith(b"\x1f\x8b") and bool(_NAME.match(path.name)))


READER = Reader(
    "IDX, as MNIST, Fashion-MNIST and EMNIST have it: a file and its labels, or a folder of such pairs",
    read,
    ("-ubyte", ".idx", ".idx1", ".idx2", ".idx3"),
    _knows,
    unpacks=True,
)
