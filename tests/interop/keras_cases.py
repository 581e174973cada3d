"""One table of everything that is translated from Keras: models by family, functions of `keras`.

Most are an input that layers read side by side, so that one model tries many settings. `kinds` are the
classes of Keras that a case is about; every class that is translated has a case, or is excused by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.interop import keras_models
from tests.interop.keras_models import in_a_row, side_by_side

IMAGE, SEQUENCE, VECTOR = (9, 8, 4), (7, 4), (6,)


@dataclass(frozen=True)
class Case:
    name: str
    kinds: tuple[str, ...]
    build: Callable[[Any], Any]
    formats: tuple[str, ...] = ("keras", "h5", "json")
    ids: int = 0
    """How many ids the inputs of whole numbers may hold."""
    single: bool = False
    """Whether Keras itself computes in float32, if only a part, whatever it is told."""


ACTIVATIONS = (
    "linear", "relu", "relu6", "sigmoid", "hard_sigmoid", "softmax", "log_softmax", "softplus",
    "softsign", "exponential", "elu", "selu", "gelu", "silu", "hard_silu", "mish", "leaky_relu",
    "hard_tanh", "celu",
)  # fmt: skip

CASES = [
    Case(
        "dense",
        ("Dense",),
        side_by_side(
            VECTOR,
            lambda L: [
                L.Dense(3),
                L.Dense(3, use_bias=False),
                *(L.Dense(3, activation=name) for name in ACTIVATIONS),
                L.Dense(3, activation=L.LeakyReLU(0.1)),
            ],
        ),
    ),
    Case("dense of steps", ("Dense",), side_by_side(SEQUENCE, lambda L: [L.Dense(3, activation="softmax")])),
    Case(
        "activations",
        ("Activation", "ReLU", "LeakyReLU", "ELU", "PReLU", "Softmax"),
        side_by_side(
            SEQUENCE,
            lambda L: [
                *(L.Activation(name) for name in ACTIVATIONS),
                L.ReLU(),
                L.ReLU(0.5, 0.1, 0.2),
                L.ReLU(negative_slope=0.2),
                L.LeakyReLU(),
                L.LeakyReLU(negative_slope=0.2),
                L.ELU(alpha=0.7),
                L.PReLU(),
                L.PReLU(shared_axes=[1]),
                L.Softmax(),
                L.Softmax(axis=1),
            ],
        ),
    ),
    Case(
        "tanh",
        ("Dense", "Activation"),
        side_by_side(VECTOR, lambda L: [L.Dense(3, activation="tanh"), L.Activation("tanh")]),
        single=True,
    ),
    Case(
        "conv2d",
        ("Conv2D",),
        side_by_side(
            IMAGE,
            lambda L: [
                L.Conv2D(3, 3),
                L.Conv2D(3, (3, 2), strides=2, padding="same", activation="relu"),
                L.Conv2D(4, 4, strides=(3, 2), padding="same", use_bias=False),
                L.Conv2D(4, 3, dilation_rate=2, padding="same"),
                L.Conv2D(6, 3, groups=2, activation="hard_silu"),
                L.Conv2D(3, 1, strides=2, padding="same", activation="leaky_relu"),
            ],
        ),
    ),
    Case(
        "conv1d",
        ("Conv1D",),
        side_by_side(
            SEQUENCE,
            lambda L: [
                L.Conv1D(3, 3),
                L.Conv1D(3, 2, strides=2, padding="same"),
                L.Conv1D(3, 3, padding="causal", dilation_rate=2),
                L.Conv1D(4, 3, groups=2, use_bias=False, activation="elu"),
            ],
        ),
    ),
    Case(
        "transposed",
        ("Conv2DTranspose",),
        side_by_side(
            IMAGE,
            lambda L: [
                L.Conv2DTranspose(3, 3),
                L.Conv2DTranspose(3, 3, strides=2, padding="same", activation="relu"),
                L.Conv2DTranspose(2, (3, 2), strides=(2, 3), use_bias=False),
                L.Conv2DTranspose(2, 3, strides=2, padding="same", output_padding=1),
                L.Conv2DTranspose(2, 2, strides=3),
            ],
        ),
    ),
    Case(
        "depthwise",
        ("DepthwiseConv2D", "SeparableConv2D"),
        side_by_side(
            IMAGE,
            lambda L: [
                L.DepthwiseConv2D(3),
                L.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2, use_bias=False),
                L.DepthwiseConv2D(2, dilation_rate=2, activation="relu6"),
                L.SeparableConv2D(5, 3),
                L.SeparableConv2D(
                    5,
                    (2, 3),
                    strides=2,
                    padding="same",
                    depth_multiplier=2,
                    use_bias=False,
                    activation="relu",
                ),
            ],
        ),
    ),
    Case(
        "pooling of images",
        ("MaxPooling2D", "AveragePooling2D"),
        side_by_side(
            IMAGE,
            lambda L: [
                *(
                    kind(*settings)
                    for kind in (L.MaxPooling2D, L.AveragePooling2D)
                    for settings in (
                        (2,),
                        (3, 2, "same"),
                        ((2, 3), (3, 2), "same"),
                        ((3, 2), 1, "valid"),
                        (4, 3, "same"),
                    )
                )
            ],
        ),
    ),
    Case(
        "pooling of whole images",
        ("GlobalAveragePooling2D", "GlobalMaxPooling2D"),
        side_by_side(
            IMAGE,
            lambda L: [
                L.GlobalAveragePooling2D(),
                L.GlobalAveragePooling2D(keepdims=True),
                L.GlobalMaxPooling2D(),
            ],
        ),
        single=True,
    ),
    Case(
        "pooling of whole sequences",
        ("GlobalAveragePooling1D", "GlobalMaxPooling1D"),
        side_by_side(SEQUENCE, lambda L: [L.GlobalAveragePooling1D(), L.GlobalMaxPooling1D(keepdims=True)]),
        single=True,
    ),
    Case(
        "pooling of sequences",
        ("MaxPooling1D", "AveragePooling1D"),
        side_by_side(
            SEQUENCE,
            lambda L: [
                *(
                    kind(*settings)
                    for kind in (L.MaxPooling1D, L.AveragePooling1D)
                    for settings in ((2,), (3, 2, "same"), (4, 3, "same"), (2, 1))
                )
            ],
        ),
    ),
    Case(
        "normalization",
        ("BatchNormalization", "LayerNormalization", "RMSNormalization", "GroupNormalization"),
        side_by_side(
            IMAGE,
            lambda L: [
                L.BatchNormalization(),
                L.BatchNormalization(scale=False, epsilon=1e-5),
                L.BatchNormalization(center=False),
                L.BatchNormalization(axis=1, momentum=0.9),
                L.BatchNormalization(center=False, scale=False),
                L.LayerNormalization(),
                L.LayerNormalization(axis=(1, 2, 3), epsilon=1e-6),
                L.LayerNormalization(axis=1, scale=False),
                L.LayerNormalization(center=False),
                L.RMSNormalization(),
                L.RMSNormalization(axis=(2, 3), epsilon=1e-4),
                L.GroupNormalization(2),
                L.GroupNormalization(-1, scale=False),
                L.GroupNormalization(3, axis=1, center=False),
            ],
        ),
        single=True,
    ),
    Case("scales", ("Normalization", "Rescaling"), keras_models.adapted),
    Case(
        "shapes of images",
        ("Flatten", "Reshape", "Permute", "UpSampling2D", "ZeroPadding2D", "Cropping2D"),
        side_by_side(
            IMAGE,
            lambda L: [
                L.Flatten(),
                L.Reshape((4, -1)),
                L.Permute((3, 1, 2)),
                L.UpSampling2D(),
                L.UpSampling2D((2, 3)),
                L.UpSampling2D(2, interpolation="bilinear"),
                L.ZeroPadding2D(),
                L.ZeroPadding2D(((1, 0), (2, 1))),
                L.ZeroPadding2D((2, 1)),
                L.Cropping2D(),
                L.Cropping2D(((0, 2), (1, 0))),
            ],
        ),
    ),
    Case(
        "shapes of sequences",
        ("UpSampling1D", "ZeroPadding1D", "Cropping1D"),
        side_by_side(
            SEQUENCE,
            lambda L: [
                L.UpSampling1D(3),
                L.ZeroPadding1D((1, 2)),
                L.ZeroPadding1D(2),
                L.Cropping1D((0, 2)),
                L.Cropping1D(1),
            ],
        ),
    ),
    Case(
        "shapes of vectors",
        ("RepeatVector", "Flatten"),
        side_by_side(VECTOR, lambda L: [L.RepeatVector(3), L.Flatten()]),
    ),
    Case(
        "what only training sees",
        (
            "Dropout",
            "SpatialDropout1D",
            "GaussianNoise",
            "GaussianDropout",
            "AlphaDropout",
            "Identity",
            "ActivityRegularization",
        ),
        side_by_side(
            SEQUENCE,
            lambda L: [
                L.Dropout(0.3),
                L.Dropout(0.3, noise_shape=(None, 1, 4)),
                L.Dropout(0.3, noise_shape=(None, 1, 1)),
                L.SpatialDropout1D(0.3),
                L.GaussianNoise(0.3),
                L.GaussianDropout(0.3),
                L.AlphaDropout(0.3),
                L.Identity(),
                L.ActivityRegularization(l2=0.1),
            ],
        ),
    ),
    Case(
        "what only training sees of images",
        ("SpatialDropout2D",),
        side_by_side(IMAGE, lambda L: [L.SpatialDropout2D(0.3)]),
    ),
    Case("of ConvNeXt and InceptionResNetV2 alone", ("StochasticDepth", "LayerScale", "CustomScaleLayer"),
         keras_models.of_applications, formats=("keras",), single=True),
    Case(
        "merging",
        ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot"),
        keras_models.pairs,
    ),
    Case(
        "operations",
        (
            "ops.Add",
            "ops.Subtract",
            "ops.Multiply",
            "ops.Maximum",
            "ops.Minimum",
            "ops.Mean",
            "ops.Sum",
            "ops.Max",
        ),
        keras_models.operations,
        formats=("keras",),
        single=True,
    ),
    Case(
        "recurrent",
        ("SimpleRNN", "LSTM", "GRU"),
        side_by_side(
            SEQUENCE,
            lambda L: [
                L.SimpleRNN(3),
                L.SimpleRNN(3, activation="relu", return_sequences=True, use_bias=False),
                L.LSTM(3),
                L.LSTM(3, return_sequences=True, go_backwards=True),
                L.LSTM(3, use_bias=False, recurrent_activation="hard_sigmoid"),
                L.LSTM(3, activation="softsign", dropout=0.1, recurrent_dropout=0.2),
                L.GRU(3),
                L.GRU(3, reset_after=False, return_sequences=True),
                L.GRU(3, use_bias=False, go_backwards=True),
                L.GRU(3, activation="softsign", recurrent_activation="hard_sigmoid"),
            ],
        ),
        single=True,
    ),
    Case(
        "around layers",
        ("Bidirectional", "TimeDistributed"),
        side_by_side(
            SEQUENCE,
            lambda L: [
                *(
                    L.Bidirectional(L.LSTM(3, return_sequences=True), merge_mode=mode)
                    for mode in ("concat", "sum", "mul", "ave")
                ),
                L.Bidirectional(L.GRU(3)),
                L.Bidirectional(L.SimpleRNN(2, use_bias=False)),
                L.TimeDistributed(L.Dense(3, activation="relu")),
                L.TimeDistributed(L.BatchNormalization()),
                L.TimeDistributed(L.Dense(3, activation="leaky_relu")),
            ],
        ),
        single=True,
    ),
    Case(
        "images at each step",
        ("TimeDistributed",),
        side_by_side(
            (3, 6, 6, 2),
            lambda L: [
                L.TimeDistributed(L.Conv2D(3, 3, padding="same")),
                L.TimeDistributed(L.GlobalAveragePooling2D()),
            ],
        ),
        single=True,
    ),
    Case("states", ("LSTM", "GRU"), keras_models.encoder, single=True),
    Case("masked words", ("Embedding", "ops.NotEqual"), keras_models.words, ids=9, single=True),
    Case("masked steps", ("Masking", "ops.Any"), keras_models.masking, single=True),
    Case("attention", ("Attention", "MultiHeadAttention"), keras_models.attention, single=True),
    Case(
        "a sequence of layers",
        ("Dense",),
        in_a_row(
            (8, 8, 2),
            lambda L: [
                L.Conv2D(3, 3, name="dense"),
                L.Flatten(),
                L.Dense(4, name="dense_2"),
                L.Dense(4, name="dense_1"),
                L.Dense(4, name="a"),
            ],
        ),
    ),
    Case(
        "twelve alike",
        ("Dense",),
        in_a_row((5,), lambda L: [L.Dense(5, activation="sigmoid", name=f"d{k}") for k in range(12)]),
    ),
    Case("shared layers", ("Dense", "BatchNormalization"), keras_models.shared, single=True),
    Case("models inside models", ("Sequential", "Functional"), keras_models.nested, single=True),
]

# In Keras 2 and 1 alone; test_keras_older has files of theirs.
OLDER = (
    "Convolution2D", "Convolution1D", "Deconvolution2D", "SeparableConvolution2D", "ThresholdedReLU",
    "Merge",
)  # fmt: skip
