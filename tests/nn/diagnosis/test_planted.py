"""What was planted is named first, of two at once both, and where nothing was planted nothing is said."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.planted import BASES
from benchmarks.planted_faults import FAULTS, HEALTHY, doubly_faulty, faulty, healthy

FAULTY = list(faulty())
# A third of the matrix, with every fault and every network in it: the benchmark takes all.
SOME = FAULTY[::3]
SOME += [next(case for case in FAULTY if case.names == (name,))
         for name in FAULTS if not any(case.names == (name,) for case in SOME)]  # fmt: skip
PAIRS = list(doubly_faulty())[::3]
HEALTHY_ONES = list(healthy())[::3]


def test_every_fault_and_every_network_is_in_the_third():
    assert {case.names[0] for case in SOME} == set(FAULTS) and {case.base for case in SOME} == set(BASES)
    assert {case.names[0] for case in HEALTHY_ONES} == set(HEALTHY)
    assert (
        len(SOME) + len(PAIRS) + len(HEALTHY_ONES)
        >= sum(len(list(cases)) for cases in (faulty(), doubly_faulty(), healthy())) // 3
    )


@pytest.mark.parametrize("case", SOME, ids=str)
def test_the_cause_is_named_first(case):
    found = case.setup().session().diagnose()
    assert found and found[0].kind in case.kinds[0], found
    assert not any("(" in each for each in found.skipped), found.skipped
    assert found[0].sentence and not np.isnan(found[0].bound)


@pytest.mark.parametrize("case", PAIRS, ids=str)
def test_of_two_faults_both_are_among_the_first_three(case):
    found = case.setup().session().diagnose()
    kinds = {finding.kind for finding in found[:3]}
    assert all(kinds & set(named) for named in case.kinds), found


@pytest.mark.parametrize("case", HEALTHY_ONES, ids=str)
def test_nothing_is_said_where_nothing_is_wrong(case):
    found = case.setup().session().diagnose()
    assert not found, found
    assert "Nothing found" in repr(found) and "may be wrong" not in repr(found)
    assert not any("(" in each for each in found.skipped), found.skipped
