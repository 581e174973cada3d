"""Trains the network of notebooks 14 and 15 in Keras on the digits 0 to 4, and records it layer by layer.

    KERAS_BACKEND=jax python make_digits_0_to_4.py [FOLDER]

Needs Keras 3, JAX and cortex_lab (`pip install 'cortex-lab[bench]'`), and takes half a minute. It writes
`digits_0_to_4.keras`, the network with its weights, and `digits_0_to_4.recorded.h5`, what every layer gives
for two digits. The notebooks read these two files, and need no Keras.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

import cortex_lab as cl

HELD_OUT_FROM = 1400
"""Rows of scikit-learn's digits from here on are not trained on."""


def rows() -> tuple[np.ndarray, np.ndarray]:
    """The digits 0 to 4 to train on: pictures (rows, 8, 8, 1) of 0 to 1, and their labels."""
    pictures, labels = load_digits(return_X_y=True)
    chosen = (labels < 5) & (np.arange(len(labels)) < HELD_OUT_FROM)
    return (pictures[chosen] / 16).reshape(-1, 8, 8, 1).astype(np.float32), labels[chosen]


def build(keras: Any) -> Any:
    """A small residual network, with layers in which programs differ: 'same' borders that have one side more,
    the epsilon of batch normalization, channels one by one, the harder of sigmoids."""
    layers = keras.layers

    def unit(x: Any, convolution: Any, name: str) -> Any:
        x = layers.BatchNormalization(name=f"{name}_normalized")(convolution(x))
        return layers.Activation("relu", name=f"{name}_relu")(x)

    image = layers.Input((8, 8, 1), name="image")
    x = unit(image, layers.Conv2D(16, 3, padding="same", use_bias=False, name="strokes"), "strokes")
    x = unit(x, layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False, name="corners"), "corners")
    y = unit(x, layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="places"), "places")
    y = unit(y, layers.Conv2D(32, 1, use_bias=False, name="mixed"), "mixed")
    gate = layers.Dense(32, activation="hard_sigmoid", name="gate")(
        layers.GlobalAveragePooling2D(name="seen")(y)
    )
    y = layers.Multiply(name="gated")([y, layers.Reshape((1, 1, 32), name="gate_of_channels")(gate)])
    x = layers.Add(name="shortcut")([x, y])
    x = layers.MaxPooling2D(2, name="strongest")(x)
    x = layers.Dense(64, activation="relu", name="features")(layers.Flatten(name="flat")(x))
    x = layers.Dropout(0.3, name="dropped")(x)
    return keras.Model(image, layers.Dense(5, activation="softmax", name="digit")(x), name="digits_0_to_4")


def main(folder: Path) -> None:
    import keras

    keras.utils.set_random_seed(0)
    pictures, labels = rows()
    model = build(keras)
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(pictures, labels, batch_size=32, epochs=20, verbose=0)
    right = model.predict(pictures, verbose=0).argmax(axis=1) == labels
    print(f"{model.count_params():,} numbers, accuracy on what it was trained on {right.mean():.3f}")
    # The same layers in a model that was not compiled: no optimizer goes into the file.
    keras.Model(model.inputs, model.outputs, name=model.name).save(folder / f"{model.name}.keras")
    cl.interop.record(model, pictures[:2]).save(folder / f"{model.name}.recorded.h5")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
