"""Weight decay and learning rates by patterns of parameter names: PyTorch's groups, in one vector."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.compute import get_ops
from cortex_lab.nn import Network
from cortex_lab.optimize import Optimizer, optimizer_from_dict
from tests.nn import cases
from tests.optimize.cases import OPTIMIZER_CASES, OptimizerCase

SHAPES = {
    "conv/kernel": (2, 3),
    "conv/bias": (3,),
    "norm/gamma": (3,),
    "dense/kernel": (3, 2),
    "dense/bias": (2,),
}
OWN = {
    "weight_decay": 0.3,
    "weight_decay_excludes": "biases_and_norms",
    "learning_rate_factors": {"conv/*": 0.1, "norm": 2.0, "dense/bias": 0.0},
}
RATES = {"conv/kernel": 0.1, "conv/bias": 0.1, "norm/gamma": 2.0, "dense/kernel": 1.0, "dense/bias": 0.0}
each_case = pytest.mark.parametrize("case", OPTIMIZER_CASES, ids=lambda case: repr(case.optimizer))


def path(optimizer: Optimizer, gradients, start, shapes=SHAPES, ops="reference") -> np.ndarray:
    ops = get_ops(ops)
    params = ops.asarray(start).copy()
    state = optimizer.init(ops, params, shapes)
    for gradient in gradients:
        assert optimizer.update(ops, params, ops.asarray(gradient), state)
    return np.array(params)


@each_case
@pytest.mark.parametrize("ops", ["reference", "cpu"])
def test_each_parameter_goes_as_if_it_were_alone(case: OptimizerCase, ops: str) -> None:
    """Of every optimizer: with a rate and a decay of its own, and none of the others beside it."""
    random = np.random.default_rng(0)
    start, gradients = random.normal(size=20), random.normal(size=(9, 20))
    rate = case.optimizer.rate(0)
    found, begin = path(case.optimizer.replace(**OWN), gradients, start, ops=ops), 0
    for name, shape in SHAPES.items():
        part = slice(begin, begin := begin + int(np.prod(shape)))
        decay = 0.3 if "kernel" in name else 0.0
        alone = case.optimizer.replace(learning_rate=rate * RATES[name], weight_decay=decay)
        wanted = path(alone, gradients[:, part], start[part], {name: shape}, ops)
        np.testing.assert_allclose(found[part], wanted, rtol=1e-5 if ops == "cpu" else 1e-12, atol=1e-7)


@pytest.mark.oracle
@each_case
def test_pytorchs_groups_go_the_same_way(case: OptimizerCase) -> None:
    import torch

    if case.oracle is None or case.oracle in ("Adagrad", "Adadelta", "RMSprop", "NAdam", "SGD"):
        # Their decay is part of the gradient there.
        return
    random = np.random.default_rng(1)
    start, gradients = random.normal(size=20), random.normal(size=(9, 20))
    if type(case.optimizer).__name__ == "Muon":
        OWN_SHAPES = {name: (int(np.prod(shape)),) for name, shape in SHAPES.items()}
        settings = {**OWN, "weight_decay_excludes": ("*/bias", "norm")}
    else:
        OWN_SHAPES, settings = SHAPES, OWN
    tensors, groups, begin = [], [], 0
    base = {key: value for key, value in case.oracle_settings.items() if key not in ("lr", "weight_decay")}
    for name, shape in SHAPES.items():
        stop = begin + int(np.prod(shape))
        tensors.append(torch.tensor(start[begin:stop], requires_grad=True))
        decay = 0.3 if "kernel" in name else 0.0
        groups.append(
            {"params": [tensors[-1]], "lr": case.optimizer.rate(0) * RATES[name], "weight_decay": decay}
        )
        begin = stop
    optimizer = torch.optim.AdamW(groups, **base)
    for gradient in gradients:
        begin = 0
        for tensor in tensors:
            tensor.grad = torch.tensor(gradient[begin : (begin := begin + tensor.numel())])
        optimizer.step()
    wanted = np.concatenate([tensor.detach().numpy() for tensor in tensors])
    found = path(case.optimizer.replace(**settings), gradients, start, OWN_SHAPES)
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


@each_case
def test_it_survives_json_and_its_own_repr(case: OptimizerCase) -> None:
    optimizer = case.optimizer.replace(**OWN)
    assert optimizer_from_dict(json.loads(json.dumps(optimizer.to_dict()))) == optimizer
    assert eval(repr(optimizer), vars(cl.optimize)) == optimizer
    assert hash(optimizer) == hash(case.optimizer.replace(**OWN))
    assert (
        case.optimizer.init(get_ops("reference"), np.zeros(20), SHAPES)
        .keys()
        .isdisjoint(("decayed", "scaled"))
    )


def test_the_word_for_biases_and_norms_is_right_about_every_layer() -> None:
    """What has a single axis, and what is called a bias, a gamma or the like; never a kernel or a table."""
    spared, decayed = set(), set()
    for case in cases.CASES:
        inputs = {f"in{i}": shape for i, shape in enumerate(case.shapes)}
        network = Network([cl.Node(case.layer, "layer", tuple(inputs))], inputs)
        shapes = {name: array.shape for name, array in network.parameters.items()}
        parts = cl.AdamW(weight_decay_excludes="biases_and_norms").parts(shapes)["decayed"]
        places = np.zeros(network.params.size, bool)
        for start, stop in parts:
            places[start:stop] = True
        begin = 0
        for name, array in network.parameters.items():
            own = places[begin : (begin := begin + array.size)]
            assert own.all() or not own.any()
            kind = name.split("/")[1].removeprefix("forward_").removeprefix("backward_")
            (decayed if own.all() else spared).add((kind, array.ndim > 1))
    assert all("kernel" in kind or kind == "embeddings" for kind, _ in decayed), decayed
    assert not any("kernel" in kind or kind == "embeddings" for kind, wide in spared if wide), spared
    assert {kind for kind, wide in spared if wide} >= {"bias", "gamma", "beta", "alpha", "query_bias"}


def training(optimizer, **options):
    random = np.random.default_rng(0)
    x, y = random.normal(size=(60, 5)).astype(np.float32), np.arange(60) % 3
    layers = [cl.Dense(6), cl.BatchNormalization(), cl.ReLU(), cl.Dense(3)]
    return cl.train(
        cl.Network(layers, 5), (x, y), "softmax_cross_entropy", optimizer, batch_size=20, **options
    )


def test_through_files_scripts_rewinding_and_edits(tmp_path) -> None:
    own = {"weight_decay_excludes": "biases_and_norms", "learning_rate_factors": {"dense_1": 0.1}}
    straight = training(cl.AdamW(0.05, weight_decay=1.0, **own))
    straight.step(8)
    edited = training(cl.AdamW(0.05, weight_decay=1.0))
    for name, value in own.items():
        edited.edit(f"optimizer['{name}']", value)
    edited.step(8)
    wanted = straight.network.params.tobytes()
    assert edited.network.params.tobytes() == wanted
    straight.rewind(step=3)
    straight.save(tmp_path / "training.h5")
    resumed = training(cl.AdamW(0.05, weight_decay=1.0, **own), resume_from=tmp_path / "training.h5")
    scope: dict = {}
    exec(edited.script(), scope)
    for session, steps in ((straight, 5), (resumed, 5)):
        session.step(steps)
        assert session.network.params.tobytes() == wanted
    assert scope["session"].network.params.tobytes() == wanted
    edited.edit("optimizer['weight_decay_excludes']", ())
    edited.edit("optimizer['learning_rate_factors']", ())
    edited.rewind(step=0)
    plain = training(cl.AdamW(0.05, weight_decay=1.0))
    for session in (edited, plain):
        session.step(8)
    assert edited.network.params.tobytes() == plain.network.params.tobytes() != wanted


def test_the_word_for_biases_and_norms_names_the_same_parts_for_a_factor() -> None:
    shapes = {**SHAPES, "deep/scale": (2, 3)}
    spared = cl.AdamW(weight_decay_excludes="biases_and_norms").parts(shapes)["decayed"]
    scaled = cl.SGD(0.1, learning_rate_factors={"biases_and_norms": 2.0}).parts(shapes)
    rates = {(start, stop): factor for start, stop, factor in scaled[next(iter(scaled))]}
    touched = {place for start, stop in rates for place in range(start, stop)}
    decayed = {place for start, stop in spared for place in range(start, stop)}
    assert set(rates.values()) == {2.0} and not touched & decayed
    assert len(touched | decayed) == sum(int(np.prod(shape)) for shape in shapes.values())


def test_what_has_a_factor_of_nothing_stays() -> None:
    session = training(cl.SGD(0.1, momentum=0.9, weight_decay=0.1, learning_rate_factors={"dense_1/*": 0}))
    before = {name: array.copy() for name, array in session.network.parameters.items()}
    session.step(5)
    for name, array in session.network.parameters.items():
        assert (array == before[name]).all() == name.startswith("dense_1/")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weight_decay_excludes": "*/biass"}, "no parameter matches '*/biass', of weight_decay_excludes"),
        ({"weight_decay_excludes": "dense_1/bais"}, "did you mean 'dense_1/bias'"),
        *(
            ({setting: value(word)}, "; say 'biases_and_norms' for biases and what normalizations scale by")
            for setting, value in (
                ("weight_decay_excludes", str),
                ("learning_rate_factors", lambda word: {word: 2.0}),
            )
            for word in ("bias_and_norms", "bias", "biases", "norm", "norms", "BatchNorm", "gamma", "Beta")
        ),
        ({"learning_rate_factors": {"conv*": 0.1}}, "no parameter matches 'conv*', of learning_rate_factors"),
        ({"weight_decay_excludes": 3}, "weight_decay_excludes must be patterns such as '*/bias', got 3"),
        ({"weight_decay_excludes": [3]}, "a pattern of weight_decay_excludes must be a text"),
        (
            {"learning_rate_factors": 0.1},
            "learning_rate_factors must be a dict such as {'conv2d_*': 0.1}, got 0.1",
        ),
        ({"learning_rate_factors": ["dense_1"]}, "learning_rate_factors must be a dict such as"),
        (
            {"learning_rate_factors": {"dense_1": -1}},
            "the factor of 'dense_1' must be a finite number of at least 0",
        ),
        ({"learning_rate_factors": {"dense_1": "x"}}, "the factor of 'dense_1' must be a finite number"),
        ({"learning_rate_factors": {3: 1.0}}, "a pattern of learning_rate_factors must be a text"),
    ],
)
def test_what_fits_no_parameter_is_said_at_once(settings, message) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        training(cl.AdamW(0.1, **settings))


def test_an_edit_that_fits_nothing_changes_nothing() -> None:
    session = training(cl.AdamW(0.1))
    with pytest.raises(ValueError, match="no parameter matches 'gone'"):
        session.edit("optimizer['weight_decay_excludes']", "gone")
    assert session.process.optimizer == cl.AdamW(0.1) and "decayed" not in session.process.optimizer_state


@pytest.mark.parametrize(
    "settings", [{"weight_decay_excludes": "*/bias"}, {"learning_rate_factors": {"*": 2}}]
)
def test_a_function_has_no_names(settings) -> None:
    with pytest.raises(ValueError, match="this vector has none that are named; leave it out"):
        cl.Descent(cl.Sphere(2), cl.AdamW(0.1, **settings))
