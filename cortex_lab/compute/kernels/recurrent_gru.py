"""The gated recurrent unit over whole sequences; arguments as in `recurrent`."""

from __future__ import annotations

from types import ModuleType

from cortex_lab.compute.kernel import Array, kernel
from cortex_lab.compute.kernels.activation import activate, activate_gradient
from cortex_lab.compute.kernels.recurrent import (
    from_the_end,
    in_order,
    initial,
    keep,
    passed_by,
    project,
    select,
    states_before,
    weight_gradients,
)


@kernel
def gru(
    xp: ModuleType, x: Array, kernel: Array, recurrent: Array, bias: Array | None,
    recurrent_bias: Array | None, mask: Array | None, start: tuple[Array, ...] | None, gates: Array,
    recalled: Array | None, hidden: Array | None, last: Array | None, activation: str,
    recurrent_activation: str, reset_after: bool, reverse: bool,
) -> None:  # fmt: skip
    """Gated recurrent unit (Cho et al. 2014): gates z, r, h; h' = z * h + (1 - z) * candidate.

    The reset gate r multiplies h before its product with the candidate's recurrent kernel, or with
    `reset_after` that product and `recurrent_bias` (3 * units,) together, as cuDNN has it. `gates`
    (n, steps, 3 * units) keeps what the activations gave, `recalled` (n, steps, units) what r multiplied
    with `reset_after`.
    """
    units = recurrent.shape[0]
    both, third = slice(0, 2 * units), slice(2 * units, None)
    project(xp, x, kernel, bias, gates)
    (h,) = initial(xp, start, 1, x, recurrent)
    for t in in_order(x, reverse):
        switches, candidate = gates[:, t, both], gates[:, t, third]
        update, reset = switches[:, :units], switches[:, units:]
        if reset_after:
            remembered = h @ recurrent
            if recurrent_bias is not None:
                remembered += recurrent_bias
            switches += remembered[:, both]
            activate.reference(xp, recurrent_activation, switches, switches)
            candidate += reset * remembered[:, third]
            keep(recalled, t, remembered[:, third])
        else:
            switches += h @ recurrent[:, both]
            activate.reference(xp, recurrent_activation, switches, switches)
            candidate += (reset * h) @ recurrent[:, third]
        activate.reference(xp, activation, candidate, candidate)
        h = select(xp, mask, t, update * h + (1 - update) * candidate, h)
        keep(hidden, t, h)
    if last is not None:
        last[...] = h


@kernel
def gru_gradient(
    xp: ModuleType, x: Array, kernel: Array, recurrent: Array, mask: Array | None,
    start: tuple[Array, ...] | None, gates: Array, recalled: Array, hidden: Array, dy: Array,
    dx: Array | None, d_kernel: Array, d_recurrent: Array, d_bias: Array | None,
    d_recurrent_bias: Array | None, d_start: Array | None, work: Array, activation: str,
    recurrent_activation: str, reset_after: bool, reverse: bool,
) -> None:  # fmt: skip
    """Gradients of `gru`, from the `gates`, `recalled` and `hidden` it left."""
    units = recurrent.shape[0]
    both, third = slice(0, 2 * units), slice(2 * units, None)
    before = states_before(xp, hidden, start, 0, reverse)
    slope = activate_gradient.reference
    dh = xp.zeros((len(x), units), x.dtype)
    for t, arriving in from_the_end(dy, x.shape[1], reverse):
        dh = dh + arriving
        h, here = before[:, t], select(xp, mask, t, dh, 0)
        update, reset, candidate = (gates[:, t, k * units : (k + 1) * units] for k in range(3))
        d_update, d_reset, d_candidate = (work[:, t, k * units : (k + 1) * units] for k in range(3))
        slope(xp, activation, None, candidate, here * (1 - update), d_candidate)
        slope(xp, recurrent_activation, None, update, here * (h - candidate), d_update)
        if reset_after:
            slope(xp, recurrent_activation, None, reset, d_candidate * recalled[:, t], d_reset)
            from_candidate = (d_candidate * reset) @ recurrent[:, third].T
        else:
            behind = d_candidate @ recurrent[:, third].T
            slope(xp, recurrent_activation, None, reset, behind * h, d_reset)
            from_candidate = behind * reset
        from_switches = work[:, t, both] @ recurrent[:, both].T
        dh = here * update + from_switches + from_candidate + passed_by(xp, mask, t, dh)
    if d_start is not None:
        d_start[...] = dh
    weight_gradients(xp, x, kernel, before, work, dx, d_kernel, d_recurrent)

    # The candidate's recurrent kernel met h and d_candidate with the reset gate on one of them.
    reset, d_candidate = gates[..., units : 2 * units], work[..., third]
    seen, d_seen = (before, d_candidate * reset) if reset_after else (before * reset, d_candidate)
    d_recurrent[:, third] = seen.reshape(-1, units).T @ d_seen.reshape(-1, units)
    if d_bias is not None:
        xp.sum(work, axis=(0, 1), out=d_bias)
        if d_recurrent_bias is not None:
            d_recurrent_bias[both] = d_bias[both]
            d_recurrent_bias[third] = d_seen.sum(axis=(0, 1))
