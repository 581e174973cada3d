"""What compiled kernels need below Numba: BLAS on any part of an array, and copies of blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import get_cython_function_address

from cortex_lab.compute.cpu.jit import intrinsic
from cortex_lab.compute.cpu.llvm import (
    BIT,
    BYTE,
    FLOAT,
    INTS,
    LANES,
    POINTER,
    VOID,
    Builder,
    Value,
    Values,
    address,
    call,
    load_vector,
    vector_at,
    word,
)

if TYPE_CHECKING:
    from cortex_lab.compute.cpu.numba_inside import Context, Signature

# By name, so that machine code from the disk finds it where it lies in this process.
_GEMM = "cortex_lab_sgemm"
binding.add_symbol(_GEMM, get_cython_function_address("scipy.linalg.cython_blas", "sgemm"))


def _bytes_of(context: Context, builder: Builder, kind: types.Type, array: Value, at: Value) -> Value:
    return builder.bitcast(address(context, builder, kind, array, at), POINTER)


@intrinsic
def gemm(typing, transpose_a, transpose_b, m, n, k, a, at_a, lda, b, at_b, ldb, beta, c, at_c, ldc):
    """c = op(a) @ op(b) + beta * c, row-major float32 of (m, n), each starting at an element of its array.

    op transposes where the flag is 1; lda, ldb and ldc are the lengths of a stored row. The BLAS that SciPy
    brings does the work.
    """
    whole = types.int64
    signature = types.void(
        whole, whole, whole, whole, whole, a, whole, whole, b, whole, whole, types.float32, c, whole, whole
    )

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        ta, tb, m, n, k, a, at_a, lda, b, at_b, ldb, beta, c, at_c, ldc = values
        kinds = signature.args
        pa = _bytes_of(context, builder, kinds[5], a, at_a)
        pb = _bytes_of(context, builder, kinds[8], b, at_b)
        pc = _bytes_of(context, builder, kinds[12], c, at_c)

        def held(value: Value) -> Value:
            # Fortran takes everything by its address. Of a word, whoever wants 32 bits reads the lower ones:
            # BLAS libraries differ in this, and the processors there are have those first.
            return builder.bitcast(cgutils.alloca_once_value(builder, value), POINTER)

        def letter(flag: Value) -> Value:
            turned = builder.icmp_signed("!=", flag, word(0))
            return held(builder.select(turned, ir.Constant(BYTE, ord("t")), ir.Constant(BYTE, ord("n"))))

        # Column-major BLAS sees each row-major array transposed: c' = op(b)' @ op(a)'.
        arguments = [
            letter(tb), letter(ta), held(n), held(m), held(k), held(ir.Constant(FLOAT, 1.0)),
            pb, held(ldb), pa, held(lda), held(beta), pc, held(ldc),
        ]  # fmt: skip
        call(builder, _GEMM, VOID, arguments)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def copy_block(typing, target, at_target, source, at_source, count):
    """target[at_target:][:count] = source[at_source:][:count], without a check."""
    signature = types.void(target, types.int64, source, types.int64, types.int64)

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        target, at_target, source, at_source, count = values
        to = _bytes_of(context, builder, signature.args[0], target, at_target)
        origin = _bytes_of(context, builder, signature.args[2], source, at_source)
        size = context.get_abi_sizeof(context.get_data_type(signature.args[0].dtype))
        length = builder.mul(count, word(size))
        # memcpy and not memmove: the two never overlap here.
        call(builder, "llvm.memcpy.p0i8.p0i8.i64", VOID, [to, origin, length, ir.Constant(BIT, 0)])
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def clear_block(typing, target, at_target, count):
    """target[at_target:][:count] = 0, without a check."""
    signature = types.void(target, types.int64, types.int64)

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        target, at_target, count = values
        to = _bytes_of(context, builder, signature.args[0], target, at_target)
        size = context.get_abi_sizeof(context.get_data_type(signature.args[0].dtype))
        cgutils.memset(builder, to, builder.mul(count, word(size)), 0)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def transpose_block(typing, target, at_target, target_row, source, at_source, source_row):
    """target[k, n] = source[n, k] for 16 x 16 float32, by swaps of ever larger blocks in registers."""
    whole = types.int64
    signature = types.void(target, whole, whole, source, whole, whole)

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        target, at_target, target_row, source, at_source, source_row = values

        def row(kind: types.Type, array: Value, at: Value, length: Value, number: int) -> Value:
            offset = builder.add(at, builder.mul(length, word(number)))
            return vector_at(builder, address(context, builder, kind, array, offset))

        rows = [
            load_vector(builder, row(signature.args[3], source, at_source, source_row, i))
            for i in range(LANES)
        ]
        # 64 shuffles; number by number, 256 loads and as many stores, each to a line of its own.
        for width in (1, 2, 4, 8):
            upper, lower = (
                ir.Constant(
                    INTS,
                    [i + shift if not i & width else LANES + i - width + shift for i in range(LANES)],
                )
                for shift in (0, width)
            )
            for i in range(LANES):
                if not i & width:
                    one, other = rows[i], rows[i + width]
                    rows[i] = builder.shuffle_vector(one, other, upper)
                    rows[i + width] = builder.shuffle_vector(one, other, lower)
        for i in range(LANES):
            # A row begins anywhere, as in `load_vector`.
            builder.store(rows[i], row(signature.args[0], target, at_target, target_row, i), align=4)
        return context.get_dummy_value()

    return signature, generate
