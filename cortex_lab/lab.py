"""The front desk: wires data, network, optimizer and study together."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.data import Batches
from cortex_lab.data._memory import Shared, kept
from cortex_lab.data.given import Given, rows_of
from cortex_lab.data.loading import loaded_as
from cortex_lab.nn import Network, Training
from cortex_lab.nn.contract.loss import reading_of
from cortex_lab.nn.diagnosis import Case, Diagnosis, diagnose
from cortex_lab.nn.run.pictures import say_how_bytes_are_seen
from cortex_lab.nn.train.checkpoint import load_training, optimizer_of, read_training, save_training
from cortex_lab.nn.train.labels import class_count, refuse_another_order, refuse_signed_ids, weights_of
from cortex_lab.nn.train.metrics import Metrics
from cortex_lab.nn.train.recipe import Recipe
from cortex_lab.optimize import Optimizer
from cortex_lab.study import Fork, Probe, Process, Session, Stop, replay
from cortex_lab.study.direction import rises
from cortex_lab.study.faults import UpdateHeldBack
from cortex_lab.study.script import Script


@dataclass(frozen=True)
class Best:
    """The step after which `key` was best, and its value there."""

    step: int
    key: str
    value: float


class TrainingSession(Session):
    """A Session over a Training, with its network and data at hand.

    `network` is what learns, `dataset` what it learns from (None when trained on bare arrays).
    """

    process: Training

    def __init__(
        self,
        training: Training,
        dataset: Any = None,
        probes: Iterable[Probe] | None = None,
        snapshot_budget: int = 256 * 2**20,
        recipe: Recipe | None = None,
        shared: Iterable[Any] = (),
    ) -> None:
        super().__init__(training, probes, snapshot_budget)
        self.dataset = dataset
        self.recipe = recipe
        self._shared = tuple(shared)

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

    def diagnose(self) -> Diagnosis:
        """What is wrong with this training, in words: causes before what follows from them, with remedies.

        Looks at the data, the settings, the start and the history, and runs up to 80 steps again with one
        thing changed; all on copies, while this session may go on.
        """
        return diagnose(self.at_rest(lambda: Case.of(self)))

    def best(self, key: str | None = None, mode: str | None = None) -> Best:
        """The step after which `key` was best: highest for accuracies and scorers, lowest for losses.

        None takes "validation_loss" where it is recorded, else "loss". `mode`, "max" or "min", says which way
        is better; ValueError that asks for it where it is not known. LookupError if nothing was recorded.
        """
        key = key or ("validation_loss" if "validation_loss" in self.trace else "loss")
        steps, values = self.trace.recorded(key)
        rising = rises(key, mode, self.trace.directions)
        finite = np.isfinite(values)
        if not finite.any():
            raise LookupError(f"no {key!r} was recorded yet, so no step is the best")
        steps, values = steps[finite], values[finite]
        position = int(np.argmax(values) if rising else np.argmin(values))
        return Best(int(steps[position]), key, float(values[position]))

    def score(self, data: Any = "test", metrics: Any = None) -> dict[str, float]:
        """How good the network is now on `data`: mean "loss", "accuracy" if there are classes, and metrics.

        Rows whose target is unknown do not count; NaN where none is known. `data` is the name of one of the
        dataset's splits, a Dataset or a frame, matched by the names of columns and labels, or a pair (inputs,
        targets). `metrics` are as in `train`, None for those that the training was given.
        """
        return self.at_rest(lambda: self._score(data, metrics))

    def network_at(self, step: int) -> Network:
        """A copy of the network with the weights it had after `step`; this session stays where it is.

        ValueError for a step outside this session, LookupError for one that cannot be reached.
        """
        if not self.first_step <= step <= self.step_number:
            steps = f"from step {self.first_step} to step {self.step_number}"
            raise ValueError(
                f"this session goes {steps}, so there is no network of step {step}"
                + "; the session or file that it goes on from has it" * (0 <= step < self.first_step)
            )
        return self.at_rest(lambda: self._training_at(step).network)

    def restore_best(self, key: str | None = None, mode: str | None = None) -> Best:
        """Put the best weights back into the network, as an edit at the step where this session stands.

        Nothing of the trace is forgotten, as it would be by `rewind(step=session.best().step)`.
        """
        best = self.best(key, mode)
        network = self.network_at(best.step)
        self._put_back(network)
        return best

    def rewind(self, step: int) -> None:
        self._check_data()
        super().rewind(step)

    def resume(self, force: bool = False) -> Stop:
        self._check_data()
        return super().resume(force)

    def fork(self, **settings: Iterable[Any]) -> Fork:
        self._check_data()
        return super().fork(**settings)

    def save(self, path: str | os.PathLike) -> None:
        """Save network, optimizer and step in one file, atomically; `train(..., resume_from=path)` goes on.

        What has been recorded, the run under way and attached plateaus are saved with it; breakpoints,
        subscribers and measures of your own are not. Between two steps only: ValueError inside one.
        """
        self.at_rest(lambda: self._save(path))

    def script(self) -> Script:
        """Python that repeats this whole session without a notebook, edits included, to the identical losses.

        ValueError for what a script cannot hold, such as a batch source of your own.
        """
        if self.recipe is None:
            raise ValueError("only a session made by cortex_lab.train knows how it was made")
        self._check_data()
        first = self.history.nearest(self.first_step)[1]
        return self.recipe.script(
            self.process, first, self.events, loaded_as(self.recipe.data), self.goes_through_faults
        )

    def sibling(self, process: Process) -> TrainingSession:
        probes, budget, shared = self.probes, self.history.budget, self._shared
        return TrainingSession(process, self.dataset, probes, budget, shared=shared)  # type: ignore[arg-type]

    def bench(self, **options: Any) -> Any:
        """The live lab bench on this session, displayed; see `cortex_lab.widgets.Bench` for the options."""
        try:
            from cortex_lab.widgets import Bench
        except ImportError as missing:
            raise ImportError("the bench needs Jupyter widgets: pip install 'cortex-lab[lab]'") from missing
        return Bench(self, **options).show()

    def _put_back(self, network: Network) -> None:
        ours, to_numpy = self.network, network.ops.to_numpy

        def put_back() -> None:
            # All at once, so that nobody sees the weights of two steps; the edits then say what was done.
            with ours.turns:
                ours.ops.copy(network.params, out=ours.params)
                ours.ops.copy(network.state, out=ours.state)

        values = {f"weights[{name!r}]": to_numpy(array) for name, array in network.parameters.items()}
        values |= {f"state[{name!r}]": to_numpy(array) for name, array in network.states.items()}
        self.edit_together(values, put_back)

    def _frame(self) -> pd.DataFrame:
        training = self.process
        if training.batch is None or training.bound is None:
            raise LookupError("no batch has been fetched yet; take a step, or session.step(to='fetch')")
        rows, slots = training.batch.rows, training.objective.slots(training.bound, training.plan)
        if self.dataset is not None:
            whole = self.dataset.frame
            frame = whole.loc[rows].copy()
        else:
            target = np.array(self.network.ops.to_numpy(next(iter(slots.values())).target))
            frame = pd.DataFrame({"target": list(target)}, index=rows)
        frame.index.name = "row"
        return frame.assign(loss=training.objective.losses_of_rows(slots))

    def _score(self, data: Any, metrics: Any) -> dict[str, float]:
        training = self.process
        if isinstance(data, str):
            splits = getattr(self.dataset, "splits", None) or {}
            if data not in splits:
                raise KeyError(f"there is no split {data!r} to score; give a Dataset or (inputs, targets)")
            data = getattr(self.dataset, data)
        reading, _ = reading_of(training.losses)
        columns = next(iter(self.network.reads.values()), None)
        inputs, targets = training.checked_rows(
            *rows_of(data, self.dataset, columns, reading, "the data to score")
        )
        chosen = training.metrics if metrics is None else Metrics(metrics, training.objective)
        return training.objective.score(inputs, targets, chosen)

    def _save(self, path: str | os.PathLike) -> None:
        if self.held_back is not None:
            raise UpdateHeldBack(self.fault)
        if self.phase is not None:
            raise ValueError(
                f"the session stands inside a step, after {self.phase}; finish it: session.step()"
            )
        save_training(self.process, path, self)

    def _check_data(self) -> None:
        """ValueError if an array that was too large to copy is not what it was when it was given."""
        getattr(self.process.batches, "check_unchanged", lambda: None)()
        for shared in self._shared:
            shared.check()

    def _training_at(self, step: int) -> Training:
        self._check_data()
        training = self.process.clone()
        replay(training, self.history.nearest(step)[1], [event for event in self.events if event.step < step], step)
        return training


def train(
    network: Network,
    data: Any,
    loss: Any,
    optimizer: Optimizer | None = None,
    *,
    batch_size: int = 32,
    seed: int = 0,
    validation: Any = "validation",
    validate_every: int | None = None,
    metrics: Any = None,
    loss_weights: Mapping[str, float] | None = None,
    class_weight: Mapping[Any, float] | str | None = None,
    sample_weight: Any = None,
    penalties: Any = None,
    frozen: Iterable[str] | str = (),
    augment: Any = None,
    resume_from: str | os.PathLike | None = None,
    new_optimizer: bool = False,
    probes: Iterable[Probe] | None = None,
    snapshot_budget: int = 256 * 2**20,
) -> TrainingSession:
    """Set up a training and return its session, at step 0.

    Bytes (uint8) are a picture, and seen as 0 to 1, if they are an input with rows (height, width) or
    (height, width, channels), sequences (steps, features) of bytes too, unless the layer that reads it takes
    bytes as they are, as Embedding does. Rows (features,) of bytes are numbers from 0 to 255 and stay that,
    which is said once. This holds in training, validation, `score`, `predict` and everywhere else. Targets,
    labels, masks and ids are never divided; but targets that are the very numbers of a picture input, as an
    autoencoder's, are seen as that input is by a loss of values.

    All else is read as float32, and class ids as int64: numbers that would fall together or do not fit are
    refused by name. Arrays are taken as they are now: those up to 64 MB are copied, a larger one that was
    changed since is an error at `rewind`, `resume`, `fork`, `network_at` and `script`.

    Parameters
    ----------
    network
        The network to train, in place.
    data
        A Dataset (its training rows are used), or a pair (inputs, targets): of arrays, or of a frame and a
        column, which are read as a Dataset is. A loss of classes reads labels as classes, a loss of values
        reads numbers as they are, one of yes or no reads two labels, or shares from 0 to 1. In an array,
        classes are ids 0, 1, ..., and a negative id says that a row's class is unknown: it teaches nothing.
    loss
        A loss or its name, such as "softmax_cross_entropy" or "mean_squared_error"; a dict by output name if
        there are several.
    optimizer
        Such as `Adam(1e-3)`; its learning rate may be a schedule. None, with `resume_from`, is the file's.
    batch_size
        Rows of a batch; the last batch of an epoch may be smaller.
    seed
        Keys the order of the rows and everything drawn at random.
    validation
        The name of one of the dataset's splits, or None; a dataset without a "validation" split simply is not
        validated. Other rows: a Dataset or a frame, matched by the names of columns and labels, or a pair
        (inputs, targets). A fraction such as 0.2, or a number of rows, is taken out of the rows to train on,
        drawn by `seed`, every class in proportion.
    validate_every
        Steps between validations; None is once per epoch.
    metrics
        What else to measure of the validation rows, recorded as "validation_<name>": names of scikit-learn's
        scorers such as "f1_macro", "roc_auc_ovr" or "r2", functions (y_true, y_pred), or scorers; a dict of
        those by output name if there are several. See `cortex_lab.nn.train.metrics.Metrics`.
    loss_weights
        By output name, the weight of its loss in the total.
    class_weight
        Weights by class, {label: weight}, where labels are the column's own values, in arrays the class ids;
        or "balanced".
    sample_weight
        (rows,): how much each row of `data` counts, in the order of its rows; for a Dataset, a Series in
        another order is matched by the row numbers in its index.
    penalties
        Such as {"*/kernel": L2(1e-4)}; see `Penalties`.
    frozen
        Names of nodes, or patterns such as "conv2d_*", that do not learn; `session.edit("frozen", [...])`
        freezes others, or none. See `cortex_lab.nn.train.freezing.Frozen`.
    augment
        Such as `Augmentation(horizontal_flip=True, shift_range=0.1)`: changes the pictures that are trained
        on a little, anew in every epoch. A dict of them by input name if there are several.
    resume_from
        A file that `session.save` wrote, of a training set up as this one: the session begins at its step and
        goes on as that one would have, with what it recorded, edited (such as the learning rate) and
        attached; `session.resume()` goes on with its last run. ValueError that names what is set up in
        another way, be it rows, their weights or the optimizer. `validate_every`, `metrics` and `probes` only
        look on and may be others.
    new_optimizer
        With `resume_from`: begin with the optimizer given here, which remembers nothing of earlier steps and
        has a schedule begin anew, and with nothing attached.
    """
    saved = None if resume_from is None else read_training(resume_from)
    optimizer = optimizer_of(saved, optimizer, new_optimizer)
    shared: list[Shared] = []
    validation = kept(validation, "validation", shared)
    sample_weight = kept(sample_weight, "sample_weight", shared)
    class_weight = kept(class_weight, "class_weight", shared)
    reading, name = reading_of(loss)
    whole = Given.of(data, reading, name)
    given, held_out = whole.validated(validation, seed)
    batches = given.batches(batch_size, seed)
    frozen = [frozen] if isinstance(frozen, str) else list(frozen)
    training = Training(
        network,
        batches,
        loss,
        optimizer,
        loss_weights=loss_weights,
        row_weights=weights_of(given, class_weight, sample_weight, class_count(network, loss)),
        penalties=penalties,
        frozen=frozen,
        augment=augment,
        validation=held_out,
        validate_every=validate_every,
        metrics=metrics,
        seed=seed,
    )
    refuse_signed_ids(training, given)
    reads = {next(iter(network.graph.inputs)): given.columns} if given.columns else {}
    classes = given.dataset.classes if given.dataset is not None else None
    refuse_another_order(network, reads, classes)
    if saved is not None:
        load_training(training, saved, new_optimizer, {"reads": reads, "classes": classes})
    network.reads, network.classes = reads, classes
    if isinstance(batches, Batches):
        say_how_bytes_are_seen(training, batches.inputs, batches.targets)
    if isinstance(validation, str) or np.isscalar(validation):
        held_out = validation
    if sample_weight is not None:
        sample_weight = whole.weights(sample_weight)
    # Of arrays, what the batches keep: the ones given may be changed.
    kept_data = whole.data if whole.inputs is None else (batches.inputs, batches.targets)
    recipe = Recipe.of(
        kept_data, loss, optimizer, batch_size=batch_size, seed=seed, validation=held_out,
        validate_every=validate_every, metrics=metrics, loss_weights=loss_weights,
        class_weight=class_weight, sample_weight=sample_weight, penalties=penalties, frozen=frozen or None,
        augment=augment,
    )  # fmt: skip
    session = TrainingSession(training, given.dataset, probes, snapshot_budget, recipe, shared)
    if saved is not None and saved.study is not None:
        saved.study.follow(session, probes is None, new_optimizer)
    return session
