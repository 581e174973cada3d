"""Where in a file of Keras the weights of each layer lie: found by position, looked at, not yet read.

A `.keras` file, and a `.weights.h5` of Keras 3, keys them by class and counter, `layers/dense_1/vars/0`, in
the order of the description. A legacy `.h5` lists the names of layers and weights in attributes; of a model
inside another it has all trained arrays first, and then the others.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import h5py

from cortex_lab.ground.files import DamagedFile
from cortex_lab.ground.hdf5_texts import Texts
from cortex_lab.interop.building import Leaf, Path
from cortex_lab.interop.keras_config import INPUT
from cortex_lab.interop.model import Era, LayerEntry, Model

Found = dict[Path, list[h5py.Dataset]]
REMEDY = "take a whole copy of it, or save it anew from Keras"
_CONTAINERS = ("layers", "_layer_checkpoint_dependencies")
_RESTING = ("moving_mean", "moving_variance", "mean", "variance")


class Stored:
    """The arrays of an open file by full name, and the texts of its attributes."""

    def __init__(
        self, path: str | os.PathLike, file: h5py.File, arrays: Mapping[str, h5py.Dataset], texts: Texts
    ) -> None:
        self.path, self.file, self.arrays, self.texts = path, file, arrays, texts
        self.by_group: dict[str, list[str]] = {}
        for name in arrays:
            self.by_group.setdefault(name.rpartition("/")[0], []).append(name)

    def of_model(self, model: Model, leaves: Mapping[Path, Leaf], era: Era) -> Found:
        """The arrays of every layer that has some, in the order in which Keras has them."""
        legacy = self.legacy_root()
        if legacy is not None:
            return self._legacy(legacy, model, leaves, era)
        if not any(name in self.file for name in _CONTAINERS):
            raise DamagedFile(self.path, "has no weights that Keras wrote", remedy=REMEDY)
        found: Found = {}
        self._keyed("", model, (), leaves, found)
        return found

    # By class and counter ----------------------------------------------------------------------------------

    def _keyed(
        self, prefix: str, model: Model, path: Path, leaves: Mapping[Path, Leaf], found: Found
    ) -> None:
        container = next((f"{prefix}{each}" for each in _CONTAINERS if f"{prefix}{each}" in self.file), None)
        counts: Counter[str] = Counter()
        for entry in model.entries:
            if entry.kind.startswith("ops."):
                continue
            kind = keras_snake_case(entry.kind)
            key = f"{kind}_{counts[kind]}" if counts[kind] else kind
            counts[kind] += 1
            here, group = (*path, entry.name), f"{container}/{key}"
            if entry.inside is not None:
                self._keyed(f"{group}/", entry.inside, here, leaves, found)
                continue
            leaf = leaves.get(here)
            if leaf is None or not leaf.made.arrays:
                continue
            self._check_name(f"{group}/vars", entry, here)
            names = []
            for part in leaf.made.groups:
                place = f"{group}/{part}/vars" if part else f"{group}/vars"
                names += sorted(self.by_group.get(place, ()), key=numbered)
            if not names:
                raise self.missing(here, f"nothing lies at {group!r}")
            found[here] = [self.arrays[name] for name in names]

    def _check_name(self, group: str, entry: LayerEntry, path: Path) -> None:
        """Keras 3 notes whose the weights are; they go by position, so both must agree."""
        own = self.texts.one(self.file[group], "name") if group in self.file else None
        if own is not None and own != entry.name:
            why = (
                f"has the weights of {own!r} where those of {'.'.join(path)!r} belong: they go by position "
                f"here, and {group!r} is in its place"
            )
            raise DamagedFile(self.path, why, entry.name, REMEDY)

    # By the names of layers --------------------------------------------------------------------------------

    def legacy_root(self) -> str | None:
        """The group that lists the names of layers, "" for the file itself; None in other files."""
        for group in ("model_weights", ""):
            holder = self.file.get(group) if group else self.file
            if isinstance(holder, h5py.Group) and {"layer_names", "layer_names0"} & set(holder.attrs):
                return group
        return None

    def legacy_layers(self, root: str) -> list[tuple[str, list[h5py.Dataset]]]:
        """The layers with weights in the order of the file."""
        holder = self.file[root] if root else self.file
        prefix, layers = f"{root}/" if root else "", []
        for name in self._split_texts(holder, "layer_names"):
            if f"{prefix}{name}" not in self.file:
                raise DamagedFile(
                    self.path, f"lists the layer {name!r}, and has no weights of it", name, REMEDY
                )
            group, datasets = self.file[f"{prefix}{name}"], []
            for weight in self._split_texts(group, "weight_names"):
                full = f"{prefix}{name}/{weight}"
                if full not in self.arrays:
                    raise DamagedFile(
                        self.path, f"lists the weight {full!r}, and does not have it", full, REMEDY
                    )
                datasets.append(self.arrays[full])
            if datasets:
                layers.append((name, datasets))
        return layers

    def _legacy(self, root: str, model: Model, leaves: Mapping[Path, Leaf], era: Era) -> Found:
        wanted = [entry for entry in model.entries if _count(entry, (), leaves)]
        layers = self.legacy_layers(root)
        names, expected = [name for name, _ in layers], [entry.name for entry in wanted]
        if sorted(names) != sorted(expected) and len(names) != len(expected):
            lacking = next((name for name in expected if name not in names), None)
            if lacking is not None:
                raise self.missing(
                    (lacking,), f"{len(names)} layers with weights are in the file, of {len(expected)}"
                )
            extra = next(name for name in names if name not in expected)
            raise DamagedFile(
                self.path, f"has weights of {extra!r}, which the model does not have", extra, REMEDY
            )
        if names != expected and sorted(names) == sorted(expected):
            here = next(a for a, b in zip(expected, names, strict=True) if a != b)
            why = (
                f"lists its layers in another order than the model has them, from {here!r} on: by position, "
                "as Keras reads it, weights go to other layers than by name"
            )
            raise DamagedFile(self.path, why, here, "save model and weights together, from Keras")
        found: Found = {}
        for entry, (_, datasets) in zip(wanted, layers, strict=True):
            if entry.inside is None:
                found[entry.name,] = datasets
            else:
                found |= self._shared_out(entry, datasets, leaves, era)
        return found

    def _shared_out(
        self, entry: LayerEntry, datasets: list[h5py.Dataset], leaves: Mapping[Path, Leaf], era: Era
    ) -> Found:
        """The arrays of a model inside: those that are trained of all its layers, and then the others."""
        trained, resting = kinds_of(entry, (), leaves, era)
        order = [*trained, *resting]
        if len(order) != len(datasets):
            raise self.missing((entry.name,), f"it has {len(order)} arrays, and the file {len(datasets)}")
        found: dict[Path, list[tuple[int, h5py.Dataset]]] = {}
        for (path, place), dataset in zip(order, datasets, strict=True):
            found.setdefault(path, []).append((place, dataset))
        return {
            path: [each for _, each in sorted(own, key=lambda one: one[0])] for path, own in found.items()
        }

    def listed(self, group: str, name: str) -> list[str]:
        """The texts that an attribute of a group lists."""
        return self._split_texts(self.file[group], name)

    def _split_texts(self, holder: Any, name: str) -> list[str]:
        """A list of texts, which is in several attributes if it is long."""
        found = self.texts.get(holder, name)
        if found is not None:
            return found
        parts, number = [], 0
        while f"{name}{number}" in holder.attrs:
            parts += self.texts.get(holder, f"{name}{number}") or []
            number += 1
        return parts

    def missing(self, path: Path, why: str) -> DamagedFile:
        name = ".".join(path)
        return DamagedFile(self.path, f"lacks weights of the layer {name!r}: {why}", name, REMEDY)


def keras_snake_case(kind: str) -> str:
    """A class as Keras keys its weights: "conv2d_transpose", "re_lu"."""
    name = re.sub(r"\W+", "", kind)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def numbered(name: str) -> tuple[int, str]:
    """Numbers at the end count as such: 10 comes after 2."""
    last = name.rpartition("/")[2]
    return (int(last), "") if last.isdigit() and len(last) < 9 else (10**9, last)


def _count(entry: LayerEntry, path: Path, leaves: Mapping[Path, Leaf]) -> int:
    here = (*path, entry.name)
    if entry.inside is not None:
        return sum(_count(each, here, leaves) for each in entry.inside.entries)
    return len(leaves[here].made.arrays) if here in leaves and entry.kind != INPUT else 0


Place = tuple[Path, int]


def kinds_of(
    entry: LayerEntry, path: Path, leaves: Mapping[Path, Leaf], era: Era
) -> tuple[list[Place], list[Place]]:
    """Which arrays Keras lists as trained, and which as resting, in its order."""
    here = (*path, entry.name)
    if entry.inside is not None:
        trained, resting = [], []
        for each in entry.inside.entries:
            more = kinds_of(each, here, leaves, era)
            trained += more[0]
            resting += more[1]
    else:
        leaf = leaves.get(here)
        names = leaf.made.arrays if leaf else ()
        places = [((here, place), name in _RESTING) for place, name in enumerate(names)]
        if leaf and leaf.made.settle and era.major == 2:
            places.append(((here, len(names)), True))
        trained = [place for place, rests in places if not rests]
        resting = [place for place, rests in places if rests]
    rests = entry.config.get("trainable") is False
    if rests or (entry.inside and entry.inside.config.get("trainable") is False):
        return [], [*trained, *resting]
    return trained, resting
