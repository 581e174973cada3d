"""Whether more of a metric is better is known of it, asked for, and never guessed from a name."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sk

import cortex_lab as cl
from cortex_lab.study import stalled, steps
from cortex_lab.study.direction import rises, written_down
from tests.nn.test_metrics import worst_class_recall
from tests.nn.trainings import blobs

X, Y = blobs(601, seed=1)


def test_every_scorer_rises():
    for name in sk.get_scorer_names():
        assert rises(f"validation_{name}") and rises(f"validation_{name}['out']"), name
    for name in ("loss", "loss['score']", "validation_loss", "mean_squared_error", "brier_score_loss"):
        assert not rises(name) and not rises(f"validation_{name}")


def under_half(y_true, y_pred):
    return (y_pred < 0.5).mean()


def win_loss(y_true, y_pred):
    return (y_pred == y_true).mean()


GIVEN = {
    "f1_macro": True,
    "neg_log_loss": True,
    sk.make_scorer(under_half, greater_is_better=False): True,
    sk.make_scorer(worst_class_recall): True,
    sk.matthews_corrcoef: True,
    sk.f1_score: True,
    sk.hamming_loss: False,
    sk.zero_one_loss: False,
    sk.cohen_kappa_score: None,
    worst_class_recall: None,
    under_half: None,
    win_loss: None,
    sk.make_scorer(sk.zero_one_loss, greater_is_better=False): True,
}


@pytest.mark.parametrize(
    ("metric", "rising"), GIVEN.items(), ids=lambda each: getattr(each, "__name__", None)
)
def test_a_direction_goes_along_into_forks_and_files(metric, rising, tmp_path):
    two = (Y > 0).astype(int)

    def made(**options):
        return cl.train(cl.Network([cl.Dense(2)], X.shape[1]), (X[:64], two[:64]), "softmax_cross_entropy",
                        cl.SGD(0.1), batch_size=64, validation=(X[64:], two[64:]), **options)  # fmt: skip

    session = made(metrics=[metric])
    key = next(iter(session.process.directions))
    with session.trace.stream_to(tmp_path / "trace.h5"):
        session.step(3)
        session.trace._files[0].write()
        with pytest.warns(UserWarning, match="was not closed"):
            unfinished = cl.Trace.open(tmp_path / "trace.h5")
    session.save(tmp_path / "training.h5")
    resumed = made(resume_from=tmp_path / "training.h5")
    resumed.save(tmp_path / "again.h5")
    later = [
        session.fork()[0], resumed, resumed.fork()[0], made(resume_from=tmp_path / "again.h5"),
        made(resume_from=tmp_path / "training.h5", metrics=[metric]),
    ]  # fmt: skip
    traces = [unfinished, cl.Trace.open(tmp_path / "trace.h5"), *(each.trace for each in later)]
    for trace in traces:
        assert trace.directions[key] is rising
    for each in later:
        if rising is None:
            with pytest.raises(ValueError, match=f"{key}.*mode="):
                each.best(key)
        else:
            assert each.best(key) == session.best(key)


def test_a_file_that_does_not_say_directions_proves_none_by_a_name():
    told = ["loss", "accuracy", "validation_loss", "validation_loss['a']", "validation_f1"]
    untold = ["validation_win_loss", "validation_zero_one_loss", "validation_own"]
    assert written_down(None, told + untold) == dict.fromkeys(untold)


@pytest.mark.parametrize(
    ("metric", "rising"), GIVEN.items(), ids=lambda each: getattr(each, "__name__", None)
)
def test_a_training_knows_its_metrics_and_asks_for_those_of_ones_own(metric, rising):
    two = (Y > 0).astype(int)
    data = (X[:64], two[:64])
    network = cl.Network([cl.Dense(2)], X.shape[1])
    session = cl.train(network, data, "softmax_cross_entropy", cl.SGD(0.0), batch_size=64,
                       validation=(X[64:], two[64:]), metrics=[metric])  # fmt: skip
    key = session.process.keys[list(session.process.keys).index("validation_accuracy") + 1]
    session.step(2)
    if rising is None:
        for ask in (session.best, session.restore_best, lambda key: session.run(steps(1) & stalled(key))):
            with pytest.raises(ValueError, match=f"{key}.*mode="):
                ask(key)
        with pytest.raises(ValueError, match=f"{key}.*mode="):
            cl.ReduceOnPlateau(key).attach(session)
        assert session.step_number == 2
    else:
        assert rises(key, known=session.trace.directions) is rising
    session.edit("weights['dense_1/kernel']", np.zeros((X.shape[1], 2)))
    session.step()
    _, values = session.trace.recorded(key)
    highest, lowest = session.best(key, "max"), session.best(key, "min")
    assert (highest.value, lowest.value) == (max(values), min(values))
    assert session.restore_best(key, mode="min") == lowest
    if rising is not None:
        assert session.best(key) == (highest if rising else lowest)


def test_a_measure_of_ones_own_is_asked_about_where_the_best_is_wanted():
    session = cl.train(
        cl.Network([cl.Dense(2)], 2), (np.eye(2), np.array([0, 1])), "softmax_cross_entropy", cl.SGD(0.1),
        batch_size=2,
    )
    session.record(cl.Probe("drop_in_accuracy", measure=lambda training: -training.step_number))
    session.step(3)
    for ask in (session.best, session.restore_best):
        with pytest.raises(ValueError, match=r"'drop_in_accuracy'.*mode='max'"):
            ask("drop_in_accuracy")
        assert ask("drop_in_accuracy", "min").step == 3
