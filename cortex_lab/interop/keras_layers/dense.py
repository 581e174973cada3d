"""Dense, Embedding, and what lies between layers without weights."""

from __future__ import annotations

import warnings

from cortex_lab.interop.keras_layers.translation import LayerSettings, Made, Untranslatable, activation, layer
from cortex_lab.nn import layers as ours


def weights(use_bias: bool, *kernels: str) -> tuple[str, ...]:
    """Kernels, and a bias if there is one."""
    return (*kernels, "bias") if use_bias else kernels


@layer("Dense")
def dense(given: LayerSettings) -> Made:
    function, behind = activation(given)
    use_bias = given.flag("use_bias", "bias", default=True)
    made = ours.Dense(given.whole("units", "output_dim"), function, use_bias)
    return Made(made, weights(use_bias, "kernel"), behind=behind)


@layer("Embedding")
def embedding(given: LayerSettings) -> Made:
    given.take("input_length")
    if given.take("dropout") not in (None, 0, 0.0):
        raise Untranslatable("drops words, which cortex_lab does not")
    made = ours.Embedding(
        given.whole("input_dim"), given.whole("output_dim"), mask_zero=given.flag("mask_zero")
    )
    return Made(made, ("embeddings",))


@layer("Dropout")
def dropout(given: LayerSettings) -> Made:
    noise = given.take("noise_shape")
    rate = given.number("rate", "p")
    if noise is not None and noise[1:] and all(length == 1 for length in noise[1:]):
        return Made(ours.StochasticDepth(rate))
    if noise is not None:
        name = given.config.get("name")
        warnings.warn(
            f"in training {name!r} drops values together in Keras (noise_shape), and each by itself here; "
            "what it computes outside training is the same",
            UserWarning,
            stacklevel=2,
        )
    return Made(ours.Dropout(rate))


@layer("StochasticDepth")
def stochastic_depth(given: LayerSettings) -> Made:
    return Made(ours.StochasticDepth(given.number("drop_path_rate")))


@layer("LayerScale")
def layer_scale(given: LayerSettings) -> Made:
    given.take("projection_dim")
    return Made(ours.LayerScale(given.number("init_values")), ("gamma",))


@layer("SpatialDropout1D")
def spatial_dropout_1d(given: LayerSettings) -> Made:
    return Made(ours.SpatialDropout1D(given.number("rate", "p")))


@layer("SpatialDropout2D")
def spatial_dropout_2d(given: LayerSettings) -> Made:
    given.channels_last()
    return Made(ours.SpatialDropout2D(given.number("rate", "p")))


@layer("GaussianNoise")
def gaussian_noise(given: LayerSettings) -> Made:
    return Made(ours.GaussianNoise(given.number("stddev", "sigma")))


@layer("GaussianDropout")
def gaussian_dropout(given: LayerSettings) -> Made:
    return Made(ours.GaussianDropout(given.number("rate", "p")))


@layer("AlphaDropout")
def alpha_dropout(given: LayerSettings) -> Made:
    given.take("noise_shape")
    return Made(ours.AlphaDropout(given.number("rate")))


@layer("Identity", "ActivityRegularization")
def identity(given: LayerSettings) -> Made:
    # The penalty of an ActivityRegularization concerns training.
    given.take("l1", "l2")
    return Made(ours.Activation("linear"))
