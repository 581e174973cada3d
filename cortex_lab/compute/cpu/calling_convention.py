"""A way into compiled functions for workers, who know nothing of Python while they work.

An entry takes every argument from one row of 64-bit words, so that whoever has the address of an entry and of
a row can make the call: from any thread, without the GIL, as often as it likes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from llvmlite import ir
from numba import typeof, types
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.lowering import Lower
from numba.core.typed_passes import NativeLowering

from cortex_lab.compute.cpu.jit import OPTIONS, CompiledForPython, kept
from cortex_lab.compute.cpu.pool import get_workers
from cortex_lab.compute.cpu.work_stealing import MOST
from cortex_lab.compute.work import Work

_WORD = ir.IntType(64)
_ROW = ir.PointerType(_WORD)
_LINE = 8
_STATUS = ir.FunctionType(_WORD, [_ROW])


def piecework(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` compiled for workers and other compiled functions; Python calls it through `work` only."""
    options = {**OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": False}
    return kept(_Piecework(function, targetoptions=options, pipeline_class=_Pipeline), "-pieces")


def entry_of(kernel: Any, arguments: tuple[Any, ...]) -> int:
    """The address of the entry for arguments of these types."""
    kinds = tuple(map(_kind, arguments))
    if kinds not in kernel.entries:
        signature = tuple(types.unliteral(typeof(argument)) for argument in arguments)
        if signature not in kernel.overloads:
            kernel.compile(signature)
        made = kernel.overloads[signature]
        kernel.entries[kinds] = made.library.get_pointer_to_function(made.fndesc.llvm_cfunc_wrapper_name)
    return kernel.entries[kinds]


def _kind(value: Any) -> Any:
    """What Numba's type of a value depends on, found out faster."""
    if isinstance(value, np.ndarray):
        flags = value.flags
        order = flags.c_contiguous, flags.f_contiguous
        return value.dtype.num, value.ndim, *order, flags.writeable, flags.aligned
    return tuple(map(_kind, value)) if isinstance(value, tuple) else type(value)


def address(array: np.ndarray) -> int:
    """Where an array's first element lies; four times as quick as `array.ctypes.data`."""
    return array.__array_interface__["data"][0]


def words_of(value: Any) -> list[int]:
    """A value as the words an entry takes it from; an array has to be kept as long as they are used."""
    if isinstance(value, np.ndarray):
        return [0, 0, value.size, value.itemsize, address(value), *value.shape, *value.strides]
    if isinstance(value, tuple):
        return [word for part in value for word in words_of(part)]
    if isinstance(value, float):
        return [int(np.float64(value).view(np.int64))]
    if isinstance(value, np.float32):
        return [int(value.view(np.int32))]
    number = int(value)
    return [number if number < 2**63 else number - 2**64]


def work(
    kernel: Any,
    before: Sequence[Any],
    pieces: Sequence[tuple[int, ...]] = ((),),
    rooms: Callable[[int], tuple[Any, ...]] | None = None,
    blas: bool = False,
    keep: bool = True,
) -> Work:
    """What calls kernel(*before, *piece, *rooms(worker)) for every piece; `kernel` is a `piecework`.

    A piece is whole numbers. `blas` says whether the kernel calls BLAS. Without `keep` the caller sees to it
    that the arrays of `before` are there for as long as the work may be done.
    """
    count = get_workers().count
    workers = [rooms(worker) for worker in range(count)] if rooms else [()]
    entry = entry_of(kernel, (*before, *pieces[0], *workers[0]))
    shared = words_of(tuple(before))
    place = len(shared)
    first = shared + [0] * len(pieces[0]) + words_of(workers[0])
    width = -(-len(first) // _LINE) * _LINE
    rows = _from_a_line_on(count, width)
    rows[:, : len(first)] = first
    for row, room in zip(rows[1:], workers[1:], strict=False):
        row[place + len(pieces[0]) : len(first)] = words_of(room)
    cut = np.array(pieces, np.int64).reshape(len(pieces), len(pieces[0]))
    if len(pieces) > MOST:
        raise ValueError(f"a kernel can have {MOST} pieces, got {len(pieces)}")
    record = [entry, address(rows), width, place, address(cut), cut.shape[1], len(cut), 0]
    return Work(
        [kernel.py_func.__name__],
        np.array(record),
        [before if keep else None, workers, rows, cut],
        count,
        blas,
    )


def _from_a_line_on(count: int, width: int) -> np.ndarray:
    """(count, width) zeros, no two rows of which share a line of the cache."""
    room = np.zeros(count * width + _LINE, np.int64)
    start = -address(room) % (8 * _LINE) // 8
    return room[start : start + count * width].reshape(count, width)


class _Piecework(CompiledForPython):
    @cached_property
    def entries(self) -> dict[tuple[Any, ...], int]:
        """Addresses of the entries made so far."""
        return {}

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        raise TypeError(f"{self.py_func.__name__} has no way in for Python; `work` makes what calls it")


class _Lower(Lower):
    def create_cfunc_wrapper(self) -> None:
        """Where Numba makes an entry for C, the one for workers: status = entry(row of words)."""
        context, described = self.context, self.fndesc
        convention = context.call_conv
        module = context.create_module("entry")
        kind = convention.get_function_type(described.restype, described.argtypes)
        function = ir.Function(module, kind, described.llvm_func_name)
        entry = ir.Function(module, _STATUS, described.llvm_cfunc_wrapper_name)
        builder = ir.IRBuilder(entry.append_basic_block("entry"))
        # The first two are where results and errors go.
        first = [builder.alloca(argument.pointee) for argument in kind.args[:2]]
        rest = [
            _taken(builder, builder.load(builder.gep(entry.args[0], [ir.Constant(_WORD, place)])), argument)
            for place, argument in enumerate(kind.args[2:])
        ]
        status = builder.call(function, first + rest, attrs=("noinline",))
        builder.ret(builder.sext(status, _WORD))
        self.library.add_ir_module(module)


def _taken(builder: Any, word: Any, kind: Any) -> Any:
    """The value of LLVM's type `kind` that a word holds."""
    if isinstance(kind, ir.PointerType):
        return builder.inttoptr(word, kind)
    if isinstance(kind, ir.DoubleType):
        return builder.bitcast(word, kind)
    if isinstance(kind, ir.FloatType):
        return builder.bitcast(builder.trunc(word, ir.IntType(32)), kind)
    return word if kind == _WORD else builder.trunc(word, kind)


@register_pass(mutates_CFG=True, analysis_only=False)
class _Lowering(NativeLowering):
    _name = "lowering_with_entry"

    @property
    def lowering_class(self) -> Any:
        return _Lower


class _Pipeline(CompilerBase):
    """Numba's passes, except for the one that writes the ways into a function."""

    def define_pipelines(self) -> list[Any]:
        usual = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes = PassManager("with_entry")
        for made, what in usual.passes:
            passes.add_pass(_Lowering if made is NativeLowering else made, what)
        passes.finalize()
        return [passes]
