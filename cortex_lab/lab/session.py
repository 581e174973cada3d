"""The session of a training, with its network and its data at hand."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data import Batches, Dataset
from cortex_lab.data.given import rows_of
from cortex_lab.data.loading import loaded_as
from cortex_lab.data.overlays import by_row
from cortex_lab.ground import checks
from cortex_lab.ground.habits import named_first, told
from cortex_lab.lab.answers import ANSWERS, ASSIGNING, KEPT_BY
from cortex_lab.lab.clustered import Clustered
from cortex_lab.lab.looking import Looking
from cortex_lab.lab.mapping import Embedded
from cortex_lab.lab.recipe import Recipe
from cortex_lab.lab.saved_maps import describe_maps
from cortex_lab.lab.showing import Showing
from cortex_lab.nn import Network, Training
from cortex_lab.nn.contract.loss import reading_of
from cortex_lab.nn.diagnosis import Case, Diagnosis, diagnose
from cortex_lab.nn.diagnosis.profile import Profile, profile
from cortex_lab.nn.run.answers import JUDGED, judged
from cortex_lab.nn.run.arrays import Shown
from cortex_lab.nn.train.best_networks import best_networks
from cortex_lab.nn.train.checkpoint import save_training
from cortex_lab.nn.train.metrics import Metrics
from cortex_lab.nn.train.saved_study import left_out, warn_of
from cortex_lab.study import Probe, Process, Session, Stop, replay
from cortex_lab.study.direction import rises
from cortex_lab.study.faults import UpdateHeldBack
from cortex_lab.study.script import Script


@dataclass(frozen=True)
class Best:
    """The step after which `key` was best, and its value there."""

    step: int
    key: str
    value: float


class TrainingSession(Looking, Embedded, Showing, Clustered, Session):
    """A Session over a Training, with its network and data at hand.

    `network` is what learns, `dataset` what it learns from (None when trained on bare arrays).
    """

    process: Training
    dataset: Dataset | None
    recipe: Recipe | None
    answers, assigning, kept_by = ANSWERS, ASSIGNING, KEPT_BY

    def __init__(
        self,
        training: Training,
        dataset: Dataset | None = None,
        probes: Iterable[Probe] | None = None,
        snapshot_budget: int = 256 * 2**20,
        recipe: Recipe | None = None,
        shared: Iterable[Any] = (),
        labels: object = None,
        goals: object = None,
        rows_given: bool = False,
    ) -> None:
        super().__init__(training, probes, snapshot_budget)
        self.dataset = dataset
        self.recipe = recipe
        self._shared = tuple(shared)
        # The words that class ids in arrays stand for, and the columns that targets beside arrays have.
        self._labels, self._goals = labels, goals
        # Whether what is validated are rows that were given, and no split of the data.
        self._rows_given = rows_given
        # Of earlier steps, from the file that it goes on from.
        self._networks: dict[int, Network] = {}
        self.maps = {}

    @property
    def network(self) -> Network:
        return self.process.network

    @property
    def frame(self) -> pd.DataFrame:
        """The batch last fetched as rows of the dataset's frame, indexed by row number, with each row's loss.

        The loss is NaN for a row whose target is unknown.
        Bare arrays have no frame: then the columns are the targets and the losses. LookupError before any
        batch was fetched.
        """
        return self.at_rest(self._frame)

    @property
    def gradients(self) -> Mapping[str, np.ndarray]:
        """The gradient of each parameter, of the step under way or the last one; LookupError before any.

        `session.edit("gradient['dense_1/kernel']", array)` changes one, stopped inside a step.
        """
        if self.process.record.known is None:
            raise LookupError("no gradient has been found yet; take a step, or session.step(to='update')")
        return self.at_rest(lambda: Shown.of(self.network.ops, self.network.gradients))

    def diagnose(self) -> Diagnosis:
        """What is wrong with this training, in words: causes before what follows from them, with remedies.

        Looks at the data, the settings, the start and the history, and runs up to 80 steps again with one
        thing changed; all on copies, while this session may go on.
        """
        self.at_rest(self._check_data)
        return diagnose(self.at_rest(lambda: Case.of(self)))

    def profile(self, steps: int = 20) -> Profile:
        """Where the time of a training step goes: by layer and phase, beside what this machine can do.

        Times the next `steps` steps on a copy, whole and phase by phase, and what this machine can do: some
        seconds. `.table` and `.memory` are DataFrames, `.words` says what limits; see `Profile`.
        """
        steps = checks.whole("steps", steps, least=1)
        return profile(self.at_rest(lambda: self.process.clone()), steps)

    def best(self, key: str | None = None, mode: str | None = None) -> Best:
        """The step after which `key` was best: highest for accuracies and scorers, lowest for losses.

        None takes "validation_loss" where it is recorded, else "loss". `mode`, "max" or "min", says which way
        is better; ValueError that asks for it where it is not known. LookupError if nothing was recorded.
        """
        if key is not None:
            checks.text("key", key, "validation_loss")
        key = key or ("validation_loss" if "validation_loss" in self.trace else "loss")
        steps, values = self.trace.recorded(key)
        rising = rises(key, mode, self.trace.directions)
        finite = np.isfinite(values)
        if len(values) and not finite.any():
            raise LookupError(
                f"all {len(values)} recorded values of {key!r} are NaN or infinite, so no step is the best; "
                "session.diagnose() says where that comes from"
            )
        if not len(values):
            raise LookupError(f"no {key!r} was recorded yet, so no step is the best")
        steps, values = steps[finite], values[finite]
        position = int(np.argmax(values) if rising else np.argmin(values))
        return Best(int(steps[position]), key, float(values[position]))

    @told
    def score(self, data: object = "test", metrics: object = None) -> dict[str, float]:
        """How good the network is now on `data`: mean "loss", "accuracy" of classes or of one yes or no.

        A yes is a raw output over 0, or one of a sigmoid over 1/2. Of several outputs, metrics say how good
        each is: `metrics={name of an output: "accuracy"}`.
        Rows whose target is unknown do not count; NaN where none is known. A row whose label was changed in
        this session is judged by the new one, as in `results`; what is recorded of the validation rows is by
        the labels they came with. `data` is the name of one of the dataset's splits, a Dataset or a frame,
        matched by the names of columns and labels, or a pair (inputs, targets). `metrics` are as in `train`,
        None for those that the training was given.
        """
        if hasattr(metrics, "shape") or (isinstance(metrics, list) and np.ndim(metrics[:1]) > 1):
            raise TypeError("inputs and targets are one argument, a pair: session.score((inputs, targets))")
        return self.at_rest(lambda: self._score(data, metrics))

    def augmented(self, row: int, epoch: int = 0) -> Any:
        """What a row's picture is in an epoch, counted from 0: the very numbers that are trained on.

        An array as the network sees it; of several inputs that are augmented, a dict of those by name.
        ValueError where nothing is augmented or batches are not the data's own.
        """
        training: Any = self.process
        row = checks.whole("row", row, least=0)
        epoch = checks.whole("epoch", epoch, least=0)
        if not training.augmenter or not isinstance(training.batches, Batches):
            raise ValueError("no picture is changed here: give augment=Augmentation(...) to train")
        return self.at_rest(lambda: _augmented(training, row, epoch))

    def network_at(self, step: int) -> Network:
        """A copy of the network with the weights it had after `step`; this session stays where it is.

        ValueError for a step outside this session, LookupError for one that cannot be reached.
        """
        step = checks.whole("step", step)
        if step in self._networks:
            return self._networks[step].copy()
        if not self.first_step <= step <= self.step_number:
            steps = f"from step {self.first_step} to step {self.step_number}"
            raise ValueError(
                f"this session goes {steps}, so there is no network of step {step}"
                + "; the session that it goes on from has it" * (0 <= step < self.first_step)
            )
        return self.at_rest(lambda: self._training_at(step).network)

    def branch_at(self, step: int) -> TrainingSession:
        """A session of its own on the training as it was after `step`, without a trace; see `network_at`."""
        step = checks.whole("step", step)
        if not self.first_step <= step <= self.step_number:
            steps = f"from step {self.first_step} to step {self.step_number}"
            raise ValueError(f"this session goes {steps}, so there is no step {step} to look at")
        return self.at_rest(lambda: self.sibling(self._training_at(step)))

    def restore_best(self, key: str | None = None, mode: str | None = None) -> Best:
        """Put the best weights back into the network, as an edit at the step where this session stands.

        Nothing of the trace is forgotten, as it would be by `rewind(step=session.best().step)`.
        """
        best = self.best(key, mode)
        network = self.network_at(best.step)
        self._put_back(network)
        return best

    @named_first
    def edit(self, name: str, value: object) -> None:
        # What is logged is what a script can hold.
        numbers = getattr(self.process.batches, "row_numbers", None)
        if numbers is not None and name == "excluded_rows":
            value = numbers([*value] if isinstance(value, range) else value)
        elif numbers is not None and name in ("labels", "row_weights"):
            parts = self.process.batches.targets
            if name == "labels" and isinstance(parts, dict) and isinstance(value, dict):
                value = {part: by_row(own, numbers, f"labels of {part!r}") for part, own in value.items()}
            else:
                value = by_row(value, numbers, name)
        super().edit(name, value)

    def rewind(self, step: int) -> None:
        self._check_data()
        super().rewind(step)

    def resume(self, force: bool = False) -> Stop:
        self._check_data()
        return super().resume(force)

    def branch(self) -> Session:
        self._check_data()
        return super().branch()

    def save(self, path: str | os.PathLike) -> None:
        """Save network, optimizer and step in one file, atomically; `train(..., resume_from=path)` goes on.

        What has been recorded, the run under way, breakpoints, attached plateaus and `maps` are saved too,
        and for `restore_best` the weights of the best steps, by what is validated or else by the loss; of 3
        at most.
        Subscribers and measures of your own are not; conditions of your own in breakpoints, and parts, are
        named in a warning. Between two steps only: ValueError inside one.
        """
        unreached = self.at_rest(lambda: self._save(path))
        try:
            self._check_data()
        except ValueError as error:
            told = f"{error}. The file goes on with the data as they were alone"
            warnings.warn(told, UserWarning, stacklevel=2)
        warn_of(left_out(self), "cannot be saved")
        for each in unreached:
            warnings.warn(each, UserWarning, stacklevel=2)

    def script(self) -> Script:
        """Python that repeats this whole session without a notebook, edits included, to the identical losses.

        What was looked at on a bench stands at its end, as comments.
        That of a session that went on from a file begins with this file. ValueError for what a script cannot
        hold, such as a batch source of your own.
        """
        if self.recipe is None:
            raise ValueError("only a session made by cortex_lab.train knows how it was made")
        self._check_data()
        first = self.history.nearest(self.first_step)[1]
        loaded, through = loaded_as(self.recipe.data), self.goes_through_faults
        return self.recipe.script(self.process, first, self.events, loaded, through, self.remarks, self.phase)

    def __repr__(self) -> str:
        words, dataset = self.network.categories, self.dataset
        chosen = self.recipe.chosen if self.recipe is not None else ()
        lines = [super().__repr__(), *(f"  {each}" for each in chosen)]
        lines += [f"  {note}" for each in self.network.preparations.values() for note in each.notes]
        if dataset is None or not words:
            return "\n".join(lines)
        columns = dataset.columns
        read = [f"{name!r} ({', '.join(words[name])})" if name in words else repr(name) for name in columns]
        said = f"reads {', '.join(read)}; words as 0 and 1 for each, numbers as they are"
        return "\n".join([*lines, f"  predicts {dataset.target!r}; {said}"])

    def _answer(self, name: str) -> str | None:
        found = judged(self.network.graph, name) if name in JUDGED else ""
        return found.replace("network.predict", "session.network.predict") or self.answers.get(name)

    def sibling(self, process: Process) -> TrainingSession:
        probes, budget, shared = self.probes, self.history.budget, self._shared
        training: Any = process
        named = {"labels": self._labels, "goals": self._goals, "rows_given": self._rows_given}
        sibling = TrainingSession(training, self.dataset, probes, budget, shared=shared, **named)
        sibling._networks = self._networks
        return sibling

    def _put_back(self, network: Network) -> None:
        ours, to_numpy = self.network, network.ops.to_numpy

        def put_back() -> None:
            # All at once, so that nobody sees the weights of two steps; the edits then say what was done.
            with ours.turns.lock:
                ours.turns.await_readers()
                ours.ops.copy(network.params, out=ours.params)
                ours.ops.copy(network.state, out=ours.state)

        values = {f"weights[{name!r}]": to_numpy(array) for name, array in network.parameters.items()}
        values |= {f"state[{name!r}]": to_numpy(array) for name, array in network.states.items()}
        self.edit_together(values, put_back)

    def _frame(self) -> pd.DataFrame:
        training, loaded = self.process, self.process.record.loaded
        if loaded is None:
            raise LookupError("no batch has been fetched yet; take a step, or session.step(to='fetch')")
        rows, slots = loaded.batch.rows, loaded.slots
        if self.dataset is not None:
            whole = self.dataset.frame
            frame = whole.loc[rows].copy()
        else:
            target = np.array(self.network.ops.to_numpy(next(iter(slots.values())).target))
            frame = pd.DataFrame({"target": list(target)}, index=pd.Index(rows, name="row"))
        return frame.assign(loss=training.objective.losses_of_rows(slots))

    def _score(self, data: object, metrics: object) -> dict[str, float]:
        training = self.process
        if isinstance(data, str):
            data = self._split(data)
        chosen = training.metrics if metrics is None else Metrics(metrics, training.objective)
        return training.objective.score(*self._rows_to_score(data), chosen)

    def _rows_to_score(self, data: Any) -> tuple[Any, Any]:
        """Checked inputs and targets by name, of a Dataset, a frame or a pair."""
        training = self.process
        if data is not None and data is training.validation:
            return data
        reading, _ = reading_of(training.losses)
        reads, words, dtype = self.network.reads, self.network.categories, self.network.ops.dtype
        known = reads, reading, "the data to score", self._labels, words, dtype, self._goals
        prepared = self.network.preparations
        inputs, targets = rows_of(data, self.dataset, *known, preparations=prepared)
        batches: Any = training.batches
        if self._has(data) and isinstance(batches, Batches) and batches.relabeled_rows:
            # What this session has learned of a label is so wherever the row is asked for.
            changed = {name: part.take(data.rows) for name, part in batches._targets.items()}
            targets = changed if batches._named_targets else changed["targets"]
        return training.checked_rows(inputs, targets)

    def _split(self, name: str) -> Any:
        """The part of the data called so; KeyError that says which there are."""
        splits, held_out = getattr(self.dataset, "splits", None) or {}, self.process.validation
        if name in splits and not (name == "validation" and self._rows_given and held_out is not None):
            return getattr(self.dataset, name)
        if name == "validation" and held_out is not None:
            return held_out
        there = list(dict.fromkeys([*splits, *["validation"] * (held_out is not None)]))
        has = f"the data have {' and '.join(map(repr, there))}" if there else "the data are not split"
        near = checks.near(name, there)
        raise KeyError(
            f"there is no split {name!r} to score: {has}{near or '; give a Dataset or (inputs, targets)'}"
        )

    def _save(self, path: str | os.PathLike) -> list[str]:
        """Save it; what to say of the best steps whose weights were out of reach."""
        if self.held_back is not None:
            raise UpdateHeldBack(self.fault)
        if self.phase is not None:
            raise ValueError(
                f"the session stands inside a step, after {self.phase}; finish it: session.step()"
            )
        best, unreached = best_networks(self)
        save_training(self.process, path, self, best, describe_maps(self.maps))
        return unreached

    def _check_data(self) -> None:
        """ValueError if an array that was too large to copy is not what it was when it was given."""
        getattr(self.process.batches, "check_unchanged", lambda: None)()
        for shared in self._shared:
            shared.check()

    def _training_at(self, step: int) -> Training:
        self._check_data()
        training = self.process.clone()
        before = [event for event in self.events if event.step < step]
        replay(training, self.history.nearest(step)[1], before, step)
        return training


def _augmented(training: Training, row: int, epoch: int) -> Any:
    batches: Any = training.batches
    if row >= batches._length:
        raise IndexError(f"there is no row {row}; rows go from 0 to {batches._length - 1}")
    found = {name: each[0] for name, each in training.loader.augmented(np.array([row]), epoch).items()}
    return found if len(found) > 1 else next(iter(found.values()))
