"""What Keras 2 saves of its optimizers: `files/keras2_optimizers.zip`, written once where TensorFlow 2.15 is.

    python tests/interop/write_keras2_optimizers.py tests/interop/files/keras2_optimizers.zip

A model after three updates, as .h5, once by the optimizers of Keras 2.11 and later ("new") and once by those
before ("old"), and in an .npz the data, and the weights after one update more.
"""

from __future__ import annotations

import io
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np


def optimizers(o: Any, schedules: Any) -> dict[str, Any]:
    made = {
        "SGD": o.SGD(0.05),
        "SGD with momentum": o.SGD(0.05, momentum=0.9, nesterov=True, clipvalue=0.2),
        "Adam": o.Adam(schedules.ExponentialDecay(0.01, 10, 0.5)),
        "RMSprop": o.RMSprop(0.01, epsilon=1e-3),
        "RMSprop with momentum": o.RMSprop(0.01, momentum=0.5, centered=True, epsilon=1e-3),
        "Adagrad": o.Adagrad(0.05, epsilon=1e-3),
        "Adadelta": o.Adadelta(0.5),
        "Nadam": o.Nadam(0.01),
    }
    if "legacy" in o.__name__:
        return {**made, "Adam with decay": o.Adam(0.01, decay=0.1)}
    return {**made, "AdamW": o.AdamW(0.01, weight_decay=0.1, global_clipnorm=0.5), "Lion": o.Lion(0.01)}


def main(path: str) -> None:
    from tensorflow import keras

    random, layers = np.random.default_rng(0), keras.layers
    x, y = random.normal(size=(8, 4)).astype("f4"), random.normal(size=(8, 2)).astype("f4")
    nexts = {"x": x, "y": y}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed, tempfile.TemporaryDirectory() as folder:
        for kind, module in (("new", keras.optimizers), ("old", keras.optimizers.legacy)):
            for name, optimizer in optimizers(module, keras.optimizers.schedules).items():
                keras.backend.clear_session()
                keras.utils.set_random_seed(0)
                model = keras.Sequential(
                    [
                        keras.Input((4,)),
                        layers.Dense(3, "sigmoid", use_bias=False, name="one"),
                        layers.BatchNormalization(name="norm"),
                        layers.Dense(2, name="two"),
                    ]
                )
                model.compile(optimizer, "mse", run_eagerly=True)
                for _ in range(3):
                    model.train_on_batch(x, y)
                model.save(Path(folder, "model.h5"))
                packed.write(Path(folder, "model.h5"), f"{kind} {name}.h5")
                model.train_on_batch(x, y)
                for weight in model.trainable_weights:
                    nexts[f"{kind} {name}: {weight.name.split(':')[0]}"] = weight.numpy()
        stream = io.BytesIO()
        np.savez(stream, **nexts)
        packed.writestr("next.npz", stream.getvalue())


if __name__ == "__main__":
    main(sys.argv[1])
