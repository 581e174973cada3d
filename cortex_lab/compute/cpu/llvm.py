"""What intrinsics are written with: addresses of array elements, and vectors of sixteen numbers in LLVM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils

LANES = 16
"""Numbers in a vector: one register of AVX-512, two of AVX2, four of NEON."""
BIT, BYTE, INT, WORD, FLOAT = ir.IntType(1), ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.FloatType()
FLOATS, INTS, MASK = (ir.VectorType(kind, LANES) for kind in (FLOAT, INT, BIT))
POINTER = ir.PointerType(BYTE)
VOID = ir.VoidType()
NO_FLOATS = ir.Constant(FLOATS, None)
_UNALIGNED = ir.Constant(INT, 4)
"""A vector begins where any float32 may: LLVM would take 64 for granted, and fault on what is not."""


def word(value: int) -> ir.Constant:
    return ir.Constant(WORD, value)


def address(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    """The pointer to element `at` (a word) of an array of Numba's type `kind`, counted from its first."""
    return builder.gep(cgutils.create_struct_proxy(kind)(context, builder, array).data, [at])


def call(builder: Any, name: str, result: Any, arguments: Sequence[Any], **options: Any) -> Any:
    """A call of the function called `name`, declared by what it is given."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments, **options)


def splat(builder: Any, value: Any) -> Any:
    """The vector that has `value` in every lane."""
    kind = ir.VectorType(value.type, LANES)
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(INT, 0))
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), ir.Constant(INTS, [0] * LANES))


def first_lanes(builder: Any, count: Any) -> Any:
    """The mask of the first `count` (a word) lanes; of all of them from sixteen on."""
    order = ir.Constant(ir.VectorType(WORD, LANES), list(range(LANES)))
    return builder.icmp_signed("<", order, splat(builder, count))


def vector_at(builder: Any, pointer: Any, vector: Any = FLOATS, number: int = 0) -> Any:
    """`pointer`, to a number, as one to the vector that begins `number` vectors further on."""
    moved = builder.gep(pointer, [word(LANES * number)]) if number else pointer
    return builder.bitcast(moved, ir.PointerType(vector))


def load_vector(builder: Any, place: Any) -> Any:
    """The whole vector at a place, which need not be a multiple of its size."""
    return builder.load(place, align=4)


def masked_load(builder: Any, place: Any, mask: Any) -> Any:
    """The lanes that the mask names of the vector at a place, 0 in the others; nothing else is read."""
    vector = place.type.pointee
    nothing = ir.Constant(vector, None)
    return call(builder, f"llvm.masked.load.{_suffix(vector)}", vector, [place, _UNALIGNED, mask, nothing])


def masked_store(builder: Any, value: Any, place: Any, mask: Any) -> None:
    """Write the lanes that the mask names to a place; nothing else is written."""
    call(builder, f"llvm.masked.store.{_suffix(value.type)}", VOID, [value, place, _UNALIGNED, mask])


def fma(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c of vectors, rounded once."""
    return call(builder, "llvm.fma.v16f32", FLOATS, [a, b, c])


def _suffix(vector: Any) -> str:
    letter = "f" if vector.element == FLOAT else "i"
    return f"v{LANES}{letter}32.p0v{LANES}{letter}32"
