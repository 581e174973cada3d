"""NaN and infinity: every accelerated kernel hands them on as its reference does, and hides none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.compute.cases import CASES, Case, Draw, poison
from tests.compute.test_overrides import accelerated, copied, expected
from tests.special import SPECIAL, assert_same, plant

DRAWS = 40
# What these make does not depend on numbers they are given.
DRAWN = {"random_uniform", "random_normal", "dropout_mask", "checksum"}
# Row weights, which are finite: whoever gives others is told so.
FINITE = {"softmax_cross_entropy": 2, "squared_error": 2}


def numbers(name: str, made: Case) -> list[np.ndarray]:
    """The arrays of any numbers that a case reads; those it only writes come in as nothing but NaN."""
    spared = [id(made.args[place]) for place in made.writes if _poisoned(made.args[place])]
    if name in FINITE:
        spared.append(id(made.args[FINITE[name]]))
    return [a for a in _arrays(made.args) if a.dtype == np.float32 and id(a) not in spared]


def _poisoned(argument: Any) -> bool:
    return argument is not None and argument.dtype.kind == "f" and bool(np.isnan(argument).all())


def _arrays(arguments: Any) -> Iterator[np.ndarray]:
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            yield argument
        elif isinstance(argument, tuple):
            yield from _arrays(argument)


def test_every_accelerated_kernel_that_reads_numbers_is_tried():
    assert {name for name in CASES if not numbers(name, CASES[name](Draw(0, large=False)))} == DRAWN


@pytest.mark.parametrize("name", sorted(set(CASES) - DRAWN))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_special_values_come_out_where_the_reference_has_them(name: str):
    for seed in range(DRAWS):
        made = CASES[name](Draw(seed, large=seed % 6 == 5))
        random = np.random.default_rng(seed)
        read = numbers(name, made)
        plant(random, read[random.integers(len(read))])
        (result, found), (wanted_result, wanted) = accelerated(name, made), expected(name, made)
        if wanted_result is not None:
            assert_same(result, wanted_result, message=f"{name}, seed {seed}")
        for ours, theirs in zip(found, wanted, strict=True):
            if theirs is not None:
                assert_same(ours, theirs, message=f"{name}, seed {seed}")


@pytest.mark.parametrize("special", SPECIAL)
@pytest.mark.parametrize("border", [0, 1])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_no_special_value_comes_in_through_the_border_of_a_convolution(border: int, special: float):
    """Tiles multiply what lies beside a window by zeros, which infinity and NaN do not leave nothing."""
    random = np.random.default_rng(0)
    padding = ((border, border), (border, border))
    y_shape = (3, 4 + 2 * border, 5 + 2 * border, 19)
    x, w, dy = (random.normal(size=shape) for shape in ((3, 6, 7, 17), (3, 3, 17, 19), y_shape))
    corner, tap = x.copy(), w.copy()
    corner[1, 0, 0, 2] = corner[2, 5, 6, 16] = tap[0, 0, 3, 4] = tap[2, 1, 16, 18] = special
    scale = np.where(np.arange(19) == 18, special, 0.5)
    geometry = ((1, 1), padding, (1, 1), 1)
    for name, given, shape in (
        ("convolve_weight_gradient", (corner, dy), w.shape),
        ("convolve_input_gradient", (dy, tap), x.shape),
        ("convolve_and", (x, w, scale, scale, None, "relu"), y_shape),
    ):
        args = [copied(np.float32(each)) if isinstance(each, np.ndarray) else each for each in given]
        made = Case([*args, poison(*shape), *geometry], (len(args),))
        found, wanted = accelerated(name, made)[1][0], expected(name, made)[1][0]
        assert 0 < np.isfinite(wanted).sum() < wanted.size
        assert_same(found, wanted, message=name)
