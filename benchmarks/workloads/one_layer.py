"""One layer, loss or update of an optimizer on a side of its own, ours or PyTorch's, to be timed in turns."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

Take = Callable[[int], Any]
PASSES = ("forward", "forward and backward")
OPTIMIZED = {
    "small": ((64, 32), (32,), (32, 10), (10,)),
    "large": ((784, 1000), (1000,), (1000, 512), (512,)),
}
"""The shapes of the parameters that an update is timed on."""


def side(who: str, alone: bool) -> Callable[[str, str, str], Take]:
    """What makes the work of a side: `make(kind, name, size)`, kind being a pass, "loss" or "update".

    With `alone` it has one thread.
    """
    threads = 1 if alone else len(os.sched_getaffinity(0))
    os.environ["CORTEX_LAB_WORKERS"] = str(threads)
    return _ours if who == "ours" else _torch_side(threads)


def _again(act: Callable[[], Any]) -> Take:
    def take(steps: int) -> None:
        for _ in range(steps):
            act()

    return take


def _inputs(sized: Any, rows: int, shapes: tuple[tuple[int, ...], ...]) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    if sized.ids:
        return [random.integers(0, sized.ids, (rows, *shape)) for shape in shapes]
    return [random.normal(size=(rows, *shape)).astype(np.float32) for shape in shapes]


# Ours ------------------------------------------------------------------------------------------------


def _ours(kind: str, name: str, size: str) -> Take:
    if kind == "loss":
        return _our_loss(name, size)
    return _our_update(name, size) if kind == "update" else _our_layer(kind, name, size)


def _our_loss(name: str, size: str) -> Take:
    """The losses of rows and the gradient of their mean, by calls made again as a training makes them."""
    from benchmarks.workloads.loss_sizes import LOSS_TABLE
    from cortex_lab.compute import get_ops
    from cortex_lab.nn.contract.layer import Slots
    from cortex_lab.nn.run.replaying import Replayed

    ops, scored = get_ops("cpu"), LOSS_TABLE[name]
    y, target = scored.draw(size)
    rows = len(y)
    at = Slots(
        y=ops.asarray(y), dy=ops.zeros(y.shape), target=ops.asarray(target, target.dtype),
        weights=ops.zeros((rows,)) + np.float32(1 / rows), rows=ops.zeros((rows,)),
        found=ops.zeros((2,), "float64"),
        **{key: ops.zeros(spec.shape) for key, spec in scored.loss.state(y.shape[1:]).items()},
    )  # fmt: skip
    again = Replayed(scored.loss.evaluate, ops, at)
    again()
    take = _again(again)
    return lambda steps: ops.flushed(lambda: take(steps))


def _our_layer(kind: str, name: str, size: str) -> Take:
    """The phases of a training step that are the layer's, joined as a training joins them."""
    import cortex_lab as cl
    from benchmarks.workloads.layer_sizes import TABLE
    from cortex_lab.nn.graph.description import Node
    from cortex_lab.nn.run.plan import Plan
    from cortex_lab.nn.run.replaying import Replayed

    sized = TABLE[name]
    layer, rows, shapes = sized.at(size)
    names = [f"in{place}" for place in range(len(shapes))]
    network = cl.Network([Node(layer, "layer", names)], dict(zip(names, shapes, strict=True)), seed=1)
    plan = Plan.training_step(network.graph, ["layer"], input_gradients=not sized.ids)
    bound = network.executor(plan, rows).bind(rows)
    for name_, x in zip(names, _inputs(sized, rows, shapes), strict=True):
        bound.buffers[name_][...] = x
    if "gradient:layer" in bound.buffers:
        bound.buffers["gradient:layer"][...] = 1
    wanted = PASSES[0] if kind == PASSES[0] else ("forward", "backward")
    runs = [run for phase, run in bound.steps if phase.startswith(wanted) and run]
    for run in runs:
        run()
    calls: list[Callable[[], Any]] = []
    for run in runs:
        known = isinstance(run, Replayed) and run.calls is not None
        calls += run.calls if known else [run]  # type: ignore[union-attr, operator, list-item]
    joined = [call for call, _ in network.ops.join(calls)]
    take = _again(lambda: [call() for call in joined])
    return lambda steps: network.ops.flushed(lambda: take(steps))


def _our_update(name: str, size: str) -> Take:
    from cortex_lab.compute import get_ops
    from cortex_lab.optimize import OPTIMIZERS

    ops, shapes = get_ops("cpu"), dict(enumerate(OPTIMIZED[size]))
    count = sum(int(np.prod(shape)) for shape in shapes.values())
    random = np.random.default_rng(0)
    params, gradient = (ops.asarray(random.normal(size=count).astype(np.float32)) for _ in range(2))
    optimizer = OPTIMIZERS[name](1e-3)
    state = optimizer.init(ops, params, {str(place): shape for place, shape in shapes.items()})
    return _again(lambda: optimizer.update(ops, params, gradient, state))


# PyTorch's -------------------------------------------------------------------------------------------


def has_peer(kind: str, name: str) -> bool:
    """Whether PyTorch has something that does the same."""
    if kind == "update":
        return OPTIMIZER_PEERS[name] is not None
    if kind == "loss":
        from benchmarks.workloads.loss_sizes import LOSS_TABLE

        return LOSS_TABLE[name].peer is not None
    from benchmarks.workloads.layer_sizes import TABLE

    return TABLE[name].peer is not None


def _torch_side(threads: int) -> Callable[[str, str, str], Take]:
    import torch

    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)

    def make(kind: str, name: str, size: str) -> Take:
        if kind == "loss":
            return _their_loss(torch, name, size)
        return _their_update(torch, name, size) if kind == "update" else _their_layer(torch, kind, name, size)

    return make


def _their_loss(torch: Any, name: str, size: str) -> Take:
    from benchmarks.workloads.loss_sizes import LOSS_TABLE

    scored = LOSS_TABLE[name]
    y, target = (torch.tensor(each) for each in scored.draw(size))
    y.requires_grad_()

    def both() -> None:
        y.grad = None
        assert scored.peer is not None
        scored.peer(torch.nn.functional, y, target).backward()

    return _again(both)


def _their_layer(torch: Any, kind: str, name: str, size: str) -> Take:
    from benchmarks.workloads.layer_sizes import TABLE

    sized = TABLE[name]
    layer, rows, shapes = sized.at(size)
    xs = [_as_they_like(torch, x, sized) for x in _inputs(sized, rows, shapes)]
    assert sized.peer is not None
    act = sized.peer(torch, layer, shapes)
    if kind == PASSES[0]:
        with torch.no_grad():
            act(*xs)

        def take(steps: int) -> None:
            with torch.no_grad():
                for _ in range(steps):
                    act(*xs)

        return take
    learned = list(act.parameters()) if hasattr(act, "parameters") else []
    leaves = [x.requires_grad_() for x in xs if x.is_floating_point()] + learned
    y = act(*xs)
    if not y.requires_grad:
        return _again(lambda: act(*xs))
    gradient = torch.ones_like(y)

    def both() -> None:
        for leaf in leaves:
            leaf.grad = None
        act(*xs).backward(gradient)

    return _again(both)


def _as_they_like(torch: Any, x: np.ndarray, sized: Any) -> Any:
    tensor = torch.tensor(x)
    if tensor.ndim == 4:
        return tensor.permute(0, 3, 1, 2)  # which is what memory format channels_last is
    if sized.channels_first:
        return tensor.permute(0, 2, 1).contiguous()
    return tensor


OPTIMIZER_PEERS: dict[str, tuple[str, dict[str, Any]] | None] = {
    "SGD": ("SGD", {"fused": True}),
    "Adam": ("Adam", {"fused": True}),
    "AdamW": ("AdamW", {"fused": True}),
    "Nadam": ("NAdam", {}),
    "RMSprop": ("RMSprop", {}),
    "Adagrad": ("Adagrad", {"fused": True}),
    "Adadelta": ("Adadelta", {}),
    "Muon": ("Muon", {}),
    "Lion": None,
}
"""What PyTorch calls our optimizers, and the options it is fastest with; None where it has none."""


def _their_update(torch: Any, name: str, size: str) -> Take:
    peer = OPTIMIZER_PEERS[name]
    assert peer is not None
    kind, options = peer
    random = np.random.default_rng(0)
    shapes = OPTIMIZED[size]
    params = [torch.nn.Parameter(torch.tensor(random.normal(size=s).astype(np.float32))) for s in shapes]
    for each in params:
        each.grad = torch.randn_like(each)
    made = getattr(torch.optim, kind)
    if kind != "Muon":
        optimizers = [made(params, lr=1e-3, **options)]
    else:
        # PyTorch's takes matrices alone; ours steps the rest by Adam, and so does theirs here.
        vectors = [each for each in params if each.ndim != 2]
        adam = torch.optim.AdamW(vectors, lr=1e-3, fused=True)
        optimizers = [made([each for each in params if each.ndim == 2], lr=1e-3), adam]
    return _again(lambda: [each.step() for each in optimizers])
