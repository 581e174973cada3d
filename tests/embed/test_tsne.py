from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from cortex_lab.data import Dataset
from cortex_lab.embed import TSNE
from cortex_lab.study import Process, Session, above, below, stalled, steps

pytest.importorskip("openTSNE")


@pytest.fixture(scope="module")
def clusters() -> np.ndarray:
    """60 points with 8 features in 3 clusters, 20 after 20."""
    centers = np.repeat(np.eye(3, 8) * 6, 20, axis=0)
    return (centers + np.random.default_rng(0).normal(size=(60, 8))).astype(np.float32)


def make(x: np.ndarray, **options) -> TSNE:
    return TSNE(x, perplexity=8, early_iterations=30, **options)


def advance(process: TSNE, n: int) -> np.ndarray:
    for _ in range(n):
        for _ in process.walk():
            pass
    return state_of(process)


def state_of(process: TSNE) -> np.ndarray:
    buffers = process.buffers
    return np.stack(
        [process.snapshot()["positions"], buffers["update"], buffers["gains"], buffers["gradient"]]
    )


def separation(process: TSNE) -> float:
    """Distance between cluster centers over the spread within, in the map."""
    groups = process.buffers["embedding"].reshape(3, 20, 2)
    between = np.linalg.norm(groups.mean(axis=1)[:, None] - groups.mean(axis=1)[None], axis=2)
    return between[np.triu_indices(3, 1)].min() / groups.std(axis=1).max()


def test_is_a_process(clusters):
    process = make(clusters)
    assert isinstance(process, Process)
    assert list(process.walk()) == list(process.phases)
    assert set(process.keys) == {probe.key for probe in process.probes}


def test_first_picture_is_the_pca_and_needs_no_affinities(clusters):
    process = make(clusters)
    assert process.step_number == 0 and len(process.buffers["neighbors/affinity"]) == 0
    embedding = process.buffers["embedding"]
    assert embedding.shape == (60, 2) and embedding.dtype == np.float32
    centered = clusters - clusters.mean(axis=0)
    components = centered @ np.linalg.svd(centered, full_matrices=False)[2][:2].T
    for axis in range(2):
        assert abs(np.corrcoef(components[:, axis], embedding[:, axis])[0, 1]) > 0.999
    assert np.isnan([process.measure(key) for key in process.keys]).all()


def test_layout_pulls_clusters_apart(clusters):
    process = make(clusters)
    session = Session(process)
    session.step(150)
    assert separation(process) > 3
    assert session.trace["kl_divergence"][-1] < 0.5 * session.trace["kl_divergence"][0]
    assert session.trace["exaggeration"].tolist() == [12.0] * 30 + [1.0] * 120
    assert session.trace["learning_rate"].tolist() == [5.0] * 30 + [60.0] * 120


def test_same_bits_as_opentsne(clusters):
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PerplexityBasedNN

    process = make(clusters)
    affinities = PerplexityBasedNN(clusters, perplexity=8, method="exact", random_state=0)
    peer = TSNEEmbedding(process.snapshot()["positions"], affinities, negative_gradient_method="bh", n_jobs=1)
    peer.optimize(30, inplace=True, exaggeration=12, momentum=0.8, learning_rate="auto")
    assert np.array_equal(advance(process, 30)[0], peer)
    # openTSNE multiplies P by the exaggeration and divides again; what that loses grows from here on.
    peer.optimize(20, inplace=True, exaggeration=None, momentum=0.8, learning_rate="auto")
    np.testing.assert_allclose(advance(process, 20)[0], peer, rtol=1e-6, atol=1e-9)
    advance(process, 1)
    # The peer's is what its Barnes-Hut tree makes of the pairs far from each other.
    assert process.measure("kl_divergence") == pytest.approx(peer.kl_divergence, abs=0.02)


def test_same_seed_same_bits(clusters):
    assert np.array_equal(advance(make(clusters, seed=3), 40), advance(make(clusters, seed=3), 40))
    assert not np.array_equal(advance(make(clusters, seed=3), 40), advance(make(clusters, seed=4), 40))


@pytest.mark.parametrize("at", [0, 5, 29, 30, 45])
def test_snapshot_and_restore_replay_the_same_bits(clusters, at):
    process = make(clusters)
    advance(process, at)
    snapshot = process.snapshot()
    expected = advance(process, 20)
    measured = [process.measure(key) for key in process.keys]
    process.restore(snapshot)
    assert process.step_number == at
    assert np.array_equal(advance(process, 20), expected)
    np.testing.assert_array_equal([process.measure(key) for key in process.keys], measured)
    fresh = make(clusters)
    fresh.restore(snapshot)
    assert np.array_equal(advance(fresh, 20), expected)


def test_session_rewinds_over_edits(clusters):
    session = Session(make(clusters))
    session.step(35)
    session.edit("learning_rate", 20.0)
    session.step(5)
    session.edit("perplexity", 5)
    session.step(5)
    session.edit("features", clusters[:, ::2] * 1.5)
    session.step(10)
    expected, trace = state_of(session.process), session.trace.frame()
    session.step(10)
    session.rewind(55)
    assert np.array_equal(state_of(session.process), expected)
    np.testing.assert_array_equal(session.trace.frame()["kl_divergence"], trace["kl_divergence"])
    session.rewind(38)
    assert session.process.x.shape == (60, 8)


def test_only_the_last_phase_changes_the_state(clusters):
    process = make(clusters, iterations_per_step=3)
    advance(process, 2)
    walk = process.walk()
    before = process.snapshot()
    assert [next(walk), next(walk)] == ["affinities", "gradient"]
    after = process.snapshot()
    assert all(before[name] is after[name] for name in before)
    assert next(walk) == "move" and process.step_number == 3


def test_phases_can_be_read(clusters):
    session = Session(make(clusters))
    session.step(to="affinities")
    buffers = session.buffers
    assert buffers["neighbors/affinity"].sum() == pytest.approx(1)
    assert len(buffers["neighbors/indptr"]) == 61 and buffers["neighbors/indices"].max() < 60
    assert not buffers["gradient"].any() and session.step_number == 0
    start = buffers["embedding"]
    session.step(to="gradient")
    assert session.buffers["gradient"].any() and np.array_equal(session.buffers["embedding"], start)
    session.step(to="move")
    assert session.step_number == 1 and not np.array_equal(session.buffers["embedding"], start)
    assert np.array_equal(advance(make(clusters), 1), state_of(session.process))


def test_buffers_cannot_be_written_through(clusters):
    process = make(clusters)
    advance(process, 1)
    for name, buffer in process.buffers.items():
        assert name == "embedding" or not buffer.flags.writeable
    process.buffers["embedding"][:] = 0
    assert process.buffers["embedding"].any()
    assert not process.x.flags.writeable


def test_an_edit_inside_a_step_counts_from_its_start(clusters):
    stopped = Session(make(clusters))
    stopped.step(40)
    stopped.step(to="gradient")
    stopped.edit("learning_rate", 3.0)
    stopped.step()
    edited = make(clusters)
    advance(edited, 40)
    edited.edit("learning_rate", 3.0)
    assert np.array_equal(advance(edited, 1), state_of(stopped.process))
    stopped.step()
    stopped.rewind(41)
    assert np.array_equal(state_of(edited), state_of(stopped.process))


def test_iterations_per_step(clusters):
    coarse, fine = make(clusters, iterations_per_step=5), make(clusters)
    assert np.array_equal(advance(coarse, 8), advance(fine, 40))
    assert coarse.step_number == 8
    before = fine.snapshot()["positions"]
    coarse_before = coarse.snapshot()["positions"]
    advance(coarse, 1)
    advance(fine, 5)
    after = fine.snapshot()["positions"]
    moved = np.linalg.norm(after - before, axis=1).mean() / np.sqrt((after**2).sum(axis=1).mean())
    assert np.array_equal(before, coarse_before) and coarse.measure("moved") == pytest.approx(moved)


def test_stops_when_the_map_stands_still(clusters):
    session = Session(make(clusters))
    stop = session.run(until=below("moved", 1e-3) | steps(1500))
    assert stop.kind == "condition" and 60 < session.step_number < 1500
    assert np.isnan(session.trace["moved"][:30]).all() and not np.isnan(session.trace["moved"][30:]).any()
    still = Session(make(clusters)).run(until=stalled("kl_divergence", 20, min_delta=1e-4) | steps(1500))
    assert still.step < 1500


def test_warm_start_follows_new_features(clusters):
    session = Session(make(clusters))
    session.step(120)
    before = session.buffers["embedding"]
    process = session.process
    process.continue_from(clusters + np.random.default_rng(1).normal(0, 0.3, clusters.shape))
    assert np.array_equal(process.buffers["embedding"], before) and not process.buffers["update"].any()
    session.step(40)
    after = process.buffers["embedding"]
    assert (session.trace["exaggeration"][120:] == 1).all()
    assert separation(process) > 3
    drift = np.linalg.norm(after - before, axis=1).mean() / before.std()
    assert 0 < drift < 1
    process.continue_from(clusters[:, :3].reshape(60, 3, 1))
    assert process.x.shape == (60, 3)


def test_initial_positions(clusters):
    start = np.random.default_rng(2).normal(size=(60, 2))
    process = make(clusters, initial=start)
    assert np.array_equal(process.buffers["embedding"], start.astype(np.float32))
    advance(process, 1)
    assert process.measure("exaggeration") == 1 and process.measure("moved") > 0
    start[1] = start[0]
    apart = make(clusters, initial=start).buffers["embedding"]
    assert not np.array_equal(apart[0], apart[1]) and np.abs(apart - start).max() < 1e-3


def test_edits(clusters):
    process = make(clusters)
    advance(process, 40)
    process.edit("exaggeration", 4)
    process.edit("momentum", 0.5)
    advance(process, 1)
    assert process.measure("exaggeration") == 4 and process.measure("learning_rate") == 15
    process.edit("exaggeration", None)
    process.edit("learning_rate", 7)
    advance(process, 1)
    assert process.measure("exaggeration") == 1 and process.measure("learning_rate") == 7
    process.edit("perplexity", 4)
    advance(process, 1)
    assert len(process.buffers["neighbors/affinity"]) < 60 * 2 * 12 + 1
    before = process.snapshot()
    for name, value in (
        ("perplexity", 50),
        ("learning_rate", 0),
        ("momentum", 1.0),
        ("features", clusters[:9]),
    ):
        with pytest.raises(ValueError, match=rf"{name}|rows"):
            process.edit(name, value)
    assert all(process.snapshot()[name] is before[name] for name in before)
    names = "learning_rate, momentum, perplexity, exaggeration, features, anchors"
    with pytest.raises(KeyError, match=names):
        process.edit("speed", 1)
    with pytest.raises(KeyError, match="kl_divergence"):
        process.measure("loss")


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        (np.eye(50, 3), {}, r"perplexity=30 does not suit 50 points.* has 49; choose from 1 to 16.3"),
        (np.eye(50, 3), {"perplexity": 0.5}, "choose from 1 to 16.3"),
        (np.eye(3), {"perplexity": 1}, "4 points or more, got 3"),
        (
            np.where(np.eye(50, 3) == 1, np.nan, 0),
            {},
            "NaN or infinite at rows 0, 1, 2; leave these rows out",
        ),
        (np.full((50, 3), np.inf), {}, "rows 0, 1, 2, 3, 4 and 45 more"),
        (np.ones((50, 3)), {}, r"all 50 rows of x are the same.*dead units"),
        (np.zeros(50), {}, r"x must be \(n, features\) numbers"),
        (np.full((50, 2), "a"), {}, r"x must be \(n, features\) numbers"),
        (np.eye(50, 3), {"perplexity": 5, "labels": [1]}, "1 labels for 50 rows"),
        (np.eye(50, 3), {"perplexity": 5, "initial": np.zeros((50, 3))}, r"initial must be \(50, 2\)"),
        (np.eye(50, 3), {"perplexity": 5, "initial": np.ones((50, 2))}, "every point in one place"),
        (np.eye(50, 3), {"perplexity": 5, "initial": np.full((50, 2), np.nan)}, "initial is NaN"),
        (
            np.eye(50, 3),
            {"perplexity": 5, "iterations_per_step": 0},
            "iterations_per_step must be a whole number of at least 1",
        ),
        (
            np.eye(50, 3),
            {"perplexity": 5, "learning_rate": -1},
            "learning_rate must be a finite number over 0",
        ),
        (np.eye(50, 3), {"perplexity": 5, "early_exaggeration": np.nan}, "early_exaggeration must be"),
    ],
)
def test_what_cannot_be_laid_out(x, options, message):
    with pytest.raises(ValueError, match=message):
        TSNE(x, **options)


def test_odd_but_fine_inputs():
    rng = np.random.default_rng(0)
    assert TSNE(rng.normal(size=(4, 2)), perplexity=1).buffers["embedding"].shape == (4, 2)
    line = TSNE(np.arange(20)[:, None], perplexity=3)
    assert np.isfinite(advance(line, 3)).all()
    twins = np.repeat(rng.normal(size=(6, 4)), 5, axis=0)
    assert np.isfinite(advance(TSNE(twins, perplexity=5), 60)).all()
    dead = np.concatenate([np.zeros((20, 4)), rng.normal(size=(10, 4))])
    assert np.isfinite(advance(TSNE(dead, perplexity=5), 60)).all()
    images = rng.integers(0, 255, (20, 4, 4, 1), dtype=np.uint8)
    assert TSNE(images, perplexity=5).x.shape == (20, 16)


def test_x_is_copied(clusters):
    x = clusters.copy()
    process = make(x)
    x[:] = 0
    assert np.array_equal(advance(process, 5), advance(make(clusters), 5))


def test_a_map_out_of_range_is_an_error_not_a_crash(clusters):
    process = make(clusters)
    advance(process, 1)
    snapshot = process.snapshot()
    snapshot["positions"] = np.full((60, 2), np.nan)
    process.restore(snapshot)
    with pytest.raises(FloatingPointError, match="left the range of numbers"):
        advance(process, 1)


def test_without_opentsne():
    code = (
        "import sys; sys.modules['openTSNE'] = None\n"
        "import cortex_lab.embed, numpy\n"
        "try: cortex_lab.embed.TSNE(numpy.eye(50, 3))\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "t-SNE needs openTSNE: pip install cortex-lab[embed]"


def test_importing_is_light():
    code = (
        "import sys, cortex_lab.embed; print([name for name in ('openTSNE', 'sklearn', 'matplotlib')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_above_reads_the_layout_too(clusters):
    stop = Session(make(clusters)).run(until=above("kl_divergence", 0.0))
    assert stop.step == 1
    assert repr(make(clusters)) == "<TSNE of 60 points with 8 features at step 0>"


@pytest.mark.parametrize("target", ["kind", "value", None])
def test_a_dataset_gives_its_inputs_and_the_names_of_its_labels(clusters, target):
    frame = pd.DataFrame(clusters).add_prefix("x")
    columns = frame.columns.tolist()
    frame = frame.assign(kind=np.array(["ant", "bee", "cow"])[np.arange(len(frame)) % 3], value=0.5)
    process = TSNE(Dataset(frame, columns, target), perplexity=8)
    np.testing.assert_array_equal(process.x, clusters.astype(np.float32))
    assert process.labels is None if target != "kind" else process.labels.tolist() == frame["kind"].tolist()
    assert TSNE(Dataset(frame, columns, "kind"), range(len(frame)), perplexity=8).labels == range(len(frame))


def test_a_dataset_of_several_inputs_says_which_to_give(clusters):
    frame = pd.DataFrame(clusters).add_prefix("x")
    columns = frame.columns.tolist()
    with pytest.raises(ValueError, match=r"a map is of one input; give one, x.arrays\(\)\[0\]\['a'\]"):
        TSNE(Dataset(frame, {"a": columns, "b": columns[:1]}, None))
