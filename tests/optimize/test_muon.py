"""Muon: orthogonal steps for matrices, AdamW for everything else."""

from __future__ import annotations

import numpy as np
import pytest

import cortex_lab as cl
from cortex_lab.compute import get_ops
from cortex_lab.optimize import AdamW, Muon

OPS = get_ops("reference")
SHAPES = {"conv/kernel": (2, 3, 4), "conv/bias": (4,), "dense/kernel": (5, 3), "words/embeddings": (4, 2)}


def orthogonal(ops, matrix, steps):
    out = ops.zeros(matrix.shape, matrix.dtype)
    ops.orthogonalize(matrix, steps, out)
    return np.asarray(out, dtype=float)


def path(optimizer, gradients, start, shapes=SHAPES, ops=OPS):
    params = ops.asarray(start).copy()
    state = optimizer.init(ops, params, shapes)
    for gradient in gradients:
        optimizer.update(ops, params, ops.asarray(gradient), state)
    return np.array(params)


@pytest.mark.parametrize("shape", [(4, 4), (3, 9), (20, 5), (1, 6)])
@pytest.mark.parametrize("ops", ["reference", "cpu"])
def test_singular_values_come_near_one_and_directions_stay(shape, ops):
    ops = get_ops(ops)
    left, values, right = np.linalg.svd(np.random.default_rng(0).normal(size=shape), full_matrices=False)
    values = np.geomspace(1, 0.01, len(values)) * 30
    found = orthogonal(ops, ops.asarray(left * values @ right), 5)
    across = left.T @ found @ right.T
    assert (np.diag(across) > 0.65).all() and (np.diag(across) < 1.25).all()
    np.testing.assert_allclose(across, np.diag(np.diag(across)), atol=1e-5)
    assert not orthogonal(ops, ops.zeros(shape), 5).any()


def test_it_follows_the_published_recurrence():
    random = np.random.default_rng(0)
    sizes = [int(np.prod(shape)) for shape in SHAPES.values()]
    start, gradients = random.normal(size=sum(sizes)), random.normal(size=(12, sum(sizes)))
    rate, decay = 0.02, 0.1
    found = path(Muon(rate, weight_decay=decay), gradients, start)

    bounds = np.cumsum([0, *sizes])
    matrices = {0: (6, 4), 2: (5, 3)}
    for number in range(4):
        part = slice(*bounds[number : number + 2])
        if number not in matrices:
            adam = AdamW(rate, beta_2=0.95, weight_decay=decay)
            wanted = path(adam, gradients[:, part], start[part], None)
            np.testing.assert_allclose(found[part], wanted, atol=1e-12)
            continue
        w, momentum = start[part].reshape(matrices[number]), np.zeros(matrices[number])
        for each in gradients:
            g = each[part].reshape(w.shape)
            momentum = 0.95 * momentum + 0.05 * g
            x = 0.95 * momentum + 0.05 * g
            x = x / (np.linalg.norm(x) + 1e-7)
            for _ in range(5):
                a = x @ x.T
                x = 3.4445 * x + (-4.775 * a + 2.0315 * a @ a) @ x
            w = w - rate * decay * w - rate * 0.2 * np.sqrt(max(w.shape)) * x
        np.testing.assert_allclose(found[part].reshape(w.shape), w, atol=1e-10)


@pytest.mark.oracle
def test_pytorch_goes_the_same_way():
    import torch

    random = np.random.default_rng(0)
    start, gradients = random.normal(size=(6, 9)), random.normal(size=(10, 6, 9))
    theirs = torch.tensor(start, requires_grad=True)
    settings = {"lr": 0.02, "weight_decay": 0.1, "adjust_lr_fn": "match_rms_adamw"}
    optimizer = torch.optim.Muon([theirs], **settings)
    for gradient in gradients:
        theirs.grad = torch.tensor(gradient)
        optimizer.step()
    ours = path(
        Muon(0.02, weight_decay=0.1), gradients.reshape(10, -1), start.ravel(), {"dense/kernel": (6, 9)}
    )
    moved = theirs.detach().numpy() - start
    # PyTorch iterates in bfloat16, which has eight binary digits.
    assert np.linalg.norm(ours.reshape(6, 9) - start - moved) < 0.02 * np.linalg.norm(moved)


def test_which_arrays_are_matrices_can_be_chosen():
    start, gradient = np.zeros(51), np.random.default_rng(0).normal(size=51)
    spared = path(Muon(0.1, without=("conv/*", "*/embeddings")), [gradient], start)
    usual, adam = path(Muon(0.1), [gradient], start), path(AdamW(0.1, beta_2=0.95), [gradient], start)
    np.testing.assert_allclose(spared[:28], adam[:28])
    np.testing.assert_array_equal(spared[28:], usual[28:])
    assert not np.allclose(usual[:24], adam[:24])
    for name, value in (("momentum", 1.0), ("newton_schulz_steps", 0), ("epsilon", 0)):
        with pytest.raises(ValueError, match=name):
            Muon(**{name: value})


@pytest.mark.parametrize("ops", ["reference", "cpu"])
def test_it_trains_rewinds_freezes_and_saves(tmp_path, ops):
    def made(**options):
        digits = cl.data.load("digits")
        layers = [cl.Conv2D(4, 3, activation="relu"), cl.MaxPooling2D(2), cl.Flatten(), cl.Dense(10)]
        network = cl.Network(layers, digits.input_shape, ops=ops)
        return cl.train(network, digits, "softmax_cross_entropy", Muon(0.05), **options)

    session = made(snapshot_budget=200_000)
    session.step(60)
    losses = session.trace["loss"].copy()
    assert losses[-10:].mean() < 0.3 * losses[:3].mean()
    session.rewind(step=33)
    session.step(27)
    np.testing.assert_array_equal(session.trace["loss"], losses)
    session.save(tmp_path / "training.h5")
    later = made(resume_from=tmp_path / "training.h5")
    kernels = session.network.parameters["conv2d_1/kernel"], later.network.parameters["conv2d_1/kernel"]
    for each in (session, later):
        each.step(3)
    np.testing.assert_array_equal(session.network.params, later.network.params)
    before = kernels[0].copy()
    session.edit("frozen", ["conv2d_1"])
    session.step(3)
    np.testing.assert_array_equal(kernels[0], before)


@pytest.mark.gpu
def test_on_a_gpu_it_stays_near_the_reference():
    random = np.random.default_rng(0)
    start, gradients = random.normal(size=51), random.normal(size=(12, 51))
    gpu = get_ops("gpu")
    params = gpu.asarray(start)
    optimizer = Muon(0.02, weight_decay=0.1)
    state = optimizer.init(gpu, params, SHAPES)
    for gradient in gradients:
        optimizer.update(gpu, params, gpu.asarray(gradient), state)
    np.testing.assert_allclose(gpu.to_numpy(params), path(optimizer, gradients, start), rtol=1e-2, atol=2e-3)
