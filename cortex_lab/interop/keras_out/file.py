"""Networks written as Keras 3 writes them: `write_keras`."""

from __future__ import annotations

import io
import json
import os
import zipfile
from typing import Any

import numpy as np

from cortex_lab.ground import checks, hdf5
from cortex_lab.ground.files import write_whole
from cortex_lab.interop.keras_config import LONGEST
from cortex_lab.interop.keras_files import CONFIG, METADATA, WEIGHTS
from cortex_lab.interop.keras_layers import Untranslatable
from cortex_lab.interop.keras_out.model import KerasModel, keras_model
from cortex_lab.interop.weights_files import copied
from cortex_lab.nn import Network

VERSION = "3.15.1"
# The same network is the same file.
_DATE = (1980, 1, 1, 0, 0, 0)


def write_keras(network: Network, path: str | os.PathLike) -> None:
    """Write `network` as a `.keras` file, with its weights, which Keras 3 loads; Keras is not needed.

        cl.interop.write_keras(network, "model.keras")
        keras.saving.load_model("model.keras")          # where Keras is

    Layers are called as the nodes are. What Keras has no one layer for becomes several: a border that is
    neither "valid" nor "same" is a ZeroPadding2D before it, states that stand behind a sequence are put
    together again. ValueError names a node that Keras has nothing for, and nothing is written; how weights
    were drawn, and what a training knows beside them, is left out. `read_keras` brings it back.
    """
    checks.instance("network", network, Network, "a network")
    if not str(os.fspath(path)).endswith(".keras"):
        raise ValueError(f"Keras opens files called .keras alone, got {os.fspath(path)!r}")
    dtype = np.dtype(network.ops.dtype).name
    made = keras_model(network.graph, copied(network), dtype, sorted(network.ids))
    write_whole(path, _packed(made))


def _packed(made: KerasModel) -> memoryview:
    text = json.dumps(made.description)
    if len(text) > LONGEST:
        raise Untranslatable(f"the description would have {len(text):,} letters, more than {LONGEST:,}")
    metadata = json.dumps({"keras_version": VERSION, "date_saved": "1980-01-01@00:00:00"})
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        for name, part in ((METADATA, metadata), (CONFIG, text), (WEIGHTS, _weights(made))):
            packed.writestr(zipfile.ZipInfo(name, _DATE), part)
    return content.getbuffer()


def _weights(made: KerasModel) -> bytes:
    def fill(file: Any) -> None:
        for group, name in made.names.items():
            file.require_group(group).attrs["name"] = name
        for group, arrays in made.arrays.items():
            holder = file.require_group(group)
            for place, array in enumerate(arrays):
                holder.create_dataset(str(place), data=array)
        file.require_group("layers")

    return hdf5.image(fill)
