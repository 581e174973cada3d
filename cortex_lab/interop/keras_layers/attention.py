"""Attention. Keras reads query, value and key in the order that we do."""

from __future__ import annotations

from cortex_lab.interop.keras_layers.translation import LayerSettings, Made, Untranslatable, layer
from cortex_lab.nn import layers as ours


@layer("Attention")
def attention(given: LayerSettings) -> Made:
    given.only("score_mode", "dot")
    given.take("causal")
    use_scale = given.flag("use_scale")
    made = ours.Attention(
        use_scale, given.number("dropout", default=0.0), given.flag("use_causal_mask", "causal")
    )
    return Made(made, ("scale",) if use_scale else (), ignores_mask=False)


@layer("MultiHeadAttention")
def multi_head_attention(given: LayerSettings) -> Made:
    given.only("attention_axes", None, [1])
    given.only("use_gate", False)
    output = given.take("output_shape")
    output = output[0] if isinstance(output, list) and len(output) == 1 else output
    if output is not None and not isinstance(output, int):
        raise Untranslatable(f"has the output_shape {output!r}, which cortex_lab does not have")
    given.take("query_shape", "key_shape", "value_shape")
    use_bias = given.flag("use_bias", default=True)
    made = ours.MultiHeadAttention(
        given.whole("num_heads"),
        given.whole("key_dim"),
        given.take("value_dim"),
        given.number("dropout", default=0.0),
        use_bias,
        output,
        use_causal_mask=given.flag("use_causal_mask"),
    )
    names = ("query", "key", "value", "output")
    parts = ("kernel", "bias") if use_bias else ("kernel",)
    arrays = tuple(f"{name}_{part}" for name in names for part in parts)
    return Made(made, arrays, tuple(f"{name}_dense" for name in names), ignores_mask=False)
