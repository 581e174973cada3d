"""The inner loop of a matrix product: a tile of 8 x 48 sums in registers, what comes next fetched meanwhile.

A product of a batch reads each weight for a hundred rows only, so the time its panels take to come from far
memory is as long as a quarter of the arithmetic. The loop names a line of them every few steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from llvmlite import ir
from numba import types

from cortex_lab.compute.cpu.jit import intrinsic
from cortex_lab.compute.cpu.llvm import (
    FLOATS,
    INT,
    LANES,
    POINTER,
    VOID,
    WORD,
    Builder,
    Value,
    Values,
    address,
    call,
    first_lanes,
    fma,
    load_vector,
    masked_load,
    masked_store,
    splat,
    vector_at,
    word,
)

if TYPE_CHECKING:
    from cortex_lab.compute.cpu.numba_inside import Context, Signature

TALL, VECTORS = 8, 3
PANEL = VECTORS * LANES
"""Rows and columns of a tile: 24 sums, three vectors of the right side, and one number of the left;
28 of the 32 registers of AVX-512."""
STRIDE = 4
"""Steps of the loop to a line that is fetched ahead."""

State = tuple[Value, Value, Values]
"""Places in the left and the right side, and the sums so far."""


@intrinsic
def multiply_panel(
    typing, a, at_a, a_row, a_step, b, at_b, steps, c, at_c, c_row, rows, columns, keep,
    ahead, at_ahead, lines, at_lines,
):  # fmt: skip
    """c[m, :] = sum over k of a[m, k] * b[k, :] for m < 8; with `keep` = 1 added to what c holds.

    Element m, k of a is at_a + m * a_row + k * a_step of its flat array; b is a panel of 48 columns without
    gaps; a row of c is c_row long. Only `rows` rows and `columns` columns are written; all eight rows of a
    are read. Meanwhile ahead[at_ahead + lines[at_lines + i]] is fetched for i < steps // STRIDE: any places,
    of which none need exist.
    """
    whole = types.int64
    signature = types.void(a, *[whole] * 3, b, *[whole] * 2, c, *[whole] * 5, ahead, whole, lines, whole)

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        (a, at_a, a_row, a_step, b, at_b, steps, c, at_c, c_row, rows, columns, keep,
         ahead, at_ahead, lines, at_lines) = values  # fmt: skip
        kinds = signature.args

        def start(position: int, array: Value, at: Value) -> Value:
            return address(context, builder, kinds[position], array, at)

        pa, pb, pc = start(0, a, at_a), start(4, b, at_b), start(7, c, at_c)
        far, named = start(13, ahead, at_ahead), start(15, lines, at_lines)
        tile = _Tile(builder, pc, c_row, rows, columns)
        # Not eight pointers that move, which with 24 sums would not stay in registers.
        offsets = [builder.mul(a_row, word(row)) for row in range(TALL)]

        def step(pa: Value, pb: Value, sums: Values) -> Values:
            right = [load_vector(builder, vector_at(builder, pb, number=t)) for t in range(VECTORS)]
            new = []
            for row in range(TALL):
                left = splat(builder, builder.load(builder.gep(pa, [offsets[row]]), align=4))
                new += [fma(builder, left, right[t], sums[VECTORS * row + t]) for t in range(VECTORS)]
            return new

        def move(pa: Value, pb: Value) -> tuple[Value, Value]:
            return builder.gep(pa, [a_step]), builder.gep(pb, [word(PANEL)])

        def stride(pa: Value, pb: Value, sums: Values, count: Value) -> State:
            tile.fetch(builder.gep(far, [builder.load(builder.gep(named, [count]))]))
            for _ in range(STRIDE):
                sums = step(pa, pb, sums)
                pa, pb = move(pa, pb)
            return pa, pb, sums

        def single(pa: Value, pb: Value, sums: Values, count: Value) -> State:
            return *move(pa, pb), step(pa, pb, sums)

        wanted = builder.icmp_signed("!=", keep, word(0))
        state = pa, pb, tile.read(wanted)
        # Several steps and one line fetched ahead, then what steps are left.
        state = _repeat(builder, builder.sdiv(steps, word(STRIDE)), state, stride)
        state = _repeat(builder, builder.srem(steps, word(STRIDE)), state, single)
        tile.write(state[2])
        return context.get_dummy_value()

    return signature, generate


def _repeat(builder: Builder, times: Value, state: State, body: Callable[..., State]) -> State:
    """The state after `times` times of body(pa, pb, sums, count)."""
    before = builder.block
    head, inside, after = (builder.append_basic_block(name) for name in ("head", "inside", "after"))
    builder.branch(head)
    builder.position_at_end(head)
    count, pa, pb = builder.phi(WORD), builder.phi(state[0].type), builder.phi(state[1].type)
    sums = [builder.phi(FLOATS) for _ in state[2]]
    builder.cbranch(builder.icmp_signed("<", count, times), inside, after)
    builder.position_at_end(inside)
    new_pa, new_pb, new_sums = body(pa, pb, sums, count)
    next_count = builder.add(count, word(1))
    # The body may have begun other blocks; what goes back is the last of them.
    end = builder.block
    builder.branch(head)
    for phi, first, again in (
        (count, word(0), next_count),
        (pa, state[0], new_pa),
        (pb, state[1], new_pb),
        *zip(sums, state[2], new_sums, strict=True),
    ):
        phi.add_incoming(first, before)
        phi.add_incoming(again, end)
    builder.position_at_end(after)
    return pa, pb, sums


class _Tile:
    """Where the sums come from and go to, and the instructions they need."""

    def __init__(self, builder: Builder, pc: Value, c_row: Value, rows: Value, columns: Value) -> None:
        self.builder = builder
        self.masks = [first_lanes(builder, builder.sub(columns, word(LANES * t))) for t in range(VECTORS)]
        self.exists = [builder.icmp_signed("<", word(row), rows) for row in range(TALL)]
        self.rows = [builder.gep(pc, [builder.mul(c_row, word(row))]) for row in range(TALL)]

    def read(self, wanted: Value) -> Values:
        builder, sums = self.builder, []
        for row in range(TALL):
            reads = splat(builder, builder.and_(wanted, self.exists[row]))
            for t in range(VECTORS):
                place = vector_at(builder, self.rows[row], number=t)
                sums.append(masked_load(builder, place, builder.and_(reads, self.masks[t])))
        return sums

    def write(self, sums: Values) -> None:
        for row in range(TALL):
            # Not by an empty mask: to memory that is not there, a store of nothing is slow.
            with self.builder.if_then(self.exists[row]):
                for t in range(VECTORS):
                    place = vector_at(self.builder, self.rows[row], number=t)
                    masked_store(self.builder, sums[VECTORS * row + t], place, self.masks[t])

    def fetch(self, pointer: Value) -> None:
        # To be read, into the nearest cache, data. Of a place that does not exist nothing is fetched.
        flags = [ir.Constant(INT, flag) for flag in (0, 3, 1)]
        call(self.builder, "llvm.prefetch.p0i8", VOID, [self.builder.bitcast(pointer, POINTER), *flags])
