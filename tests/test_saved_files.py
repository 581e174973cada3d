"""Files that earlier versions saved are still read, and give what they gave."""

from __future__ import annotations

import numpy as np
import pytest

import cortex_lab as cl
from tests.saved.write import FOLDER, NETWORKS, STEPS_AFTER, TRACES, TRAININGS, expected


def test_every_file_is_read_here():
    written = {path.stem for path in FOLDER.glob("*.h5")}
    assert written == {*NETWORKS, *TRAININGS, *TRACES} and len(written) >= 12


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("ops", ["cpu", "reference"])
def test_a_network_gives_the_same_outputs(name, ops):
    network, said = cl.Network.load(FOLDER / f"{name}.h5", ops), expected(name)
    assert network.graph == NETWORKS[name]().graph
    outputs = network.predict(said["inputs"])
    outputs = outputs if isinstance(outputs, dict) else {"": outputs}
    wanted = said["outputs"] if isinstance(said["outputs"], dict) else {"": said["outputs"]}
    assert outputs.keys() == wanted.keys()
    for key, values in outputs.items():
        np.testing.assert_allclose(values, wanted[key], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", TRAININGS)
def test_a_training_goes_on_as_it_did(name):
    make, train, _ = TRAININGS[name]
    said = expected(name)
    session = train(make(), (said["inputs"], said["targets"]), resume_from=FOLDER / f"{name}.h5")
    assert session.step_number == said["step"]
    session.step(STEPS_AFTER)
    np.testing.assert_allclose(session.trace["loss"], said["losses"], rtol=1e-3)


@pytest.mark.parametrize("name", TRACES)
def test_a_trace_has_the_same_rows(name):
    trace, columns = cl.Trace.open(FOLDER / f"{name}.h5"), expected(name)["columns"]
    assert set(trace.keys) == set(columns)
    for key, values in columns.items():
        np.testing.assert_array_equal(trace[key], values)
