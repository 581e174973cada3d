"""Folders of pictures: by class, a folder each, or named by a column of paths."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data.readers._contract import Reader, Table, listed, needed
from cortex_lab.data.tensor_array import TensorArray
from cortex_lab.ground import checks
from cortex_lab.ground.files import DamagedFile

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
_SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test", "val": "validation",
           "valid": "validation", "validation": "validation"}  # fmt: skip
_GRAY = ("1", "L", "LA", "La", "I;16", "I;16B", "I;16L")
_CLEAR = ("LA", "La", "PA", "RGBA", "RGBa")
_FOR_EYES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")
_TURNED = 0x0112
MOST_PIXELS = 89_478_485
"""Of one picture: 16,000 by 5,600. A file that states more was made to fill somebody's memory."""
MOST_BYTES = 4 * 2**30
_WORKERS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True)
class PictureDecoder:
    """How a file becomes pixels: (height, width, channels) bytes, turned as its EXIF says.

    A picture of another size is fitted to this one if `resize`, and is an error otherwise.
    """

    height: int
    width: int
    channels: int
    resize: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, self.channels

    def __call__(self, path: str | os.PathLike) -> np.ndarray:
        """The pixels of one file; `DamagedFile` if it is no whole picture."""
        with _opened(path) as image:
            return self._pixels(image, path)

    def _pixels(self, image: Any, path: str | os.PathLike) -> np.ndarray:
        from PIL import ImageOps

        if self.resize:
            # A JPEG can be read at a half, a quarter or an eighth, which is most of the way there.
            image.draft(None, (self.width * 2, self.height * 2))
        image = ImageOps.exif_transpose(image)
        image = _in_channels(image, self.channels)
        if image.size != (self.width, self.height):
            if not self.resize:
                raise DamagedFile(
                    path,
                    f"is {image.height} by {image.width} pixels, others {self.height} by {self.width}",
                    remedy="say what size all are fitted to: size=(height, width)",
                )
            image = image.resize((self.width, self.height), 2)
        return np.asarray(image, np.uint8).reshape(self.shape)


@dataclass(frozen=True)
class _Seen:
    """What the beginning of a file says of its picture."""

    height: int
    width: int
    mode: str
    turned: bool


def read(
    path: Path,
    *,
    size: Sequence[int] | None = None,
    channels: int | None = None,
    skip_bad: bool = False,
) -> Table:
    """The pictures in a folder, `label` the folder that each lies in; folders train, test and val are splits.

    `size` (height, width) is what all are fitted to where they differ; `channels` 1 or 3, which is found out
    unless given: 3 if any has colors. `skip_bad` leaves out files that cannot be read, and lists them.
    """
    if path.is_file():
        return of_files([path], None, path.parent, size, channels, skip_bad)[0]
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
    table, kept = of_files(paths, labels, path, size, channels, skip_bad, notes)
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
    notes: Iterable[str] = (),
) -> tuple[Table, list[int]]:
    """These pictures as the column `image`, their paths in `folder` as `file`, and `labels`, where given.

    And which of the paths they are from: all, unless those that cannot be read are skipped.
    """
    needed("PIL.Image", folder, "pillow")
    checks.flag("skip_bad", skip_bad)
    given = None if size is None else checks.shape("size", size)
    if given is not None and len(given) != 2:
        raise checks.refused("size", "(height, width)", size)
    if channels not in (None, 1, 3):
        raise checks.refused("channels", "1, 3 or None", channels)
    bad: dict[int, DamagedFile] = {}
    seen = {at: each for at, each in enumerate(_each(_look, paths, bad, skip_bad)) if each is not None}
    if not seen:
        raise DamagedFile(folder, f"has no picture that can be read: {next(iter(bad.values()))}")
    decoder = _decoder(seen, paths, given, channels)
    wanted = [paths[at] for at in seen]
    unread: dict[int, DamagedFile] = {}
    pixels = _pixels(wanted, decoder, unread, skip_bad, folder)
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
    columns: dict[str, Any] = {"image": TensorArray(pixels)}
    several = labels is not None and (len(set(labels)) > 1 or set(labels) != {"."})
    if labels is not None and several:
        columns["label"] = [labels[at] for at in kept]
    columns["file"] = [_within(paths[at], folder) for at in kept]
    table = Table(pd.DataFrame(columns, copy=False), tuple(notes), "label" if several else None)
    return table, kept


def _pixels(
    paths: Sequence[Path], decoder: PictureDecoder, bad: dict[int, DamagedFile], skip_bad: bool, folder: Path
) -> np.ndarray:
    """(n, height, width, channels): all pictures, decoded now.

    Where they should be decoded when they are wanted, a `Source` of `paths` and `decoder` takes this place.
    """
    total = len(paths) * decoder.height * decoder.width * decoder.channels
    if total > MOST_BYTES:
        raise ValueError(
            f"{folder}: {len(paths):,} pictures of {decoder.height} by {decoder.width} take "
            f"{total / 2**30:.1f} GB of memory; fit them to a smaller size: size=(height, width)"
        )
    pixels = np.empty((len(paths), *decoder.shape), np.uint8)
    read = np.ones(len(paths), bool)
    for place, each in enumerate(_each(decoder, paths, bad, skip_bad)):
        if each is None:
            read[place] = False
        else:
            pixels[place] = each
    return pixels if read.all() else pixels[read]


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


def _look(path: Path) -> _Seen:
    with _opened(path) as image:
        # A PNG would be decoded to be asked for it.
        exif = {} if image.format == "PNG" and "exif" not in image.info else image.getexif()
        turned = exif.get(_TURNED, 1) in range(2, 9)
        width, height = image.size
        # Pillow turns a TIFF itself.
        if turned and exif[_TURNED] >= 5 and image.format != "TIFF":
            width, height = height, width
        mode = image.mode
        if mode == "P" and "transparency" in image.info:
            mode = "PA"
        checked = image.format == "PNG"
    if checked:
        # Its checksums are not looked at when it is decoded.
        with _opened(path) as image:
            image.verify()
    return _Seen(height, width, mode, turned)


class _opened:
    """A picture whose beginning was read, to be closed again; what is wrong with it is a `DamagedFile`."""

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = path

    def __enter__(self) -> Any:
        try:
            # Not by its name: Pillow maps a TIFF then, and mixes up the rows of one that is turned.
            self.file = open(self.path, "rb")
        except OSError as error:
            raise self._damaged(error) from None
        try:
            return self._begun()
        except BaseException:
            self.file.close()
            raise

    def _begun(self) -> Any:
        from PIL import Image

        try:
            image = _open(Image, self.file)
        except Image.DecompressionBombError as error:
            why = f"states more than {MOST_PIXELS:,} pixels ({error})"
            raise DamagedFile(self.path, why, remedy="make it smaller, or leave it out") from None
        except Exception as error:
            raise self._damaged(error) from None
        width, height = image.size
        if width * height > MOST_PIXELS or not width * height:
            raise DamagedFile(
                self.path, f"states {height:,} by {width:,} pixels", remedy="make it smaller, or leave it out"
            )
        if image.mode not in (*_FOR_EYES, *_GRAY):
            raise DamagedFile(
                self.path,
                f"has pixels of the kind {image.mode!r}, which are no bytes",
                remedy="scale them to 0 to 255 and save them, or give them as an array: numpy.asarray(image)",
            )
        return image

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self.file.close()
        # Whatever a decoder stumbles over.
        if error is not None and isinstance(error, Exception) and not isinstance(error, DamagedFile):
            raise self._damaged(error) from None

    def _damaged(self, error: Exception) -> Exception:
        if isinstance(error, MemoryError):
            return error
        if isinstance(error, FileNotFoundError):
            return DamagedFile(self.path, "is not there", remedy="mend its path, or leave it out")
        if "cannot identify image file" in str(error):
            error = ValueError("no kind of picture begins so")
        said = " ".join(str(error).split()).replace(repr(str(self.path)), "it").replace(str(self.path), "it")
        return DamagedFile(
            self.path,
            f"is no picture that can be read: {said[:120] or type(error).__name__}",
            remedy="mend or remove it, or leave such files out: skip_bad=True",
        )


def _open(Image: Any, file: Any) -> Any:
    with warnings.catch_warnings():
        # Its size is looked at here; and odd entries in EXIF are no reason to warn of each file.
        warnings.simplefilter("ignore")
        return Image.open(file)


def _in_channels(image: Any, channels: int) -> Any:
    """The picture in gray or in colors; what is transparent is laid over white, 16 bits become 8."""
    from PIL import Image

    if image.mode.startswith("I;16"):
        high = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
        image = Image.fromarray(high)
    if image.mode in _CLEAR or (image.mode == "P" and "transparency" in image.info):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    wanted = "L" if channels == 1 else "RGB"
    return image if image.mode == wanted else image.convert(wanted)


def _decoder(
    seen: dict[int, _Seen], paths: Sequence[Path], size: tuple[int, ...] | None, channels: int | None
) -> PictureDecoder:
    if channels is None:
        channels = 1 if all(each.mode in _GRAY for each in seen.values()) else 3
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


def _notes(seen: Sequence[_Seen], decoder: PictureDecoder) -> Iterator[str]:
    kinds = {
        "turned as their EXIF says": sum(each.turned for each in seen),
        f"fitted to {decoder.height} by {decoder.width}": sum(
            (each.height, each.width) != (decoder.height, decoder.width) for each in seen
        ),
        "partly transparent, and laid over white": sum(each.mode in _CLEAR for each in seen),
        "of 16 bits, and made 8": sum(each.mode.startswith("I;16") for each in seen),
    }
    gray = sum(each.mode in _GRAY for each in seen)
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
