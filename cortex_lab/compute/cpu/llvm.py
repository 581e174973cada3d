"""What intrinsics are written with: addresses of array elements, and vectors of sixteen numbers in LLVM."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

if TYPE_CHECKING:
    from cortex_lab.compute.cpu.numba_inside import Context

LANES = 16
"""Numbers in a vector: one register of AVX-512, two of AVX2, four of NEON."""
BIT, BYTE, INT, WORD, FLOAT = ir.IntType(1), ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.FloatType()
DOUBLE = ir.DoubleType()
FLOATS, INTS, MASK, DOUBLES = (ir.VectorType(kind, LANES) for kind in (FLOAT, INT, BIT, DOUBLE))
POINTER = ir.PointerType(BYTE)
VOID = ir.VoidType()
NO_FLOATS = ir.Constant(FLOATS, None)

Value = ir.NamedValue | ir.Constant
"""A number, a vector or an address in the code that is being written."""
Values = Sequence[Value]

if TYPE_CHECKING:

    class Builder(ir.IRBuilder):
        """llvmlite's, of whose decorated methods a checker takes it that they return nothing."""

        add: Callable[..., Value]
        and_: Callable[..., Value]
        bitcast: Callable[..., Value]
        fadd: Callable[..., Value]
        fmul: Callable[..., Value]
        fptosi: Callable[..., Value]
        fptrunc: Callable[..., Value]
        fsub: Callable[..., Value]
        inttoptr: Callable[..., Value]
        lshr: Callable[..., Value]
        mul: Callable[..., Value]
        neg: Callable[..., Value]
        or_: Callable[..., Value]
        sdiv: Callable[..., Value]
        shl: Callable[..., Value]
        sitofp: Callable[..., Value]
        srem: Callable[..., Value]
        sub: Callable[..., Value]
        trunc: Callable[..., Value]
        xor: Callable[..., Value]
        zext: Callable[..., Value]

else:
    Builder = ir.IRBuilder

_UNALIGNED = ir.Constant(INT, 4)
"""A vector begins where any float32 may: LLVM would take 64 for granted, and fault on what is not."""


def word(value: int) -> ir.Constant:
    return ir.Constant(WORD, value)


def address(context: Context, builder: Builder, kind: types.Type, array: Value, at: Value) -> Value:
    """The pointer to element `at` (a word) of an array of Numba's type `kind`, counted from its first."""
    # Not by an index of Numba's, which asks each time whether it counts from the end.
    return builder.gep(cgutils.create_struct_proxy(kind)(context, builder, array).data, [at])


def call(builder: Builder, name: str, result: ir.Type, arguments: Values, **options: Any) -> Value:
    """A call of the function called `name`, declared by what it is given."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments, **options)


def splat(builder: Builder, value: Value) -> Value:
    """The vector that has `value` in every lane."""
    kind = ir.VectorType(value.type, LANES)
    # In the form that LLVM knows for a broadcast, which processors do while they load.
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(INT, 0))
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), ir.Constant(INTS, [0] * LANES))


def first_lanes(builder: Builder, count: Value) -> Value:
    """The mask of the first `count` (a word) lanes; of all of them from sixteen on."""
    # With a sign: past the end of an array fewer than no lanes are left, and loops ask all the same.
    order = ir.Constant(ir.VectorType(WORD, LANES), list(range(LANES)))
    return builder.icmp_signed("<", order, splat(builder, count))


def vector_at(builder: Builder, pointer: Value, vector: ir.Type = FLOATS, number: int = 0) -> Value:
    """`pointer`, to a number, as one to the vector that begins `number` vectors further on."""
    moved = builder.gep(pointer, [word(LANES * number)]) if number else pointer
    return builder.bitcast(moved, ir.PointerType(vector))


def load_vector(builder: Builder, place: Value) -> Value:
    """The whole vector at a place, which need not be a multiple of its size."""
    return builder.load(place, align=4)


def masked_load(builder: Builder, place: Any, mask: Value) -> Value:
    """The lanes that the mask names of the vector at a place, 0 in the others; nothing else is read."""
    vector = place.type.pointee
    nothing = ir.Constant(vector, None)
    return call(builder, f"llvm.masked.load.{_suffix(vector)}", vector, [place, _UNALIGNED, mask, nothing])


def masked_store(builder: Builder, value: Value, place: Value, mask: Value) -> None:
    """Write the lanes that the mask names to a place; nothing else is written."""
    call(builder, f"llvm.masked.store.{_suffix(value.type)}", VOID, [value, place, _UNALIGNED, mask])


def places_from(builder: Builder, pointer: Value, at: Value) -> Value:
    """The vector of addresses of the elements `at` (whole numbers in a vector) from a pointer on."""
    found = ir.instructions.GEPInstr(
        builder.block, pointer, [at], False, "", source_etype=pointer.type.pointee
    )
    # llvmlite takes the type of one address.
    found.type = ir.VectorType(pointer.type, LANES)
    builder._insert(found)
    return found


def gather(builder: Builder, places: Value, kind: ir.Type) -> Value:
    """The numbers of a kind that lie at sixteen addresses, wherever those are."""
    vector, every = ir.VectorType(kind, LANES), ir.Constant(MASK, [True] * LANES)
    arguments = [places, _UNALIGNED, every, ir.Constant(vector, None)]
    return call(builder, f"llvm.masked.gather.v{LANES}{_letter(kind)}.v{LANES}p0", vector, arguments)


def scatter(builder: Builder, value: Value, places: Value, mask: Value) -> None:
    """Write the float32 of the lanes that the mask names to sixteen addresses."""
    name = f"llvm.masked.scatter.v{LANES}f32.v{LANES}p0"
    call(builder, name, VOID, [value, places, _UNALIGNED, mask])


def fma(builder: Builder, a: Value, b: Value, c: Value) -> Value:
    """a * b + c of vectors, rounded once."""
    return call(builder, "llvm.fma.v16f32", FLOATS, [a, b, c])


def _suffix(vector: Any) -> str:
    return f"v{LANES}{_letter(vector.element)}.p0v{LANES}{_letter(vector.element)}"


def _letter(kind: Any) -> str:
    return "f32" if kind == FLOAT else f"i{kind.width}"
