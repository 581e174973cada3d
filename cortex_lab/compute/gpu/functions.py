"""Activations by the numbers that `cuda/functions.cu` knows them by."""

from __future__ import annotations

FUNCTIONS = {
    name: number
    for number, name in enumerate(
        (
            "linear", "relu", "leaky_relu", "elu", "selu", "gelu", "gelu_tanh", "swish", "sigmoid", "tanh",
            "relu6", "hard_sigmoid", "softplus", "softsign", "exponential", "hard_swish", "mish",
        )
    )
}  # fmt: skip
