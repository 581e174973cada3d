"""Maps over a training: they stay put, rows come and go, and what drifted is said."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from cortex_lab.embed import TSNE, AlignedTSNE
from cortex_lab.embed.aligned import procrustes
from cortex_lab.study import Process, Session, below, steps

pytest.importorskip("openTSNE")

SHORT = {"perplexity": 10, "iterations": 100, "early_iterations": 60}
MOVED = np.arange(60, 75)
"""The rows whose features change between two moments."""


def features_at(moment: int) -> np.ndarray:
    """90 rows in 3 clusters, 30 after 30; at each moment, MOVED go on from the last cluster to the first."""
    rng = np.random.default_rng(0)
    x = np.repeat(np.eye(3, 8) * 6, 30, axis=0) + rng.normal(size=(90, 8))
    x[MOVED] += min(moment, 4) / 4 * 6 * (np.eye(3, 8)[0] - np.eye(3, 8)[2])
    return x.astype(np.float32)


def source(rows: Callable[[int], np.ndarray] = lambda moment: np.arange(90)) -> Callable:
    return lambda moment: (rows(moment) + 1000, features_at(moment)[rows(moment)])


def laid_out(process: AlignedTSNE) -> Session:
    session = Session(process)
    session.run(until=below("remaining", 1) | steps(2000), progress=False)
    assert process.measure("remaining") == 0
    return session


@pytest.fixture(scope="module")
def aligned() -> Session:
    return laid_out(AlignedTSNE(source(), range(5), **SHORT))


def test_is_a_process(aligned):
    process = aligned.process
    assert isinstance(process, Process) and set(process.keys) >= {probe.key for probe in process.probes}
    assert list(AlignedTSNE(source(), [0], **SHORT).walk()) == list(process.phases)
    assert repr(process).startswith("<AlignedTSNE of 5 moments, 5 laid out, at step ")
    assert [each.moment for each in process.maps] == [0, 1, 2, 3, 4]
    assert aligned.trace["remaining"][0] == 5 and aligned.trace["moment"][-1] == 4
    with pytest.raises(KeyError, match="coherence_error"):
        process.measure("loss")


def test_the_first_map_is_a_plain_tsne(aligned):
    plain = TSNE(features_at(0), perplexity=10, early_iterations=60)
    Session(plain).step(aligned.process.maps[0].iterations)
    assert np.array_equal(plain.positions, aligned.process.maps[0].positions)
    assert plain.divergence() == aligned.process.maps[0].kl_divergence


def test_what_changes_drifts_and_what_stays_stays():
    process = laid_out(AlignedTSNE(source(), [0, 4], coherence=0.02, **SHORT)).process
    first, second = process.maps
    others = np.setdiff1d(np.arange(90), MOVED)
    assert np.isnan(first.drift).all() and np.isnan(first.coherence_error)
    assert second.drift[MOVED].mean() > 2 * second.drift[others].mean()
    assert second.coherence_error < second.drift.mean()
    assert np.array_equal(first.shown, first.positions)
    assert second.shown.std() == pytest.approx(first.shown.std(), rel=0.05)


def test_a_map_of_what_has_changed_altogether_begins_afresh():
    order = np.random.default_rng(3).permutation(90)

    def changed(moment: int) -> tuple[np.ndarray, np.ndarray]:
        return np.arange(90), features_at(0)[order] if moment else features_at(0)

    found = laid_out(AlignedTSNE(changed, [0, 1], **SHORT)).process.maps
    stuck = laid_out(AlignedTSNE(changed, [0, 1], afresh=0, **SHORT)).process.maps
    assert found[0].kl_divergence == stuck[0].kl_divergence
    assert found[1].kl_divergence < 1.1 * found[0].kl_divergence < stuck[1].kl_divergence
    assert found[1].iterations > stuck[1].iterations


def test_maps_are_about_as_good_as_those_made_alone(aligned):
    for each in aligned.process.maps:
        alone = TSNE(features_at(each.moment), perplexity=10, early_iterations=60)
        Session(alone).step(160)
        assert each.kl_divergence < 1.15 * alone.divergence()


def test_coherence_holds_what_stays():
    errors = {
        strength: laid_out(AlignedTSNE(source(), [0, 2, 4], coherence=strength, **SHORT)).process.maps
        for strength in (0, 0.1)
    }
    free, held = ([each.coherence_error for each in maps[1:]] for maps in errors.values())
    assert sum(held) < 0.7 * sum(free)


def test_a_rewind_replays_the_same_bits(aligned):
    fresh = laid_out(AlignedTSNE(source(), range(5), **SHORT))
    maps, step = fresh.process.maps, fresh.step_number
    for goal in (step - 30, 130, 30):
        fresh.rewind(goal)
        fresh.step(step - goal)
        for one, other in zip(maps, fresh.process.maps, strict=True):
            assert np.array_equal(one.positions, other.positions) and one.moment == other.moment
            np.testing.assert_array_equal(one.drift, other.drift)


def test_a_step_left_before_its_end_has_not_happened():
    process = AlignedTSNE(source(), [0, 1], **{**SHORT, "iterations": 5, "early_iterations": 5})
    session = Session(process)
    session.step(10)
    before, snapshot = process.maps, process.snapshot()
    assert len(before) == 1
    walk = process.walk()
    assert [next(walk), next(walk)] == ["affinities", "gradient"]
    assert process.moment == 0 and process.snapshot()["place"] is snapshot["place"]
    next(walk)
    assert process.moment == 1 and process.step_number == 11


def test_rows_come_and_go():
    def rows(moment: int) -> np.ndarray:
        return np.arange(0, 80) if moment == 0 else np.setdiff1d(np.arange(90), [5, 6, 40])

    process = laid_out(AlignedTSNE(source(rows), [0, 1], **SHORT)).process
    first, second = process.maps
    assert len(first.positions) == 80 and len(second.positions) == 87
    assert np.array_equal(second.index, rows(1) + 1000)
    new = second.index >= 1080
    assert np.isnan(second.drift[new]).all() and np.isfinite(second.drift[~new]).all()
    # The new ones are of the last cluster, and lie there.
    home = second.positions[(second.index >= 1075) & ~new].mean(axis=0)
    others = [second.positions[second.index < 1030].mean(axis=0), second.positions[30:55].mean(axis=0)]
    for place in second.positions[new]:
        assert np.linalg.norm(place - home) < min(np.linalg.norm(place - other) for other in others)


def test_rows_that_are_all_others_begin_anew():
    def rows(moment: int) -> np.ndarray:
        return np.arange(45) if moment == 0 else np.arange(45, 90)

    process = laid_out(AlignedTSNE(source(rows), [0, 1], **SHORT)).process
    assert np.isnan(process.maps[1].drift).all() and process.maps[1].scale == 1


def test_nothing_moved_is_nothing_drifted():
    session = laid_out(AlignedTSNE(lambda moment: (np.arange(90), features_at(0)), [0, 7], **SHORT))
    assert np.isfinite(session.process.maps[1].drift).all()
    assert session.process.maps[1].drift.mean() < 0.05


def test_moments_are_added_while_it_runs():
    process = AlignedTSNE(source(), [0], **{**SHORT, "iterations": 20, "early_iterations": 10})
    session = Session(process)
    session.step(40)
    assert process.moment == 0 and len(process.maps) == 1
    session.edit("moment", 3)
    session.edit("coherence", 0.5)
    session.step()
    assert process.moment == 3 and len(process.maps) == 2 and process.maps[0].iterations == 40
    session.step(10)
    expected = process.maps[-1].positions
    session.rewind(35)
    assert process.moments == (0,) and process.coherence != 0.5
    with pytest.raises(ValueError, match=r"must go on from \(0,\)"):
        session.edit("moments", [3])
    session.edit("moments", [0, 3])
    session.edit("iterations", 10)
    session.step(5)
    assert process.moment == 3 and not np.array_equal(expected, process.maps[-1].positions)
    with pytest.raises(KeyError, match="no 'speed' to edit; they have moment, now, moments, coherence"):
        session.edit("speed", 1)


def nan_at(moment: int) -> tuple[np.ndarray, np.ndarray]:
    x = features_at(moment)
    x[4] = np.nan if moment else x[4]
    return np.arange(90), x


BAD = {
    "not a number": (nan_at, "moment 1: x is NaN or infinite at rows 4"),
    "all alike": (
        lambda moment: (np.arange(90), features_at(0) * (moment == 0)),
        "moment 1: all 90 rows of x are the same.*dead units",
    ),
    "too few": (
        lambda moment: (np.arange(90 - 70 * moment), features_at(0)[: 90 - 70 * moment]),
        "moment 1: perplexity=10 does not suit 20 points",
    ),
    "twice": (
        lambda moment: (np.arange(90) * (moment == 0), features_at(0)),
        "moment 1: the number of a row comes twice",
    ),
    "another layer": (
        lambda moment: (np.arange(90), features_at(0)[:, : 8 - moment]),
        "moment 1: rows have 7 features, and had 8",
    ),
    "lengths": (lambda moment: (np.arange(90 - moment), features_at(0)), "a line of features is wanted for"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_moment_that_cannot_be_laid_out_is_named_and_changes_nothing(name):
    bad, message = BAD[name]
    process = AlignedTSNE(bad, [0, 1], **{**SHORT, "iterations": 3, "early_iterations": 3})
    session = Session(process)
    session.step(6)
    before = process.snapshot()
    with pytest.raises(ValueError, match=message):
        session.step()
    assert session.step_number == 6 and process.snapshot()["place"] is before["place"]


@pytest.mark.parametrize(
    ("moments", "options", "message"),
    [
        ([], {}, "moments must be whole numbers, one at least"),
        ([1, 2, 1], {}, r"each once, got \[1, 2, 1\]"),
        ([0.5], {}, "a moment must be a whole number"),
        ([0], {"coherence": -1}, "coherence must be"),
        ([0], {"iterations": 0}, "iterations must be"),
        ([0], {"perplexity": 40}, "moment 0: perplexity=40 does not suit 90 points"),
    ],
)
def test_what_is_refused(moments, options, message):
    with pytest.raises(ValueError, match=message):
        AlignedTSNE(source(), moments, **{**SHORT, **options})


def test_procrustes_takes_out_turns_mirrors_and_scale():
    rng = np.random.default_rng(0)
    y = rng.normal(size=(40, 2))
    for mirror in (1, -1):
        turn = np.array([[np.cos(2), np.sin(2)], [-np.sin(2), np.cos(2)]]) @ np.diag([1, mirror])
        onto = 3 * y @ turn + 7
        found, scale = procrustes(y, onto)
        np.testing.assert_allclose(found, turn, atol=1e-12)
        assert scale == pytest.approx(3)
    assert procrustes(np.ones((5, 2)), y[:5])[1] == 1
