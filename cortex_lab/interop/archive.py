"""Zip files that others wrote, looked at before anything of them is unpacked; nothing is put on the disk."""

from __future__ import annotations

import io
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from cortex_lab.ground.files import DamagedFile, most_unpacked, size_of

MOST_MEMBERS = 1000


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
            with self._packed.open(member) as opened:
                yield cast(BinaryIO, opened), member.file_size
        else:
            yield io.BytesIO(self._whole(member)), member.file_size

    def _whole(self, member: zipfile.ZipInfo) -> bytes:
        with self._packed.open(member) as opened:
            content = opened.read(member.file_size + 1)
        if len(content) != member.file_size:
            raise DamagedFile(self.path, f"states a wrong size for {member.filename!r}", member.filename)
        return content

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
