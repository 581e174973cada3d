"""What is packed is unpacked as far as can be right, and no further."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from pathlib import Path
from typing import IO

from cortex_lab.ground.files import DamagedFile, size_of

# Tables shrink to a tenth. What shrinks a hundredfold and is large was made to fill somebody's memory.
LARGE, FOLD = 64 * 2**20, 100
AGAIN = "take a whole copy of it, or download it again"
_PIECE = 2**20
_DENSEST = 1100


def most_bytes(size: int, large: int = LARGE) -> int:
    """What a file of `size` bytes may unpack to."""
    return max(large, FOLD * size)


def refuse_bomb(path: object, unpacked: int, size: int, large: int = LARGE) -> None:
    """`DamagedFile` for what would unpack to more than it can hold."""
    if unpacked > most_bytes(size, large):
        raise DamagedFile(
            path,
            f"would unpack to {unpacked:,} bytes, from {size:,}",
            remedy="if that is right, unpack it first and read what comes out",
        )


def content(path: Path) -> bytes:
    """What is in a file, unpacked if it is packed by gzip, bzip2, xz or, as one file alone, zip."""
    size = size_of(path)
    with open(path, "rb") as raw:
        head = raw.read(6)
        raw.seek(0)
        try:
            if head.startswith(b"\x1f\x8b"):
                raw.seek(-4, io.SEEK_END)
                # What it says it unpacks to, within 4 GB, is asked first, for it costs nothing. Where that is
                # more than can be packed at all, its end is missing.
                stated = int.from_bytes(raw.read(4), "little")
                refuse_bomb(path, stated if stated < _DENSEST * size else 0, size)
                raw.seek(0)
                return _up_to(gzip.GzipFile(fileobj=raw), path, size)
            if head.startswith(b"BZh"):
                return _up_to(bz2.BZ2File(raw), path, size)
            if head.startswith(b"\xfd7zXZ\0"):
                return _up_to(lzma.LZMAFile(raw), path, size)
            if head.startswith(b"PK\x03\x04"):
                return _of_zip(raw, path, size)
        except (EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError) as error:
            raise DamagedFile(path, f"is damaged or incomplete ({error})", remedy=AGAIN) from None
        return raw.read()


def _of_zip(raw: IO[bytes], path: Path, size: int) -> bytes:
    with zipfile.ZipFile(raw) as archive:
        files = [each for each in archive.infolist() if not each.is_dir()]
        if len(files) != 1:
            raise DamagedFile(
                path, f"holds {len(files)} files", remedy="unpack it, and read one of them, or their folder"
            )
        refuse_bomb(path, files[0].file_size, size)
        with archive.open(files[0]) as member:
            return _up_to(member, path, size)


def _up_to(file: IO[bytes] | gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile, path: Path, size: int) -> bytes:
    pieces, total = [], 0
    while piece := file.read(_PIECE):
        total += len(piece)
        refuse_bomb(path, total, size)
        pieces.append(piece)
    return b"".join(pieces)
