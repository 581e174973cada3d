"""What is given where an optimizer wants a number or a schedule, and is neither."""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
import pytest

import cortex_lab as cl

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(60, 3)).astype(np.float32)
Y = X[:, 0] - X[:, 1]


def net():
    return cl.Network([cl.Dense(1)], 3)


class Session:
    def rate(self, step, *, other=1):
        return "fast"


NO_SCHEDULES = {
    "a layer": cl.Dense(1),
    "a layer's class": cl.Dense,
    "a loss": cl.Huber(),
    "an optimizer": cl.Adam(),
    "an augmentation": cl.Augmentation(horizontal_flip=True),
    "an initializer": cl.nn.initializers.Constant(0.1),
    "a network": net(),
    "a method of a network": net().predict,
    "ours": cl.train,
    "a ufunc": np.sin,
    "a function of NumPy": np.mean,
    "a method of NumPy": RANDOM.normal,
    "of the standard library": math.sin,
    "built in": abs,
    "a class": float,
    "another class": Session,
    "a text of it": lambda step: "fast",
    "an array of them": lambda step: np.array([0.1]),
    "below 0": lambda step: -0.1,
    "not finite": lambda step: float("nan"),
    "a yes": lambda step: True,
    "nothing": print,
    "of nothing": lambda: 0.1,
    "of two": lambda step, epoch: 0.1,
    "what raises": {}.__getitem__,
    "a method that gives none": Session().rate,
    "a description": {"kind": "CosineDecay", "initial": 0.1, "steps": 10},
    "a name": "cosine",
}


@pytest.mark.parametrize("given", NO_SCHEDULES)
@pytest.mark.parametrize("kind", cl.optimize.OPTIMIZERS.values(), ids=lambda kind: kind.__name__)
def test_no_setting_of_an_optimizer_takes_what_is_none(kind, given):
    value = NO_SCHEDULES[given]
    for setting in dataclasses.fields(kind):
        if given == "a name" and setting.name == "weight_decay_excludes":
            continue
        for typed in (lambda name: kind(**{name: value}), lambda name: kind().replace(**{name: value})):
            with pytest.raises((ValueError, TypeError)) as told:
                typed(setting.name)
            said = (setting.name, "takes no parameters", "the factor of 'kind'")
            assert any(each in str(told.value) for each in said)
    session = cl.train(net(), (X, Y), optimizer=kind())
    with pytest.raises((ValueError, TypeError)):
        session.edit("learning_rate", value)


SCHEDULES = {
    "one of ours": cl.CosineDecay(0.1, 10),
    "its method": cl.CosineDecay(0.1, 10).__call__,
    "a function": lambda step: 0.1 / (1 + step),
    "a NumPy number": lambda step: np.float32(0.1),
    "an array without axes": lambda step: np.array(0.1),
    "part of one": functools.partial(max, 0.1),
    "a table": [0.1, 0.05, 0.01].__getitem__,
}


@pytest.mark.parametrize("given", SCHEDULES)
@pytest.mark.parametrize("kind", cl.optimize.OPTIMIZERS.values(), ids=lambda kind: kind.__name__)
def test_every_optimizer_takes_schedules(kind, given):
    assert kind(SCHEDULES[given]).rate(0) == pytest.approx(0.1)
    assert kind(cl.optimize.Warmup(1, SCHEDULES[given])).rate(1) == pytest.approx(0.1)


@pytest.mark.parametrize("given", [name for name, each in NO_SCHEDULES.items() if callable(each)])
def test_no_schedule_follows_a_warmup(given):
    with pytest.raises(ValueError, match="then must be a number or a schedule"):
        cl.optimize.Warmup(5, NO_SCHEDULES[given])
