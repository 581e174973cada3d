"""The `cortex-lab` command: a copy of the notebooks to work in, and JupyterLab open on the tour.

Only the standard library is imported before something else is asked for, so that the command answers at once
and can say what is missing.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import importlib.metadata
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

DEFAULT_FOLDER = "cortex-lab-notebooks"
FIRST_NOTEBOOK = "00_tour.ipynb"
MANIFEST = ".cortex-lab.json"
_LONGEST_MANIFEST = 2**20


class CommandError(Exception):
    """What went wrong, in words for the person at the terminal."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status (0 fine, 1 nothing could be opened, 2 wrong arguments)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["record"]:
        return _record(given[1:])
    cut = given.index("--") if "--" in given else len(given)
    options = _parser().parse_args(given[:cut])
    try:
        folder = _folder(options.folder)
        if not options.copy_only and importlib.util.find_spec("jupyterlab") is None:
            raise CommandError(
                f"JupyterLab is not installed for {sys.executable}.\n"
                "Install it with:  pip install 'cortex-lab[lab]'\n"
                "or only copy the notebooks:  cortex-lab --copy-only"
            )
        heard = [_say(line) for line in copy_notebooks(notebooks_folder(), folder)]
        if options.copy_only:
            return 0 if all(heard) else 1
        return _open_jupyterlab(folder, options.browser, options.port, given[cut + 1 :])
    except (CommandError, OSError) as error:
        _complain(str(error))
        return 1
    except KeyboardInterrupt:
        return 130


def notebooks_folder() -> Path:
    """Where this installation keeps its notebooks: in the package, or in the repository it runs from."""
    package = Path(__file__).resolve().parent
    in_repository = package.parent / "notebooks"
    if (package.parent / "pyproject.toml").is_file() and in_repository.is_dir():
        return in_repository
    if (package / "_notebooks").is_dir():
        return package / "_notebooks"
    raise CommandError(f"this installation has no notebooks (looked in {package / '_notebooks'})")


def copy_notebooks(source: Path, folder: Path) -> Iterator[str]:
    """Bring `folder` up to date with `source`, yielding a line for everything a person would want to know.

    A file that is still what an earlier call wrote (its SHA-256 is in the manifest) is updated; any other one
    is kept, and if there is a newer version of it, that is written beside it, once, as `NAME.new.ipynb`.
    Raises CommandError if the folder cannot be used.
    """
    try:
        if folder.exists() and not folder.is_dir():
            raise CommandError(f"{folder} is a file; name a folder to put the notebooks in")
        # Links that lead to each other are a RuntimeError.
        if folder.resolve() == source.resolve():
            yield f"{folder}: these are the notebooks themselves, nothing was copied"
            return
        folder.mkdir(parents=True, exist_ok=True)
        written, complaint = _read_manifest(folder)
        if complaint:
            yield complaint
        counts = {"new": 0, "updated": 0}
        contents = {name: (source / name).read_bytes() for name in _names(source)}
        # Said first: what is written before the disk is full is known to be ours, too.
        coming = {name: _digest(content) for name, content in contents.items()}
        _write_manifest(folder, written, coming | {_beside(name): coming[name] for name in coming})
        for name, content in contents.items():
            yield from _place(content, name, folder, written, counts)
        _write_manifest(folder, written)
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or error
        raise CommandError(f"cannot write the notebooks to {folder}: {why}; name another folder") from error
    yield f"{folder}: {counts['new']} new, {counts['updated']} updated"


def version() -> str:
    try:
        return importlib.metadata.version("cortex-lab")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cortex-lab",
        description="Copy the notebooks to FOLDER, never over an edited one, and open JupyterLab there.",
        epilog="Arguments after -- go to JupyterLab as they are. `cortex-lab record MODEL OUT` records what "
        "a model of Keras or PyTorch gives at each layer (a folder of that name is ./record).",
    )
    parser.add_argument("folder", nargs="?", default=DEFAULT_FOLDER, metavar="FOLDER", help="./%(default)s")
    parser.add_argument("--copy-only", action="store_true", help="copy the notebooks, open nothing")
    parser.add_argument("--no-browser", dest="browser", action="store_false", help="print the address only")
    parser.add_argument("--port", type=_port, metavar="PORT", help="where JupyterLab listens")
    parser.add_argument("--version", action="version", version=f"cortex-lab {version()}")
    return parser


def _record(given: Sequence[str]) -> int:
    """Record what a model gives at each layer: what `cortex_lab.interop.verify` compares with."""
    parser = argparse.ArgumentParser(
        prog="cortex-lab record",
        description="Run a model of Keras or PyTorch once and write what each of its layers gives to OUT, "
        "for cortex_lab.interop.verify. Needs Keras, or PyTorch.",
    )
    parser.add_argument(
        "model", metavar="MODEL", help="a .keras or .h5 file, or module:function, which gives (model, inputs)"
    )
    parser.add_argument("out", metavar="OUT", type=_folder, help="the file to write, HDF5")
    parser.add_argument("--rows", type=int, default=2, help="how many rows of input are drawn (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="what keys the draw (%(default)s)")
    options = parser.parse_args(list(given))
    # Modules are those of the folder one works in, as with `python -m`.
    sys.path.insert(0, os.getcwd())
    try:
        recorder = importlib.import_module("cortex_lab.interop.recorder")
        recorded = recorder.write_recording(options.model, options.out, rows=options.rows, seed=options.seed)
    except (CommandError, OSError, ValueError, TypeError, ImportError, AttributeError) as error:
        _complain(str(error))
        return 1
    finally:
        sys.path.remove(os.getcwd())
    return 0 if _say(f"{options.out}: {len(recorded.layers)} layers") else 1


def _folder(name: str) -> Path:
    """The folder a person named; CommandError if there can be none of that name."""
    if not name or "\0" in name:
        raise CommandError(f"{name!r} is not the name of a folder; name one, or leave it out")
    try:
        return Path(name).expanduser()
    except RuntimeError:
        user = name.split("/")[0]
        raise CommandError(f"there is no home folder {user}; write ./{name} for a folder here") from None


def _port(text: str) -> int:
    digits = text.lstrip("0")
    if not (text.isascii() and digits.isdigit() and len(digits) <= 5 and int(digits) <= 65535):
        given = repr(text) if len(text) <= 20 else f"{text[:20]!r}..."
        raise argparse.ArgumentTypeError(f"a port is a number from 1 to 65535, not {given}")
    return int(digits)


def _say(line: str) -> bool:
    """Print a line; whether that could be done, or nobody wants to hear it. It stops nothing."""
    try:
        _print(line, sys.stdout)
    except OSError as error:
        # Else Python complains once more on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            _complain(f"cannot print what was done: {error.strerror}")
            return False
    return True


def _complain(text: str) -> None:
    with contextlib.suppress(OSError):
        _print(f"cortex-lab: {text}", sys.stderr)


def _print(text: str, stream: TextIO | None) -> None:
    """Names of files may have letters that a terminal cannot show; a stream that is closed is None."""
    if stream is not None:
        encoding = stream.encoding or "utf-8"
        print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)


def _names(source: Path) -> list[str]:
    paths = (path for path in sorted(source.rglob("*")) if path.is_file())
    relative = (path.relative_to(source) for path in paths)
    return [
        name.as_posix()
        for name in relative
        if not any(part.startswith((".", "__")) for part in name.parts)  # checkpoints and caches
    ]


def _place(
    content: bytes, name: str, folder: Path, written: dict[str, str], counts: dict[str, int]
) -> Iterator[str]:
    target, digest = folder / name, _digest(content)
    present = _digest_of(target) if target.is_file() else None
    if present is None and target.exists():
        yield f"  kept {name}: it is not a file, so the notebook of that name was not copied"
    elif present is None:
        _write(target, content)
        written[name] = digest
        counts["new"] += 1
    elif present == digest:
        written[name] = digest
    elif present == written.get(name):
        _write(target, content)
        written[name] = digest
        counts["updated"] += 1
        yield f"  updated {name}"
    elif written.get(name) == digest:
        yield f"  kept {name}: you edited it"
    else:
        yield from _place_beside(content, name, folder, written)


def _place_beside(content: bytes, name: str, folder: Path, written: dict[str, str]) -> Iterator[str]:
    beside, digest = _beside(name), _digest(content)
    if written.get(beside) == digest:
        yield f"  kept {name}: you edited it (the newer version went to {beside})"
        return
    target = folder / beside
    if target.exists() and (not target.is_file() or _digest_of(target) != written.get(beside)):
        yield f"  kept {name} and {beside}: you edited both, so the newest version of {name} was not copied"
        return
    _write(target, content)
    written[beside] = digest
    yield f"  kept {name}: you edited it; the newer version is in {beside}"


def _beside(name: str) -> str:
    return Path(name).with_suffix(f".new{Path(name).suffix}").as_posix()


def _read_manifest(folder: Path) -> tuple[dict[str, str], str | None]:
    """What earlier calls wrote, by name; a complaint if nobody can know; CommandError if it is no file."""
    path = folder / MANIFEST
    if path.exists() and not path.is_file():
        what = "a folder" if path.is_dir() else "a pipe or device"
        raise CommandError(f"{path} is {what}, and notes are to be kept there; move it away")
    if not path.exists():
        return {}, None
    try:
        if path.stat().st_size > _LONGEST_MANIFEST:
            raise ValueError
        noted = json.loads(path.read_text(encoding="utf-8"))
        written = {str(name): str(digest) for name, digest in noted["files"].items()}
        for name, digest in dict(noted.get("coming", {})).items():
            if (folder / name).is_file() and _digest_of(folder / name) == digest:
                written[name] = digest
        return written, None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}, f"  {MANIFEST} could not be read: every notebook in {folder} counts as edited"


def _write_manifest(folder: Path, written: dict[str, str], coming: dict[str, str] | None = None) -> None:
    noted = {"version": version(), "files": written} | ({"coming": coming} if coming else {})
    _write(folder / MANIFEST, json.dumps(noted, indent=1).encode())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, content: bytes) -> None:
    path = Path(os.path.realpath(path))  # what a link leads to is written, not the link
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(content)
        if path.exists():
            shutil.copymode(path, unfinished)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _open_jupyterlab(folder: Path, browser: bool, port: int | None, others: Sequence[str]) -> int:
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder.resolve()}"]
    if (folder / FIRST_NOTEBOOK).is_file():
        # Unlike a file to open, a default address also leads there when the address is opened by hand.
        command.append(f"--LabApp.default_url=/lab/tree/{FIRST_NOTEBOOK}")
    if not browser:
        command.append("--no-browser")
    if port is not None:
        command.append(f"--port={port}")
    if hasattr(os, "geteuid") and os.geteuid() == 0 and "--allow-root" not in others:
        _say("You are root, so JupyterLab is started with --allow-root.")
        command.append("--allow-root")
    command.extend(others)
    if os.name != "posix":
        return subprocess.call(command)
    os.execv(command[0], command)  # from here on Ctrl-C, and the question it brings, are JupyterLab's own


if __name__ == "__main__":
    sys.exit(main())
