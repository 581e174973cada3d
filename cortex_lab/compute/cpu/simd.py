"""Sixteen float32 at once, as a Numba type: for loops over channels, whose ends a mask cuts off.

Loops that run along a row of 20 channels are too short for a compiler's own vectorization, which guards each
with checks and ends it number by number. The processor sees whatever vectors it has: sixteen lanes are one
AVX-512 register, two of AVX2, four of NEON.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from llvmlite import ir
from numba import types
from numba.extending import lower_builtin, models, register_model, type_callable

from cortex_lab.compute.cpu import llvm
from cortex_lab.compute.cpu.jit import intrinsic
from cortex_lab.compute.cpu.llvm import (
    DOUBLES,
    FLOAT,
    FLOATS,
    INT,
    INTS,
    LANES,
    MASK,
    Builder,
    Value,
    Values,
    splat,
)

if TYPE_CHECKING:
    from cortex_lab.compute.cpu.numba_inside import Context, Signature

# Neither "nnan" nor "ninf": a network that diverges has to show NaN, not what a compiler made of it.
_FREE = ("contract", "reassoc", "nsz", "arcp", "afn")


class _Lanes(types.Type):
    """A vector of sixteen of `kind`."""

    def __init__(self, kind: str) -> None:
        super().__init__(name=f"Lanes({kind})")
        self.kind = kind


floats, integers, mask, doubles = (_Lanes(kind) for kind in ("float32", "int32", "bit", "float64"))
_MODELS = {"float32": FLOATS, "int32": INTS, "bit": MASK, "float64": DOUBLES}


@register_model(_Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: _Lanes) -> None:
        super().__init__(manager, kind, _MODELS[kind.kind])


@intrinsic
def first_lanes(typing, count):
    """The mask of the first `count` lanes; of all of them from sixteen on."""
    return mask(types.int64), lambda context, builder, signature, values: llvm.first_lanes(builder, values[0])


@intrinsic
def load(typing, array, at, lanes):
    """Sixteen elements of a flat array from `at`, 0 where the mask is not set; nothing beyond is read."""
    result = floats if array.dtype == types.float32 else integers

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        pointer = llvm.address(context, builder, signature.args[0], *values[:2])
        return llvm.masked_load(builder, llvm.vector_at(builder, pointer, _MODELS[result.kind]), values[2])

    return result(array, types.int64, mask), generate


@intrinsic
def store(typing, array, at, value, lanes):
    """Write the lanes that the mask names to a flat array from `at`."""

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        _, _, value, lanes = values
        pointer = llvm.address(context, builder, signature.args[0], *values[:2])
        llvm.masked_store(builder, value, llvm.vector_at(builder, pointer, value.type), lanes)
        return context.get_dummy_value()

    return types.void(array, types.int64, value, mask), generate


@intrinsic
def every(typing, value):
    """The vector with one float32 or int32 in every lane."""
    result = floats if value == types.float32 else integers
    kind = types.float32 if value == types.float32 else types.int32
    return result(kind), lambda context, builder, signature, values: splat(builder, values[0])


@intrinsic
def choose(typing, lanes, yes, no):
    """yes where the mask is set, no elsewhere."""
    return yes(mask, yes, yes), lambda context, builder, signature, values: builder.select(*values)


@intrinsic
def both(typing, a, b):
    """The mask of lanes set in two masks."""
    return mask(mask, mask), lambda context, builder, signature, values: builder.and_(*values)


@intrinsic
def is_nan(typing, value):
    """The mask of lanes that are not a number."""
    return mask(floats), lambda context, builder, signature, values: builder.fcmp_unordered(
        "uno", values[0], values[0]
    )


@intrinsic
def is_finite(typing, value):
    """The mask of lanes that are numbers, and not infinite ones."""

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        # Infinity less itself is NaN. Without flags: with them, a number less itself is 0 to the compiler.
        nothing = builder.fsub(values[0], values[0])
        return builder.fcmp_ordered("ord", nothing, nothing)

    return mask(floats), generate


def _operator(
    function: Callable[..., Any], result: Callable[[Any], Any], generate: Callable[..., Any]
) -> None:
    """`function` of two vectors of a kind: what generate(builder, kind, a, b) makes, of type result(kind).

    Its instructions go where it is used; an `overload` would be compiled as a function first, each time anew.
    """

    @type_callable(function)
    def typed(context: object) -> Callable[..., Any]:
        return lambda a, b: result(a) if a == b and isinstance(a, _Lanes) else None

    @lower_builtin(function, _Lanes, _Lanes)
    def lowered(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        return generate(builder, signature.args[0], *values)


def _arithmetic(function: Callable[..., Any], instruction: str) -> None:
    def generate(builder: Builder, kind: types.Type, a: Value, b: Value) -> Value:
        return getattr(builder, instruction)(a, b, flags=_FREE)

    _operator(function, lambda kind: floats if kind == floats else None, generate)


def _comparison(function: Callable[..., Any], sign: str) -> None:
    def generate(builder: Builder, kind: types.Type, a: Value, b: Value) -> Value:
        # Ordered: with NaN nothing is so, as in NumPy.
        return builder.fcmp_ordered(sign, a, b) if kind == floats else builder.icmp_signed(sign, a, b)

    _operator(function, lambda kind: mask if kind in (floats, integers) else None, generate)


for _function, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _arithmetic(_function, _instruction)
for _function, _sign in ((operator.gt, ">"), (operator.lt, "<"), (operator.eq, "==")):
    _comparison(_function, _sign)


@intrinsic
def either(typing, a, b):
    """The mask of lanes set in one mask or the other."""
    return mask(mask, mask), lambda context, builder, signature, values: builder.or_(*values)


@intrinsic
def any_of(typing, lanes):
    """1 where a lane of the mask is set, else 0."""

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        bits = builder.bitcast(values[0], ir.IntType(LANES))
        return builder.zext(builder.icmp_unsigned("!=", bits, bits.type(0)), INT)

    return types.uint32(mask), generate


@intrinsic
def total(typing, value):
    """The sum of all lanes, in any order."""

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        # With the flags it is a tree; without, LLVM would add lane by lane, one waiting for the other.
        arguments = [ir.Constant(FLOAT, 0.0), values[0]]
        return llvm.call(builder, "llvm.vector.reduce.fadd.v16f32", FLOAT, arguments, fastmath=_FREE)

    return types.float32(floats), generate


@intrinsic
def fma(typing, a, b, c):
    """a * b + c, rounded once, and never reordered."""
    kind = floats(floats, floats, floats)
    return kind, lambda context, builder, signature, values: llvm.fma(builder, *values)


@intrinsic
def nearest(typing, x):
    """The whole numbers nearest to x, still as float32."""
    return floats(floats), lambda context, builder, signature, values: llvm.call(
        builder, "llvm.nearbyint.v16f32", FLOATS, values
    )


@intrinsic
def power_of_two(typing, whole):
    """2**whole for whole numbers from -127 to 128, by writing the exponent's bits."""

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        # -127 gives the bits of 0, and 128 those of infinity: no case of its own for either end.
        number = builder.fptosi(values[0], INTS)
        bias, shift = ir.Constant(INTS, [127] * LANES), ir.Constant(INTS, [23] * LANES)
        return builder.bitcast(builder.shl(builder.add(number, bias), shift), FLOATS)

    return floats(floats), generate
