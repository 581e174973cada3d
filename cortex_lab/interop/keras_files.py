"""The containers of Keras, opened: what each says of the model, and where its weights are."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import h5py

from cortex_lab.ground import hdf5
from cortex_lab.ground.files import DamagedFile, size_of
from cortex_lab.ground.hdf5_texts import Texts
from cortex_lab.interop import archive
from cortex_lab.interop.keras_config import LONGEST, era_of, parsed
from cortex_lab.interop.keras_weights import Stored
from cortex_lab.interop.model import Era

KIND = "of Keras"
REMEDY = "take a whole copy of it, or save it anew from Keras"
CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"


@dataclass(frozen=True)
class KerasFile:
    """What a file, or a pair of them, holds: `compiled` is what it says of a training."""

    path: str | os.PathLike
    description: Mapping[str, Any] | None
    era: Era
    stored: Stored | None
    compiled: Mapping[str, Any]


@contextmanager
def opened(path: str | os.PathLike, weights: str | os.PathLike | None = None) -> Iterator[KerasFile]:
    """The file at `path`, whichever kind it is; `weights` has those of a description alone."""
    size_of(path)
    with open(path, "rb") as file:
        begin = file.read(8)
    with ExitStack() as stack:
        if begin[:2] == b"PK":
            found = stack.enter_context(_archive(path))
        elif begin == hdf5.SIGNATURE:
            found = stack.enter_context(_hdf5(path))
        elif begin.lstrip()[:1] in (b"{", b"["):
            found = _json(path)
        else:
            raise DamagedFile(
                path, "is neither a .keras file nor HDF5 nor JSON", remedy="name a file that Keras saved"
            )
        if weights is not None:
            other = stack.enter_context(opened(weights))
            era = other.era if other.era.version != (3,) and found.era.version == (3,) else found.era
            found = KerasFile(path, found.description, era, other.stored, found.compiled)
        yield found


@contextmanager
def _archive(path: str | os.PathLike) -> Iterator[KerasFile]:
    with archive.opened(path, KIND) as packed:
        for name in (CONFIG, WEIGHTS):
            if name not in packed.members:
                why = f"has no member {name!r}"
                if any(each.endswith(".weights.json") for each in packed.members):
                    why += ", but weights in several files (sharded), which are not read"
                raise DamagedFile(path, why, name, REMEDY)
        description = parsed(packed.text(CONFIG, LONGEST), path, CONFIG)
        said = parsed(packed.text(METADATA, LONGEST), path, METADATA) if METADATA in packed.members else {}
        with packed.stream(WEIGHTS) as (stream, size), _stored(path, stream, size) as stored:
            compiled = description.get("compile_config") or {}
            yield KerasFile(path, description, era_of(said.get("keras_version", 3)), stored, compiled)


@contextmanager
def _hdf5(path: str | os.PathLike) -> Iterator[KerasFile]:
    size = size_of(path)
    with open(path, "rb") as stream, _stored(path, stream, size) as stored:
        texts, file = stored.texts, stored.file
        said = texts.one(file, "model_config")
        description = None if said is None else parsed(said, path, "model_config")
        holders = [file, *(file[name] for name in ("model_weights",) if name in file)]
        version, backend = (
            next((found for each in holders if (found := texts.one(each, name))), None)
            for name in ("keras_version", "backend")
        )
        # Before 2.0 files said no version; their weights of layers do not either.
        legacy = stored.legacy_root() is not None
        era = era_of(version or ("1" if legacy else "3"), backend)
        said = texts.one(file, "training_config")
        compiled = {} if said is None else parsed(said, path, "training_config")
        yield KerasFile(path, description, era, stored, compiled)


def _json(path: str | os.PathLike) -> KerasFile:
    if size_of(path) > LONGEST:
        raise DamagedFile(path, "is too long for the description of a model", remedy=REMEDY)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DamagedFile(path, f"is no text ({error})", remedy=REMEDY) from None
    description = parsed(text, path, os.path.basename(path))
    return KerasFile(
        path, description, era_of(description.get("keras_version", 3), description.get("backend")), None, {}
    )


@contextmanager
def _stored(path: str | os.PathLike, stream: BinaryIO, size: int) -> Iterator[Stored]:
    """HDF5 in a stream, every part of it looked at; what cannot be read of it is a `DamagedFile`."""
    try:
        with h5py.File(cast(Any, stream), "r") as file:
            arrays = hdf5.datasets(file, path, size=size, foreign=True)
            yield Stored(path, file, arrays, Texts(path, stream, size, arrays.values()))
    except DamagedFile:
        raise
    except (OSError, KeyError, RuntimeError, TypeError, UnicodeError) as error:
        said = " ".join(str(error).split())[:200]
        raise DamagedFile(path, f"is not a whole file {KIND} ({said})", remedy=REMEDY) from error
