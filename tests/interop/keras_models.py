"""Models of Keras with several inputs, shared layers, states, masks, and models inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def side_by_side(shape: tuple[int, ...], layers: Callable[[Any], list[Any]]) -> Callable[[Any], Any]:
    def build(keras: Any) -> Any:
        x = keras.Input(shape, name="x")
        return keras.Model(x, [layer(x) for layer in layers(keras.layers)])

    return build


def in_a_row(shape: tuple[int, ...], layers: Callable[[Any], list[Any]]) -> Callable[[Any], Any]:
    return lambda keras: keras.Sequential([keras.Input(shape, name="x"), *layers(keras.layers)])


def pairs(keras: Any) -> Any:
    a, b = keras.Input((5, 4), name="a"), keras.Input((5, 4), name="b")
    c = keras.Input((1, 4), name="c")
    L = keras.layers
    outputs = [
        L.Add()([a, b, c]),
        L.Subtract()([a, b]),
        L.Multiply()([a, b, c]),
        L.Average()([a, b]),
        L.Maximum()([a, b, c]),
        L.Minimum()([a, b]),
        L.Concatenate()([a, b]),
        L.Concatenate(axis=1)([a, b, c]),
        L.Dot(axes=2)([a, b]),
        L.Dot(axes=(1, 1), normalize=True)([a, b]),
    ]
    return keras.Model([a, b, c], outputs)


def of_applications(keras: Any) -> Any:
    """Classes that two of keras.applications bring along, as these name them."""
    from keras.src.applications.convnext import LayerScale, StochasticDepth
    from keras.src.applications.inception_resnet_v2 import CustomScaleLayer

    a, b = keras.Input((5, 4), name="a"), keras.Input((5, 4), name="b")
    outputs = [StochasticDepth(0.2)(a), LayerScale(0.5, 4)(b), CustomScaleLayer(0.3)([a, b])]
    return keras.Model([a, b], outputs)


def operations(keras: Any) -> Any:
    a, b = keras.Input((5, 4), name="a"), keras.Input((5, 4), name="b")
    ops = keras.ops
    outputs = [
        a + b,
        a - b,
        a * b,
        ops.maximum(a, b),
        ops.minimum(a, b),
        a * 2.0 + 1,
        3 - a,
        a / 4.0,
        a - 0.5,
        ops.mean(a, axis=1),
        ops.sum(a, axis=[1, 2], keepdims=True),
        ops.max(a, axis=-1),
    ]
    return keras.Model([a, b], outputs)


def shared(keras: Any) -> Any:
    a, b = keras.Input((5,), name="a"), keras.Input((5,), name="b")
    dense, norm = keras.layers.Dense(4, activation="elu", name="both"), keras.layers.BatchNormalization()
    first, second = dense(a), dense(b)
    return keras.Model([a, b], [norm(first), norm(keras.layers.Add()([first, second])), second])


def nested(keras: Any) -> Any:
    L = keras.layers
    inner = keras.Sequential(
        [keras.Input((5,)), L.Dense(5, name="d"), L.BatchNormalization(), L.Dropout(0.3)]
    )
    y = keras.Input((5,), name="y")
    z = L.Dense(5, activation="relu", name="e")(inner(y))
    middle = keras.Model(y, [z, L.BatchNormalization(scale=False, name="n")(z)], name="middle")
    x = keras.Input((5,), name="x")
    one, two = middle(x)
    three, four = middle(L.Add()([one, two]))
    frozen = keras.Sequential([keras.Input((5,)), L.Dense(3), L.BatchNormalization()], name="frozen")
    frozen.trainable = False
    return keras.Model(x, [one, L.Dense(2, name="d")(four), frozen(three)])


def encoder(keras: Any) -> Any:
    L = keras.layers
    x, y = keras.Input((6, 4), name="x"), keras.Input((5, 3), name="y")
    all_, h, c = L.LSTM(4, return_sequences=True, return_state=True)(x)
    first, second = L.GRU(3, return_state=True)(y)
    last, h2, c2 = L.LSTM(4, return_state=True)(all_)
    begun = L.LSTM(4, return_sequences=True)(y, initial_state=[h, c])
    other = L.GRU(3)(y, initial_state=second)
    return keras.Model([x, y], [all_, first, last, h2, c2, begun, other])


def words(keras: Any) -> Any:
    L = keras.layers
    ids = keras.Input((6,), dtype="int32", name="ids")
    x = L.Embedding(9, 5, mask_zero=True)(ids)
    x = L.LSTM(4, return_sequences=True)(L.Dropout(0.2)(x))
    x = L.Bidirectional(L.GRU(3, return_sequences=True))(x)
    return keras.Model(ids, L.SimpleRNN(3)(x))


def masking(keras: Any) -> Any:
    L = keras.layers
    x = keras.Input((6, 2), name="x")
    return keras.Model(x, [L.GRU(3)(L.Masking()(x)), L.LSTM(3)(L.Masking(1.0)(x))])


def adapted(keras: Any) -> Any:
    import numpy as np

    L, x = keras.layers, keras.Input((3, 4), name="x")
    layers = [
        L.Normalization(),
        L.Normalization(axis=1),
        L.Normalization(axis=None),
        L.Normalization(invert=True),
    ]
    for layer in layers:
        layer.adapt(np.random.default_rng(1).normal(2, 3, (50, 3, 4)))
    layers += [
        L.Normalization(mean=[1, 2, 3, 4], variance=[4, 3, 2, 1]),
        L.Rescaling(0.5, -1),
        L.Rescaling([0.5, 1.0, 2.0, 3.0], [0.0, 1.0, -2.0, 3.0]),
    ]
    return keras.Model(x, [layer(x) for layer in layers])


def attention(keras: Any) -> Any:
    L = keras.layers
    q, v, k = (keras.Input((n, 4), name=name) for n, name in ((5, "q"), (6, "v"), (6, "k")))
    return keras.Model(
        [q, v, k],
        [
            L.Attention()([q, v]),
            L.Attention(use_scale=True)([q, v, k]),
            L.Attention()([v, v], use_causal_mask=True),
            L.MultiHeadAttention(2, 3)(q, v),
            L.MultiHeadAttention(3, 2, output_shape=3)(q, v, k),
            L.MultiHeadAttention(2, 4, use_bias=False)(v, v, use_causal_mask=True),
            L.MultiHeadAttention(2, 3)(q, value=v, key=k),
        ],
    )
