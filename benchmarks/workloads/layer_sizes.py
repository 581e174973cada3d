"""Every registered layer at a small and at a large size, and what PyTorch calls the same.

Rows are ours: channels come last. PyTorch is given what it likes best: images are (n, channels, height,
width) in memory format channels_last, sequences (n, steps, features), or (n, channels, steps) where it wants
them so. `peer(torch, layer, shapes)` makes a module or a function of its tensors; None where PyTorch has
nothing that does the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cortex_lab as cl

Shape = tuple[int, ...]
Peer = Callable[[Any, Any, tuple[Shape, ...]], Any]


@dataclass(frozen=True)
class Sized:
    """A layer at two sizes, each of them rows and the shapes of a row; `large_layer` where it differs."""

    layer: Any
    small: tuple[int, tuple[Shape, ...]]
    large: tuple[int, tuple[Shape, ...]]
    peer: Peer | None
    large_layer: Any = None
    ids: int = 0
    """How many ids there are, where inputs are such."""
    channels_first: bool = False
    """Whether PyTorch wants sequences as (n, channels, steps)."""

    def at(self, size: str) -> tuple[Any, int, tuple[Shape, ...]]:
        """The layer, the rows, and the shapes of its inputs."""
        rows, shapes = self.small if size == "small" else self.large
        return (self.large_layer or self.layer) if size == "large" else self.layer, rows, shapes


SIZES = ("small", "large")
_IMAGES = (16, ((8, 8, 16),)), (64, ((32, 32, 32),))
_STEPS = (16, ((8, 16),)), (64, ((64, 128),))
_VECTORS = (32, ((64,),)), (128, ((4096,),))


def _call(name: str) -> Peer:
    """A function of tensors: `torch.tanh`, `nn.functional.relu`, ..."""

    def peer(torch: Any, layer: Any, shapes: tuple[Shape, ...]) -> Any:
        found = torch
        for part in name.split("."):
            found = getattr(found, part)
        return found

    return peer


def _functional(act: Callable[[Any, Any, Any], Any]) -> Peer:
    """act(functional, layer, x) of one tensor."""
    return lambda torch, layer, shapes: lambda x: act(torch.nn.functional, layer, x)


def _two(act: Callable[[Any, Any, Any], Any]) -> Peer:
    return lambda torch, layer, shapes: lambda a, b: act(torch, a, b)


def _elementwise(layer: Any, peer: Peer) -> Sized:
    return Sized(layer, *_VECTORS, peer)


def _merged(layer: Any, peer: Peer) -> Sized:
    (few, (small,)), (many, (large,)) = _IMAGES
    return Sized(layer, (few, (small, small)), (many, (large, large)), peer)


def _conv(torch: Any, layer: Any, shapes: tuple[Shape, ...]) -> Any:
    return torch.nn.Conv2d(shapes[0][-1], layer.filters, layer.kernel_size, padding="same")


def _depthwise(torch: Any, layer: Any, shapes: tuple[Shape, ...]) -> Any:
    return torch.nn.Conv2d(
        shapes[0][-1], shapes[0][-1], layer.kernel_size, padding="same", groups=shapes[0][-1]
    )


def _separable(torch: Any, layer: Any, shapes: tuple[Shape, ...]) -> Any:
    channels = shapes[0][-1]
    mixing = torch.nn.Conv2d(channels, layer.filters, 1)
    depthwise = torch.nn.Conv2d(
        channels, channels, layer.kernel_size, padding="same", groups=channels, bias=False
    )
    return torch.nn.Sequential(depthwise, mixing)


def _recurrent(kind: str, bidirectional: bool = False) -> Peer:
    def peer(torch: Any, layer: Any, shapes: tuple[Shape, ...]) -> Any:
        units = layer.layer.units if bidirectional else layer.units
        cell = getattr(torch.nn, kind)(shapes[0][-1], units, batch_first=True, bidirectional=bidirectional)

        def act(x: Any) -> Any:
            y = cell(x)[0]
            return torch.cat([y[:, -1, :units], y[:, 0, units:]], 1) if bidirectional else y[:, -1]

        act.parameters = cell.parameters  # type: ignore[attr-defined]
        return act

    return peer


def _heads(torch: Any, layer: Any, shapes: tuple[Shape, ...]) -> Any:
    made = torch.nn.MultiheadAttention(shapes[0][-1], layer.num_heads, batch_first=True)

    def act(query: Any, value: Any) -> Any:
        return made(query, value, value, need_weights=False)[0]

    act.parameters = made.parameters  # type: ignore[attr-defined]
    return act


def _attention(torch: Any, layer: Any, shapes: tuple[Shape, ...]) -> Any:
    attend = torch.nn.functional.scaled_dot_product_attention
    return lambda query, value: attend(query, value, value, scale=1.0)


def _learned(sizes: Callable[[tuple[Shape, ...]], Mapping[str, Shape]], act: Callable[..., Any]) -> Peer:
    """act(functional, layer, x, **parameters) with parameters of these shapes."""

    def peer(torch: Any, layer: Any, shapes: tuple[Shape, ...]) -> Any:
        made = {name: torch.nn.Parameter(torch.ones(shape)) for name, shape in sizes(shapes).items()}

        def run(x: Any) -> Any:
            return act(torch.nn.functional, layer, x, **made)

        run.parameters = made.values  # type: ignore[attr-defined]
        return run

    return peer


def _last(shapes: tuple[Shape, ...]) -> dict[str, Shape]:
    return {"weight": (shapes[0][-1],), "bias": (shapes[0][-1],)}


def _sparse(torch: Any, layer: Any, shapes: tuple[Shape, ...]) -> Any:
    def act(x: Any) -> Any:
        values, places = x.topk(layer.k, dim=1)
        return torch.zeros_like(x).scatter(1, places, values)

    return act


def _noise(torch: Any, layer: Any, shapes: tuple[Shape, ...]) -> Any:
    return lambda x: x + layer.stddev * torch.randn_like(x)


def _rated_noise(torch: Any, layer: Any, shapes: tuple[Shape, ...]) -> Any:
    deviation = (layer.rate / (1 - layer.rate)) ** 0.5
    return lambda x: x * (1 + deviation * torch.randn_like(x))


def _known(torch: Any, layer: Any, shapes: tuple[Shape, ...]) -> Any:
    return lambda x: (x != layer.value).any(-1).float()


_TOKENS = (16, ((8,),)), (64, ((64,),))
_PAIRS = (16, ((8, 16), (8, 16))), (32, ((64, 64), (64, 64)))

TABLE: dict[str, Sized] = {
    "Activation": _elementwise(cl.Activation("tanh"), _call("tanh")),
    "ReLU": _elementwise(cl.ReLU(), _call("relu")),
    "ReLU6": _elementwise(cl.ReLU6(), _call("nn.functional.relu6")),
    "LeakyReLU": _elementwise(cl.LeakyReLU(), _functional(lambda f, m, x: f.leaky_relu(x, m.negative_slope))),
    "ELU": _elementwise(cl.ELU(), _call("nn.functional.elu")),
    "SELU": _elementwise(cl.SELU(), _call("nn.functional.selu")),
    "GELU": _elementwise(cl.GELU(), _call("nn.functional.gelu")),
    "Swish": _elementwise(cl.Swish(), _call("nn.functional.silu")),
    "HardSwish": _elementwise(cl.HardSwish(), _call("nn.functional.hardswish")),
    "Mish": _elementwise(cl.Mish(), _call("nn.functional.mish")),
    "Softsign": _elementwise(cl.Softsign(), _call("nn.functional.softsign")),
    "Exponential": _elementwise(cl.Exponential(), _call("exp")),
    "Softplus": _elementwise(cl.Softplus(), _call("nn.functional.softplus")),
    "Sigmoid": _elementwise(cl.Sigmoid(), _call("sigmoid")),
    "HardSigmoid": _elementwise(cl.HardSigmoid(), _call("nn.functional.hardsigmoid")),
    "Tanh": _elementwise(cl.Tanh(), _call("tanh")),
    "Softmax": _elementwise(cl.Softmax(), _functional(lambda f, m, x: f.softmax(x, 1))),
    "LogSoftmax": _elementwise(cl.LogSoftmax(), _functional(lambda f, m, x: f.log_softmax(x, 1))),
    "Attention": Sized(cl.Attention(), *_PAIRS, _attention),
    "MultiHeadAttention": Sized(
        cl.MultiHeadAttention(2, 8), *_PAIRS, _heads, large_layer=cl.MultiHeadAttention(4, 16)
    ),
    "Conv1D": Sized(
        cl.Conv1D(16, 3, padding="same"),
        *_STEPS,
        lambda torch, layer, shapes: torch.nn.Conv1d(shapes[0][-1], layer.filters, 3, padding="same"),
        large_layer=cl.Conv1D(128, 3, padding="same"),
        channels_first=True,
    ),
    "Conv2D": Sized(
        cl.Conv2D(16, 3, padding="same"), *_IMAGES, _conv, large_layer=cl.Conv2D(32, 3, padding="same")
    ),
    "Conv2DTranspose": Sized(
        cl.Conv2DTranspose(16, 2, strides=2),
        *_IMAGES,
        lambda torch, layer, shapes: torch.nn.ConvTranspose2d(shapes[0][-1], layer.filters, 2, 2),
    ),
    "Dense": Sized(
        cl.Dense(32),
        (32, ((64,),)),
        (128, ((1024,),)),
        lambda torch, layer, shapes: torch.nn.Linear(shapes[0][-1], layer.units),
        large_layer=cl.Dense(1024),
    ),
    "DepthwiseConv2D": Sized(cl.DepthwiseConv2D(3, padding="same"), *_IMAGES, _depthwise),
    "SeparableConv2D": Sized(cl.SeparableConv2D(32, 3, padding="same"), *_IMAGES, _separable),
    "Dot": Sized(cl.Dot((2, 2)), *_PAIRS, _two(lambda torch, a, b: torch.bmm(a, b.transpose(1, 2)))),
    "GaussianNoise": _elementwise(cl.GaussianNoise(), _noise),
    "Dropout": _elementwise(cl.Dropout(0.5), _call("nn.functional.dropout")),
    "SpatialDropout1D": Sized(
        cl.SpatialDropout1D(0.5), *_STEPS, _call("nn.functional.dropout1d"), channels_first=True
    ),
    "SpatialDropout2D": Sized(cl.SpatialDropout2D(0.5), *_IMAGES, _call("nn.functional.dropout2d")),
    "GaussianDropout": _elementwise(cl.GaussianDropout(0.5), _rated_noise),
    "AlphaDropout": _elementwise(
        cl.AlphaDropout(0.5), _functional(lambda f, m, x: f.alpha_dropout(x, m.rate, training=True))
    ),
    "Embedding": Sized(
        cl.Embedding(1000, 16),
        *_TOKENS,
        lambda torch, layer, shapes: torch.nn.Embedding(layer.input_dim, layer.output_dim),
        large_layer=cl.Embedding(10_000, 128),
        ids=1000,
    ),
    "Flatten": Sized(cl.Flatten(), *_IMAGES, lambda torch, layer, shapes: torch.nn.Flatten()),
    "GlobalAveragePooling2D": Sized(
        cl.GlobalAveragePooling2D(), *_IMAGES, _functional(lambda f, m, x: x.mean((2, 3)))
    ),
    "GlobalMaxPooling2D": Sized(
        cl.GlobalMaxPooling2D(), *_IMAGES, _functional(lambda f, m, x: f.adaptive_max_pool2d(x, 1).flatten(1))
    ),
    "GlobalAveragePooling1D": Sized(
        cl.GlobalAveragePooling1D(), *_STEPS, _functional(lambda f, m, x: x.mean(1))
    ),
    "GlobalMaxPooling1D": Sized(
        cl.GlobalMaxPooling1D(), *_STEPS, _functional(lambda f, m, x: x.max(1).values)
    ),
    "LocalResponseNormalization": Sized(
        cl.LocalResponseNormalization(),
        *_IMAGES,
        _functional(lambda f, m, x: f.local_response_norm(x, m.size, m.alpha, m.beta, m.k)),
    ),
    "Mask": Sized(cl.Mask(), *_STEPS, _known),
    "Add": _merged(cl.Add(), _two(lambda torch, a, b: a + b)),
    "Subtract": _merged(cl.Subtract(), _two(lambda torch, a, b: a - b)),
    "Multiply": _merged(cl.Multiply(), _two(lambda torch, a, b: a * b)),
    "Average": _merged(cl.Average(), _two(lambda torch, a, b: (a + b) / 2)),
    "Maximum": _merged(cl.Maximum(), _two(lambda torch, a, b: torch.maximum(a, b))),
    "Minimum": _merged(cl.Minimum(), _two(lambda torch, a, b: torch.minimum(a, b))),
    "Concatenate": _merged(cl.Concatenate(), _two(lambda torch, a, b: torch.cat([a, b], 1))),
    "BatchNormalization": Sized(
        cl.BatchNormalization(),
        *_IMAGES,
        lambda torch, layer, shapes: torch.nn.BatchNorm2d(shapes[0][-1], layer.epsilon, 0.01),
    ),
    "LayerNormalization": Sized(
        cl.LayerNormalization(),
        *_STEPS,
        _learned(_last, lambda f, m, x, weight, bias: f.layer_norm(x, weight.shape, weight, bias, m.epsilon)),
    ),
    "RMSNormalization": Sized(
        cl.RMSNormalization(),
        *_STEPS,
        _learned(
            lambda shapes: {"weight": (shapes[0][-1],)},
            lambda f, m, x, weight: f.rms_norm(x, weight.shape, weight, m.epsilon),
        ),
    ),
    "GroupNormalization": Sized(
        cl.GroupNormalization(8),
        *_IMAGES,
        _learned(_last, lambda f, m, x, weight, bias: f.group_norm(x, m.groups, weight, bias, m.epsilon)),
    ),
    "MaxPooling2D": Sized(cl.MaxPooling2D(2), *_IMAGES, _functional(lambda f, m, x: f.max_pool2d(x, 2))),
    "AveragePooling2D": Sized(
        cl.AveragePooling2D(2), *_IMAGES, _functional(lambda f, m, x: f.avg_pool2d(x, 2))
    ),
    "MaxPooling1D": Sized(
        cl.MaxPooling1D(2), *_STEPS, _functional(lambda f, m, x: f.max_pool1d(x, 2)), channels_first=True
    ),
    "AveragePooling1D": Sized(
        cl.AveragePooling1D(2), *_STEPS, _functional(lambda f, m, x: f.avg_pool1d(x, 2)), channels_first=True
    ),
    "PositionEmbedding": Sized(
        cl.PositionEmbedding(),
        *_STEPS,
        _learned(lambda shapes: {"table": shapes[0]}, lambda f, m, x, table: x + table),
    ),
    "PReLU": Sized(
        cl.PReLU(),
        *_IMAGES,
        _learned(
            lambda shapes: {"alpha": (shapes[0][-1], *shapes[0][:-1])},
            lambda f, m, x, alpha: f.relu(x) - alpha * f.relu(-x),
        ),
    ),
    "Bidirectional": Sized(
        cl.Bidirectional(cl.LSTM(16)),
        *_STEPS,
        _recurrent("LSTM", True),
        large_layer=cl.Bidirectional(cl.LSTM(64)),
    ),
    "GRU": Sized(cl.GRU(16), *_STEPS, _recurrent("GRU"), large_layer=cl.GRU(128)),
    "LSTM": Sized(cl.LSTM(16), *_STEPS, _recurrent("LSTM"), large_layer=cl.LSTM(128)),
    "SimpleRNN": Sized(cl.SimpleRNN(16), *_STEPS, _recurrent("RNN"), large_layer=cl.SimpleRNN(128)),
    "Sum": Sized(cl.Sum(axis=1), *_STEPS, _functional(lambda f, m, x: x.sum(1))),
    "Mean": Sized(cl.Mean(axis=1), *_STEPS, _functional(lambda f, m, x: x.mean(1))),
    "Max": Sized(cl.Max(axis=1), *_STEPS, _functional(lambda f, m, x: x.amax(1))),
    "Reshape": Sized(cl.Reshape((-1,)), *_STEPS, _functional(lambda f, m, x: x.reshape(len(x), -1))),
    "Permute": Sized(
        cl.Permute((2, 1)), *_STEPS, _functional(lambda f, m, x: x.transpose(1, 2).contiguous())
    ),
    "RepeatVector": Sized(
        cl.RepeatVector(8),
        (32, ((64,),)),
        (128, ((1024,),)),
        _functional(lambda f, m, x: x.unsqueeze(1).repeat(1, m.n, 1)),
    ),
    "UpSampling2D": Sized(
        cl.UpSampling2D(2), *_IMAGES, _functional(lambda f, m, x: f.interpolate(x, scale_factor=2))
    ),
    "ZeroPadding2D": Sized(
        cl.ZeroPadding2D(1), *_IMAGES, _functional(lambda f, m, x: f.pad(x, (1, 1, 1, 1)))
    ),
    "Cropping2D": Sized(cl.Cropping2D(1), *_IMAGES, _functional(lambda f, m, x: x[:, :, 1:-1, 1:-1].clone())),
    "UpSampling1D": Sized(
        cl.UpSampling1D(2), *_STEPS, _functional(lambda f, m, x: x.repeat_interleave(2, 1))
    ),
    "ZeroPadding1D": Sized(cl.ZeroPadding1D(1), *_STEPS, _functional(lambda f, m, x: f.pad(x, (0, 0, 1, 1)))),
    "Cropping1D": Sized(cl.Cropping1D(1), *_STEPS, _functional(lambda f, m, x: x[:, 1:-1].clone())),
    "Rescaling": _elementwise(
        cl.Rescaling(1 / 255, 0.5), _functional(lambda f, m, x: x * m.scale + m.offset)
    ),
    "Normalization": _elementwise(
        cl.Normalization(mean=0.5, variance=2.0), _functional(lambda f, m, x: (x - 0.5) / 2.0**0.5)
    ),
    "KSparse": Sized(cl.KSparse(8), *_VECTORS, _sparse),
    "TimeDistributed": Sized(
        cl.TimeDistributed(cl.Dense(16)),
        *_STEPS,
        lambda torch, layer, shapes: torch.nn.Linear(shapes[0][-1], layer.layer.units),
        large_layer=cl.TimeDistributed(cl.Dense(128)),
    ),
}
