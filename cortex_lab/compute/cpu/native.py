"""What compiled kernels need below Numba: BLAS on any part of an array, and copies of blocks."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from cortex_lab.compute.cpu.jit import intrinsic

_FLOAT, _BYTE, _WORD = ir.FloatType(), ir.IntType(8), ir.IntType(64)
_POINTER = ir.PointerType(_BYTE)


def _address(context: Any, builder: Any, kind: Any, array: Any, offset: Any) -> Any:
    data = cgutils.create_struct_proxy(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [offset]), _POINTER)


@intrinsic
def gemm(typing, transpose_a, transpose_b, m, n, k, a, at_a, lda, b, at_b, ldb, beta, c, at_c, ldc):
    """c = op(a) @ op(b) + beta * c, row-major float32 of (m, n), each starting at an element of its array.

    op transposes where the flag is 1; lda, ldb and ldc are the lengths of a stored row. The single-threaded
    SciPy BLAS that Numba links does the work.
    """
    whole = types.int64
    signature = types.int32(
        whole, whole, whole, whole, whole, a, whole, whole, b, whole, whole, types.float32, c, whole, whole
    )

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        ta, tb, m, n, k, a, at_a, lda, b, at_b, ldb, beta, c, at_c, ldc = values
        kinds = signature.args
        pa = _address(context, builder, kinds[5], a, at_a)
        pb = _address(context, builder, kinds[8], b, at_b)
        pc = _address(context, builder, kinds[12], c, at_c)
        one = cgutils.alloca_once_value(builder, ir.Constant(_FLOAT, 1.0))
        scale = cgutils.alloca_once_value(builder, beta)
        letters = [
            builder.select(
                builder.icmp_signed("!=", flag, ir.Constant(_WORD, 0)),
                ir.Constant(_BYTE, 116),
                ir.Constant(_BYTE, 110),
            )
            for flag in (ta, tb)
        ]
        arguments = (
            [_BYTE] * 3 + [_WORD] * 3 + [_POINTER] * 2 + [_WORD, _POINTER, _WORD, _POINTER, _POINTER, _WORD]
        )
        declared = ir.FunctionType(ir.IntType(32), arguments)
        function = cgutils.get_or_insert_function(builder.module, declared, "numba_xxgemm")
        # Column-major BLAS sees each row-major array transposed: c' = op(b)' @ op(a)'.
        return builder.call(
            function,
            [
                ir.Constant(_BYTE, ord("s")), letters[1], letters[0], n, m, k,
                builder.bitcast(one, _POINTER), pb, ldb, pa, lda, builder.bitcast(scale, _POINTER), pc, ldc,
            ],
        )  # fmt: skip

    return signature, generate


@intrinsic
def copy_block(typing, target, at_target, source, at_source, count):
    """target[at_target:][:count] = source[at_source:][:count], without a check."""
    signature = types.void(target, types.int64, source, types.int64, types.int64)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        target, at_target, source, at_source, count = values
        to = _address(context, builder, signature.args[0], target, at_target)
        origin = _address(context, builder, signature.args[2], source, at_source)
        size = context.get_abi_sizeof(context.get_data_type(signature.args[0].dtype))
        length = builder.mul(count, ir.Constant(_WORD, size))
        kind = ir.FunctionType(ir.VoidType(), [_POINTER, _POINTER, _WORD, ir.IntType(1)])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.memcpy.p0i8.p0i8.i64")
        builder.call(function, [to, origin, length, ir.Constant(ir.IntType(1), 0)])
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def clear_block(typing, target, at_target, count):
    """target[at_target:][:count] = 0, without a check."""
    signature = types.void(target, types.int64, types.int64)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        target, at_target, count = values
        to = _address(context, builder, signature.args[0], target, at_target)
        size = context.get_abi_sizeof(context.get_data_type(signature.args[0].dtype))
        length = builder.mul(count, ir.Constant(_WORD, size))
        cgutils.memset(builder, to, length, 0)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def transpose_block(typing, target, at_target, target_row, source, at_source, source_row):
    """target[k, n] = source[n, k] for 16 x 16 float32, by swaps of ever larger blocks in registers."""
    whole = types.int64
    signature = types.void(target, whole, whole, source, whole, whole)
    side = 16
    vector = ir.VectorType(_FLOAT, side)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        target, at_target, target_row, source, at_source, source_row = values

        def row(kind: Any, array: Any, at: Any, length: Any, number: int) -> Any:
            offset = builder.add(at, builder.mul(length, ir.Constant(_WORD, number)))
            return builder.bitcast(_address(context, builder, kind, array, offset), ir.PointerType(vector))

        rows = [
            builder.load(row(signature.args[3], source, at_source, source_row, i), align=4)
            for i in range(side)
        ]
        for width in (1, 2, 4, 8):
            upper, lower = (
                ir.Constant(
                    ir.VectorType(ir.IntType(32), side),
                    [i + shift if not i & width else side + i - width + shift for i in range(side)],
                )
                for shift in (0, width)
            )
            for i in range(side):
                if not i & width:
                    one, other = rows[i], rows[i + width]
                    rows[i] = builder.shuffle_vector(one, other, upper)
                    rows[i + width] = builder.shuffle_vector(one, other, lower)
        for i in range(side):
            builder.store(rows[i], row(signature.args[0], target, at_target, target_row, i), align=4)
        return context.get_dummy_value()

    return signature, generate
