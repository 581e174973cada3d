"""What was planted is named first, of two at once both, and where nothing was planted nothing is said."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.planted_faults import FAULTS, doubly_faulty, faulty, healthy

FAULTY = list(faulty(seeds=1))
# Every fault on one base, a different one each time, and every third of the others: the benchmark takes all.
ONE_OF_EACH = [
    next(iter(cases[number % len(cases) :]))
    for number, cases in enumerate([c for c in FAULTY if c.names == (name,)] for name in FAULTS)
]
SOME = [*ONE_OF_EACH, *[case for case in FAULTY if case not in ONE_OF_EACH][::12]]
PAIRS = list(doubly_faulty())[::3]
HEALTHY = list(healthy(seeds=1))[::3]


def test_every_kind_is_planted_somewhere():
    assert {case.names[0] for case in ONE_OF_EACH} == set(FAULTS)


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


@pytest.mark.parametrize("case", HEALTHY, ids=str)
def test_nothing_is_said_where_nothing_is_wrong(case):
    found = case.setup().session().diagnose()
    assert not found, found
    assert "Nothing found" in repr(found) and "may be wrong" not in repr(found)
    assert not any("(" in each for each in found.skipped), found.skipped
