"""Trying many trainings, each with other settings, chosen by Optuna from how the earlier ones went.

    def make(trial):
        units = trial.suggest_int("units", 8, 128, log=True)
        rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
        net = cl.Network([cl.Dense(units, activation="relu"), cl.Dense(10)], data)
        return cl.train(net, data, optimizer=cl.Adam(rate))

    found = cl.search.Search(make, metric="validation_accuracy", epochs=20, folder="runs").run(trials=30)
    found.frame()                       # a row for each trial
    found.session(found.best.number)    # that training as it ended: look at it, or go on

`Ensemble` makes one predictor of several trainings.
"""

from cortex_lab.ground.habits import answers_for
from cortex_lab.search.ensemble import Ensemble
from cortex_lab.search.search import Search, TrialFailed

__all__ = ["Ensemble", "Search", "TrialFailed"]

__getattr__ = answers_for(__name__)
