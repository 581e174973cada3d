"""Files as data sets: `read` for whatever a reader knows, `read_images` for pictures."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data.dataset import Dataset
from cortex_lab.data.readers import reader_of
from cortex_lab.data.readers._contract import Reader, Table, listed
from cortex_lab.data.readers.images import READER as IMAGES
from cortex_lab.data.readers.images import of_files
from cortex_lab.data.roles import Columns
from cortex_lab.ground import checks
from cortex_lab.ground.checks import near
from cortex_lab.ground.files import DamagedFile


def read(
    path: str | os.PathLike,
    target: Columns | Mapping[str, Columns] | None = None,
    inputs: Columns | Mapping[str, Columns] | None = None,
    splits: Mapping[str, Any] | Hashable | None = None,
    *,
    index: Hashable | None = None,
    images: Hashable | None = None,
    name: str | None = None,
    **options: Any,
) -> Dataset:
    """What is in a file, or a folder, as a Dataset; what was skipped, filled or guessed is in its `repr`.

    Which reader reads it is told by how it begins, else by its name; `cortex_lab.data.readers` has them all.
    A table may have gaps, dates and texts: it can be looked at and split, and what is wanted of its inputs is
    said when they are asked for. What pandas reads beside these is given as a frame: Dataset(frame, ...).

    Parameters
    ----------
    target, inputs, splits
        As for `Dataset`. None is what the file says itself: "label" of pictures with labels, and its splits.
    index
        The column that says which row is which; it is no input.
    images
        A column of paths of pictures, from the folder of the file; they become the column "image".
    name
        For titles; None is the file's own.
    options
        What the reader takes, such as separator=";" or skip_bad=True; with `images` also size=(h, w).

    Raises FileNotFoundError, `DamagedFile` (a ValueError) that says what in which file is wrong, TypeError
    for an option that the reader does not take, and ImportError without a package that it needs.
    """
    where = Path(checks.path("path", path)).expanduser()
    checks.text("name", name) if name is not None else None
    reader = reader_of(where)
    own, pictures = options, {}
    if images is not None:
        of_pictures = [option for option in IMAGES.options if option not in reader.options]
        pictures = {option: value for option, value in options.items() if option in of_pictures}
        own = {option: value for option, value in options.items() if option not in pictures}
    _check_options(reader, own, where)
    table = reader.read(where, **own)
    if images is not None:
        table = _with_pictures(
            table, images, where.parent, {"skip_bad": own.get("skip_bad", False)} | pictures
        )
    try:
        return _dataset(table, where, target, inputs, splits, index, name)
    except OSError as error:
        # Of what is left in its file until it is looked at.
        raise DamagedFile(where, f"cannot be read to its end ({error})") from None


def read_images(
    source: str | os.PathLike | pd.DataFrame,
    column: Hashable | None = None,
    target: Columns | None = None,
    *,
    folder: str | os.PathLike | None = None,
    size: object = None,
    channels: int | None = None,
    skip_bad: bool = False,
    in_memory: bool | None = None,
    name: str | None = None,
) -> Dataset:
    """Pictures as a Dataset with the column `image`: bytes (height, width, 1 or 3), turned as EXIF says.

    Parameters
    ----------
    source
        A folder, with one folder for each class, or for train, test and val; or a frame with a `column` of
        paths, which are looked for in `folder`.
    target
        The column to be predicted. None is "label" of a folder of classes.
    size
        (height, width) that all are fitted to; needed where they differ.
    channels
        1 or 3; None is 3 if any has colors, else 1.
    skip_bad
        Leave out files that cannot be read; they are listed in `repr`. All are decoded once to find out.
    in_memory
        Decode all now and keep them. None does so up to 256 MB of pixels; others are decoded when they are
        wanted, ahead of the step that trains on them, and one that cannot be is an error of that step.
    """
    checks.text("name", name) if name is not None else None
    options = {"size": size, "channels": channels, "skip_bad": skip_bad, "in_memory": in_memory}
    if isinstance(source, pd.DataFrame):
        if column is None:
            raise TypeError(f"say which column has the paths: read_images(frame, {source.columns[0]!r})")
        place = Path("." if folder is None else checks.path("folder", folder)).expanduser()
        table = _with_pictures(Table(source), column, place, options)
        return _dataset(table, Path(name or "images"), target, "image", None, None, name)
    path = Path(checks.path("source", source)).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"there is no file or folder {path}")
    if column is not None or folder is not None:
        raise TypeError(f"column and folder go with a frame, and {str(path)!r} is a path")
    return _dataset(IMAGES.read(path, **options), path, target, None, None, None, name)


def _check_options(reader: Reader, options: Mapping[str, Any], path: Path) -> None:
    for option in options:
        if option not in reader.options:
            there = listed(reader.options, 20) or "none"
            raise TypeError(
                f"{path} is read without {option!r}; options are {there}{near(option, reader.options)}"
            )


def _with_pictures(table: Table, column: Hashable, folder: Path, options: Mapping[str, Any]) -> Table:
    """The table with the pictures that a column of it names, without rows whose pictures are skipped."""
    frame = table.frame
    if not isinstance(column, Hashable):
        raise checks.refused("images", "the name of a column of paths", column)
    if column not in frame.columns:
        raise KeyError(
            f"there is no column {column!r} of paths; there are {listed(list(map(repr, frame.columns)))}"
            f"{near(column, frame.columns)}"
        )
    names = frame[column]
    if isinstance(names, pd.DataFrame):
        raise ValueError(f"there are several columns {column!r}; rename all but one")
    wrong = [place for place, each in enumerate(names) if not isinstance(each, (str, os.PathLike))]
    if wrong:
        raise ValueError(
            f"column {column!r} is to hold paths, and has {names.iloc[wrong[0]]!r} in row {wrong[0]}; "
            f"leave such rows out: frame.dropna(subset=[{column!r}])"
        )
    if "image" in frame.columns and column != "image":
        raise ValueError("the table has a column 'image' already; rename it")
    pictures, kept = of_files([folder / each for each in names], None, folder, **options)
    frame = frame.iloc[kept]
    made = frame.assign(image=pd.Series(pictures.frame["image"].array, index=frame.index, copy=False))
    splits = table.splits
    if splits is not None:
        places = {row: place for place, row in enumerate(kept)}
        splits = {
            part: np.array([places[row] for row in rows if row in places]) for part, rows in splits.items()
        }
    return replace(table, frame=made, notes=(*table.notes, *pictures.notes), splits=splits)


def _dataset(
    table: Table,
    path: Path,
    target: object,
    inputs: object,
    splits: object,
    index: Hashable | None,
    name: str | None,
) -> Dataset:
    frame, target = table.frame, table.target if target is None else target
    if index is not None:
        if not isinstance(index, Hashable):
            raise checks.refused("index", "the name of a column", index)
        if index not in frame.columns:
            raise KeyError(f"{path} has no column {index!r} to tell rows by{near(index, frame.columns)}")
        column = frame[index]
        if isinstance(column, pd.DataFrame):
            raise ValueError(f"{path} has several columns {index!r}; rename all but one")
        unfit = np.flatnonzero(column.duplicated().to_numpy() | column.isna().to_numpy())
        if len(unfit):
            raise ValueError(
                f"{path}: {column.iloc[unfit[0]]!r} in row {unfit[0]} of {index!r} does not tell rows apart: "
                "it is there before, or missing; choose another column, or none"
            )
        frame = frame.set_index(index)
    if not len(frame.columns):
        raise DamagedFile(path, "has no columns")
    return Dataset(
        frame,
        inputs,
        target,
        table.splits if splits is None else splits,
        name or path.name.partition(".")[0] or path.name,
        notes=table.notes,
        later=True,
    )
