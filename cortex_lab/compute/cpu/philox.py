"""Philox4x32-10 on sixteen counters at once: the words of `kernels.random.philox`, in registers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llvmlite import ir
from numba import types

from cortex_lab.compute.cpu.jit import intrinsic
from cortex_lab.compute.cpu.llvm import FLOATS, INT, INTS, LANES, WORD, Builder, Value, Values, splat
from cortex_lab.compute.cpu.simd import floats, integers, mask
from cortex_lab.compute.kernels.random import MULTIPLIERS, WEYL

if TYPE_CHECKING:
    from cortex_lab.compute.cpu.numba_inside import Context, Signature

WORDS = 4 * LANES
"""Words that sixteen counters give."""
_WORDS = ir.VectorType(WORD, LANES // 2)
_LOW = ir.Constant(_WORDS, [0xFFFFFFFF] * (LANES // 2))
_HIGH = ir.Constant(_WORDS, [0xFFFFFFFF << 32] * (LANES // 2))
_HALF = ir.Constant(_WORDS, [32] * (LANES // 2))


@intrinsic
def philox_words(typing, block, stream, step, step_high, seed, seed_high):
    """64 words from counter `block` on, in their order, as four vectors. All arguments are uint64."""
    result = types.UniTuple(integers, 4)

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        first, *others, k0, k1 = (builder.trunc(value, INT) for value in values)
        places = ir.Constant(INTS, list(range(LANES)))
        c0 = builder.add(splat(builder, first), places)
        c1, c2, c3 = (splat(builder, word) for word in others)
        # Ten rounds, as its authors advise: seven pass all their tests, the others are for safety.
        for _ in range(10):
            low, high = _multiply(builder, c0, MULTIPLIERS[0])
            other_low, other_high = _multiply(builder, c2, MULTIPLIERS[1])
            c0 = builder.xor(builder.xor(other_high, c1), splat(builder, k0))
            c2 = builder.xor(builder.xor(high, c3), splat(builder, k1))
            c1, c3 = other_low, low
            k0, k1 = (
                builder.add(key, ir.Constant(INT, weyl)) for key, weyl in zip((k0, k1), WEYL, strict=True)
            )
        return context.make_tuple(builder, result, _in_order(builder, c0, c1, c2, c3))

    # 64 bits, though 32 count: numbers that are narrower do not stay so in Numba.
    return result(*[types.uint64] * 6), generate


def _multiply(builder: Builder, words: Value, by: int) -> tuple[Value, Value]:
    """Low and high words of the products; the processor multiplies every other lane at a time."""
    wide, factor = builder.bitcast(words, _WORDS), ir.Constant(_WORDS, [by] * (LANES // 2))
    even = builder.mul(builder.and_(wide, _LOW), factor)
    odd = builder.mul(builder.lshr(wide, _HALF), factor)
    low = builder.or_(builder.and_(even, _LOW), builder.shl(odd, _HALF))
    high = builder.or_(builder.lshr(even, _HALF), builder.and_(odd, _HIGH))
    return builder.bitcast(low, INTS), builder.bitcast(high, INTS)


def _in_order(builder: Builder, c0: Value, c1: Value, c2: Value, c3: Value) -> list[Value]:
    """Word t of counter b, in lane b of vector t, goes to place 4 * b + t."""

    def pick(a: Value, b: Value, lanes: list[int]) -> Value:
        return builder.shuffle_vector(a, b, ir.Constant(INTS, lanes))

    ordered = []
    for half in range(2):
        zipped = [8 * half + i // 2 + LANES * (i % 2) for i in range(LANES)]
        front, back = pick(c0, c1, zipped), pick(c2, c3, zipped)
        for quarter in range(2):
            pairs = [8 * quarter + 2 * (i // 4) + i % 2 + LANES * (i % 4 // 2) for i in range(LANES)]
            ordered.append(pick(front, back, pairs))
    return ordered


@intrinsic
def at_least(typing, words, threshold):
    """The mask of words that are `threshold` or more, as numbers without a sign; at most 2**32 - 1."""

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        limit = splat(builder, builder.trunc(values[1], INT))
        return builder.icmp_unsigned(">=", values[0], limit)

    return mask(integers, types.uint64), generate


@intrinsic
def upper_bits(typing, words):
    """The upper 24 bits of each word, as a float32."""

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        bits = builder.lshr(values[0], ir.Constant(INTS, [8] * LANES))
        # With a sign, which 24 bits do not reach: without AVX-512, x86 knows no other conversion.
        return builder.sitofp(bits, FLOATS)

    return floats(integers), generate
