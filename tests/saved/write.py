"""Writes files as this version saves them, beside this one: `python -m tests.saved.write NAME ...`.

Every later version has to read them. So a file that is there is never written anew; what is saved in another
way from now on gets a case and files of its own. Beside NAME.h5, NAME.npz holds what was put in and what came
out: predictions of a network, the losses of the next steps of a training, the columns of a trace.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import cortex_lab as cl

FOLDER = Path(__file__).parent
STEPS_AFTER = 5


def _residual() -> list[Any]:
    way = cl.Block(
        [cl.Dense(4, activation="tanh"), cl.Dense(4), cl.Node(cl.Add(), inputs=("dense_2", "input"))]
    )
    shared = [cl.Node(cl.Dense(4), "one"), cl.Node(cl.Dense(4), "two", shares="one")]
    return [cl.Dense(4), cl.Block(way.layers, "way", repeat=2), *shared, cl.ReLU(), cl.Dense(2)]


def _several() -> list[Any]:
    return [
        cl.Node(cl.Conv2D(2, 3), "look", inputs=("picture",)),
        cl.Flatten(),
        cl.Node(cl.Dense(4), "read", inputs=("numbers",)),
        cl.Node(cl.Concatenate(), "both", inputs=("flatten_1", "read")),
        cl.Node(cl.Dense(3), "kind", inputs=("both",)),
        cl.Node(cl.Dense(1), "size", inputs=("both",)),
    ]


PICTURES = [
    cl.Conv2D(4, 3, use_bias=False),
    cl.BatchNormalization(),
    cl.ReLU(),
    cl.MaxPooling2D(2),
    cl.DepthwiseConv2D(2),
    cl.PReLU(),
    cl.Flatten(),
    cl.Dense(3),
]
WORDS = [
    cl.Embedding(9, 4, mask_zero=True),
    cl.Bidirectional(cl.LSTM(3, return_sequences=True), merge_mode="sum"),
    cl.GRU(3, return_sequences=True),
    cl.LayerNormalization(),
    cl.SimpleRNN(3, return_sequences=True),
    cl.LSTM(3),
    cl.Dense(2, kernel_initializer=cl.nn.initializers.Orthogonal(0.5), activation="softmax"),
]
DENSE = [cl.Dense(6, activation="relu"), cl.Dropout(0.3), cl.Dense(3)]

NETWORKS: dict[str, Callable[[], cl.Network]] = {
    "dense": lambda: cl.Network([cl.Dense(5, activation="swish"), cl.Dense(2, use_bias=False)], 3, seed=2),
    "pictures": lambda: cl.Network(PICTURES, (8, 8, 1), seed=3),
    "words": lambda: cl.Network(WORDS, (5,), seed=4),
    "residual": lambda: cl.Network(_residual(), 3, seed=5),
    "several": lambda: cl.Network(_several(), {"picture": (5, 5, 1), "numbers": (3,)}, seed=6),
}


def _blobs(network: cl.Network, rows: int = 50) -> tuple[Any, Any]:
    random = np.random.default_rng(7)
    labels = random.integers(0, 3, rows)
    inputs = {}
    for name, shape in network.graph.inputs.items():
        noise = random.normal(size=(rows, *shape))
        inputs[name] = (noise + labels.reshape(-1, *[1] * len(shape))).astype(np.float32)
    return inputs if len(inputs) > 1 else next(iter(inputs.values())), labels


def _settings(loss: Any, optimizer: Any, **options: Any) -> Callable[..., Any]:
    return lambda network, data, **more: cl.train(
        network, data, loss, optimizer, batch_size=8, seed=9, **options, **more
    )


CROSS_ENTROPY = "softmax_cross_entropy"
CENTERS = {"kind": CROSS_ENTROPY, "both": cl.CenterLoss(3, rate=0.3)}
NUDGE = cl.Augmentation(horizontal_flip=True, shift_range=0.1)
RATE = cl.Warmup(4, cl.CosineDecay(0.05, 40))

# By name: the network, how it is trained, and what is done to the session before it is saved.
TRAININGS: dict[str, tuple[Callable[[], cl.Network], Callable[..., Any], Callable[[Any], Any]]] = {
    "adam": (
        lambda: cl.Network(DENSE, 4),
        _settings(CROSS_ENTROPY, cl.Adam(0.01), penalties={"*/kernel": cl.L2(1e-3)}),
        lambda session: session.step(10),
    ),
    "muon": (
        lambda: cl.Network(DENSE, 4),
        _settings(cl.SoftmaxCrossEntropy(label_smoothing=0.1), cl.Muon(0.01)),
        lambda session: session.step(3),
    ),
    "schedule": (
        lambda: cl.Network(DENSE, 4),
        _settings(CROSS_ENTROPY, cl.SGD(RATE, momentum=0.9, nesterov=True, clip_norm=1.0)),
        lambda session: session.step(9),
    ),
    "centers": (
        lambda: cl.Network(_several()[:5], {"picture": (5, 5, 1), "numbers": (3,)},
                           outputs=("kind", "both")),
        _settings(CENTERS, cl.RMSprop(0.003), loss_weights={"both": 0.1}),
        lambda session: session.step(8),
    ),
    "frozen": (
        lambda: cl.Network(PICTURES, (8, 8, 1)),
        _settings(CROSS_ENTROPY, cl.AdamW(0.01, weight_decay=0.01), frozen="conv2d_*", augment=NUDGE),
        lambda session: (session.step(4), session.edit("excluded_rows", [1, 5, 30]), session.step(5)),
    ),
    "edited": (
        lambda: cl.Network(DENSE, 4),
        _settings(CROSS_ENTROPY, cl.Adam(0.01)),
        lambda session: (
            session.step(5),
            session.edit("dropout_rate", 0.6),
            session.edit("learning_rate", cl.StepDecay(0.02, 3)),
            session.step(4),
        ),
    ),
    # When data were float32 on every backend.
    "reference": (
        lambda: cl.Network(DENSE, 4, ops="reference"),
        _settings(CROSS_ENTROPY, cl.Adam(0.01)),
        lambda session: session.step(10),
    ),
}  # fmt: skip
TRACES = ("trace",)


def write_network(name: str) -> None:
    network = NETWORKS[name]()
    random = np.random.default_rng(1)
    # Every parameter and state other than it begins, biases too.
    network.params[...] += random.normal(0, 0.3, network.params.shape)
    network.state[...] += random.uniform(0, 0.3, network.state.shape)
    inputs = {}
    for key, shape in network.graph.inputs.items():
        values = random.integers(0, 9, (6, *shape)) if name == "words" else random.normal(size=(6, *shape))
        inputs[key] = values.astype(np.float32)
    network.save(FOLDER / f"{name}.h5")
    _write_arrays(name, inputs=inputs, outputs=network.predict(inputs))


def write_training(name: str) -> None:
    make, train, before = TRAININGS[name]
    network = make()
    inputs, targets = _blobs(network)
    session = train(network, (inputs, targets))
    before(session)
    session.save(FOLDER / f"{name}.h5")
    first = session.step_number
    session.step(STEPS_AFTER)
    losses = session.trace["loss"][-STEPS_AFTER:]
    _write_arrays(name, inputs=inputs, targets=targets, step=first, losses=losses)


def write_trace(name: str) -> None:
    network = cl.Network(DENSE, 4)
    session = cl.train(network, _blobs(network), CROSS_ENTROPY, cl.Adam(0.01), batch_size=8)
    with session.trace.stream_to(FOLDER / f"{name}.h5"):
        session.step(70)
        session.record(cl.Probe("grad_norm['dense_1']", cl.every(3)))
        session.step(20)
    _write_arrays(name, columns={key: session.trace[key] for key in session.trace.keys})


def _write_arrays(name: str, **groups: Any) -> None:
    arrays = {}
    for group, value in groups.items():
        named = value if isinstance(value, dict) else {"": value}
        arrays |= {f"{group}/{key}" if key else group: part for key, part in named.items()}
    np.savez_compressed(FOLDER / f"{name}.npz", **arrays)


def expected(name: str) -> dict[str, Any]:
    """What `write_...` wrote beside NAME.h5: an array by group, or a dict of them."""
    found: dict[str, Any] = {}
    with np.load(FOLDER / f"{name}.npz") as file:
        for key in file.files:
            group, _, part = key.partition("/")
            if part:
                found.setdefault(group, {})[part] = file[key]
            else:
                found[group] = file[key]
    return found


if __name__ == "__main__":
    writers = (
        (write_network, NETWORKS),
        (write_training, TRAININGS),
        (write_trace, TRACES),
    )
    for writer, names in writers:
        for name in names:
            if name in sys.argv[1:]:
                writer(name)
