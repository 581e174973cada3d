"""Several networks as one predictor."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, softmax

import cortex_lab as cl
from cortex_lab.search import Ensemble

rng = np.random.default_rng(0)
FRAME = pd.DataFrame(rng.normal(size=(90, 3)), columns=list("abc"), index=np.arange(90) + 100)
FRAME["kind"] = np.array(["x", "y", "z"])[np.argmax(FRAME.to_numpy(), axis=1)]
INPUTS = FRAME[list("abc")]


def session_of(seed=0, units=3, target="kind"):
    net = cl.Network([cl.Dense(4, activation="tanh"), cl.Dense(units)], input_shape=3, seed=seed)
    session = cl.train(net, (FRAME, target) if isinstance(target, str) else (INPUTS, target), seed=seed)
    session.run(30, progress=False)
    return session


def test_the_mean_of_probabilities_and_their_disagreement():
    sessions = [session_of(seed) for seed in range(3)]
    found = Ensemble(sessions)
    said = np.stack([softmax(each.network.predict(INPUTS).astype(float), axis=1) for each in sessions])
    np.testing.assert_allclose(found.predict(INPUTS), said.mean(axis=0))
    entropy = lambda p: -(p * np.log(p)).sum(axis=-1)  # noqa: E731
    expected = entropy(said.mean(axis=0)) - entropy(said).mean(axis=0)
    np.testing.assert_allclose(found.disagreement(INPUTS), expected, atol=1e-12)
    votes = found.votes(INPUTS)
    np.testing.assert_allclose(votes.sum(axis=1), 1)
    np.testing.assert_allclose(votes[:, 0], (said.argmax(axis=2) == 0).mean(axis=0))
    frame = found.frame(INPUTS)
    assert frame.index.equals(INPUTS.index) and list(frame) == ["prediction", "disagreement"]
    assert list(frame["prediction"]) == list(np.array(["x", "y", "z"])[said.mean(axis=0).argmax(axis=1)])
    assert (frame["disagreement"] >= 0).all()


def test_one_yes_or_no_and_numbers():
    yes = [session_of(seed, 1, (INPUTS["a"] > 0).to_numpy()) for seed in range(2)]
    said = np.stack([expit(each.network.predict(INPUTS).astype(float)) for each in yes])
    np.testing.assert_allclose(Ensemble(yes).predict(INPUTS), said.mean(axis=0))
    assert (Ensemble(yes).disagreement(INPUTS) < np.log(2)).all()
    numbers = [session_of(seed, 1, INPUTS["a"].to_numpy()) for seed in range(2)]
    said = np.stack([each.network.predict(INPUTS)[:, 0] for each in numbers]).astype(float)
    np.testing.assert_allclose(Ensemble(numbers).disagreement(INPUTS), said.std(axis=0))
    np.testing.assert_allclose(Ensemble(numbers).frame(INPUTS)["prediction"], said.mean(axis=0))
    with pytest.raises(ValueError, match="only networks that tell classes"):
        Ensemble(numbers).votes(INPUTS)


def test_forks_and_snapshots():
    session = session_of()
    fork = session.fork(learning_rate=[0.1, 0.001])
    fork.step(5)
    assert len(Ensemble(fork)) == 2 and Ensemble(fork).disagreement(INPUTS).max() > 0
    shots = Ensemble.of_snapshots(session, [10, 20, 30])
    said = [softmax(session.network_at(step).predict(INPUTS).astype(float), axis=1) for step in (10, 20, 30)]
    np.testing.assert_allclose(shots.predict(INPUTS), np.mean(said, axis=0))
    one = Ensemble([session])
    np.testing.assert_array_equal(one.disagreement(INPUTS), 0)


def test_what_does_not_go_together():
    with pytest.raises(ValueError, match="at least one session"):
        Ensemble([])
    with pytest.raises(TypeError, match="sessions, such as"):
        Ensemble([session_of().network])
    with pytest.raises(ValueError, match="of member 1 is"):
        Ensemble([session_of(), session_of(units=1, target=INPUTS["a"].to_numpy())])
    with pytest.raises(ValueError, match="at least one step"):
        Ensemble.of_snapshots(session_of(), [])
