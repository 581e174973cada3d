"""Folders of pictures: by class, a folder each, or named by a column of paths."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data.decoded import DecodedSource
from cortex_lab.data.readers._contract import Reader, Table, listed, needed
from cortex_lab.data.readers._decoding import CLEAR, GRAY, Beginning, PictureDecoder, look
from cortex_lab.data.tensor_array import TensorArray
from cortex_lab.ground import checks
from cortex_lab.ground.files import DamagedFile

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
_SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test", "val": "validation",
           "valid": "validation", "validation": "validation"}  # fmt: skip
MOST_BYTES = 4 * 2**30
IN_MEMORY = 256 * 2**20
"""Bytes of pixels up to which pictures are decoded once and kept."""
_WORKERS = min(4, os.cpu_count() or 1)


def read(
    path: Path,
    *,
    size: Sequence[int] | None = None,
    channels: int | None = None,
    skip_bad: bool = False,
    in_memory: bool | None = None,
) -> Table:
    """The pictures in a folder, `label` the folder that each lies in; folders train, test and val are splits.

    `size` (height, width) is what all are fitted to where they differ; `channels` 1 or 3, which is found out
    unless given: 3 if any has colors. `skip_bad` leaves out files that cannot be read, and lists them.
    `in_memory` False has pictures decoded when they are wanted; None does so where they take over 256 MB.
    """
    if path.is_file():
        return of_files([path], None, path.parent, size, channels, skip_bad, in_memory)[0]
    paths, others = _listed(path)
    if not paths:
        raise DamagedFile(
            path, "has no pictures in it", remedy=f"there should be some of {', '.join(SUFFIXES)}"
        )
    parts = [each.relative_to(path).parts for each in paths]
    notes = [f"{len(others):,} other files left out: {listed(others, 3)}"] if others else []
    splits = [_SPLITS.get(each[0].lower()) if len(each) > 1 else None for each in parts]
    split = all(splits) and len(set(splits)) > 1
    labels = [each[split] if len(each) > 1 + split else "." for each in parts]
    table, kept = of_files(paths, labels, path, size, channels, skip_bad, in_memory, notes)
    if not split:
        return table
    own = np.array([splits[place] for place in kept])
    return replace(table, splits={part: np.flatnonzero(own == part) for part in dict.fromkeys(own.tolist())})


def of_files(
    paths: Sequence[Path],
    labels: Sequence[str] | None,
    folder: Path,
    size: Sequence[int] | None = None,
    channels: int | None = None,
    skip_bad: bool = False,
    in_memory: bool | None = None,
    notes: Iterable[str] = (),
) -> tuple[Table, list[int]]:
    """These pictures as the column `image`, their paths in `folder` as `file`, and `labels`, where given.

    And which of the paths they are from: all, unless those that cannot be read are skipped.
    """
    needed("PIL.Image", folder, "pillow")
    checks.flag("skip_bad", skip_bad)
    if in_memory is not None:
        checks.flag("in_memory", in_memory)
    given = None if size is None else checks.shape("size", size)
    if given is not None and len(given) != 2:
        raise checks.refused("size", "(height, width)", size)
    if channels not in (None, 1, 3):
        raise checks.refused("channels", "1, 3 or None", channels)
    bad: dict[int, DamagedFile] = {}
    seen = {at: each for at, each in enumerate(_each(look, paths, bad, skip_bad)) if each is not None}
    if not seen:
        raise DamagedFile(folder, f"has no picture that can be read: {next(iter(bad.values()))}")
    decoder = _decoder(seen, paths, given, channels)
    wanted = [paths[at] for at in seen]
    unread: dict[int, DamagedFile] = {}
    pixels = _pixels(wanted, decoder, unread, skip_bad, folder, in_memory)
    kept = [at for place, at in enumerate(seen) if place not in unread]
    if not kept:
        raise DamagedFile(folder, f"has no picture that can be read: {next(iter(unread.values()))}")
    notes = [*notes, *_notes([seen[at] for at in kept], decoder)]
    skipped = {paths[at]: why for at, why in bad.items()}
    skipped |= {wanted[place]: why for place, why in unread.items()}
    if skipped:
        said = [f"{_within(each, folder)} ({why.why})" for each, why in skipped.items()]
        notes.append(
            f"{len(said):,} file{'s' * (len(said) > 1)} that cannot be read skipped: {listed(said, 5)}"
        )
    columns: dict[str, Any] = {"image": pixels}
    several = labels is not None and (len(set(labels)) > 1 or set(labels) != {"."})
    if labels is not None and several:
        columns["label"] = [labels[at] for at in kept]
    columns["file"] = [_within(paths[at], folder) for at in kept]
    table = Table(pd.DataFrame(columns, copy=False), tuple(notes), "label" if several else None)
    return table, kept


def _pixels(
    paths: Sequence[Path],
    decoder: PictureDecoder,
    bad: dict[int, DamagedFile],
    skip_bad: bool,
    folder: Path,
    in_memory: bool | None,
) -> TensorArray:
    """All pictures (n, height, width, channels): decoded now, or when they are wanted."""
    total = len(paths) * decoder.height * decoder.width * decoder.channels
    if in_memory is None:
        in_memory = total <= IN_MEMORY
    if in_memory and total > MOST_BYTES:
        raise ValueError(
            f"{folder}: {len(paths):,} pictures of {decoder.height} by {decoder.width} take "
            f"{total / 2**30:.1f} GB of memory; have them decoded when they are wanted, in_memory=False, or "
            "fit them to a smaller size: size=(height, width)"
        )
    pixels = np.empty((len(paths), *decoder.shape), np.uint8) if in_memory else None
    # Which of them cannot be decoded is found out by decoding all.
    for place, each in enumerate(_each(decoder, paths, bad, skip_bad) if in_memory or skip_bad else ()):
        if pixels is not None and each is not None:
            pixels[place] = each
    good = np.array([place for place in range(len(paths)) if place not in bad], np.intp)
    if pixels is None:
        return TensorArray(DecodedSource([paths[place] for place in good], decoder))
    return TensorArray(pixels if not bad else pixels[good])


def _each(do: Any, paths: Sequence[Path], bad: dict[int, DamagedFile], skip_bad: bool) -> Iterator[Any]:
    """What `do` makes of each path, in order; None, and the reason in `bad`, where that may be skipped."""

    def one(path: Path) -> Any:
        try:
            return do(path)
        except DamagedFile as error:
            return error

    with ThreadPoolExecutor(_WORKERS) as workers:
        # A few at a time, so that what was decoded does not wait in memory.
        for start in range(0, len(paths), 256):
            for place, found in enumerate(workers.map(one, paths[start : start + 256]), start):
                if isinstance(found, DamagedFile):
                    if not skip_bad:
                        raise found
                    bad[place], found = found, None
                yield found


def _decoder(
    seen: dict[int, Beginning], paths: Sequence[Path], size: tuple[int, ...] | None, channels: int | None
) -> PictureDecoder:
    if channels is None:
        channels = 1 if all(each.mode in GRAY for each in seen.values()) else 3
    if size is not None:
        return PictureDecoder(*size, channels, resize=True)
    sizes: Any = pd.Series([(each.height, each.width) for each in seen.values()], index=list(seen))
    usual = sizes.value_counts().index[0]
    other = [at for at in seen if sizes[at] != usual]
    if other:
        height, width = sizes[other[0]]
        raise ValueError(
            f"pictures are of {sizes.nunique()} sizes: {paths[other[0]]} is {height} by {width} pixels, "
            f"{len(seen) - len(other):,} of {len(seen):,} are {usual[0]} by {usual[1]}; say what all are "
            f"fitted to: size={tuple(usual)}"
        )
    return PictureDecoder(*usual, channels)


def _notes(seen: Sequence[Beginning], decoder: PictureDecoder) -> Iterator[str]:
    kinds = {
        "turned as their EXIF says": sum(each.turned for each in seen),
        f"fitted to {decoder.height} by {decoder.width}": sum(
            (each.height, each.width) != (decoder.height, decoder.width) for each in seen
        ),
        "partly transparent, and laid over white": sum(each.mode in CLEAR for each in seen),
        "of 16 bits, and made 8": sum(each.mode.startswith("I;16") for each in seen),
    }
    gray = sum(each.mode in GRAY for each in seen)
    if decoder.channels == 3 and gray:
        kinds["gray, and made RGB"] = gray
    if decoder.channels == 1 and gray < len(seen):
        kinds["of colors, and made gray"] = len(seen) - gray
    yield from (f"{count:,} of {len(seen):,} pictures {what}" for what, count in kinds.items() if count)


def _listed(folder: Path) -> tuple[list[Path], list[str]]:
    """The pictures below a folder, in order, and what else lies there; what is hidden is not looked at."""
    paths, others = [], []
    for each in sorted(folder.rglob("*")):
        parts = each.relative_to(folder).parts
        if any(part.startswith((".", "__MACOSX")) for part in parts) or each.is_dir():
            continue
        (paths if each.suffix.lower() in SUFFIXES else others).append(each)  # type: ignore[arg-type]
    return paths, [str(each.relative_to(folder)) for each in others]


def _within(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def _knows(path: Path, head: bytes) -> bool:
    return path.is_dir() and any(each.suffix.lower() in SUFFIXES for each in path.rglob("*"))


READER = Reader(
    "pictures (JPEG, PNG, ...): one, or a folder with one folder for each class, or for train, test and val",
    read,
    SUFFIXES,
    _knows,
    needs="pillow",
)
