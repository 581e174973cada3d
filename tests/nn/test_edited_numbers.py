"""Numbers that are put into weights, states and gradients by hand fit there, or are refused by name."""

from __future__ import annotations

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.nn.train.edits import EDITS

# Every edit of arrays: what it may name, and where a step has to stand.
ARRAYS = {
    "weights": ("dense_1/kernel", None),
    "state": ("batch_normalization_1/moving_mean", None),
    "gradient": ("dense_1/kernel", "backward:dense_1"),
    "pending_update": ("dense_1/kernel", "backward:dense_1"),
}
OTHERS = {
    "learning_rate", "optimizer", "excluded_rows", "labels", "row_weights", "frozen", "dropout_rate",
    "hyperparameter", "optimizer_state", "revived_unit",
}  # fmt: skip
BEYOND = [1e300, -1e39, np.longdouble("1e4000"), 3.5e38]


def session(ops="cpu"):
    x = np.random.default_rng(0).normal(size=(12, 3))
    network = cl.Network([cl.Dense(2), cl.BatchNormalization()], 3, ops=ops)
    made = cl.train(network, (x, x[:, :2]), "mean_squared_error", cl.SGD(0.01), batch_size=4)
    made.step(2)
    return made


def test_every_edit_is_one_or_the_other():
    assert {*ARRAYS, *OTHERS} == set(EDITS)


@pytest.mark.parametrize("kind", ARRAYS)
@pytest.mark.parametrize("beyond", BEYOND, ids=str)
def test_numbers_beyond_float32_are_not_edited_in(kind, beyond):
    name, phase = ARRAYS[kind]
    made = session()
    if phase:
        made.step(to=phase)
    network = made.network
    arrays = {"state": network.states, "gradient": network.gradients}.get(kind, network.parameters)
    before = arrays[name].copy()
    for value in (beyond, np.where(np.arange(before.size) == 1, beyond, 0).reshape(before.shape)):
        with pytest.raises(ValueError, match="float32, which holds nothing like"):
            made.edit(f"{kind}[{name!r}]", value)
        np.testing.assert_array_equal(arrays[name], before)
    made.edit(f"{kind}[{name!r}]", 3.0)
    # Who says infinite means it.
    made.edit(f"{kind}[{name!r}]", np.inf)


@pytest.mark.parametrize("value", [*BEYOND, np.nan, np.inf, np.ones(3), "fast"], ids=str)
def test_an_optimizer_remembers_only_what_fits(value):
    made = session()
    made.edit("optimizer['momentum']", 0.5)
    made.step(1)
    before = made.process.optimizer_state["velocity"].copy()
    with pytest.raises(ValueError, match="velocity"):
        made.edit("optimizer_state['velocity']", value)
    for wrong in (-1, 0.5, "many"):
        with pytest.raises(ValueError, match="updates"):
            made.edit("optimizer_state['updates']", wrong)
    np.testing.assert_array_equal(made.process.optimizer_state["velocity"], before)


def test_the_reference_takes_what_float64_holds():
    made = session("reference")
    made.edit("weights['dense_1/kernel']", 1e300)
    assert (made.network.parameters["dense_1/kernel"] == 1e300).all()
