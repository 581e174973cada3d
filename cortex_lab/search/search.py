"""A search over trainings."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import joblib
import numpy as np
import optuna
import pandas as pd

from cortex_lab.ground import checks
from cortex_lab.lab import TrainingSession
from cortex_lab.study import epochs as after_epochs
from cortex_lab.study.direction import rises

Make = Callable[[optuna.trial.BaseTrial], TrainingSession]

DATABASE = "search.db"
STUDY = "search"
_TOLD = {"value": np.nan, "step": 0, "seconds": np.nan}
COLUMNS = ("trial", "state", *_TOLD, "why")
UNPRUNED = 3
"""Trials that run to their end, before one is compared with them."""


class TrialFailed(RuntimeError):
    """Making or running a trial raised; the message says which trial, with what parameters."""


class Search:
    """Trials of the training that `make` describes.

    Parameters
    ----------
    make
        A function of a trial that returns a session at its first step. It asks the trial for what may vary:
        `trial.suggest_float("rate", 1e-4, 1e-1, log=True)`, `suggest_int`, `suggest_categorical`.
    metric
        What is recorded, such as "validation_loss": a trial counts by its best value, and by what it was at
        the same step where it is compared under way.
    mode
        "min" or "max", where the name of the metric does not say which is better.
    epochs
        How far each trial goes.
    prune
        Whether to end a trial whose best is worse, at a step, than the median of earlier trials there; or one
        of Optuna's pruners.
    folder
        Where trials are kept (SQLite). A search of the same folder goes on with them, and several processes
        may search together. None keeps them in memory.
    sampler
        One of Optuna's; None is its TPE sampler, keyed by `seed`. One of several processes, and a search that
        goes on, draw otherwise than the first.
    worker
        Whether it is one of several processes, as `run(jobs=2)` has it.
    """

    def __init__(
        self,
        make: Make,
        *,
        metric: str = "validation_loss",
        mode: str | None = None,
        epochs: int = 20,
        prune: bool | optuna.pruners.BasePruner = True,
        folder: str | os.PathLike | None = None,
        sampler: optuna.samplers.BaseSampler | None = None,
        seed: int = 0,
        worker: bool = False,
    ) -> None:
        if not callable(make):
            raise TypeError("make is a function of a trial that returns a session: def make(trial): ...")
        self.make = make
        self.metric = checks.text("metric", metric, "validation_loss")
        self.rising = rises(metric, mode)
        self.epochs = checks.whole("epochs", epochs, least=1)
        self.prune = prune
        self.folder = None if folder is None else Path(checks.path("folder", folder))
        self.sampler = sampler
        self.seed = checks.seed("seed", seed)
        self.study = self._study(self.seed, worker)

    def run(self, trials: int, jobs: int = 1, cluster: Any = None) -> Search:
        """Try so many more, in so many processes or by the workers of a `cluster`; returns itself.

        `cluster` is a `distributed.Client`. Its workers see the same `folder`, each trains one trial after
        the other, and what a worker was at when it was lost is tried by another.

        Ctrl-C ends it with all finished trials kept. TrialFailed if `make` or a run raises; a trial that a
        fault ended, such as a loss that became NaN, is kept as "failed", and the search goes on.
        """
        trials = checks.whole("trials", trials, least=1)
        jobs = checks.whole("jobs", jobs, least=1)
        if jobs == 1 and cluster is None:
            for _ in range(trials):
                self._try(self.study)
            return self
        waits = hasattr(cluster, "gather") and not getattr(cluster, "asynchronous", False)
        if cluster is not None and not waits:
            wanted = "a distributed.Client that is not asynchronous, such as Client('tcp://...')"
            raise checks.refused("cluster", wanted, cluster)
        if cluster is not None and jobs != 1:
            raise ValueError("a cluster has as many processes as it has workers: leave out jobs, or cluster")
        if self.folder is None:
            raise ValueError("several processes need a place where they meet: Search(..., folder='runs')")
        # One at a time, so that a worker that is faster, or joins, takes more of them.
        share = [1] * trials if cluster is not None else _dealt(trials, jobs)
        seeds = [_mixed(self.seed, len(self.study.trials), part) for part in range(len(share))]
        parts = list(zip(map(self._settings, seeds), share, strict=True))
        if cluster is None:
            failed = joblib.Parallel(n_jobs=jobs)(joblib.delayed(_run)(*part) for part in parts)
        else:
            failed = _by_workers(cluster, parts)
        for said in failed:
            if said is not None:
                raise TrialFailed(said)
        return self

    @property
    def best(self) -> optuna.trial.FrozenTrial:
        """The finished trial with the best value: `.number`, `.params`, `.value`; LookupError before any."""
        try:
            return self.study.best_trial
        except ValueError:
            raise LookupError("no trial has finished yet; search.run(trials=20)") from None

    def frame(self) -> pd.DataFrame:
        """A row for each trial, by number: its state, best value, how many steps and seconds, its parameters.

        `state` is "complete", "pruned", "failed" or "running", also of one whose process was killed; `why`
        says why one failed. A parameter that is called as a column here has "params_" before its name.
        """
        rows = []
        for trial in self.study.trials:
            row = {"trial": trial.number, "state": trial.state.name.lower().replace("fail", "failed")}
            row |= {name: trial.user_attrs.get(name, none) for name, none in _TOLD.items()}
            own = {f"params_{name}" if name in COLUMNS else name: it for name, it in trial.params.items()}
            rows.append(row | own | {"why": trial.user_attrs.get("why", "")})
        return pd.DataFrame(rows, columns=None if rows else COLUMNS).set_index("trial")

    @property
    def parameters(self) -> list[str]:
        """What the trials asked for, as `frame` calls it, in the order in which it was first asked."""
        return [column for column in self.frame() if column not in COLUMNS]

    def history(self) -> pd.DataFrame:
        """What every trial had recorded of the metric: columns trial, step, value."""
        rows = [
            (trial.number, step, value)
            for trial in self.study.trials
            for step, value in trial.intermediate_values.items()
        ]
        return pd.DataFrame(rows, columns=["trial", "step", "value"])

    def session(self, number: int) -> TrainingSession:
        """The training of a trial, as it ended: made again and run as far, which gives the same bits.

        A warning says so if it came out otherwise, because `make` draws from something else than the trial.
        """
        number = checks.whole("number", number, least=0)
        trials = self.study.trials
        if number >= len(trials):
            raise LookupError(f"there is no trial {number}; there are {len(trials)}, from 0")
        trial = trials[number]
        if not trial.state.is_finished():
            raise LookupError(f"trial {number} has not ended; search.frame() says how each stands")
        session = self.make(optuna.trial.FixedTrial(trial.params, number))
        steps = trial.user_attrs.get("step", 0)
        if steps:
            session.run(steps, progress=False)
        value = _best(session, self.metric, self.rising)
        before = trial.user_attrs.get("value")
        if before is not None and value != before:
            said = f"trial {number} came to {self.metric} {value} this time, and to {before} in the search"
            warnings.warn(f"{said}; make(trial) has to give the same training again", stacklevel=2)
        return session

    # One trial ------------------------------------------------------------------------------------

    def _try(self, study: optuna.Study) -> None:
        trial = study.ask()
        began, session = time.perf_counter(), None
        try:
            session = self._made(trial)
            state, why = self._run_trial(trial, session)
        except KeyboardInterrupt:
            self._tell(study, trial, session, began, "failed", "interrupted")
            raise
        except Exception as error:
            self._tell(study, trial, session, began, "failed", f"{type(error).__name__}: {error}")
            raise TrialFailed(f"trial {trial.number} with {trial.params}: {error}") from error
        self._tell(study, trial, session, began, state, why)
        if why == "interrupted":
            raise KeyboardInterrupt

    def _made(self, trial: optuna.Trial) -> TrainingSession:
        session = self.make(trial)
        if not isinstance(session, TrainingSession):
            raise TypeError(f"make(trial) returns a session, such as cl.train(...) does, not {session!r:.60}")
        if session.step_number:
            raise ValueError(
                f"make(trial) returns a session at step 0, and this one stands at {session.step_number}"
            )
        if self.metric not in session.recorded_keys:
            there = ", ".join(sorted(session.recorded_keys))
            raise ValueError(
                f"{self.metric!r} is not recorded; there are {there}: train(..., validation=0.2, metrics=)"
            )
        return session

    def _run_trial(self, trial: optuna.Trial, session: TrainingSession) -> tuple[str, str]:
        """How it ended, and why if it failed. What is recorded on the way is reported and compared."""
        best, told = (max if self.rising else min), 0
        best_yet: float | None = None
        for _ in range(self.epochs):
            stop = session.run(after_epochs(1), progress=False)
            steps, values = session.trace.recorded(self.metric)
            for step, value in zip(steps[told:], values[told:], strict=True):
                if np.isfinite(value):
                    best_yet = float(value) if best_yet is None else best(best_yet, float(value))
                    trial.report(best_yet, int(step))
            told = len(steps)
            if stop.kind == "interrupt":
                return "failed", "interrupted"
            if stop.kind != "condition":
                return "failed", stop.reason
            if self.prune is not False and trial.should_prune():
                return "pruned", ""
        return "complete", ""

    def _tell(
        self,
        study: optuna.Study,
        trial: optuna.Trial,
        session: TrainingSession | None,
        began: float,
        state: str,
        why: str,
    ) -> None:
        value = None if session is None else _best(session, self.metric, self.rising)
        trial.set_user_attr("seconds", time.perf_counter() - began)
        trial.set_user_attr("step", 0 if session is None else session.step_number)
        if why:
            trial.set_user_attr("why", why)
        if value is not None:
            trial.set_user_attr("value", value)
        elif state == "complete":
            state = "failed"
            trial.set_user_attr("why", f"no finite {self.metric} was recorded")
        states = optuna.trial.TrialState
        kinds = {"complete": states.COMPLETE, "pruned": states.PRUNED, "failed": states.FAIL}
        study.tell(trial, value if state == "complete" else None, kinds[state])

    # The study ------------------------------------------------------------------------------------

    def _settings(self, seed: int) -> dict[str, Any]:
        return {
            "make": self.make,
            "metric": self.metric,
            "mode": "max" if self.rising else "min",
            "epochs": self.epochs,
            "prune": self.prune,
            "folder": None if self.folder is None else self.folder.resolve(),
            "sampler": self.sampler,
            "seed": seed,
            "worker": True,
        }

    def _study(self, seed: int, worker: bool) -> optuna.Study:
        storage: Any = None
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            storage = optuna.storages.RDBStorage(
                f"sqlite:///{self.folder / DATABASE}", engine_kwargs={"connect_args": {"timeout": 60}}
            )
        pruner = self.prune
        if isinstance(pruner, bool):
            median = optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED)
            pruner = median if pruner else optuna.pruners.NopPruner()
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            study = optuna.create_study(
                storage=storage,
                sampler=self.sampler,
                pruner=cast(Any, pruner),
                study_name=STUDY,
                direction="maximize" if self.rising else "minimize",
                load_if_exists=True,
            )
        finally:
            optuna.logging.set_verbosity(verbosity)
        before = study.user_attrs.get("metric", self.metric)
        if before != self.metric:
            raise ValueError(
                f"the trials in {str(self.folder)!r} count by {before!r}, not by {self.metric!r}; "
                "take another folder"
            )
        rising = study.direction == optuna.study.StudyDirection.MAXIMIZE
        if rising != self.rising:
            better = "max" if rising else "min"
            raise ValueError(
                f"the trials in {str(self.folder)!r} are better with mode={better!r}; take another folder"
            )
        study.set_user_attr("metric", self.metric)
        # What goes on does not draw again what was tried before.
        trials = len(study.trials)
        if self.sampler is None:
            study.sampler = optuna.samplers.TPESampler(seed=_mixed(seed, trials) if trials else seed)
        elif trials or worker:
            study.sampler.reseed_rng()
        return study


def _run(settings: dict[str, Any], trials: int) -> str | None:
    """What one of several processes does; what failed, which is said once the others are done."""
    try:
        Search(**settings).run(trials)
    except TrialFailed as error:
        return str(error)
    return None


def _by_workers(client: Any, parts: list[tuple[dict[str, Any], int]]) -> list[str | None]:
    """What `_run` says of each part, done by the workers of a cluster."""
    # Each its own: what two of them are told may be equal, and both are to be tried.
    tasks = [client.submit(_run, *part, pure=False) for part in parts]
    try:
        return client.gather(tasks)
    except BaseException:
        client.cancel(tasks)
        raise


def _dealt(trials: int, jobs: int) -> list[int]:
    return [trials // jobs + (job < trials % jobs) for job in range(min(jobs, trials))]


def _mixed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def _best(session: TrainingSession, metric: str, rising: bool) -> float | None:
    """The best value that was recorded, or None."""
    _, values = session.trace.recorded(metric)
    finite = values[np.isfinite(values)]
    return float(finite.max() if rising else finite.min()) if len(finite) else None
