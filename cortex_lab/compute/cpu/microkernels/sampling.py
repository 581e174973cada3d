"""Sixteen pixels of a moved image at once: where each comes from, and what lies there between four pixels.

Every operation is the one written in `kernels.warp`, in its order and without flags, so that the bits are
NumPy's. A compiler leaves such a loop scalar, as it cannot know that what is stored is not read again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llvmlite import ir
from numba import types

from cortex_lab.compute.cpu.jit import intrinsic
from cortex_lab.compute.cpu.llvm import (
    DOUBLES,
    FLOAT,
    FLOATS,
    INTS,
    LANES,
    WORD,
    Builder,
    Value,
    Values,
    address,
    gather,
    places_from,
    scatter,
    splat,
    vector_at,
    word,
)
from cortex_lab.compute.cpu.simd import doubles, floats, integers, mask

if TYPE_CHECKING:
    from cortex_lab.compute.cpu.numba_inside import Context, Signature

_PAIRS = ir.VectorType(FLOAT, 2 * LANES)
_FIRST, _SECOND = (ir.Constant(INTS, [2 * lane + place for lane in range(LANES)]) for place in (0, 1))


@intrinsic
def come_from(typing, start, steps, at, origin, end):
    """(start + steps[at:]) + origin, not below -1 nor above the end, and 1: the image begins at 1."""

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        start, steps, at, origin, end = values
        place = address(context, builder, signature.args[1], steps, at)
        along = builder.load(vector_at(builder, place, DOUBLES), align=8)
        found = builder.fadd(builder.fadd(splat(builder, start), along), splat(builder, origin))
        least, most = ir.Constant(DOUBLES, [-1.0] * LANES), splat(builder, end)
        found = builder.select(builder.fcmp_ordered(">", found, least), found, least)
        found = builder.select(builder.fcmp_ordered("<", found, most), found, most)
        return builder.fadd(found, ir.Constant(DOUBLES, [1.0] * LANES))

    number = types.float64
    return doubles(number, steps, types.int64, number, number), generate


@intrinsic
def whole_part(typing, value):
    """The whole numbers that are not above numbers from 0 on."""
    return integers(doubles), lambda context, builder, signature, values: builder.fptosi(values[0], INTS)


@intrinsic
def rest(typing, value, whole):
    """value - whole, rounded to float32."""

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        value, whole = values
        return builder.fptrunc(builder.fsub(value, builder.sitofp(whole, DOUBLES)), FLOATS)

    return floats(doubles, integers), generate


@intrinsic
def first_of_four(typing, top, left, line, step):
    """top * line + left * step: where in a flat image the first of four pixels is."""

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        top, left, line, step = values
        return builder.add(builder.mul(top, splat(builder, line)), builder.mul(left, splat(builder, step)))

    return integers(integers, integers, types.int32, types.int32), generate


@intrinsic
def between_four(typing, image, at, line, down, right):
    """What lies between the pixels `at` of a flat gray image, those behind them, and these a line below."""

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        image, at, line, down, right = values
        pointer = address(context, builder, signature.args[0], image, word(0))

        def beside(pointer: Value) -> Values:
            # Two that lie side by side are one read.
            two = builder.bitcast(gather(builder, places_from(builder, pointer, at), WORD), _PAIRS)
            return [builder.shuffle_vector(two, two, places) for places in (_FIRST, _SECOND)]

        return _mixed(builder, beside(pointer), beside(builder.gep(pointer, [line])), down, right)

    return floats(image, integers, types.int64, floats, floats), generate


@intrinsic
def between_four_apart(typing, image, at, offset, line, step, down, right):
    """`between_four` where pixels are a step apart, of the numbers that lie `offset` behind them."""

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        image, at, offset, line, step, down, right = values
        pointer = address(context, builder, signature.args[0], image, offset)

        def beside(pointer: Value) -> Values:
            both = pointer, builder.gep(pointer, [step])
            return [gather(builder, places_from(builder, each, at), FLOAT) for each in both]

        return _mixed(builder, beside(pointer), beside(builder.gep(pointer, [line])), down, right)

    number = types.int64
    return floats(image, integers, number, number, number, floats, floats), generate


def _mixed(builder: Builder, above: Values, below: Values, down: Value, right: Value) -> Value:
    upper, lower = (
        builder.fadd(before, builder.fmul(right, builder.fsub(after, before)))
        for before, after in (above, below)
    )
    return builder.fadd(upper, builder.fmul(down, builder.fsub(lower, upper)))


@intrinsic
def toned(typing, value, factor, summand):
    """factor * value + summand, rounded twice."""

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        value, factor, summand = values
        return builder.fadd(builder.fmul(splat(builder, factor), value), splat(builder, summand))

    return floats(floats, types.float32, types.float32), generate


@intrinsic
def store_apart(typing, array, at, step, value, lanes):
    """Write the lanes that the mask names to a flat array, the first at `at` and each a step further on."""

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        array, at, step, value, lanes = values
        pointer = address(context, builder, signature.args[0], array, at)
        away = builder.mul(ir.Constant(INTS, list(range(LANES))), splat(builder, step))
        scatter(builder, value, places_from(builder, pointer, away), lanes)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int32, floats, mask), generate
