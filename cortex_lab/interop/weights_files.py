"""Weights alone by name, as safetensors: `write_weights`, and the reading behind `read_weights`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from cortex_lab.ground import checks
from cortex_lab.ground.files import DamagedFile, size_of, write_whole
from cortex_lab.nn import Network

EXTRA = "pip install 'cortex-lab[interop]'"
REMEDY = "take a whole copy of it, or save it anew"
_LONGEST = 2**23
"""Bytes of what describes the arrays; a network of 20,000 arrays has a third of that."""
_FLOATS = ("F16", "BF16", "F32", "F64")


def write_weights(network: Network, path: str | os.PathLike) -> None:
    """Write the parameters and states of `network` to `path` in safetensors' format, by name.

        cl.interop.write_weights(network, "net.safetensors")

    Arrays are called and shaped as in `network.parameters` and `network.states`, and of the network's
    precision: `read_weights` puts them back, bit for bit. Nodes that share parameters have them once. The
    file is written whole, or OSError says why not; ImportError without the package safetensors.
    """
    checks.instance("network", network, Network, "a network")
    package = _package()
    write_whole(path, package.numpy.save(copied(network), {"format": "cortex_lab"}))


def held(network: Network) -> dict[str, Any]:
    """Views of all that a network keeps, by name."""
    return {**network.parameters, **network.states}


def copied(network: Network) -> dict[str, np.ndarray]:
    """Copies of the same in NumPy, all of one moment."""
    arrays = held(network)
    return network.turns.reading(
        lambda: {name: np.array(network.ops.to_numpy(each)) for name, each in arrays.items()}
    )


def is_safetensors(path: str | os.PathLike) -> bool:
    """Whether the file at `path` begins as safetensors do: a length, and the JSON of that length."""
    with open(path, "rb") as file:
        begin = file.read(9)
    return len(begin) == 9 and begin[8:] == b"{" and int.from_bytes(begin[:8], "little") < 2**40


def read_arrays(path: str | os.PathLike, wanted: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """The arrays at `path`, which must be those `wanted`, by name and shape; looked at before any is read."""
    with _opened(path) as file:
        names = set(file.keys())
        for name, shape in wanted.items():
            if name not in names:
                there = ", ".join(sorted(names)[:5]) or "nothing"
                raise DamagedFile(path, f"has no {name!r}; it has {there}", name, _OTHER)
            found = file.get_slice(name)
            if tuple(found.get_shape()) != shape:
                why = f"does not fit {name!r}: it has {tuple(found.get_shape())}, and {shape} is wanted"
                raise DamagedFile(path, why, name, _OTHER)
            if found.get_dtype() not in _FLOATS:
                why = f"holds {found.get_dtype()} as {name!r}, and weights are real numbers"
                raise DamagedFile(path, why, name, REMEDY)
        if others := sorted(names - set(wanted)):
            raise DamagedFile(path, f"has weights that no layer takes: {others[0]!r}", others[0], _OTHER)
        # NumPy has no bfloat16 of its own.
        exact = {
            name: np.float64 if file.get_slice(name).get_dtype() == "F64" else np.float32 for name in wanted
        }
        return {name: np.asarray(file.get_tensor(name)).astype(exact[name], copy=False) for name in wanted}


_OTHER = "make a network of the same layers, called the same"


@contextmanager
def _opened(path: str | os.PathLike) -> Iterator[Any]:
    package, size = _package(), size_of(path)
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(size - 8, _LONGEST):
            raise DamagedFile(path, f"states {length:,} bytes of description, which it has not", None, REMEDY)
        described = file.read(length)
    try:
        _refuse_twice(described, path)
        with package.safe_open(path, framework="np") as found:
            yield found
    except DamagedFile:
        raise
    except (package.SafetensorError, ValueError, TypeError, RecursionError, OSError) as error:
        said = " ".join(str(error).split())[:200]
        raise DamagedFile(path, f"is not a whole file of safetensors ({said})", None, REMEDY) from error


def _refuse_twice(described: bytes, path: str | os.PathLike) -> None:
    """`DamagedFile` for a name that is there twice, of which a reader would take either."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in found]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise DamagedFile(path, f"has two arrays called {twice!r}", twice, REMEDY)
        return dict(found)

    json.loads(described, object_pairs_hook=pairs)


def _package() -> Any:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(f"weights by name need safetensors: {EXTRA}") from error
    return safetensors
