"""What attention is made of: a product of matrices for each row and head, and a softmax over what is seen."""

from __future__ import annotations

from types import ModuleType

from cortex_lab.compute.kernel import Array, kernel


@kernel
def batched_matmul(xp: ModuleType, a: Array, b: Array, out: Array) -> None:
    """out = a @ b for each of the leading axes; any views, as of heads that lie side by side in a step."""
    out[...] = xp.matmul(a, b)


@kernel
def attention_softmax(
    xp: ModuleType, x: Array, mask: Array | None, causal: bool, scale: float, out: Array,
) -> None:  # fmt: skip
    """out = softmax over the keys that a query sees of scale * x, and 0 for the others; out may be x.

    x, out: (rows, heads, queries, keys). `mask` (rows, keys), or None: keys where it is 0 are seen by nobody.
    With `causal`, none is seen that comes after the query. A query that sees nothing gets 0 everywhere.
    """
    queries, keys = x.shape[2:]
    seen = xp.ones((1, 1, queries, keys), bool)
    if causal:
        seen = (xp.arange(queries)[:, None] >= xp.arange(keys))[None, None]
    if mask is not None:
        seen = seen & (mask > 0.5)[:, None, None, :]
    scores = xp.where(seen, scale * x, -xp.inf)
    highest = xp.where(seen.any(axis=-1, keepdims=True), scores.max(axis=-1, keepdims=True), 0)
    exponentials = xp.where(seen, xp.exp(scores - highest), 0)
    total = exponentials.sum(axis=-1, keepdims=True)
    out[...] = exponentials / xp.where(total == 0, 1, total)


@kernel
def attention_softmax_gradient(xp: ModuleType, y: Array, dy: Array, scale: float, out: Array) -> None:
    """out = gradient of `attention_softmax` with respect to x, from its output; out may be dy."""
    out[...] = scale * y * (dy - (dy * y).sum(axis=-1, keepdims=True))
