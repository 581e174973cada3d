"""Every optimizer: against the published recurrences, PyTorch, common problems, and bad input."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from cortex_lab.compute import get_ops
from cortex_lab.optimize import (
    OPTIMIZERS,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    CosineDecay,
    Ellipsoid,
    Lion,
    Optimizer,
    RMSprop,
    Warmup,
    optimizer_from_dict,
)
from tests.optimize.cases import OPTIMIZER_CASES, OptimizerCase, quadratic

OPS = get_ops("reference")

each_case = pytest.mark.parametrize("case", OPTIMIZER_CASES, ids=lambda case: repr(case.optimizer))


def run(optimizer: Optimizer, gradients, start, ops=OPS) -> np.ndarray:
    """The points that updates along `gradients` (vectors, or functions of the point) visit."""
    params = ops.asarray(start).copy()
    state = optimizer.init(ops, params)
    visited = [np.array(params)]
    for gradient in gradients:
        slope = ops.asarray(gradient(params) if callable(gradient) else gradient)
        optimizer.update(ops, params, slope, state)
        visited.append(np.array(params))
    return np.stack(visited)


def test_every_optimizer_has_a_case() -> None:
    missing = set(OPTIMIZERS) - {type(case.optimizer).__name__ for case in OPTIMIZER_CASES}
    assert not missing, f"give {missing} a row in tests/optimize/cases.py"


def test_adam_follows_the_published_recurrence_on_x_squared() -> None:
    rate, beta_1, beta_2, epsilon = 0.001, 0.9, 0.999, 1e-8
    path = run(Adam(rate), [lambda x: 2 * x] * 500, [1.0, 2.0, 3.0, 4.0])
    for coordinate, x in enumerate((1.0, 2.0, 3.0, 4.0)):
        m = v = 0.0
        for t in range(1, 501):
            g = 2 * x
            m = beta_1 * m + (1 - beta_1) * g
            v = beta_2 * v + (1 - beta_2) * g * g
            x -= rate * (m / (1 - beta_1**t)) / (math.sqrt(v / (1 - beta_2**t)) + epsilon)
            assert abs(path[t, coordinate] - x) < 1e-9


def test_adam_repeats_the_session_in_cortex_documentation() -> None:
    path = run(Adam(), [Ellipsoid(4).gradient] * 13, [1.0, 2.0, 3.0, 4.0])
    np.testing.assert_allclose(
        path[1], [0.999000000005, 1.99900000000125, 2.9990000000005557, 3.9990000000003123], atol=1e-15
    )
    np.testing.assert_allclose(
        path[13], [0.9870069327956914, 1.9870034504756067, 2.9870022967930767, 3.9870017212753104], atol=1e-12
    )


def test_lion_follows_the_published_recurrence() -> None:
    random = np.random.default_rng(0)
    gradients = random.standard_normal((50, 3))
    path = run(Lion(0.01, weight_decay=0.1), gradients, [1.0, -2.0, 0.5])
    x, m = np.array([1.0, -2.0, 0.5]), np.zeros(3)
    for t, g in enumerate(gradients, start=1):
        x = x - 0.01 * (np.sign(0.9 * m + 0.1 * g) + 0.1 * x)
        m = 0.99 * m + 0.01 * g
        np.testing.assert_allclose(path[t], x, atol=1e-14)


@pytest.mark.oracle
@each_case
@pytest.mark.parametrize("clip_norm", [None, 0.7])
def test_pytorch_takes_the_same_path(case: OptimizerCase, clip_norm: float | None) -> None:
    import torch

    if case.oracle is None:
        assert not hasattr(torch.optim, type(case.optimizer).__name__)
        return
    random = np.random.default_rng(1)
    start, noise = random.standard_normal(6), random.standard_normal((60, 6))
    matrix, lowest = quadratic(6, seed=2)
    noise[5] = 0
    theirs = torch.tensor(start, requires_grad=True)
    optimizer = getattr(torch.optim, case.oracle)([theirs], **case.oracle_settings)
    params, path = OPS.asarray(start).copy(), []
    ours = case.optimizer.replace(clip_norm=clip_norm)
    state = ours.init(OPS, params)
    for each in noise:
        ours.update(OPS, params, matrix @ (params - lowest) + 0.1 * each, state)
        theirs.grad = torch.tensor(matrix) @ (theirs.detach() - torch.tensor(lowest)) + torch.tensor(
            0.1 * each
        )
        if clip_norm is not None:
            torch.nn.utils.clip_grad_norm_([theirs], clip_norm)
        optimizer.step()
        path.append(params - theirs.detach().numpy())
    # PyTorch adds 1e-6 to the norm before it divides.
    assert np.abs(path).max() < (1e-9 if clip_norm is None else 1e-4)
    assert np.linalg.norm(params - start) > 0.1


@each_case
def test_it_solves_the_common_problems(case: OptimizerCase) -> None:
    matrix, lowest = quadratic(8, seed=0)
    optimizer = case.descends(0.5)
    path = run(optimizer, [lambda x: matrix @ (x - lowest)] * 1500, np.zeros(8))
    assert np.linalg.norm(path[-1] - lowest) < 0.02 * np.linalg.norm(lowest)

    random = np.random.default_rng(1)
    features = random.standard_normal((64, 5))
    wanted = np.array([1.0, -2.0, 0.0, 3.0, 0.5])

    def on_a_batch(step: int):
        rows = random.integers(0, 64, 16)
        return lambda w: features[rows].T @ (features[rows] @ w - features[rows] @ wanted) / 16

    path = run(case.descends(1.0), [on_a_batch(step) for step in range(1500)], np.zeros(5))
    assert np.linalg.norm(path[-1] - wanted) < 0.02 * np.linalg.norm(wanted)


@each_case
def test_an_update_leaves_the_gradient_and_counts(case: OptimizerCase) -> None:
    for settings in ({}, {"clip_norm": 0.1, "clip_value": 0.1, "weight_decay": 0.01}):
        optimizer = case.optimizer.replace(**settings)
        params, gradient = np.ones(4), np.array([1.0, -2.0, 0.0, 4.0])
        state = optimizer.init(OPS, params)
        kept = {key: id(value) for key, value in state.items() if hasattr(value, "shape")}
        for count in range(1, 4):
            optimizer.update(OPS, params, gradient, state)
            assert state["updates"] == count
        np.testing.assert_array_equal(gradient, [1.0, -2.0, 0.0, 4.0])
        assert {key: id(value) for key, value in state.items() if hasattr(value, "shape")} == kept
        assert (params != 1).tolist() == [True, True, optimizer.weight_decay > 0, True]


@each_case
def test_a_copied_state_goes_on_with_the_same_bits(case: OptimizerCase) -> None:
    gradients = np.random.default_rng(5).standard_normal((20, 4))
    optimizer = case.optimizer.replace(clip_norm=0.5)
    params = np.ones(4)
    state = optimizer.init(OPS, params)
    for gradient in gradients[:10]:
        optimizer.update(OPS, params, gradient, state)
    copied = {key: value.copy() if hasattr(value, "copy") else value for key, value in state.items()}
    other = params.copy()
    for gradient in gradients[10:]:
        optimizer.update(OPS, params, gradient, state)
    for gradient in gradients[10:]:
        optimizer.update(OPS, other, gradient, copied)
    np.testing.assert_array_equal(params, other)


@each_case
def test_in_float32_it_stays_near_the_reference(case: OptimizerCase) -> None:
    gradients = np.random.default_rng(6).standard_normal((30, 50))
    start = np.random.default_rng(7).standard_normal(50)
    fast = get_ops("cpu")
    ours = run(case.optimizer, gradients, start, fast)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, run(case.optimizer, gradients, start), rtol=1e-4, atol=2e-5)
    state = case.optimizer.init(fast, fast.asarray(start))
    assert all(value.dtype == np.float32 for value in state.values() if hasattr(value, "dtype"))


@each_case
def test_it_survives_json(case: OptimizerCase) -> None:
    scheduled = case.optimizer.replace(
        learning_rate=Warmup(5, CosineDecay(0.1, 20)), clip_norm=1.0, clip_value=0.5, weight_decay=0.1
    )
    for optimizer in (case.optimizer, scheduled):
        assert optimizer_from_dict(json.loads(json.dumps(optimizer.to_dict()))) == optimizer
        assert hash(optimizer) == hash(optimizer.replace())


def test_clipping() -> None:
    gradient = np.array([3.0, -4.0])
    for settings, wanted in (
        ({"clip_norm": 10.0}, [3, -4]),
        ({"clip_norm": 2.5}, [1.5, -2]),
        ({"clip_value": 3.5}, [3, -3.5]),
        # First each element, then the length.
        ({"clip_value": 3.0, "clip_norm": 1.0}, [1 / np.sqrt(2), -1 / np.sqrt(2)]),
    ):
        path = run(SGD(1.0, **settings), [gradient], [0.0, 0.0])
        np.testing.assert_allclose(-path[1], wanted, atol=1e-15)


def test_clipping_shows_a_gradient_that_is_no_number() -> None:
    for bad in (np.nan, np.inf):
        with np.errstate(invalid="ignore"):
            path = run(SGD(1.0, clip_norm=1.0), [np.array([bad, 1.0])], [0.0, 0.0])
        assert not np.isfinite(path[1, 0])
    assert run(SGD(1.0, clip_norm=1.0), [np.zeros(2)], [0.0, 0.0])[1].tolist() == [0, 0]


def test_epsilon_stands_beside_the_root_or_in_it() -> None:
    g, e, rho = 0.01, 1e-3, 0.9
    for optimizer, square in (
        (RMSprop(1.0, rho=rho, epsilon=e, epsilon_in_root=True), (1 - rho) * g * g),
        (Adagrad(1.0, epsilon=e, epsilon_in_root=True), g * g),
    ):
        inside = run(optimizer, [[g]], [0.0])[1, 0]
        beside = run(optimizer.replace(epsilon_in_root=False), [[g]], [0.0])[1, 0]
        assert inside == pytest.approx(-g / math.sqrt(square + e))
        assert beside == pytest.approx(-g / (math.sqrt(square) + e))


def test_clipping_switched_on_later() -> None:
    params = np.zeros(2)
    state = SGD(1.0).init(OPS, params)
    SGD(1.0, clip_norm=1.0).update(OPS, params, np.array([3.0, -4.0]), state)
    np.testing.assert_allclose(params, [-0.6, 0.8])


def test_memory_asked_for_later() -> None:
    gradients = np.random.default_rng(0).standard_normal((6, 3))
    for before, after in (
        (SGD(0.1), {"momentum": 0.9}),
        (RMSprop(0.1, rho=0.5), {"momentum": 0.5, "centered": True}),
        (RMSprop(0.1, rho=0.5, momentum=0.5, centered=True), {"momentum": 0.0, "centered": False}),
    ):
        later = before.replace(**after)
        params = np.zeros(3)
        state = before.init(OPS, params)
        for gradient in gradients[:3]:
            before.update(OPS, params, gradient, state)
        wanted, fresh = params.copy(), later.init(OPS, params)
        if "square" in state:
            fresh["square"] = state["square"].copy()
        for gradient in gradients[3:]:
            later.update(OPS, params, gradient, state)
            later.update(OPS, wanted, gradient, fresh)
        np.testing.assert_array_equal(params, wanted)


def test_weight_decay_is_decoupled_and_follows_the_rate() -> None:
    for optimizer in (SGD(0.1, weight_decay=0.5), AdamW(0.1, weight_decay=0.5), Lion(0.1, weight_decay=0.5)):
        path = run(optimizer, [np.zeros(2)] * 3, [1.0, -2.0])
        np.testing.assert_allclose(path[:, 0], 0.95 ** np.arange(4), rtol=1e-12)
    warm = SGD(Warmup(2, 0.1), weight_decay=0.5)
    np.testing.assert_allclose(run(warm, [np.zeros(1)] * 3, [1.0])[:, 0], [1, 1, 0.975, 0.975 * 0.95])
    np.testing.assert_array_equal(
        run(AdamW(0.1, weight_decay=0.5), [np.ones(2)] * 5, [1.0, 2.0]),
        run(Adam(0.1, weight_decay=0.5), [np.ones(2)] * 5, [1.0, 2.0]),
    )


def test_a_schedule_gives_each_update_its_rate() -> None:
    path = run(SGD(CosineDecay(1.0, 4)), [-np.ones(1)] * 6, [0.0])
    rates = [CosineDecay(1.0, 4)(step) for step in range(6)]
    np.testing.assert_allclose(np.diff(path[:, 0]), rates)
    optimizer = SGD(lambda step: 1 / (1 + step))
    assert [optimizer.rate(step) for step in (0, 1, 3)] == [1.0, 0.5, 0.25]
    assert SGD(0.5).rate(7) == 0.5
    with pytest.raises(ValueError, match="only a Schedule can be written down"):
        optimizer.to_dict()
    with pytest.raises(ValueError, match=r"gives the learning rate -1\.0 at 3"):
        SGD(lambda step: 2.0 - step).rate(3)


def test_the_repr_says_what_is_set() -> None:
    assert repr(Adam(0.01)) == "Adam(0.01)"
    assert repr(SGD(0.1, momentum=0.9, clip_norm=1.0)) == "SGD(0.1, clip_norm=1.0, momentum=0.9)"
    assert repr(Adam(Warmup(10, CosineDecay(0.5, 90, final=0.1)))) == (
        "Adam(Warmup(10, CosineDecay(0.5, 90, final=0.1)))"
    )


@pytest.mark.gpu
@each_case
def test_on_a_gpu_it_stays_near_the_reference(case: OptimizerCase) -> None:
    gradients = np.random.default_rng(6).standard_normal((30, 50))
    start = np.random.default_rng(7).standard_normal(50)
    optimizer = case.optimizer.replace(clip_norm=5.0, clip_value=2.0, weight_decay=0.01)
    gpu = get_ops("gpu")
    params = gpu.asarray(start)
    state = optimizer.init(gpu, params)
    for gradient in gradients:
        optimizer.update(gpu, params, gpu.asarray(gradient), state)
    assert params.dtype == np.float32
    assert all(value.dtype == np.float32 for value in state.values() if hasattr(value, "dtype"))
    wanted = run(optimizer, gradients, start)[-1]
    np.testing.assert_allclose(gpu.to_numpy(params), wanted, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("learning_rate", -1.0, "learning_rate must be a finite number of at least 0, got -1.0"),
        ("learning_rate", math.nan, "learning_rate must be a finite number"),
        ("learning_rate", "fast", "learning_rate must be a finite number of at least 0, got 'fast'"),
        ("learning_rate", True, "learning_rate must be a finite number"),
        ("weight_decay", -0.1, "weight_decay must be a finite number of at least 0"),
        ("clip_norm", 0.0, "clip_norm must be a finite number over 0, got 0.0"),
        ("clip_value", -1.0, "clip_value must be a finite number over 0"),
        ("beta_1", 1.0, "beta_1 must be at least 0 and under 1, got 1.0"),
        ("beta_2", -0.1, "beta_2 must be at least 0 and under 1"),
        ("momentum", 1.0, "momentum must be at least 0 and under 1"),
        ("rho", 1.5, "rho must be at least 0 and under 1"),
        ("epsilon", 0, "epsilon must be a finite number over 0, got 0"),
        ("initial", -1, "initial must be a finite number of at least 0"),
        ("momentum_decay", -1, "momentum_decay must be a finite number of at least 0"),
    ],
)
def test_bad_hyper_parameters(name: str, value: object, message: str) -> None:
    tried = [kind for kind in OPTIMIZERS.values() if name in kind.__dataclass_fields__]
    assert tried
    for kind in tried:
        with pytest.raises(ValueError, match=message):
            kind(**{name: value})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"kind": "Adaam"}, "no optimizer 'Adaam'; did you mean 'Adam'"),
        ({"kind": "Adam", "beta_3": 0.9}, "Adam takes no beta_3=: did you mean 'beta_"),
        ({"kind": "SGD", "nesterov": True}, "nesterov needs a momentum above 0"),
        ({"kind": "SGD", "learning_rate": {"kind": "Cosine"}}, "no schedule 'Cosine'; did you mean"),
        ({}, "no optimizer None"),
    ],
)
def test_bad_descriptions(data: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        optimizer_from_dict(data)
