"""Work: kernels that are shared out below Python."""

from __future__ import annotations

import gc
import signal
import threading
import weakref

import numpy as np
import pytest

from cortex_lab.compute.cpu import work_stealing as stealing
from cortex_lab.compute.cpu.calling_convention import words_of, work
from cortex_lab.compute.cpu.denormals import flush, restore
from cortex_lab.compute.cpu.jit import piecework
from cortex_lab.compute.cpu.machine import IS_X86, PORTABLE
from cortex_lab.compute.cpu.pool import Workers, get_workers
from cortex_lab.compute.cpu.remembered import remembered
from cortex_lab.compute.work import Work, in_turn, join, joined
from tests.waiting import wait_for_rest

below_python = pytest.mark.skipif(PORTABLE, reason="work goes through Python here")


@piecework
def _scale(x, settings, out, tag, start, stop, room):
    factor, shift = settings
    room[0] += 1
    for i in range(start, stop):
        out[i] = factor * x[i] + shift
        tag[i] = start


@piecework
def _double(out, start, stop):
    for i in range(start, stop):
        out[i] *= 2


@piecework
def _halve(numbers):
    numbers[0] *= np.float32(0.5)


@piecework
def _fail(numbers, wrong, start, stop):
    for i in range(start, stop):
        if i == wrong:
            raise ValueError("no")
        numbers[i] = i


@piecework
def _dawdle(numbers, rounds, start, stop):
    for i in range(start, stop):
        total = 0.0
        for k in range(rounds):
            total += np.sin(total + k)
        numbers[i] = total


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> Workers:
    """A pool of three workers, for this test."""
    workers = Workers(3)
    for module in ("pool", "calling_convention"):
        monkeypatch.setattr(f"cortex_lab.compute.cpu.{module}.get_workers", lambda: workers)
    return workers


def pieces_of(total: int, count: int) -> list[tuple[int, int]]:
    return [(total * i // count, total * (i + 1) // count) for i in range(count)]


@pytest.mark.parametrize("count", [1, 2, 7, 1000])
def test_every_piece_is_done_once_with_its_own_numbers(three: Workers, count: int):
    x = np.arange(1000, dtype=np.float32)
    out, tag = np.zeros(1000, np.float32), np.zeros(1000, np.int64)
    rooms = [np.zeros(1, np.int64) for _ in range(3)]
    settings = (np.float32(2.5), 0.25)
    made = work(_scale, (x, settings, out, tag), pieces_of(1000, count), lambda worker: (rooms[worker],))
    for _ in range(20):
        made()
    np.testing.assert_array_equal(out, 2.5 * x + 0.25)
    assert sorted(set(tag.tolist())) == [start for start, _ in pieces_of(1000, count)]
    assert sum(int(room[0]) for room in rooms) == 20 * count


def test_kernels_that_are_joined_run_in_their_order(three: Workers):
    x, out, tag = np.ones(999, np.float32), np.zeros(999, np.float32), np.zeros(999, np.int64)
    room = np.zeros(1, np.int64)
    first = work(_scale, (x, (np.float32(1), 2.0), out, tag), pieces_of(999, 5), lambda worker: (room,))
    second = work(_double, (out,), pieces_of(999, 3))
    whole = join([first, second, second])
    assert whole.names == ["_scale", "_double", "_double"]
    for _ in range(100):
        out[:] = -1
        whole()
        assert (out == 12).all()


def test_neighbors_are_joined_and_other_calls_stay_between_them():
    out, seen = np.ones(8, np.float32), []
    double = work(_double, (out,), [(0, 8)])

    def look() -> None:
        seen.append(float(out[0]))

    calls = joined([double, double, look, double])
    assert [(isinstance(call, Work), made) for call, made in calls] == [(True, 2), (False, 1), (True, 1)]
    for call, _ in calls:
        call()
    assert seen == [4.0] and out[0] == 8
    whole = in_turn(double, double, look, double)
    whole()
    assert seen == [4.0, 32.0] and out[0] == 64


def test_a_kernel_that_fails_is_named_and_those_after_it_are_not_begun(three: Workers):
    numbers, after = np.zeros(90, np.int64), np.ones(9, np.float32)
    for count in (1, 6):
        failing = work(_fail, (numbers, 40), pieces_of(90, count))
        whole = join([work(_double, (after,), [(0, 9)]), failing, work(_double, (after,), [(0, 9)])])
        after[:] = 1
        with pytest.raises(RuntimeError, match="'_fail'"):
            whole()
        assert (after == 2).all()
    work(_fail, (numbers, -1), pieces_of(90, 6))()
    np.testing.assert_array_equal(numbers, np.arange(90))


def test_threads_that_come_at_the_same_time_wait_for_each_other(three: Workers):
    outs = [np.zeros(300, np.float32) for _ in range(4)]
    shared = np.zeros(1, np.int64)

    def make(out: np.ndarray) -> Work:
        x, tag = np.ones(300, np.float32), np.zeros(300, np.int64)
        fill = work(_scale, (x, (np.float32(3), 1.0), out, tag), pieces_of(300, 6), lambda worker: (shared,))
        return join([fill, work(_double, (out,), pieces_of(300, 4))])

    works, wrong = [make(out) for out in outs], []

    def repeat(made: Work, out: np.ndarray) -> None:
        for _ in range(300):
            made()
            if not (out == 8).all():
                wrong.append(out.copy())

    threads = [threading.Thread(target=repeat, args=pair) for pair in zip(works, outs, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong and not any(thread.is_alive() for thread in threads)


def test_an_interrupt_waits_for_helpers_and_leaves_the_pool_in_order(three: Workers):
    numbers = np.full(6, np.nan)
    slow = work(_dawdle, (numbers, 3_000_000), pieces_of(6, 6))
    # A shell may have had this process ignore interrupts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            threading.Timer(0.02, signal.raise_signal, [signal.SIGINT]).start()
            for _ in range(200):
                slow()
    finally:
        signal.signal(signal.SIGINT, before)
    held = numbers.copy()
    wait_for_rest(three)
    np.testing.assert_array_equal(numbers, held)
    out = np.ones(30, np.float32)
    work(_double, (out,), pieces_of(30, 6))()
    assert (out == 2).all()


@below_python
def test_helpers_fall_asleep_and_wake_again(three: Workers):
    out = np.ones(30, np.float32)
    double = work(_double, (out,), pieces_of(30, 6))
    for _ in range(3):
        out[:] = 1
        double()
        assert (out == 2).all()
        wait_for_rest(three)


def test_small_numbers_are_zero_inside_and_not_after():
    if not IS_X86:
        pytest.skip("this processor is as quick with small numbers as with any")
    before = flush()
    restore(before)
    tiny = np.full(1, 1.5e-38, np.float32)
    work(_halve, (tiny,))()
    assert tiny[0] == 0
    assert np.float32(1.5e-38) * np.float32(0.5) > 0


@below_python
def test_python_cannot_call_what_has_no_way_in_for_it():
    with pytest.raises(TypeError, match="_halve has no way in"):
        _halve(np.ones(1, np.float32))


def test_more_pieces_than_a_ticket_counts_are_refused():
    with pytest.raises(ValueError, match="65535 pieces"):
        work(_double, (np.ones(3, np.float32),), [(0, 0)] * (stealing.MOST + 1))


def test_words_hold_any_argument():
    array = np.zeros((2, 3), np.float32)
    assert words_of(array) == [0, 0, 6, 4, array.ctypes.data, 2, 3, 12, 4]
    assert words_of((True, -3, (7,))) == [1, -3, 7]
    assert words_of(1.0) == [0x3FF0000000000000]
    assert words_of(np.float32(-1)) == [np.int32(np.float32(-1).view(np.int32))]
    assert words_of(np.uint64(2**64 - 1)) == [-1]


@below_python
def test_what_is_remembered_goes_with_its_arrays():
    made = []

    @remembered
    def make(array: np.ndarray, factor: int) -> list[int]:
        made.append((array.shape, factor))
        return [factor]

    array = np.ones(3)
    assert make(array, 2) is make(array, 2)
    assert make(array, 3) == [3]
    gone = weakref.ref(array)
    del array
    gc.collect()
    assert gone() is None
    for size in range(4, 12):
        make(np.ones(size), 2)
    assert len(made) == 10


def test_the_pool_of_the_process_is_as_large_as_it_says():
    assert get_workers() is get_workers()
    assert len(get_workers()._rooms) == get_workers().count
