"""NumPy's numbers are as good as Python's in everything that takes one, and no better."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.data import Augmentation, Batches
from cortex_lab.nn import Training
from cortex_lab.nn.contract.initializers import INITIALIZERS, FromData
from cortex_lab.nn.contract.layer import to_plain
from cortex_lab.nn.contract.penalties import L1, L2, MaxNorm
from cortex_lab.nn.train.checkpoint import save_training
from cortex_lab.optimize import ReduceOnPlateau
from tests.nn.cases import CASES
from tests.nn.loss_cases import LOSS_CASES
from tests.optimize.cases import FUNCTION_CASES, OPTIMIZER_CASES, SCHEDULE_CASES

DESCRIPTIONS: list[Any] = [
    *(case.layer for case in CASES),
    *(case.loss for case in LOSS_CASES),
    *(case.optimizer.replace(clip_norm=1.0, clip_value=0.5, weight_decay=0.1) for case in OPTIMIZER_CASES),
    *SCHEDULE_CASES,
    *(case.function for case in FUNCTION_CASES),
    *INITIALIZERS.values(),
    L1(0.1),
    L2(0.1),
    MaxNorm(3.0),
    ReduceOnPlateau(),
    Augmentation(rotation_range=10, shift_range=0.1, zoom_range=0.2, brightness_range=0.1),
]
FORMS = {
    "scalars": lambda value: np.int64(value) if isinstance(value, int) else np.float64(value),
    "narrow scalars": lambda value: np.int16(value) if isinstance(value, int) else np.float64(value),
    "arrays without axes": np.array,
}
# What no number is; each as Python and as NumPy has it.
WRONG = [
    (True, np.bool_(True)),
    (float("nan"), np.float32("nan")),
    (float("nan"), np.array(np.nan)),
    ("x", np.str_("x")),
]


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def in_form(value: Any, form: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(in_form(part, form) for part in value)
    return form(value) if is_number(value) else value


def only_python(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(map(only_python, value))
    return not isinstance(value, (np.generic, np.ndarray))


def outcome(description: Any, name: str, value: Any) -> str:
    """What is said to such a setting; where it is taken, what was made."""
    try:
        return repr(to_plain(getattr(dataclasses.replace(description, **{name: value}), name)))
    except (TypeError, ValueError) as error:
        return f"refused: {error}"


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_description_in_other_numbers_is_the_same_description(form: Any) -> None:
    tried = 0
    for description in DESCRIPTIONS:
        settings = {f.name: getattr(description, f.name) for f in dataclasses.fields(description) if f.init}
        settings = {name: in_form(value, form) for name, value in settings.items()}
        tried += sum(not only_python(value) for value in settings.values())
        made = type(description)(**settings)
        assert made == description and repr(made) == repr(description) and hash(made) == hash(description)
        for name in settings:
            assert only_python(getattr(made, name)), (made, name)
        if hasattr(made, "to_dict"):
            assert json.dumps(made.to_dict()) == json.dumps(description.to_dict())
    assert tried > 300


def test_what_is_no_number_is_refused_in_either_form() -> None:
    kinds = {type(each): each for each in DESCRIPTIONS if not isinstance(each, FromData)}
    refused = 0
    for description in kinds.values():
        for f in dataclasses.fields(description):
            if not f.init or not is_number(getattr(description, f.name)):
                continue
            for python, numpy in WRONG:
                wanted = outcome(description, f.name, python)
                # A type's own name for itself aside.
                assert outcome(description, f.name, numpy) == wanted, (description, f.name)
                refused += wanted.startswith("refused")
    assert refused > 100


def test_numbers_of_a_training() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(40, 3)), random.integers(0, 2, 40)
    losses = []
    for whole, real in ((int, float), (np.int64, np.float32), (np.int32, np.array)):
        layers = [cl.Dense(whole(4), activation="relu"), cl.Node(cl.Dense(2), "end")]
        network = cl.Network(layers, (whole(3),), seed=whole(1))
        session = cl.train(
            network, (x, y), "softmax_cross_entropy", cl.SGD(real(0.125)),
            batch_size=whole(8), seed=whole(2), validation=(x, y), validate_every=whole(3),
            loss_weights={"end": real(0.5)}, class_weight={whole(1): real(2.0)},
        )  # fmt: skip
        session.step(6)
        session.edit("learning_rate", real(0.25))
        session.step(whole(6))
        losses.append([session.trace["loss"].tolist(), session.trace["validation_loss"].tolist()])
    np.testing.assert_array_equal(losses[0], losses[1])
    np.testing.assert_array_equal(losses[0], losses[2])
    assert Batches(x, y, batch_size=np.int64(8)).steps_per_epoch == 5


def test_numbers_of_numpy_go_through_steps_files_and_scripts(tmp_path):
    data = np.random.default_rng(0).normal(size=(60, 6)).astype(np.float32), np.arange(60) % 3

    def made(**options):
        layers = [cl.Dense(np.int64(4)), cl.Dropout(np.float32(0.25)), cl.Dense(np.int16(3))]
        return cl.train(
            cl.Network(layers, np.int64(6), seed=np.int64(4)), data, "softmax_cross_entropy",
            cl.Adam(np.float32(0.01)), batch_size=np.int64(16), seed=np.int64(3),
            validation=np.float32(0.2), validate_every=np.int32(2), class_weight={np.int64(0): np.float32(2)},
            sample_weight=np.full(60, np.float32(0.5)), penalties={"*/kernel": L2(np.float32(1e-3))},
            snapshot_budget=np.int64(2**20), new_optimizer=np.bool_(False), **options,
        )  # fmt: skip

    session = made()
    session.step(np.int64(3))
    session.save(tmp_path / "training.h5")
    loaded = cl.Network.load(tmp_path / "training.h5")
    assert only_python((loaded.seed, session.process.seed, session.process.validate_every))
    scope: dict[str, Any] = {}
    exec(session.script(), scope)
    resumed = made(resume_from=tmp_path / "training.h5")
    assert all(each.step(2).step == 5 for each in (session, resumed, scope["session"]))
    for each in (resumed, scope["session"]):
        assert each.network.params.tobytes() == session.network.params.tobytes()
    cut = loaded.cut("dense_1", then=[cl.Dense(np.int64(2))], seed=np.int64(5))
    cut.save(tmp_path / "cut.h5")
    assert cl.Network.load(tmp_path / "cut.h5").seed == 5


def test_a_training_made_by_hand_saves_a_seed_of_numpy(tmp_path):
    network = cl.Network([cl.Dense(3)], 6)
    batches = Batches(np.zeros((9, 6), np.float32), np.arange(9) % 3, batch_size=3)
    training = Training(
        network, batches, "softmax_cross_entropy", cl.SGD(0.1), seed=np.int64(3), validate_every=np.int64(2)
    )
    save_training(training, tmp_path / "training.h5")
    assert only_python((training.seed, training.validate_every))
