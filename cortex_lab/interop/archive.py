"""Zip files that others wrote, looked at before anything of them is unpacked; nothing is put on the disk."""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast

from cortex_lab.ground.files import DamagedFile, most_unpacked, size_of

MOST_MEMBERS = 1000
_PIECE = 2**20


class _Window(io.RawIOBase):
    """Some bytes of a file as a file. One that zipfile opens goes back by reading all before it again."""

    def __init__(self, file: BinaryIO, begin: int, size: int) -> None:
        self._file, self._begin, self._size, self._at = file, begin, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence])
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")[: max(0, self._size - self._at)]
        self._file.seek(self._begin + self._at)
        count = self._file.readinto(view)  # pyright: ignore[reportAttributeAccessIssue]
        self._at += count
        return count


class Archive:
    """The members of a zip by name: `text` and `stream` open one."""

    def __init__(self, path: str | os.PathLike, packed: zipfile.ZipFile) -> None:
        self.path, self._packed = path, packed
        members = packed.infolist()
        if len(members) > MOST_MEMBERS:
            raise DamagedFile(path, f"has {len(members):,} members, more than {MOST_MEMBERS}")
        self.members: dict[str, zipfile.ZipInfo] = {}
        for member in members:
            self._check(member)
            self.members[member.filename] = member
        if sum(member.file_size for member in members) > most_unpacked(os.path.getsize(path)):
            largest = max(members, key=lambda member: member.file_size)
            why = f"would unpack to far more than its own size, {largest.filename!r} most of all"
            raise DamagedFile(path, why, largest.filename)

    def text(self, name: str, most: int) -> str:
        """The text of a member of at most so many bytes."""
        member = self.members[name]
        if member.file_size > most:
            raise DamagedFile(self.path, f"has {member.file_size:,} bytes of {name!r}", name)
        return self._whole(member).decode()

    @contextmanager
    def stream(self, name: str) -> Iterator[tuple[BinaryIO, int]]:
        """A member to be read here and there, and its size; what is packed is unpacked into memory first."""
        member = self.members[name]
        if member.compress_type == zipfile.ZIP_STORED:
            with open(self.path, "rb") as file:
                window = _Window(file, self._begin(member, file), member.file_size)
                crc = 0
                while piece := window.read(_PIECE):
                    crc = zlib.crc32(piece, crc)
                if crc != member.CRC:
                    raise self._wrong(member)
                window.seek(0)
                yield cast(BinaryIO, window), member.file_size
        else:
            yield io.BytesIO(self._whole(member)), member.file_size

    def _whole(self, member: zipfile.ZipInfo) -> bytes:
        with self._packed.open(member) as opened:
            content = opened.read(member.file_size + 1)
        if len(content) != member.file_size:
            raise DamagedFile(self.path, f"states a wrong size for {member.filename!r}", member.filename)
        return content

    def _begin(self, member: zipfile.ZipInfo, file: BinaryIO) -> int:
        """Where the bytes of a stored member begin: behind its header, a name, and what else it says."""
        with self._packed.open(member):
            file.seek(member.header_offset + 26)
            name, more = struct.unpack("<HH", file.read(4))
        begin = member.header_offset + 30 + name + more
        if member.compress_size != member.file_size or begin + member.file_size > size_of(self.path):
            raise DamagedFile(self.path, f"states a wrong size for {member.filename!r}", member.filename)
        return begin

    def _wrong(self, member: zipfile.ZipInfo) -> DamagedFile:
        return DamagedFile(self.path, f"has other bytes of {member.filename!r} than it says", member.filename)

    def _check(self, member: zipfile.ZipInfo) -> None:
        name = member.filename
        parts = PurePosixPath(name).parts
        if name.startswith("/") or ".." in parts or "\\" in name or ":" in name:
            raise DamagedFile(self.path, f"has a member {name!r}, which leads out of it", name)
        if stat.S_ISLNK(member.external_attr >> 16):
            raise DamagedFile(self.path, f"has a link in place of {name!r}; links are not followed", name)
        if member.flag_bits & 1:
            raise DamagedFile(self.path, f"has {name!r} encrypted", name, "save it without a password")
        if name in self.members:
            raise DamagedFile(self.path, f"has two members called {name!r}", name)


@contextmanager
def opened(path: str | os.PathLike, kind: str) -> Iterator[Archive]:
    """The zip at `path`; what cannot be read of it, here or inside, is a `DamagedFile`."""
    size_of(path)
    try:
        with zipfile.ZipFile(path) as packed:
            yield Archive(path, packed)
    except DamagedFile:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeError) as error:
        raise DamagedFile(path, f"is not a whole file {kind} ({error})") from error
