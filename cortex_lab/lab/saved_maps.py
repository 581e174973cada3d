"""Maps in the file of a training, and back: positions and columns, and what new rows are placed by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.embed import PCA, TSNE, AlignedMap
from cortex_lab.ground import checks
from cortex_lab.lab.embedding import PointMap, PointMaps
from cortex_lab.lab.features import Features, RowReader
from cortex_lab.nn.run import saving
from cortex_lab.nn.train.saved import Saved
from cortex_lab.study import Session

MOST = 16
"""Maps that a file keeps."""

Maps = Mapping[str, PointMap | PointMaps]
Arrays = dict[str, np.ndarray]


def describe_maps(maps: Maps) -> tuple[list[dict[str, Any]], Arrays]:
    """What is said of each map, and arrays that `maps_of` reads back. TypeError for what is no map."""
    if len(maps) > MOST:
        raise ValueError(f"a file keeps {MOST} maps at most, and session.maps has {len(maps)}; take some out")
    said, arrays = [], dict[str, np.ndarray]()
    for number, (name, each) in enumerate(maps.items()):
        checks.text("a name in session.maps", name)
        wanted = (PointMap, PointMaps), "a map of this session's rows"
        checks.instance(f"session.maps[{name!r}]", each, *wanted)
        told, mine = _of_one(each) if isinstance(each, PointMap) else _of_several(each)
        said.append({"name": name, **told})
        arrays |= {f"maps/{number}/{key}": array for key, array in mine.items()}
    return said, arrays


def maps_of(saved: Saved, session: Any) -> dict[str, PointMap | PointMaps]:
    """The maps that a file holds, by name; `DamagedFile` for what was never written."""
    found: dict[str, PointMap | PointMaps] = {}
    with saving.reading(saved.path, "maps"):
        for number, told in enumerate(saved.description.get("maps", ())):
            prefix = f"maps/{number}/"
            mine = [key for key in saved.arrays if key.startswith(prefix)]
            arrays = {key.removeprefix(prefix): saved.arrays[key] for key in mine}
            read = _one if told["kind"] == "map" else _several
            found[checks.text("name", told["name"])] = read(told, arrays, session)
    return found


def _of_one(each: PointMap) -> tuple[dict[str, Any], Arrays]:
    columns, arrays = _packed(each.columns)
    told = {"kind": "map", "of": each.of, "step": each.step, "columns": columns, "reads": None}
    arrays |= {"features": each.features}
    layout = each.layout
    if isinstance(layout, PCA):
        told["layout"] = {"kind": "pca", "seed": layout.seed}
    else:
        state = layout.snapshot()
        points = state["points"]
        names = ("step_number", "learning_rate", "momentum", "exaggeration")
        measured = {key: layout.measure(key) for key in layout.keys if np.isfinite(layout.measure(key))}
        told["layout"] = {
            "kind": "tsne",
            "options": {
                "perplexity": list(points.perplexities),
                "seed": layout.seed,
                "metric": points.metric,
                "method": points.method,
                "iterations_per_step": layout.iterations_per_step,
                "early_exaggeration": layout.early_exaggeration,
            },
            "early_iterations": layout.early_iterations,
            "state": {name: state[name] for name in names} | {"measured": measured},
        }
        arrays["layout"] = np.stack([state[name] for name in ("positions", "update", "gains", "gradient")])
    if isinstance(each.read, RowReader):
        told["reads"] = each.read.features.of
        network = each.read.training.network
        arrays |= {kind: network.ops.to_numpy(getattr(network, kind)) for kind in ("params", "state")}
    return told, arrays


def _one(told: Mapping[str, Any], arrays: Arrays, session: Any) -> PointMap:
    columns, x, about = _unpacked(told["columns"], arrays), arrays["features"], told["layout"]
    layout: TSNE | PCA
    if about["kind"] == "pca":
        layout, stepped = PCA(x, about["seed"]), None
    else:
        positions, update, gains, gradient = arrays["layout"]
        layout = TSNE(x, initial=positions, **about["options"])
        layout.early_iterations = checks.whole("early_iterations", about["early_iterations"], least=0)
        state = {"positions": positions, "update": update, "gains": gains, "gradient": gradient}
        layout.restore(layout.snapshot() | about["state"] | state)
        stepped = Session(layout)
    if len(columns) != len(layout.positions):
        raise ValueError(f"a map of {len(layout.positions)} points has columns for {len(columns)}")
    read = None
    if told["reads"] is not None:
        read = RowReader.of(Features(session.process.network, told["reads"]), session)
        network = read.training.network
        for kind in ("params", "state"):
            getattr(network, kind)[...] = network.ops.asarray(arrays[kind])
    return PointMap(layout, columns, told["of"], told["step"], x, stepped, read)


_ABOUT = ("moment", "scale", "kl_divergence", "coherence_error", "iterations")


def _of_several(each: PointMaps) -> tuple[dict[str, Any], Arrays]:
    known = [each.columns[one.moment] for one in each.maps]
    columns, arrays = _packed(pd.concat(known))
    numbers = [
        (len(one.index), len(lines), *(getattr(one, name) for name in _ABOUT))
        for one, lines in zip(each.maps, known, strict=True)
    ]
    arrays |= {
        "each": np.array(numbers, np.float64),
        "points": np.concatenate([one.index for one in each.maps]),
        "positions": np.concatenate([one.positions for one in each.maps]),
        "drift": np.concatenate([one.drift for one in each.maps]),
    }
    return {"kind": "maps", "of": each.of, "columns": columns}, arrays


def _several(told: Mapping[str, Any], arrays: Arrays, session: Any) -> PointMaps:
    known, each = _unpacked(told["columns"], arrays), arrays["each"]
    maps, columns, point, line = [], dict[int, pd.DataFrame](), 0, 0
    for count, lines, *about in each.tolist():
        count, lines, one = int(count), int(lines), dict(zip(_ABOUT, about, strict=True))
        one |= {name: int(one[name]) for name in ("moment", "iterations")}
        mine = slice(point, point + count)
        found = {name: arrays[name][mine] for name in ("positions", "drift")}
        maps.append(AlignedMap(index=arrays["points"][mine], **found, **one))
        columns[one["moment"]] = known.iloc[line : line + lines]
        point, line = point + count, line + lines
    if point != len(arrays["positions"]) or line != len(known):
        raise ValueError("its maps have more points, or fewer, than they say")
    return PointMaps(tuple(maps), columns, told["of"])


# Columns as arrays: numbers as they are, all else by its place among the different values ----------------


def _packed(frame: pd.DataFrame) -> tuple[dict[str, Any], Arrays]:
    numbers, codes, described = [], [], []
    for name in frame:
        column: Any = frame[name]
        told = {"name": str(name), "dtype": str(column.dtype)}
        if isinstance(column.dtype, np.dtype) and column.dtype.kind in "fb":
            numbers.append(column.to_numpy(np.float64))
        else:
            places, values = _places(column)
            codes.append(places)
            told |= {"values": values, "ordered": bool(getattr(column.dtype, "ordered", False))}
        described.append(told)
    n = len(frame)
    arrays = {
        "index": frame.index.to_numpy(np.int64),
        "numbers": np.stack(numbers, 1) if numbers else np.empty((n, 0)),
        "codes": np.stack(codes, 1).astype(np.int32) if codes else np.empty((n, 0), np.int32),
    }
    return {"columns": described, "index": str(frame.index.name or "row")}, arrays


def _places(column: Any) -> tuple[np.ndarray, list[Any]]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        places, values = np.asarray(column.cat.codes), column.cat.categories
    else:
        places, values = pd.factorize(column)
    listed = [getattr(value, "item", lambda value=value: value)() for value in values]
    return places, [value if isinstance(value, (str, int, float, bool)) else str(value) for value in listed]


def _unpacked(told: Mapping[str, Any], arrays: Arrays) -> pd.DataFrame:
    numbers, codes = iter(arrays["numbers"].T), iter(arrays["codes"].T)
    found = pd.DataFrame(index=pd.Index(arrays["index"], name=told["index"]))
    for column in told["columns"]:
        if "values" not in column:
            found[column["name"]] = next(numbers).astype(column["dtype"])
        elif column["dtype"] == "category":
            kinds = pd.Index(column["values"])
            found[column["name"]] = pd.Categorical.from_codes(next(codes), kinds, column["ordered"])
        else:
            known, places = pd.Series(column["values"], dtype=column["dtype"]), next(codes)
            # Of an index, a place that is not there is missing; and words stay of the type they had.
            taken = known.reindex(places) if (places < 0).any() else known[places]
            found[column["name"]] = pd.Series(taken.array, found.index, dtype=column["dtype"])
    return found
