"""CIFAR-10 and CIFAR-100 in their binary form. The Python form is a pickle, and is not read.

Krizhevsky, Learning multiple layers of features from tiny images (2009).
"""

from __future__ import annotations

import gzip
import re
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data.readers._contract import Reader, Table
from cortex_lab.data.readers._packed import AGAIN
from cortex_lab.data.tensor_array import TensorArray
from cortex_lab.ground.files import DamagedFile, size_of

_FILE = re.compile(r"(?:.*/)?(data_batch_\d|test_batch|train|test)\.bin")
_NAMES = re.compile(r"(?:.*/)?(batches\.meta|fine_label_names)\.txt")
_PYTHON = re.compile(r"(?:.*/)?(data_batch_\d|test_batch|batches\.meta)")
_PIXELS = 3 * 32 * 32
_MOST = 50_000 * (_PIXELS + 2)


def read(path: Path) -> Table:
    """`image` 32x32x3 bytes and `label`, the batches before the test batch as split "train"."""
    parts = dict(_in_folder(path) if path.is_dir() else _in_archive(path) if _is_tar(path) else _alone(path))
    batches = {name: content for name, content in parts.items() if name.endswith(".bin")}
    if not batches:
        raise DamagedFile(path, "has none of data_batch_1.bin ... test_batch.bin in it", remedy=AGAIN)
    text = next((content.decode("ascii") for name, content in parts.items() if name.endswith(".txt")), "")
    names = text.split()
    # CIFAR-100 has a coarse label before the fine one.
    head = 2 if "train.bin" in batches or "test.bin" in batches else 1
    pictures, labels, tested = [], [], []
    for name, content in sorted(batches.items()):
        if not content or len(content) % (_PIXELS + head):
            raise DamagedFile(
                path, f"is cut off: {name} has {len(content):,} bytes, no whole pictures of {_PIXELS + head}",
                name, AGAIN,
            )  # fmt: skip
        rows = np.frombuffer(content, np.uint8).reshape(-1, _PIXELS + head)
        pictures.append(rows[:, head:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
        labels.append(rows[:, head - 1])
        tested += [name.startswith("test")] * len(rows)
    ids = np.concatenate(labels)
    most = len(names) or (100 if head == 2 else 10)
    if ids.max() >= most:
        raise DamagedFile(path, f"has a label {ids.max()}, of {most} classes", remedy=AGAIN)
    column = np.array(names, object)[ids] if names else ids.astype(np.int64)
    frame = pd.DataFrame({"image": TensorArray(np.concatenate(pictures)), "label": column}, copy=False)
    test = np.array(tested)
    splits = {"train": np.flatnonzero(~test), "test": np.flatnonzero(test)}
    return Table(frame, (), "label", splits if test.any() and not test.all() else None)


def _alone(path: Path) -> Iterator[tuple[str, bytes]]:
    if size_of(path) > _MOST:
        raise DamagedFile(path, f"is larger than {_MOST:,} bytes, as no batch of CIFAR is", remedy=AGAIN)
    yield path.name, path.read_bytes()
    for name in ("batches.meta.txt", "fine_label_names.txt"):
        if (path.parent / name).is_file():
            yield name, (path.parent / name).read_bytes()


def _in_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    for each in sorted(folder.iterdir()):
        if each.is_file() and (_FILE.fullmatch(each.name) or _NAMES.fullmatch(each.name)):
            if each.stat().st_size > _MOST:
                raise DamagedFile(each, f"is larger than {_MOST:,} bytes, as no batch of CIFAR is")
            yield each.name, each.read_bytes()


def _in_archive(path: Path) -> Iterator[tuple[str, bytes]]:
    """The batches in a tar file. None of it is written anywhere, whatever its members are called."""
    size_of(path)
    try:
        with open(path, "rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            file: Any = gzip.GzipFile(fileobj=raw) if packed else raw
            with tarfile.open(fileobj=file, mode="r|") as archive:
                for member in archive:
                    yield from _of_member(archive, member, path)
            # To the end, where the checksum is.
            left = _MOST
            while left > 0 and (piece := file.read(2**20)):
                left -= len(piece)
    except DamagedFile:
        raise
    except (tarfile.TarError, EOFError, OSError, zlib.error, ValueError) as error:
        raise DamagedFile(path, f"is a damaged or incomplete archive ({error})", remedy=AGAIN) from None


def _of_member(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> Iterator[tuple[str, bytes]]:
    if member.size > _MOST:
        raise DamagedFile(path, f"holds {member.name!r} of {member.size:,} bytes, as no batch of CIFAR has")
    if _PYTHON.fullmatch(member.name):
        raise DamagedFile(
            path,
            "is CIFAR in its Python form, a pickle, which runs what is in it",
            remedy="take the binary one, cifar-10-binary.tar.gz",
        )
    if member.isfile() and (_FILE.fullmatch(member.name) or _NAMES.fullmatch(member.name)):
        file = archive.extractfile(member)
        yield Path(member.name).name, b"" if file is None else file.read()


def _is_tar(path: Path) -> bool:
    return not _FILE.fullmatch(path.name)


def _knows(path: Path, head: bytes) -> bool:
    if path.is_dir():
        return any(_FILE.fullmatch(each.name) for each in path.iterdir())
    return bool(_FILE.fullmatch(path.name)) or ("cifar" in path.name.lower() and ".tar" in path.name.lower())


READER = Reader(
    "CIFAR-10 and CIFAR-100 in binary form: the archive, its folder or one batch",
    read,
    (),
    _knows,
)
