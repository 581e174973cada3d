"""The floating-point control register of an x86 thread; nothing on other processors."""

from __future__ import annotations

import platform
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from cortex_lab.compute.cpu.jit import compiled, intrinsic

IS_X86 = platform.machine().lower() in ("x86_64", "amd64")
FLUSH = np.uint32(0x8040)
"""The bits by which denormal results (0x8000) and operands (0x0040) count as zero."""

_WORD, _POINTER = ir.IntType(32), ir.PointerType(ir.IntType(8))
_KIND = ir.FunctionType(ir.VoidType(), [_POINTER])


@intrinsic
def _read(typing):
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        if not IS_X86:
            return ir.Constant(_WORD, 0)
        held = cgutils.alloca_once(builder, _WORD)
        function = cgutils.get_or_insert_function(builder.module, _KIND, "llvm.x86.sse.stmxcsr")
        builder.call(function, [builder.bitcast(held, _POINTER)])
        return builder.load(held)

    return types.uint32(), generate


@intrinsic
def _write(typing, value):
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        if IS_X86:
            held = cgutils.alloca_once_value(builder, values[0])
            function = cgutils.get_or_insert_function(builder.module, _KIND, "llvm.x86.sse.ldmxcsr")
            builder.call(function, [builder.bitcast(held, _POINTER)])
        return context.get_dummy_value()

    return types.void(types.uint32), generate


@compiled
def flush():
    """Let denormal numbers count as zero in this thread; returns what `restore` takes."""
    before = _read()
    _write(np.uint32(before | FLUSH))
    return before


@compiled
def restore(before):
    """Put the register back."""
    _write(np.uint32(before))
