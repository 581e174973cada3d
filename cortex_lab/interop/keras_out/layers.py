"""What each layer is in Keras; see `settings`."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex_lab.interop.keras_layers import Untranslatable
from cortex_lab.interop.keras_out.settings import Pieces, activation_name, listed, pieces_of, written
from cortex_lab.nn import layers as ours
from cortex_lab.nn.contract.axes import row_axes
from cortex_lab.nn.contract.layer import Shape

Shapes = tuple[Shape, ...]


@written(ours.Dense)
def dense(layer: ours.Dense, shapes: Shapes) -> Pieces:
    return Pieces("Dense", {"units": layer.units, **_ending(layer)})


@written(ours.Embedding)
def embedding(layer: ours.Embedding, shapes: Shapes) -> Pieces:
    # Masks are written where they are read.
    return Pieces("Embedding", {"input_dim": layer.input_dim, "output_dim": layer.output_dim})


def _ending(layer: Any) -> dict[str, Any]:
    return {"activation": activation_name(layer.activation), "use_bias": layer.use_bias}


# Activations ------------------------------------------------------------------------------------------------


@written(ours.Activation)
def activation(layer: ours.Activation, shapes: Shapes) -> Pieces:
    return Pieces("Activation", {"activation": activation_name(layer.activation)})


@written(
    ours.ReLU6, ours.SELU, ours.Swish, ours.HardSwish, ours.Mish, ours.Softsign, ours.Exponential,
    ours.Softplus, ours.Sigmoid, ours.HardSigmoid, ours.Tanh, ours.GELU,
)  # fmt: skip
def plain(layer: Any, shapes: Shapes) -> Pieces:
    return Pieces("Activation", {"activation": activation_name(layer.function)})


@written(ours.ReLU)
def relu(layer: ours.ReLU, shapes: Shapes) -> Pieces:
    names = ("max_value", "negative_slope", "threshold")
    return Pieces("ReLU", {name: getattr(layer, name) for name in names})


@written(ours.LeakyReLU)
def leaky_relu(layer: ours.LeakyReLU, shapes: Shapes) -> Pieces:
    return Pieces("LeakyReLU", {"negative_slope": layer.negative_slope})


@written(ours.ELU)
def elu(layer: ours.ELU, shapes: Shapes) -> Pieces:
    return Pieces("ELU", {"alpha": layer.alpha})


@written(ours.PReLU)
def prelu(layer: ours.PReLU, shapes: Shapes) -> Pieces:
    shared = () if layer.shared_axes is None else row_axes("shared_axes", layer.shared_axes, shapes[0])
    return Pieces("PReLU", {"shared_axes": [axis + 1 for axis in shared] or None})


@written(ours.Softmax)
def softmax(layer: ours.Softmax, shapes: Shapes) -> Pieces:
    if layer.groups != 1:
        raise Untranslatable("is a softmax of several groups, which Keras does not have; Reshape before it")
    return Pieces("Softmax", {"axis": layer.axis})


@written(ours.LogSoftmax)
def log_softmax(layer: ours.LogSoftmax, shapes: Shapes) -> Pieces:
    last = row_axes("axis", layer.axis, shapes[0]) == (len(shapes[0]) - 1,)
    if layer.groups != 1 or not last:
        raise Untranslatable(
            "is a log_softmax of groups or of another axis, which Keras has of the last alone"
        )
    return Pieces("Activation", {"activation": "log_softmax"})


# Shapes -----------------------------------------------------------------------------------------------------


@written(ours.Flatten)
def flatten(layer: ours.Flatten, shapes: Shapes) -> Pieces:
    return Pieces("Flatten", {})


@written(ours.Reshape)
def reshape(layer: ours.Reshape, shapes: Shapes) -> Pieces:
    return Pieces("Reshape", {"target_shape": list(layer.out_shape(*shapes))})


@written(ours.Permute)
def permute(layer: ours.Permute, shapes: Shapes) -> Pieces:
    return Pieces("Permute", {"dims": listed(layer.dims)})


@written(ours.RepeatVector)
def repeat_vector(layer: ours.RepeatVector, shapes: Shapes) -> Pieces:
    return Pieces("RepeatVector", {"n": layer.n})


@written(ours.UpSampling1D)
def upsampling_1d(layer: ours.UpSampling1D, shapes: Shapes) -> Pieces:
    return Pieces("UpSampling1D", {"size": layer.size})


@written(ours.UpSampling2D)
def upsampling_2d(layer: ours.UpSampling2D, shapes: Shapes) -> Pieces:
    return Pieces("UpSampling2D", {"size": listed(layer.size), "interpolation": layer.interpolation})


@written(ours.ZeroPadding1D, ours.ZeroPadding2D)
def zero_padding(layer: Any, shapes: Shapes) -> Pieces:
    return Pieces(type(layer).__name__, {"padding": listed(layer.padding)})


@written(ours.Cropping1D, ours.Cropping2D)
def cropping(layer: Any, shapes: Shapes) -> Pieces:
    return Pieces(type(layer).__name__, {"cropping": listed(layer.cropping)})


# Several inputs ---------------------------------------------------------------------------------------------


@written(ours.Add, ours.Subtract, ours.Multiply, ours.Average, ours.Maximum, ours.Minimum)
def merging(layer: Any, shapes: Shapes) -> Pieces:
    return Pieces(type(layer).__name__, {}, listed=True)


@written(ours.Concatenate)
def concatenate(layer: ours.Concatenate, shapes: Shapes) -> Pieces:
    return Pieces("Concatenate", {"axis": layer.axis}, listed=True)


@written(ours.Dot)
def dot(layer: ours.Dot, shapes: Shapes) -> Pieces:
    return Pieces("Dot", {"axes": listed(layer.axes), "normalize": layer.normalize}, listed=True)


@written(ours.Sum, ours.Mean, ours.Max)
def reduction(layer: Any, shapes: Shapes) -> Pieces:
    axis = range(1, len(shapes[0]) + 1) if layer.axis is None else layer.axis
    axis = list(axis) if isinstance(axis, (range, tuple, list)) else axis
    return Pieces(f"ops.{type(layer).__name__}", {"axis": axis, "keepdims": layer.keepdims})


@written(ours.Attention)
def attention(layer: ours.Attention, shapes: Shapes) -> Pieces:
    _refuse_mask(layer, shapes)
    settings = {"use_scale": layer.use_scale, "dropout": layer.dropout}
    return Pieces("Attention", settings, named=_causal(layer), listed=True)


@written(ours.MultiHeadAttention)
def multi_head_attention(layer: ours.MultiHeadAttention, shapes: Shapes) -> Pieces:
    _refuse_mask(layer, shapes)
    names = ("num_heads", "key_dim", "value_dim", "dropout", "use_bias", "output_shape")
    return Pieces("MultiHeadAttention", {name: getattr(layer, name) for name in names}, named=_causal(layer))


def _causal(layer: Any) -> tuple[tuple[str, Any], ...]:
    return (("use_causal_mask", True),) if layer.use_causal_mask else ()


def _refuse_mask(layer: Any, shapes: Shapes) -> None:
    if layer.wants_mask_of(shapes) is None:
        raise Untranslatable("reads a mask, by which Keras leaves out less; write it without masks")


# Scales and normalizations ----------------------------------------------------------------------------------


@written(ours.BatchNormalization)
def batch_normalization(layer: ours.BatchNormalization, shapes: Shapes) -> Pieces:
    if layer.per_element and len(shapes[0]) > 1:
        raise Untranslatable("normalizes each element by itself, which Keras does not; Flatten before it")
    names = ("axis", "momentum", "epsilon", "center", "scale")
    return Pieces("BatchNormalization", {name: getattr(layer, name) for name in names})


@written(ours.LayerNormalization)
def layer_normalization(layer: ours.LayerNormalization, shapes: Shapes) -> Pieces:
    names = ("epsilon", "center", "scale")
    settings = {name: getattr(layer, name) for name in names}
    return Pieces("LayerNormalization", {"axis": _normalized(layer, shapes), **settings})


@written(ours.RMSNormalization)
def rms_normalization(layer: ours.RMSNormalization, shapes: Shapes) -> Pieces:
    axes = row_axes("axis", layer.axis, shapes[0])
    if axes[0] != len(shapes[0]) - len(axes):
        raise Untranslatable("normalizes other axes than the last, which Keras scales wrongly")
    return Pieces("RMSNormalization", {"axis": _normalized(layer, shapes), "epsilon": layer.epsilon})


def _normalized(layer: Any, shapes: Shapes) -> Any:
    found = [axis + 1 for axis in row_axes("axis", layer.axis, shapes[0])]
    return found[0] if len(found) == 1 else found


@written(ours.GroupNormalization)
def group_normalization(layer: ours.GroupNormalization, shapes: Shapes) -> Pieces:
    names = ("groups", "axis", "epsilon", "center", "scale")
    return Pieces("GroupNormalization", {name: getattr(layer, name) for name in names})


@written(ours.Rescaling)
def rescaling(layer: ours.Rescaling, shapes: Shapes) -> Pieces:
    return Pieces("Rescaling", {"scale": float(layer.scale), "offset": float(layer.offset)})


@written(ours.Normalization)
def normalization(layer: ours.Normalization, shapes: Shapes) -> Pieces:
    kept = () if layer.axis is None else row_axes("axis", layer.axis, shapes[0])
    lengths = [shapes[0][axis] for axis in kept]
    mean, variance = (
        np.broadcast_to(np.asarray(each, float), lengths) for each in (layer.mean, layer.variance)
    )
    # What never changes is only moved.
    variance = np.where(variance == 0, 1.0, variance)
    axis = None if layer.axis is None else [axis + 1 for axis in kept]
    settings = {"mean": mean.tolist(), "variance": variance.tolist(), "invert": layer.invert}
    return Pieces("Normalization", {"axis": axis, **settings})


# What only training sees ------------------------------------------------------------------------------------


@written(
    ours.Dropout, ours.SpatialDropout1D, ours.SpatialDropout2D, ours.GaussianDropout, ours.AlphaDropout,
)  # fmt: skip
def dropout(layer: Any, shapes: Shapes) -> Pieces:
    return Pieces(type(layer).__name__, {"rate": float(layer.rate)})


@written(ours.GaussianNoise)
def gaussian_noise(layer: ours.GaussianNoise, shapes: Shapes) -> Pieces:
    return Pieces("GaussianNoise", {"stddev": float(layer.stddev)})


# Sequences --------------------------------------------------------------------------------------------------

_CELL = ("return_sequences", "go_backwards", "use_bias", "return_state", "units")


@written(ours.SimpleRNN, ours.LSTM, ours.GRU)
def recurrent(layer: Any, shapes: Shapes) -> Pieces:
    if layer.stateful:
        raise Untranslatable(
            "carries its state through training (stateful), which Keras does outside it, too; "
            "write a network with stateful=0, which predicts the same"
        )
    settings = {name: getattr(layer, name) for name in _CELL}
    settings["activation"] = activation_name(layer.activation)
    for name in ("recurrent_activation", "reset_after", "unit_forget_bias"):
        if hasattr(layer, name):
            settings[name] = getattr(layer, name)
    if "recurrent_activation" in settings:
        settings["recurrent_activation"] = activation_name(layer.recurrent_activation)
    return Pieces(type(layer).__name__, {**settings, "zero_output_for_mask": False})


@written(ours.Bidirectional)
def bidirectional(layer: ours.Bidirectional, shapes: Shapes) -> Pieces:
    if len(shapes) > 1 and layer.layer.return_sequences:
        raise Untranslatable("reads a mask; Keras gives 0 at masked steps, and here they repeat")
    inside = wrapped(pieces_of(layer.layer, shapes[:1]))
    return Pieces("Bidirectional", {"layer": inside, "merge_mode": layer.merge_mode})


@written(ours.TimeDistributed)
def time_distributed(layer: ours.TimeDistributed, shapes: Shapes) -> Pieces:
    inner = pieces_of(layer.layer, tuple(shape[1:] for shape in shapes))
    if inner.kind.startswith("ops."):
        raise Untranslatable(f"does at each step what is an operation in Keras, {inner.kind[4:]}")
    around = [
        tuple(("TimeDistributed", {"layer": wrapped(Pieces(*piece))}) for piece in side)
        for side in (inner.before, inner.behind)
    ]
    return Pieces("TimeDistributed", {"layer": wrapped(inner)}, *around)


def wrapped(pieces: Pieces) -> dict[str, Any]:
    """A layer as the setting of another."""
    return {
        "module": "keras.layers", "class_name": pieces.kind, "config": dict(pieces.settings),
        "registered_name": None,
    }  # fmt: skip
