"""The inner loops of convolution: a tile of outputs held in registers while products are summed into it.

BLAS wants patches laid out side by side first. A tile reads them where they lie in the image, which saves a
pass over kernel-size times the image, and its sums stay in registers (Goto and van de Geijn, "Anatomy of
high-performance matrix multiplication", ACM TOMS 2008, without the packing of the left matrix). Where windows
overlap, a pixel is loaded once for all taps that look at it: a processor that multiplies two vectors in the
time of one load is held up by loads before anything else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from numba import types

from cortex_lab.compute.cpu.jit import intrinsic
from cortex_lab.compute.cpu.llvm import (
    FLOATS,
    LANES,
    WORD,
    Builder,
    Value,
    Values,
    address,
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

HEIGHTS = (4, 6, 7, 8, 12, 14)
"""Rows a tile may have: with two vectors of columns, 28 of the 32 registers at the most."""
REGISTERS = 30
"""Vectors that sums, weights and a pixel may take together."""


def height_for(rows: int, overhang: bool = False) -> int | None:
    """The height of tiles that covers `rows` rows in the least time; None if all are too high to fit in.

    With `overhang`, a tile may be higher than what it covers.
    """
    fitting = [height for height in reversed(HEIGHTS) if overhang or height <= rows]
    # One more than its rows: a tile loads weights as well, however high it is.
    return min(fitting, key=lambda height: -(-rows // height) * (height + 1), default=None)


@intrinsic(prefer_literal=True)
def multiply_tile(
    typing, height, vectors,
    a, at_a, a_row, a_step, a_jump, b, at_b, b_step, b_jump, jumps, steps,
    c, at_c, c_row, rows, columns, keep,
):  # fmt: skip
    """c[m, :] = sum over jumps j and steps k of a[m, j, k] * b[j, k, :], for a tile of outputs.

    `height` and `vectors` are literals: rows of the tile and its columns in sixteens. Element m, j, k of a is
    at_a + m * a_row + j * a_jump + k * a_step of its flat array, and b and c likewise; columns of b and c are
    adjacent. Only the first `rows` rows and `columns` columns are written, no other columns of b are read.
    With `keep` = 1 the sum is added to what c holds. Rows of a beyond `rows` are read.
    """
    m, v = height.literal_value, vectors.literal_value
    whole = types.int64
    signature = types.void(height, vectors, a, *[whole] * 4, b, *[whole] * 5, c, *[whole] * 5)

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        (_, _, a, at_a, a_row, a_step, a_jump, b, at_b, b_step, b_jump, jumps, steps,
         c, at_c, c_row, rows, columns, keep) = values  # fmt: skip
        kinds = signature.args
        pa = address(context, builder, kinds[2], a, at_a)
        pb = address(context, builder, kinds[7], b, at_b)
        pc = address(context, builder, kinds[13], c, at_c)
        lines = [_multiple(builder, pc, c_row, row) for row in range(m)]
        writes = [builder.icmp_signed("<", word(row), rows) for row in range(m)]
        sums = _Sums(builder, lines, writes, v, columns, keep)
        offsets = [_offset(builder, a_row, row) for row in range(m)]

        def step(pa_k: Value, pb_k: Value, values: Values) -> Values:
            right = sums.columns_of(pb_k)
            new = []
            for row in range(m):
                left = _splat_of(builder, pa_k, offsets[row] if row else None)
                new += [fma(builder, left, right[t], values[row * v + t]) for t in range(v)]
            return new

        loops = _Loops(jumps, steps, (pa, a_step, a_jump), (pb, b_step, b_jump))
        sums.write(loops.build(builder, sums.read(), step))
        return context.get_dummy_value()

    return signature, generate


@intrinsic(prefer_literal=True)
def slide_tile(
    typing, height, vectors, taps, stride,
    a, at_a, a_pixel, a_jump, b, at_b, jumps, steps, c, at_c, c_row, skip, columns, keep,
):  # fmt: skip
    """c[m, :] = sum over j, k and taps t of a[m * stride + t, j, k] * b[j, k, t, :], for a tile.

    As `multiply_tile`, but that `taps` pixels in a row of a (`a_pixel` apart) go into each output, and each
    is loaded once for all outputs it goes into. `stride` and `taps` are literals too. Steps of a are
    adjacent, b has no gaps. The first `skip` rows are computed and not written.
    """
    m, v, n, by = (each.literal_value for each in (height, vectors, taps, stride))
    whole = types.int64
    signature = types.void(height, vectors, taps, stride, a, *[whole] * 3, b, *[whole] * 3, c, *[whole] * 5)

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        a, at_a, a_pixel, a_jump, b, at_b, jumps, steps, c, at_c, c_row, skip, columns, keep = values[4:]
        kinds = signature.args
        pa = address(context, builder, kinds[4], a, at_a)
        pb = address(context, builder, kinds[8], b, at_b)
        pc = address(context, builder, kinds[12], c, at_c)
        lines = [_multiple(builder, pc, c_row, row) for row in range(m)]
        writes = [builder.icmp_signed(">=", word(row), skip) for row in range(m)]
        sums = _Sums(builder, lines, writes, v, columns, keep)
        pixels = [_offset(builder, a_pixel, q) for q in range((m - 1) * by + n)]
        one, wide = word(1), word(n * v * LANES)

        def step(pa_k: Value, pb_k: Value, values: Values) -> Values:
            every = _whole_columns(builder, pb_k, n * v)
            right = [every[tap * v : (tap + 1) * v] for tap in range(n)]
            new = list(values)
            # Pixels on the outside: each is loaded once, and loads are what holds this loop up.
            for q, offset in enumerate(pixels):
                left = _splat_of(builder, pa_k, offset if q else None)
                for tap in range(n):
                    row, rest = divmod(q - tap, by)
                    if rest == 0 and 0 <= row < m:
                        for t in range(v):
                            new[row * v + t] = fma(builder, left, right[tap][t], new[row * v + t])
            return new

        loops = _Loops(jumps, steps, (pa, one, a_jump), (pb, wide, builder.mul(wide, steps)))
        sums.write(loops.build(builder, sums.read(), step))
        return context.get_dummy_value()

    return signature, generate


@intrinsic(prefer_literal=True)
def correlate_tile(
    typing, height, vectors, taps,
    a, at_a, a_row, a_step, a_jump, b, at_b, b_step, b_jump, jumps, steps,
    c, at_c, c_row, c_tap, rows, columns, keep,
):  # fmt: skip
    """c[t, m, :] = sum over jumps j and steps k of a[m, j, k] * b[j, k - t, :], for a tile of outputs.

    As `multiply_tile`, but that each element of a is multiplied with `taps` neighbors in b, `at_b` being that
    of tap 0.
    """
    m, v, n = (each.literal_value for each in (height, vectors, taps))
    whole = types.int64
    signature = types.void(height, vectors, taps, a, *[whole] * 4, b, *[whole] * 5, c, *[whole] * 6)

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        (a, at_a, a_row, a_step, a_jump, b, at_b, b_step, b_jump, jumps, steps,
         c, at_c, c_row, c_tap, rows, columns, keep) = values[3:]  # fmt: skip
        kinds = signature.args
        pa = address(context, builder, kinds[3], a, at_a)
        pb = address(context, builder, kinds[8], b, at_b)
        pc = address(context, builder, kinds[14], c, at_c)
        inside = [builder.icmp_signed("<", word(row), rows) for row in range(m)]
        starts = [_multiple(builder, pc, c_tap, tap) for tap in range(n)]
        lines = [_multiple(builder, start, c_row, row) for start in starts for row in range(m)]
        sums = _Sums(builder, lines, inside * n, v, columns, keep)
        offsets = [_offset(builder, a_row, row) for row in range(m)]
        # Taps look back: the columns of zeros before the first (`at_b`) are what tap t finds there.
        back = builder.neg(b_step)

        def step(pa_k: Value, pb_k: Value, values: Values) -> Values:
            right = [_whole_columns(builder, _multiple(builder, pb_k, back, tap), v) for tap in range(n)]
            new = list(values)
            for row in range(m):
                left = _splat_of(builder, pa_k, offsets[row] if row else None)
                for tap in range(n):
                    for t in range(v):
                        at = (tap * m + row) * v + t
                        new[at] = fma(builder, left, right[tap][t], new[at])
            return new

        loops = _Loops(jumps, steps, (pa, a_step, a_jump), (pb, b_step, b_jump))
        sums.write(loops.build(builder, sums.read(), step))
        return context.get_dummy_value()

    return signature, generate


@dataclass
class _Sums:
    """The tile in memory: `lines` point to its rows, of which those in `writes` are written."""

    builder: Builder
    lines: Values
    writes: Values
    vectors: int
    columns: Value
    keep: Value

    def __post_init__(self) -> None:
        # Below 0 for a vector beyond the last column, which then has no lanes.
        bounds = [self.builder.sub(self.columns, word(LANES * t)) for t in range(self.vectors)]
        self.masks = [first_lanes(self.builder, end) for end in bounds]

    def columns_of(self, pointer: Value) -> Values:
        places = [vector_at(self.builder, pointer, number=t) for t in range(self.vectors)]
        return [
            masked_load(self.builder, place, mask) for place, mask in zip(places, self.masks, strict=True)
        ]

    def read(self) -> Values:
        kept, found = self.builder.icmp_signed("!=", self.keep, word(0)), []
        for line, written in zip(self.lines, self.writes, strict=True):
            wanted = splat(self.builder, self.builder.and_(kept, written))
            for t, mask in enumerate(self.masks):
                place = vector_at(self.builder, line, number=t)
                found.append(masked_load(self.builder, place, self.builder.and_(wanted, mask)))
        return found

    def write(self, values: Values) -> None:
        for number, (line, written) in enumerate(zip(self.lines, self.writes, strict=True)):
            # Not by an empty mask: to memory that is not there, a store of nothing is slow.
            with self.builder.if_then(written):
                for t, mask in enumerate(self.masks):
                    place = vector_at(self.builder, line, number=t)
                    masked_store(self.builder, values[number * self.vectors + t], place, mask)


@dataclass
class _Loops:
    """Steps within jumps; `a` and `b` are a pointer, its way with a step and its way with a jump."""

    jumps: Value
    steps: Value
    a: tuple[Value, Value, Value]
    b: tuple[Value, Value, Value]

    def build(self, builder: Builder, sums: Values, step: Callable[..., Values]) -> Values:
        (pa, a_step, a_jump), (pb, b_step, b_jump) = self.a, self.b
        start = builder.block
        outer, inner, leave, after = (
            builder.append_basic_block(name) for name in ("jump", "step", "next", "done")
        )
        builder.branch(outer)

        builder.position_at_end(outer)
        j = builder.phi(WORD)
        pa_j, pb_j = builder.phi(pa.type), builder.phi(pb.type)
        outer_sums = [builder.phi(FLOATS) for _ in sums]
        builder.branch(inner)

        # Both loops ask at their end, so there is at least one step: no product of nothing comes here.
        builder.position_at_end(inner)
        k = builder.phi(WORD)
        pa_k, pb_k = builder.phi(pa.type), builder.phi(pb.type)
        inner_sums = [builder.phi(FLOATS) for _ in sums]
        new = step(pa_k, pb_k, inner_sums)
        k_next = builder.add(k, word(1))
        pa_next, pb_next = builder.gep(pa_k, [a_step]), builder.gep(pb_k, [b_step])
        builder.cbranch(builder.icmp_signed("<", k_next, self.steps), inner, leave)

        builder.position_at_end(leave)
        j_next = builder.add(j, word(1))
        pa_jump, pb_jump = builder.gep(pa_j, [a_jump]), builder.gep(pb_j, [b_jump])
        builder.cbranch(builder.icmp_signed("<", j_next, self.jumps), outer, after)

        zero = word(0)
        for phi, first, again in (
            (j, zero, j_next),
            (pa_j, pa, pa_jump),
            (pb_j, pb, pb_jump),
            *zip(outer_sums, sums, new, strict=True),
        ):
            phi.add_incoming(first, start)
            phi.add_incoming(again, leave)
        for phi, first, again in (
            (k, zero, k_next),
            (pa_k, pa_j, pa_next),
            (pb_k, pb_j, pb_next),
            *zip(inner_sums, outer_sums, new, strict=True),
        ):
            phi.add_incoming(first, outer)
            phi.add_incoming(again, inner)
        builder.position_at_end(after)
        return new


def _multiple(builder: Builder, pointer: Value, way: Value, times: int) -> Value:
    return builder.gep(pointer, [builder.mul(way, word(times))]) if times else pointer


def _offset(builder: Builder, way: Value, times: int) -> Value:
    # Odd multiples in registers; the processor's addressing doubles them: no pointer is spilled.
    shift = (times & -times).bit_length() - 1 if times else 0
    odd = builder.mul(way, word(times >> shift))
    return builder.shl(odd, word(shift)) if shift else odd


def _splat_of(builder: Builder, pointer: Value, offset: Value | None) -> Value:
    place = pointer if offset is None else builder.gep(pointer, [offset])
    return splat(builder, builder.load(place, align=4))


def _whole_columns(builder: Builder, pointer: Value, vectors: int) -> Values:
    return [load_vector(builder, vector_at(builder, pointer, number=t)) for t in range(vectors)]
