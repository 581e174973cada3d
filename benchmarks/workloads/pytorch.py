"""The same networks in PyTorch, read off our graph and given our weights.

Its steps do the work of ours, taking their batch out of the data included: the data are one tensor in the
memory format that suits the network, and a step selects its rows by an index tensor made beforehand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

import cortex_lab as cl
from benchmarks.workloads import ours

KINDS = ("eager", "channels_last", "compile")
_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "gelu": nn.functional.gelu,
}


class Twin(nn.Module):
    """Our graph, node by node; images are (n, channels, height, width) here."""

    def __init__(self, network: cl.Network) -> None:
        super().__init__()
        self.graph = network.graph
        self.parts = nn.ModuleDict()
        for name, node in self.graph.nodes.items():
            part = _module(node, {key: np.asarray(a) for key, a in network.arrays(name).items()}, self.graph)
            if part is not None:
                self.parts[name.replace(".", "_").replace("/", "_")] = part

    def forward(self, x: Any) -> Any:
        values = {next(iter(self.graph.inputs)): x}
        for name, node in self.graph.nodes.items():
            read, layer = [values[source] for source in node.inputs], node.layer
            key = name.replace(".", "_").replace("/", "_")
            kind = type(layer).__name__
            if kind == "Add":
                y = read[0] + read[1]
            elif kind == "Flatten":
                y = torch.flatten(read[0], 1)
            elif kind == "GlobalAveragePooling2D":
                y = read[0].mean(dim=(2, 3))
            elif kind in ("LSTM", "GRU"):
                y = self.parts[key](read[0])[0][:, -1]
            elif getattr(layer, "function", None):
                y = _ACTIVATIONS[layer.function](read[0])
            else:
                y = self.parts[key](read[0])
                if layer.activation and layer.activation != "linear":
                    y = _ACTIVATIONS[layer.activation](y)
            values[name] = y
        return values[self.graph.outputs[0]]


def _module(node: Any, arrays: dict[str, np.ndarray], graph: Any) -> nn.Module | None:
    layer, kind = node.layer, type(node.layer).__name__
    shape = node.in_shapes[0]
    if kind == "Dense":
        made = nn.Linear(shape[0], layer.units, bias=layer.use_bias)
        kernel = _image_order(arrays["kernel"], node, graph)
        _fill(made, weight=kernel.T, bias=arrays.get("bias"))
    elif kind == "Conv2D":
        strides, padding, dilation, groups = layer.constants(*node.in_shapes)["geometry"]
        (top, bottom), (left, right) = padding
        made = nn.Conv2d(
            shape[2],
            layer.filters,
            arrays["kernel"].shape[:2],
            strides,
            (top, left),
            dilation,
            groups,
            layer.use_bias,
        )
        _fill(made, weight=arrays["kernel"].transpose(3, 2, 0, 1), bias=arrays.get("bias"))
        if (top, left) != (bottom, right):
            made.padding = (0, 0)
            made = nn.Sequential(nn.ZeroPad2d((left, right, top, bottom)), made)
    elif kind == "MaxPooling2D":
        size, strides, padding = layer.constants(*node.in_shapes)["geometry"]
        made = nn.MaxPool2d(size, strides, (padding[0][0], padding[1][0]))
    elif kind == "BatchNormalization":
        made = (nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d)(
            shape[-1], layer.epsilon, 1 - layer.momentum
        )
        _fill(made, weight=arrays["gamma"], bias=arrays["beta"])
        made.running_mean.copy_(torch.tensor(arrays["moving_mean"]))
        made.running_var.copy_(torch.tensor(arrays["moving_variance"]))
    elif kind == "DepthwiseConv2D":
        strides, ((top, bottom), (left, right)), dilation = layer.constants(*node.in_shapes)["geometry"]
        height, width, channels, times = arrays["kernel"].shape
        assert (top, left) == (bottom, right)
        sizes = channels, channels * times, (height, width)
        made = nn.Conv2d(*sizes, strides, (top, left), dilation, channels, layer.use_bias)
        weight = arrays["kernel"].transpose(2, 3, 0, 1).reshape(made.weight.shape)
        _fill(made, weight=weight, bias=arrays.get("bias"))
    elif kind == "Conv2DTranspose":
        strides, ((top, bottom), (left, right)), dilation, _ = layer.constants(*node.in_shapes)["geometry"]
        assert (top, left) == (bottom, right)
        kernel, sizes = arrays["kernel"], (shape[2], layer.filters)
        made = nn.ConvTranspose2d(
            *sizes, kernel.shape[:2], strides, (top, left), bias=layer.use_bias, dilation=dilation
        )
        _fill(made, weight=kernel.transpose(3, 2, 0, 1), bias=arrays.get("bias"))
    elif kind == "LayerNormalization":
        made = nn.LayerNorm(shape[-1], layer.epsilon)
        _fill(made, weight=arrays["gamma"], bias=arrays["beta"])
    elif kind == "GRU":
        made = nn.GRU(shape[1], layer.units, batch_first=True)
        ordered = {key: _reset_first(arrays[key]) for key in ("kernel", "recurrent_kernel", "bias")}
        _fill(
            made,
            weight_ih_l0=ordered["kernel"].T,
            weight_hh_l0=ordered["recurrent_kernel"].T,
            bias_ih_l0=ordered["bias"][0],
            bias_hh_l0=ordered["bias"][1],
        )
    elif kind == "LSTM":
        made = nn.LSTM(shape[1], layer.units, batch_first=True)
        bias = arrays["bias"]
        _fill(
            made,
            weight_ih_l0=arrays["kernel"].T,
            weight_hh_l0=arrays["recurrent_kernel"].T,
            bias_ih_l0=bias,
            bias_hh_l0=0 * bias,
        )
        made.bias_hh_l0.requires_grad_(False)  # a second bias would learn twice as fast as our one
    elif kind == "Dropout":
        made = nn.Dropout(layer.rate)
    else:
        return None
    return made


def _reset_first(gates: np.ndarray) -> np.ndarray:
    """The gates of a GRU in PyTorch's order: reset before update."""
    update, reset, candidate = np.split(gates, 3, axis=-1)
    return np.concatenate([reset, update, candidate], axis=-1)


def _image_order(kernel: np.ndarray, node: Any, graph: Any) -> np.ndarray:
    """Rows of a Dense after a Flatten in PyTorch's order: channels before height and width."""
    before = graph.nodes.get(node.inputs[0])
    if before is None or type(before.layer).__name__ != "Flatten" or len(before.in_shapes[0]) != 3:
        return kernel
    return kernel.reshape(*before.in_shapes[0], -1).transpose(2, 0, 1, 3).reshape(kernel.shape)


def _fill(module: nn.Module, **arrays: Any) -> None:
    with torch.no_grad():
        for name, array in arrays.items():
            if array is not None:
                getattr(module, name).copy_(torch.tensor(np.ascontiguousarray(array)))


def optimizer_for(like: Any, parameters: Any) -> Any:
    """PyTorch's optimizer that does what ours does, in its fastest form."""
    if isinstance(like, cl.Adam):
        betas = like.beta_1, like.beta_2
        return torch.optim.Adam(parameters, like.learning_rate, betas, like.epsilon, fused=True)
    return torch.optim.SGD(parameters, like.learning_rate, like.momentum, fused=True)


def _tensor(inputs: np.ndarray, kind: str) -> Any:
    tensor = torch.tensor(inputs)
    if inputs.ndim == 4:
        tensor = tensor.permute(0, 3, 1, 2)
        tensor = tensor.contiguous(
            memory_format=torch.channels_last if kind == "channels_last" else torch.contiguous_format
        )
    return tensor


def _selector(data: np.ndarray, kind: str) -> Callable[[Any], Any]:
    """The rows of `data` that an index tensor names, selected in the way that is fastest here."""
    if kind == "channels_last" and data.ndim == 4:
        # Selected from a channels_last tensor they would not be channels_last any more.
        images = torch.tensor(data)
        return lambda rows: images.index_select(0, rows).permute(0, 3, 1, 2)
    tensor = _tensor(data, kind)
    return lambda rows: tensor.index_select(0, rows)


def training_step(workload: Any, kind: str) -> Callable[[], float]:
    """One training step after another over the same batches as ours; returns the loss before the update."""
    torch.manual_seed(0)
    torch.set_flush_denormal(True)  # as our own steps do
    model = Twin(workload.network())
    if kind == "channels_last":
        model = model.to(memory_format=torch.channels_last)
    optimizer = optimizer_for(workload.optimizer, model.parameters())
    inputs, targets = workload.data()
    classes = workload.loss == "softmax_cross_entropy"
    score = nn.functional.cross_entropy if classes else nn.functional.mse_loss
    choices = [torch.tensor(rows) for rows in workload.choices()]
    inputs_of = _selector(inputs, kind)
    targets_of = None if targets is inputs else _selector(targets, kind)
    evaluate = (
        torch.compile(lambda x, y: score(model(x), y))
        if kind == "compile"
        else lambda x, y: score(model(x), y)
    )
    taken = 0

    def step() -> float:
        nonlocal taken
        rows = choices[taken % len(choices)]
        taken += 1
        x = inputs_of(rows)
        y = targets_of(rows) if targets_of else x
        optimizer.zero_grad(set_to_none=True)
        loss = evaluate(x, y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def inference(network: cl.Network, inputs: np.ndarray, kind: str) -> Callable[[], np.ndarray]:
    """The network's outputs for `inputs`."""
    model = Twin(network).eval()
    if kind == "channels_last":
        model = model.to(memory_format=torch.channels_last)
    if kind == "compile":
        model = torch.compile(model)
    x = _tensor(inputs, kind)

    def predict() -> np.ndarray:
        with torch.inference_mode():
            return model(x).numpy()

    return predict


def steps(place: int, kind: str) -> Callable[[int], None]:
    """Takes training steps of workload number `place`."""
    return _repeat(training_step(ours.WORKLOADS[place], kind))


def predictions(kind: str) -> Callable[[int], None]:
    """Takes ResNet-50 predictions."""
    return _repeat(inference(*ours.inference(), kind))


def _repeat(step: Callable[[], Any]) -> Callable[[int], None]:
    def take(count: int) -> None:
        for _ in range(count):
            step()

    return take
