"""How workers take pieces from each other, below Python: a few words of memory that all of them watch.

Whoever does a kernel writes down what it is and how many pieces it has, in one word (the ticket) that also
says how many are taken; to take one is to be the first to raise that number. Handing a piece over costs a
tenth of a microsecond, where waking a thread costs fifty.
"""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from llvmlite import ir
from numba import types

from cortex_lab.compute.cpu.denormals import flush, restore
from cortex_lab.compute.cpu.jit import compiled, intrinsic
from cortex_lab.compute.cpu.llvm import VOID, WORD, Builder, Value, Values, address, call
from cortex_lab.compute.cpu.machine import IS_X86

if TYPE_CHECKING:
    from cortex_lab.compute.cpu.numba_inside import Context, Signature

ENTRY, ROWS, WIDTH, PLACE, PIECES, LENGTH, COUNT = range(7)
"""Words of a record, which says what a kernel's pieces are: the entry, its rows (one for each worker) and
their width, the place in a row where a piece goes, the pieces, how many words each has, and their number."""
SIZE = 8
"""Words from one record to the next."""
TICKET, DONE, OPEN, AT, BUSY, ERROR, RECORD = 0, 16, 32, 33, 48, 64, 80
"""Words of the state, those that different threads write on cache lines of their own.

TICKET: kernel << 32 | pieces << 16 | pieces taken. DONE: pieces done. OPEN: pieces of the kernel under way, 0
between two. AT: the kernel's place. BUSY: 1 from the first kernel to the last, while nobody may fall asleep.
ERROR: 1 once a kernel failed. RECORD: the record of the kernel under way.
"""
STATE = 96
ALONE = -1
ALL_DONE, NOT_YET = -1, -2
"""Outcomes other than the place of a kernel that failed."""
MOST = 0xFFFF
"""Pieces that a ticket can count."""

_ROW = ir.PointerType(WORD)


@intrinsic
def _read(typing, state, at):
    """state[at], as it is now for all threads."""

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        # Acquire: who sees the word sees whatever was written before it, such as the record of a kernel.
        return builder.load_atomic(address(context, builder, signature.args[0], *values), "acquire", 8)

    return types.int64(state, types.int64), generate


@intrinsic
def _write(typing, state, at, value):
    """state[at] = value, seen by all threads after whatever was written before."""

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        pointer = address(context, builder, signature.args[0], *values[:2])
        builder.store_atomic(values[2], pointer, "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(state, types.int64, types.int64), generate


@intrinsic
def _add(typing, state, at, value):
    """state[at] += value, whoever else does the same."""

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        pointer = address(context, builder, signature.args[0], *values[:2])
        return builder.atomic_rmw("add", pointer, values[2], "seq_cst")

    return types.int64(state, types.int64, types.int64), generate


@intrinsic
def _swap(typing, state, at, old, new):
    """Write `new` if state[at] still is `old`; whether it was."""

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        pointer = address(context, builder, signature.args[0], *values[:2])
        # Acquire as well: whoever has won the piece reads next where it lies.
        found = builder.cmpxchg(pointer, values[2], values[3], "acq_rel", "acquire")
        return builder.extract_value(found, 1)

    return types.boolean(state, types.int64, types.int64, types.int64), generate


@intrinsic
def _pause(typing):
    """Let the processor know that this loop only waits."""

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        # Two threads of one core share what it can do: the one that waits leaves it to the other.
        if IS_X86:
            call(builder, "llvm.x86.sse2.pause", VOID, [])
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def _word(typing, address, at):
    """Word `at` of the row at an address."""

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        return builder.load(builder.gep(builder.inttoptr(values[0], _ROW), [values[1]]))

    return types.int64(types.int64, types.int64), generate


@intrinsic
def _put_word(typing, address, at, value):
    """Write word `at` of the row at an address."""

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        builder.store(values[2], builder.gep(builder.inttoptr(values[0], _ROW), [values[1]]))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


@intrinsic
def _call(typing, entry, row):
    """The status with which an entry returns; 0 is success."""

    def generate(context: Context, builder: Builder, signature: Signature, values: Values) -> Value:
        kind = ir.PointerType(ir.FunctionType(WORD, [_ROW]))
        return builder.call(builder.inttoptr(values[0], kind), [builder.inttoptr(values[1], _ROW)])

    return types.int64(types.int64, types.int64), generate


@compiled
def _perform(words, start, piece, worker):
    """Piece `piece` of the kernel whose record starts at words[start]."""
    # A row of its own for each worker: nobody writes into the arguments that another is called with.
    row = words[start + ROWS] + 8 * worker * words[start + WIDTH]
    length = words[start + LENGTH]
    for i in range(length):
        value = _word(words[start + PIECES], piece * length + i)
        _put_word(row, words[start + PLACE] + i, value)
    return _call(words[start + ENTRY], row)


@compiled
def _take(state, worker):
    """Do a piece of the kernel under way; False if all are taken."""
    # Kernel and piece are one word: a ticket of an earlier kernel, looked at long ago, cannot be mistaken.
    ticket = _read(state, TICKET)
    piece = ticket & MOST
    if piece >= (ticket >> 16) & MOST:
        return False
    if _swap(state, TICKET, ticket, ticket + 1):
        # The record stays until DONE says that all pieces are: whoever holds one may read it.
        if _perform(state, RECORD, piece, worker) != 0:
            _write(state, ERROR, 1)
        # Last: from here on the caller may go on, and hand the arrays back.
        _add(state, DONE, 1)
    return True


@compiled
def serve(state, worker, patience):
    """Do pieces, and wait for more, until none came for `patience` looks while nothing is under way."""
    left = patience
    while left > 0:
        if _take(state, worker):
            # A thread that has just worked is likely to be wanted again soon.
            left = patience
            continue
        if _read(state, BUSY) == 0:
            left -= 1
        _pause()


@compiled
def advance(state, records, at, patience):
    """Do the kernels of `records` from place `at` on, or from where they were left if it is -1.

    A `patience` of ALONE leaves nothing to helpers. Returns ALL_DONE, the place of a kernel that failed, or
    NOT_YET once a helper was waited for long enough.
    """
    # Helpers count small numbers as zero for good; the caller has to meanwhile, or bits would depend on who
    # took which piece.
    before = flush()
    outcome = _advance(state, records, at, patience)
    restore(before)
    return outcome


@compiled
def _advance(state, records, at, patience):
    if at >= 0:
        # Only whoever has the pool reads and writes this word.
        state[AT] = at
        _write(state, ERROR, 0)
        _write(state, BUSY, 1)
    while settle(state, patience):
        start = state[AT] * SIZE
        failed = _read(state, ERROR) != 0
        if failed or start >= records.shape[0]:
            _write(state, BUSY, 0)
            return state[AT] - 1 if failed else ALL_DONE
        count = records[start + COUNT]
        # What nobody is to share needs no ticket.
        if count == 1 or patience == ALONE:
            for piece in range(count):
                if _perform(records, start, piece, 0) != 0:
                    _write(state, ERROR, 1)
            state[AT] += 1
            continue
        # All that a helper reads is written before the ticket, which lets it in.
        for i in range(SIZE):
            state[RECORD + i] = records[start + i]
        state[OPEN] = count
        _write(state, DONE, 0)
        # The upper bits stay 0: a word has a sign, and must not turn negative.
        kernel = ((_read(state, TICKET) >> 32) + 1) & 0x3FFFFFFF
        _write(state, TICKET, kernel << 32 | count << 16)
        while _take(state, 0):
            pass
    return NOT_YET


@compiled
def settle(state, patience):
    """Wait until no piece of the kernel under way is in anybody's hands; False after `patience` looks."""
    if state[OPEN] > 0:
        left = patience
        while _read(state, DONE) < state[OPEN]:
            if left == 0:
                return False
            left -= 1
            _pause()
        state[OPEN] = 0
        state[AT] += 1
    return True


@cache
def looks(seconds: float) -> int:
    """How often a waiting worker looks for a change in so many seconds."""
    state, trial = new_state(), 2_000
    serve(state, 0, 1)
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        serve(state, 0, trial)
        times.append(time.perf_counter() - begin)
    # The quickest of three: in the others somebody else had the core.
    return max(1, round(trial * seconds / min(times)))


def new_state() -> np.ndarray:
    """The words that the workers of a pool share, from a line of the cache on."""
    # NumPy begins an array anywhere in a line.
    room = np.zeros(STATE + 8, np.int64)
    return room[-room.ctypes.data % 64 // 8 :][:STATE]
