"""What is no saved file is refused by one error that names the file, what is wrong and what to do."""

from __future__ import annotations

import dataclasses
import gzip
import json
import os
import time
import tracemalloc
import zipfile

import numpy as np
import pytest

from cortex_lab.data import Batches, read_idx
from cortex_lab.ground import hdf5
from cortex_lab.ground.files import DamagedFile
from cortex_lab.nn import Graph, Network, Node, Training
from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.layers.dropout import Dropout
from cortex_lab.nn.run import saving
from cortex_lab.nn.train.checkpoint import load_training, read_training, save_training
from cortex_lab.optimize import Adam
from cortex_lab.optimize.descent.logs import Log
from cortex_lab.study import Trace, traceformat
from tests.faults import hostile
from tests.nn.cases import CASES

JUNK = {
    "bool": [None, 0, 1, "yes", float("nan"), [], {}],
    "float": [None, True, "x", float("nan"), float("inf"), [], {}],
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return hostile.write_all(tmp_path_factory.mktemp("hostile"))


def test_what_is_well_formed_is_read(tmp_path):
    hostile.write(tmp_path / "net.h5")
    np.testing.assert_array_equal(Network.load(tmp_path / "net.h5").params, hostile.network().params)


def test_every_hostile_file_is_refused_and_named(files):
    wrong = {}
    for name, (path, why) in files.items():
        try:
            Network.load(path)
            wrong[name] = "was read"
        except DamagedFile as error:
            said = str(error)
            if str(path) not in said or why not in said or not error.remedy or said.count("\n") > 1:
                wrong[name] = said
        except Exception as error:
            wrong[name] = repr(error)
    assert not wrong and len(files) > 50


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_hyper_parameters_are_checked_as_they_are_read(case):
    inputs = {f"input_{index}": shape for index, shape in enumerate(case.shapes)}
    described = Graph.build([Node(case.layer, "node", tuple(inputs))], inputs).to_dict()
    kinds = {field.name: str(field.type) for field in dataclasses.fields(case.layer)}
    for name, kind in kinds.items():
        for junk in JUNK.get(kind, []):
            changed = json.loads(json.dumps(described))
            entry = next(node for node in changed["nodes"] if node["name"] == "node")
            entry["layer"][name] = junk
            with pytest.raises(ValueError, match=name):
                Graph.from_dict(changed)


# A training, and a trace ------------------------------------------------------------------------------


def training(seed: int = 0) -> Training:
    random = np.random.default_rng(0)
    batches = Batches(random.normal(size=(20, 4)).astype("f4"), random.integers(0, 3, 20), batch_size=5)
    network = Network([Dense(5, activation="relu"), Dropout(0.3), Dense(3)], 4, seed=seed, ops="reference")
    return Training(network, batches, "softmax_cross_entropy", Adam(0.01))


TRAININGS = {
    "a step before the first": {"step": -1},
    "half a step": {"step": 1.5},
    "a step in words": {"step": "two"},
    "no optimizer": {"optimizer": None},
    "an unknown optimizer": {"optimizer": {"kind": "Oracle"}},
    "a negative rate": {"optimizer": {"kind": "Adam", "learning_rate": -1}},
    "no updates": {"optimizer_state": {}},
    "half an update": {"optimizer_state": {"updates": 0.5}},
    "a word for an array": {"optimizer_state": {"updates": 2, "m": "all"}},
    "a rate that the layer refuses": {"hyperparameters": {"dropout_1.rate": 7}},
    "a rate of no layer": {"hyperparameters": {"dense_1.rate": 0.5}},
    "rates that are none": {"hyperparameters": [1]},
    "rows that are not there": {"excluded_rows": [20]},
    "rows that are none": {"excluded_rows": ["first"]},
    "all rows": {"excluded_rows": list(range(20))},
    "no such layer frozen": {"frozen": ["conv2d_*"]},
    "all layers frozen": {"frozen": ["*"]},
    "a number for names": {"frozen": 3},
}


@pytest.mark.parametrize("changes", TRAININGS.values(), ids=TRAININGS)
def test_a_training_that_is_refused_changes_nothing(tmp_path, monkeypatch, changes):
    other, path, write = training(seed=1), tmp_path / "run.h5", saving.write
    for _ in range(3):
        other.whole_step()
    monkeypatch.setattr(saving, "write", lambda path, said, arrays: write(path, said | changes, arrays))
    save_training(other, path)
    resumed = training()
    resumed.whole_step()
    before = copied_deeply(resumed.snapshot())
    with pytest.raises(DamagedFile, match=f"'{next(iter(changes))}|'updates'") as refused:
        load_training(resumed, read_training(path))
    assert str(path) in str(refused.value)
    assert_same(resumed.snapshot(), before)
    resumed.whole_step()


@pytest.mark.parametrize("lost", ["parameters/dense_2/bias", "optimizer/m"])
def test_an_array_of_another_shape_changes_nothing(tmp_path, monkeypatch, lost):
    path, write = tmp_path / "run.h5", saving.write
    shrunk = {lost: np.zeros(2, "f4")}
    monkeypatch.setattr(saving, "write", lambda path, said, arrays: write(path, said, arrays | shrunk))
    save_training(training(seed=1), path)
    resumed = training()
    before = copied_deeply(resumed.snapshot())
    with pytest.raises(DamagedFile, match=f"'{lost}' has shape"):
        load_training(resumed, read_training(path))
    assert_same(resumed.snapshot(), before)


def copied_deeply(value):
    if isinstance(value, dict):
        return {key: copied_deeply(part) for key, part in value.items()}
    return value.copy() if isinstance(value, np.ndarray) else value


def assert_same(a, b):
    assert a.keys() == b.keys()
    for key, value in a.items():
        if isinstance(value, dict):
            assert_same(value, b[key])
        elif isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, b[key])
        else:
            assert value == b[key], key


@pytest.mark.parametrize("name", hostile.TRACES)
def test_a_hostile_trace_is_refused_or_read_as_far_as_there_are_rows(tmp_path, name):
    change, why = hostile.TRACES[name]
    hostile.write_trace(tmp_path / "run.h5", change)
    if why is None:
        with pytest.warns(UserWarning, match="damaged; read the 64 rows there are, up to step 64"):
            assert Trace.open(tmp_path / "run.h5")["step"].tolist() == list(range(1, 65))
    else:
        with pytest.raises(DamagedFile, match=why):
            Trace.open(tmp_path / "run.h5")


@pytest.mark.parametrize(
    "read", [Trace.open, Network.load, read_idx, Log.load], ids=lambda read: read.__qualname__
)
def test_no_reader_waits_for_a_pipe_or_reads_a_folder(tmp_path, read):
    os.mkfifo(tmp_path / "pipe")
    for path, what in ((tmp_path / "pipe", "is a pipe"), (tmp_path, "is a folder")):
        with pytest.raises(DamagedFile, match=what):
            read(path)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read(tmp_path / "absent")


HEADS = {
    "junk": b"junk", "zeros": b"", "HDF5": hdf5.SIGNATURE, "a zip": b"PK\3\4", "gzip": b"\x1f\x8b",
    "a trace on its way": traceformat.UNFINISHED, "a finished trace": traceformat.FINISHED,
    "a long record": traceformat.UNFINISHED + traceformat.RECORD.pack(traceformat.COLUMNS, 2**31, 0),
    "long rows": traceformat.UNFINISHED + traceformat.RECORD.pack(traceformat.ROWS, 2**31, 0),
    "an unknown record": traceformat.UNFINISHED + traceformat.RECORD.pack(b"what", 2**31, 0),
    "long names": traceformat.FINISHED + traceformat.ABOUT.pack(512, 2**31, 512, 512, 2**40, 2**20),
    "names behind its end": traceformat.FINISHED + traceformat.ABOUT.pack(*[2**64 - 1] * 6),
    "an array of bytes": b"\0\0\x08\x01" + (2**31).to_bytes(4, "big"),
}  # fmt: skip


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("read", [Trace.open, Network.load, read_idx, read_training, Log.load],
                         ids=lambda read: read.__qualname__)  # fmt: skip
def test_a_large_file_is_looked_at_before_it_is_read(tmp_path, read, head):
    (tmp_path / "large").write_bytes(head)
    os.truncate(tmp_path / "large", 2**32)
    with pytest.raises(FileNotFoundError):
        # Its backend is ready from here on.
        read(tmp_path / "absent")
    began = time.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(DamagedFile, match="large"):
            read(tmp_path / "large")
        assert tracemalloc.get_traced_memory()[1] < 2**26 and time.process_time() - began < 1
    finally:
        tracemalloc.stop()


def test_what_unpacks_to_far_too_much_is_not_unpacked(tmp_path):
    head = b"\0\0\x08\x01" + (2**31).to_bytes(4, "big")
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(head + bytes(2**20)))
    with pytest.raises(DamagedFile, match=r"would unpack to 2,147,483,648 bytes.*gunzip"):
        read_idx(tmp_path / "bomb.gz")
    (tmp_path / "more.gz").write_bytes(gzip.compress(b"\0\0\x08\x01\0\0\0\x05" + bytes(2**20)))
    with pytest.raises(DamagedFile, match="too long"):
        read_idx(tmp_path / "more.gz")
    with zipfile.ZipFile(tmp_path / "log.npz", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("points.npy", bytes(80 * 2**20))
    with pytest.raises(DamagedFile, match="far more than its own size"):
        Log.load(tmp_path / "log.npz")
