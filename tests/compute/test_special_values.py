"""NaN and infinity: every accelerated kernel hands them on as its reference does, and hides none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from cortex_lab.compute import get_ops
from cortex_lab.compute.kernel import REGISTRY
from tests.compute.cases import CASES, Case, Draw
from tests.compute.test_overrides import accelerated, copied, expected
from tests.special import assert_same, plant

DRAWS = 24
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
