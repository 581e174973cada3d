"""The inner loop of convolution: a tile of outputs held in registers while products are summed into it.

BLAS wants patches laid out side by side first. A tile reads them where they lie in the image, which saves a
pass over kernel-size times the image, and its sums stay in registers (Goto and van de Geijn, "Anatomy of
high-performance matrix multiplication", ACM TOMS 2008, without the packing of the left matrix).
"""

from __future__ import annotations

from functools import cache
from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils

from cortex_lab.compute.compiled import intrinsic
from cortex_lab.compute.simd import LANES, splat

HEIGHTS = (4, 6, 7, 8, 12, 14)
"""Rows a tile may have: with two vectors of columns, 28 of the 32 registers at the most."""

_FLOAT, _INT, _BIT, _WORD = ir.FloatType(), ir.IntType(32), ir.IntType(1), ir.IntType(64)
_VECTOR, _MASK = ir.VectorType(_FLOAT, LANES), ir.VectorType(_BIT, LANES)


@cache
def tiles_pay() -> bool:
    """Whether this processor has the 32 registers of 16 lanes that tiles are cut for."""
    return bool(binding.get_host_cpu_features().get("avx512f"))


def height_for(rows: int, overhang: bool = False) -> int | None:
    """The height of tiles that covers `rows` rows in the least time; None if all are too high to fit in.

    With `overhang`, a tile may be higher than what it covers.
    """
    fitting = [height for height in reversed(HEIGHTS) if overhang or height <= rows]
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

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        (
            _,
            _,
            a,
            at_a,
            a_row,
            a_step,
            a_jump,
            b,
            at_b,
            b_step,
            b_jump,
            jumps,
            steps,
            c,
            at_c,
            c_row,
            rows,
            columns,
            keep,
        ) = values
        pa, pb, pc = (
            builder.gep(cgutils.create_struct_proxy(kind)(context, builder, array).data, [at])
            for kind, array, at in zip(
                (signature.args[2], signature.args[7], signature.args[13]),
                (a, b, c),
                (at_a, at_b, at_c),
                strict=True,
            )
        )
        order = ir.Constant(ir.VectorType(_WORD, LANES), list(range(LANES)))
        masks = [
            builder.icmp_signed(
                "<", order, splat(builder, builder.sub(columns, ir.Constant(_WORD, LANES * t)))
            )
            for t in range(v)
        ]
        load, store = _masked(builder)
        nothing = ir.Constant(_VECTOR, None)
        kept = splat(builder, builder.icmp_signed("!=", keep, ir.Constant(_WORD, 0)))

        def place(pointer: Any, vector: int) -> Any:
            moved = builder.gep(pointer, [ir.Constant(_WORD, LANES * vector)])
            return builder.bitcast(moved, ir.PointerType(_VECTOR))

        sums = []
        for row in range(m):
            wanted = builder.and_(
                kept, splat(builder, builder.icmp_signed("<", ir.Constant(_WORD, row), rows))
            )
            target = builder.gep(pc, [builder.mul(c_row, ir.Constant(_WORD, row))])
            sums += [load(place(target, t), builder.and_(wanted, masks[t]), nothing) for t in range(v)]

        def step(row: int) -> Any:
            # Odd multiples in registers; the processor's addressing doubles them: no pointer is spilled.
            shift = (row & -row).bit_length() - 1 if row else 0
            odd = builder.mul(a_row, ir.Constant(_WORD, row >> shift))
            return builder.shl(odd, ir.Constant(_WORD, shift)) if shift else odd

        offsets = [step(row) for row in range(m)]
        start = builder.block
        outer, inner, leave, after = (
            builder.append_basic_block(name) for name in ("jump", "step", "next", "done")
        )
        builder.branch(outer)

        builder.position_at_end(outer)
        j = builder.phi(_WORD)
        pa_j, pb_j = builder.phi(pa.type), builder.phi(pb.type)
        outer_sums = [builder.phi(_VECTOR) for _ in sums]
        builder.branch(inner)

        builder.position_at_end(inner)
        k = builder.phi(_WORD)
        pa_k, pb_k = builder.phi(pa.type), builder.phi(pb.type)
        inner_sums = [builder.phi(_VECTOR) for _ in sums]
        right = [load(place(pb_k, t), masks[t], nothing) for t in range(v)]
        new = []
        fma = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(_VECTOR, [_VECTOR] * 3), "llvm.fma.v16f32"
        )
        for row in range(m):
            pointer = builder.gep(pa_k, [offsets[row]]) if row else pa_k
            left = splat(builder, builder.load(pointer, align=4))
            new += [builder.call(fma, [left, right[t], inner_sums[row * v + t]]) for t in range(v)]
        k_next = builder.add(k, ir.Constant(_WORD, 1))
        pa_next, pb_next = builder.gep(pa_k, [a_step]), builder.gep(pb_k, [b_step])
        builder.cbranch(builder.icmp_signed("<", k_next, steps), inner, leave)

        builder.position_at_end(leave)
        j_next = builder.add(j, ir.Constant(_WORD, 1))
        pa_jump, pb_jump = builder.gep(pa_j, [a_jump]), builder.gep(pb_j, [b_jump])
        builder.cbranch(builder.icmp_signed("<", j_next, jumps), outer, after)

        zero = ir.Constant(_WORD, 0)
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
        for row in range(m):
            with builder.if_then(builder.icmp_signed("<", ir.Constant(_WORD, row), rows)):
                target = builder.gep(pc, [builder.mul(c_row, ir.Constant(_WORD, row))])
                for t in range(v):
                    store(new[row * v + t], place(target, t), masks[t])
        return context.get_dummy_value()

    return signature, generate


def _masked(builder: Any) -> tuple[Any, Any]:
    """Functions that write a masked load and a masked store of sixteen floats at any address."""
    pointer = ir.PointerType(_VECTOR)
    loader = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(_VECTOR, [pointer, _INT, _MASK, _VECTOR]),
        "llvm.masked.load.v16f32.p0v16f32",
    )
    storer = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(ir.VoidType(), [_VECTOR, pointer, _INT, _MASK]),
        "llvm.masked.store.v16f32.p0v16f32",
    )
    four = ir.Constant(_INT, 4)
    return (
        lambda address, mask, otherwise: builder.call(loader, [address, four, mask, otherwise]),
        lambda value, address, mask: builder.call(storer, [value, address, four, mask]),
    )
