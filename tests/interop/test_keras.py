"""What is read from files of Keras computes what Keras does, layer by layer, in float32 and in double."""

from __future__ import annotations

import logging

import pytest

import cortex_lab as cl
from cortex_lab.interop.keras_layers import TRANSLATIONS
from cortex_lab.nn import LAYERS
from tests.interop.keras_cases import CASES, OLDER
from tests.interop.keras_oracle import keras_or_skip, precision, randomize, recorded, save

pytestmark = pytest.mark.keras

# Ours that Keras has no layer for.
BY_NAME = (
    "Exponential", "GELU", "HardSigmoid", "HardSwish", "LogSoftmax", "Mish", "ReLU6", "SELU", "Sigmoid",
    "Softplus", "Softsign", "Swish", "Tanh",
)  # fmt: skip
NOT_OF_KERAS = {
    "KSparse": "Cortex's",
    "LocalResponseNormalization": "Cortex's",
    "PositionEmbedding": "ours",
    **dict.fromkeys(BY_NAME, "an activation by name in Keras"),
}


@pytest.fixture(scope="module")
def keras():
    found = keras_or_skip()
    logging.getLogger("absl").setLevel(logging.ERROR)
    return found


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_agrees_with_keras_at_every_layer(case, keras, tmp_path):
    with precision(keras, case.single):
        model = randomize(case.build(keras))
        recording = recorded(model, case.ids)
        for how in case.formats:
            files = save(model, tmp_path, how)
            for ops in ("cpu", "reference"):
                network = cl.interop.read_keras(*files, ops=ops)
                tolerance = 1e-10 if ops == "reference" and not case.single else 5e-6
                report = cl.interop.verify(network, None, recording, tolerance=tolerance)
                assert report.ok, f"{how}, {ops}:\n{report}"
                assert len(report.layers) == len(recording.layers)


def test_everything_that_is_translated_has_a_case():
    named = {kind for case in CASES for kind in case.kinds} | set(OLDER)
    assert set(TRANSLATIONS) <= named, "give them a row in keras_cases.py"
    # What the graph is built of, or what becomes several nodes.
    built = {"Masking", "CustomScaleLayer", "Sequential", "Functional", "ops.NotEqual", "ops.Any"}
    assert named - built <= set(TRANSLATIONS)


def test_every_layer_of_ours_is_read_or_excused():
    named = {kind.removeprefix("ops.") for case in CASES for kind in case.kinds}
    here = {"Mask": "Masking"}
    lacking = {name for name in LAYERS if here.get(name, name) not in named and name not in NOT_OF_KERAS}
    assert not lacking, "give them a row in keras_cases.py, or say that Keras has none"
