"""Files written whole or not at all, and the one error for a file that is not what was saved."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import platform
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

REMEDY = "take a whole copy of it, or save it anew"
_REMEDIES = {
    errno.ENOSPC: "free some space there, or save elsewhere",
    errno.EDQUOT: "your quota is used up: delete something, or save elsewhere",
    errno.EROFS: "the file system is read-only: save elsewhere",
    errno.EIO: "the disk fails: save elsewhere",
}
# A part names the machine and the process that writes it, not its target: a long name has no room for more.
_HOST = hashlib.sha256(platform.node().encode()).hexdigest()[:6]
_PART = re.compile(rf"\.cortex-{_HOST}-(\d+)-[0-9a-f]{{8}}\.part")
_being_written: set[str] = set()


class DamagedFile(ValueError):
    """A file that is not what was saved: cut off, changed, or of another kind.

    `entry` names what in it is wrong, if it is one thing; `remedy` what to do.
    """

    def __init__(self, path: object, why: str, entry: str | None = None, remedy: str = REMEDY) -> None:
        super().__init__(path, why, entry, remedy)
        self.path, self.why, self.entry, self.remedy = path, why, entry, remedy

    def __str__(self) -> str:
        return f"{self.path} {self.why}; {self.remedy}"


def size_of(path: str | os.PathLike) -> int:
    """Bytes of the file at `path`; FileNotFoundError without one, `DamagedFile` for a folder or a pipe.

    Reading from a pipe would wait for ever.
    """
    try:
        status = os.stat(path)
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, f"there is no file {path}") from None
    if not stat.S_ISREG(status.st_mode):
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or device"
        raise DamagedFile(path, f"is {what}, not a file", remedy="name the file that was saved")
    return status.st_size


def write_whole(path: str | os.PathLike, content: bytes | memoryview) -> None:
    """Put `content` into the file at `path`, or raise OSError and leave what was there; see `writing`."""
    with writing(path) as handle:
        write_all(handle, content)


@contextlib.contextmanager
def writing(path: str | os.PathLike) -> Iterator[int]:
    """The descriptor of a file that is at `path` when the block ends; if it fails, what was there stays.

    It is written beside the target, flushed to the disk and moved into its place. The target of a link is
    written, not the link; a file that was there keeps its mode, owner and attributes where that is allowed.
    What processes that were killed left behind in that folder is cleared away.
    """
    try:
        target = Path(os.path.realpath(path))
        part = target.with_name(f".cortex-{_HOST}-{os.getpid()}-{secrets.token_hex(4)}.part")
        earlier = _earlier(target)
        _clear_parts(target.parent)
        _being_written.add(part.name)
        try:
            handle = _new_part(part, earlier)
            try:
                yield handle
                os.fsync(handle)
            finally:
                os.close(handle)
            if earlier is not None:
                _dress_as(target, earlier, part)
            os.replace(part, target)
        finally:
            # First, so that a part which a second interrupt leaves here is cleared away by the next save.
            _being_written.discard(part.name)
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_save(path, error) from error
    with contextlib.suppress(OSError):
        _sync_folder(target.parent)


def write_all(handle: int, content: bytes | memoryview) -> None:
    """Write all of `content`, however much the system takes at a time."""
    left = memoryview(content)
    while left:
        left = left[os.write(handle, left) :]


def cannot_save(path: str | os.PathLike, error: OSError, more: str = "") -> OSError:
    """`error` with the path that was to be written, what to do about it and `more`; of one that has the
    first two, with `more`."""
    said = error.strerror or str(error)
    if not said.startswith("cannot save to "):
        folder, remedy = Path(path).parent, _REMEDIES.get(error.errno or 0, "")
        if isinstance(error, FileNotFoundError) and not folder.is_dir():
            said = f"there is no folder {folder}"
        said = "; ".join(filter(None, (f"cannot save to {path}: {said}", remedy)))
    said = "; ".join(filter(None, (said, more)))
    return OSError(error.errno, said) if error.errno else OSError(said)


def _earlier(target: Path) -> os.stat_result | None:
    """What is in the way of `target`; OSError if it is not to be written over."""
    try:
        status = os.stat(target)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder; name a file in it")
    if not stat.S_ISREG(status.st_mode):
        raise FileExistsError(errno.EEXIST, "it is a pipe or device; name a file")
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "the file there is write-protected")
    return status


def _new_part(part: Path, earlier: os.stat_result | None) -> int:
    # Never readable by more people than the file it replaces, not even while it is written.
    mode = 0o666 if earlier is None else stat.S_IMODE(earlier.st_mode)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    return os.open(part, flags, mode)


def _dress_as(target: Path, earlier: os.stat_result, part: Path) -> None:
    """Give the part the owner, mode and attributes of what it replaces, as far as this user may."""
    if hasattr(os, "listxattr"):
        with contextlib.suppress(OSError):
            for name in os.listxattr(target):
                os.setxattr(part, name, os.getxattr(target, name))
    if hasattr(os, "chown"):
        for owner in ((earlier.st_uid, earlier.st_gid), (-1, earlier.st_gid)):
            with contextlib.suppress(OSError):
                os.chown(part, *owner)
                break
    os.chmod(part, stat.S_IMODE(earlier.st_mode))


def _clear_parts(folder: Path) -> None:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _PART.fullmatch(entry.name)
            if found and entry.name not in _being_written and not _runs(int(found[1])):
                os.unlink(entry)


def _runs(process: int) -> bool:
    """Whether another process of that number is there; of its own, one knows which parts it still writes."""
    if process == os.getpid():
        return False
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        pass
    return True


def _sync_folder(folder: Path) -> None:
    """Have the new name on the disk, too, where a folder can be opened."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
