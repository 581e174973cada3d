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
import time
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

from cortex_lab.ground import checks

REMEDY = "take a whole copy of it, or save it anew"
_REMEDIES = {
    errno.ENOSPC: "free some space there, or save elsewhere",
    errno.EDQUOT: "your quota is used up: delete something, or save elsewhere",
    errno.EROFS: "the file system is read-only: save elsewhere",
    errno.EIO: "the disk fails: save elsewhere",
    errno.EBUSY: "something is mounted there, or uses it: save elsewhere",
    errno.EMFILE: "close some of the files that are open",
    errno.ENFILE: "close some of the files that are open",
}


def _here() -> str:
    """What tells the processes that are numbered together from those of other machines and containers."""
    known = [platform.node()]
    with contextlib.suppress(OSError):
        known.append(Path("/proc/sys/kernel/random/boot_id").read_text())
        known.append(os.readlink("/proc/self/ns/pid"))
    return hashlib.sha256("\n".join(known).encode()).hexdigest()[:6]


# A part names where and by which process it is written, not its target: a long name has no room for more.
_HERE = _here()
_PART = re.compile(r"\.cortex-([0-9a-f]{6})-(\d+)-[0-9a-f]{8}\.part")
_DAY = 86400.0
_being_written: set[str] = set()
_NOTHING_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)


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
    path = checks.path("path", path)
    try:
        status = os.stat(path)
    except OSError as error:
        if error.errno in _NOTHING_THERE:
            why = "" if error.errno == errno.ENOENT else f": {error.strerror}"
            raise FileNotFoundError(error.errno, f"there is no file {path}{why}") from None
        raise type(error)(error.errno, f"cannot read {path}: {error.strerror}") from None
    if not stat.S_ISREG(status.st_mode):
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or device"
        raise DamagedFile(path, f"is {what}, not a file", remedy="name the file that was saved")
    if not os.access(path, os.R_OK):
        raise PermissionError(errno.EACCES, f"cannot read {path}: you may not; ask its owner for a copy")
    try:
        os.close(os.open(path, os.O_RDONLY))
    except OSError as error:
        remedy = "" if error.errno not in (errno.EMFILE, errno.ENFILE) else f"; {_REMEDIES[error.errno]}"
        raise type(error)(error.errno, f"cannot read {path}: {error.strerror}{remedy}") from None
    return status.st_size


def most_unpacked(size: int) -> int:
    """How many bytes may come out of a packed file of `size`; what is said to be more fills one's memory.

    Pictures shrink to a tenth.
    """
    return max(64 * 2**20, 100 * size)


def check_packed(path: str | os.PathLike) -> None:
    """ValueError for a zip, or .npz, that would unpack to far more than its own size."""
    with zipfile.ZipFile(path) as packed:
        if sum(part.file_size for part in packed.infolist()) > most_unpacked(os.path.getsize(path)):
            raise ValueError("it would unpack to far more than its own size")


def write_whole(path: str | os.PathLike, content: bytes | memoryview) -> None:
    """Put `content` into the file at `path`, or raise OSError and leave what was there; see `writing`."""
    with writing(path) as handle:
        write_all(handle, content)


@contextlib.contextmanager
def writing(path: str | os.PathLike) -> Iterator[int]:
    """The descriptor of a file that is at `path` when the block ends; if it fails, what was there stays.

    It is written beside the target, flushed to the disk and moved into its place. The target of a link is
    written, not the link; a file that was there keeps its mode, owner and attributes where that is allowed.
    Its other names, if it has some (hard links), keep what was in it, with a warning. What processes that
    were killed left behind in that folder is cleared away.
    """
    path = checks.path("path", path)
    try:
        target = target_of(path)
        part = target.with_name(f".cortex-{_HERE}-{os.getpid()}-{secrets.token_hex(4)}.part")
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
    if earlier is not None and earlier.st_nlink > 1:
        others = earlier.st_nlink - 1
        told = f"{others} other name{'s' * (others > 1)} (hard link) keep{'s' * (others == 1)} what was there"
        warnings.warn(f"saved to {path}, of which {told}; link anew: os.link", UserWarning, stacklevel=5)


def target_of(path: str | os.PathLike) -> Path:
    """Where a file is to be written: what `path` leads to, whether it is there or not.

    OSError if there is no folder for it, or `path` says that it is one itself.
    """
    if os.path.basename(path) in ("", os.curdir, os.pardir):
        raise IsADirectoryError(errno.EISDIR, "that is a folder; name a file in it")
    with contextlib.suppress(FileNotFoundError):
        os.stat(path)
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, f"there is no folder {target.parent}")
    return target


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
        folder, remedy = Path(os.path.realpath(path)).parent, _REMEDIES.get(error.errno or 0, "")
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
            if not found or entry.name in _being_written:
                continue
            # Of other machines and containers, which may share a folder, one only knows that none takes days.
            old = entry.stat(follow_symlinks=False).st_mtime < time.time() - _DAY
            if old if found[1] != _HERE else not _runs(int(found[2])):
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
