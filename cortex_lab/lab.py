"""The front desk: wires data, network, optimizer and study together."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.nn import Network, Training
from cortex_lab.nn.checkpoint import load_training, save_training
from cortex_lab.nn.diagnosis import Case, Diagnosis, diagnose
from cortex_lab.nn.loss import row_weights
from cortex_lab.nn.metrics import Metrics
from cortex_lab.nn.recipe import Recipe
from cortex_lab.optimize import Optimizer
from cortex_lab.study import Probe, Process, Session, replay
from cortex_lab.study.conditions import rises
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
    ) -> None:
        super().__init__(training, probes, snapshot_budget)
        self.dataset = dataset
        self.recipe = recipe

    @property
    def network(self) -> Network:
        return self.process.network

    @property
    def frame(self) -> pd.DataFrame:
        """The batch last fetched as rows of the dataset's frame, indexed by row number, with each row's loss.

        Bare arrays have no frame: then the columns are the targets and the losses. LookupError before any
        batch was fetched.
        """
        return self._gate.visit_and_wait(self._frame)

    def diagnose(self) -> Diagnosis:
        """What is wrong with this training, in words: causes before what follows from them, with remedies.

        Looks at the data, the settings, the start and the history, and runs up to 80 steps again with one
        thing changed; all on copies, while this session may go on.
        """
        return diagnose(self._gate.visit_and_wait(self._case))

    def best(self, key: str | None = None) -> Best:
        """The step after which `key` was best: highest for accuracies and scores, lowest for anything else.

        None takes "validation_loss" where it is recorded, else "loss". LookupError if nothing was recorded.
        """
        key = key or ("validation_loss" if "validation_loss" in self.trace else "loss")
        steps, values = self.trace.recorded(key)
        finite = np.isfinite(values)
        if not finite.any():
            raise LookupError(f"no {key!r} was recorded yet, so no step is the best")
        steps, values = steps[finite], values[finite]
        position = int(np.argmax(values) if rises(key) else np.argmin(values))
        return Best(int(steps[position]), key, float(values[position]))

    def score(self, data: Any = "test", metrics: Any = None) -> dict[str, float]:
        """How good the network is now on `data`: mean "loss", "accuracy" if there are classes, and metrics.

        `data` is the name of one of the dataset's splits, a Dataset, or a pair (inputs, targets) of arrays;
        `metrics` are as in `train`, None for those that the training was given.
        """
        return self._gate.visit_and_wait(lambda: self._score(data, metrics))

    def network_at(self, step: int) -> Network:
        """A copy of the network with the weights it had after `step`; this session stays where it is.

        ValueError for a step outside this session, LookupError for one that cannot be reached.
        """
        if not self.first_step <= step <= self.step_number:
            steps = f"from step {self.first_step} to step {self.step_number}"
            raise ValueError(f"this session goes {steps}, so there is no network of step {step}")
        return self._gate.visit_and_wait(lambda: self._training_at(step).network)

    def restore_best(self, key: str | None = None) -> Best:
        """Put the best weights back into the network, as an edit at the step where this session stands.

        Nothing of the trace is forgotten, as it would be by `rewind(step=session.best().step)`.
        """
        best = self.best(key)
        network = self.network_at(best.step)
        for kind, arrays in (("weights", network.parameters), ("state", network.states)):
            for name, array in arrays.items():
                self.edit(f"{kind}[{name!r}]", network.ops.to_numpy(array))
        return best

    def save(self, path: str | os.PathLike) -> None:
        """Save network, optimizer and step in one file, atomically; `train(..., resume_from=path)` goes on.

        Between two steps only: ValueError inside one.
        """
        self._gate.visit_and_wait(lambda: self._save(path))

    def script(self) -> Script:
        """Python that repeats this whole session without a notebook, edits included, to the identical losses.

        ValueError for what a script cannot hold, such as a batch source of your own.
        """
        if self.recipe is None:
            raise ValueError("only a session made by cortex_lab.train knows how it was made")
        first = self.history.nearest(self.first_step)[1]
        return self.recipe.script(self.process, first, self.events, _loaded_as(self.dataset))

    def sibling(self, process: Process) -> TrainingSession:
        return TrainingSession(process, self.dataset, self.probes, self.history.budget)  # type: ignore[arg-type]

    def bench(self, **options: Any) -> Any:
        """The live lab bench on this session, displayed; see `cortex_lab.widgets.Bench` for the options."""
        try:
            from cortex_lab.widgets import Bench
        except ImportError as missing:
            raise ImportError("the bench needs Jupyter widgets: pip install 'cortex-lab[lab]'") from missing
        return Bench(self, **options).show()

    def _frame(self) -> pd.DataFrame:
        training = self.process
        if training.batch is None or training.bound is None:
            raise LookupError("no batch has been fetched yet; take a step, or session.step(to='fetch')")
        rows, slots = training.batch.rows, training.objective.slots(training.bound, training.plan)
        if self.dataset is not None:
            whole = self.dataset.frame
            frame = whole.loc[rows].copy()
        else:
            frame = pd.DataFrame({"target": list(next(iter(slots.values())).target)}, index=rows)
        frame.index.name = "row"
        return frame.assign(
            loss=sum(self.network.ops.to_numpy(at.rows).astype(float) for at in slots.values())
        )

    def _score(self, data: Any, metrics: Any) -> dict[str, float]:
        training = self.process
        if isinstance(data, str):
            splits = getattr(self.dataset, "splits", None) or {}
            if data not in splits:
                raise KeyError(f"there is no split {data!r} to score; give a Dataset or (inputs, targets)")
            data = getattr(self.dataset, data)
        inputs, targets = training.checked_rows(*(data.arrays() if hasattr(data, "arrays") else data))
        chosen = training.metrics if metrics is None else Metrics(metrics, training.objective)
        return training.objective.score(inputs, targets, chosen)

    def _save(self, path: str | os.PathLike) -> None:
        if self.phase is not None:
            raise ValueError(
                f"the session stands inside a step, after {self.phase}; finish it: session.step()"
            )
        save_training(self.process, path)

    def _case(self) -> Case:
        """Copies of the training as it is, and as it was when it was last edited by hand, or began."""
        now, step = self.process.clone(), self.step_number
        # An edit inside a step belongs to that step.
        edited = [min(event.step + (event.phase is not None), step) for event in self.events]
        origin = max(edited, default=self.first_step)
        # The median, because the first steps may have waited for kernels to be compiled.
        took = np.diff(self.trace["seconds"])
        start, seconds = self.process.clone(), float(np.median(took)) if len(took) > 2 else 0.0
        events = [event for event in self.events if event.step < origin + (event.phase is None)]
        replay(start, self.history.nearest(origin)[1], events, origin)
        losses = self.trace["loss"].copy() if "loss" in self.trace else None
        history, events = copy.copy(self.history), list(self.events)

        def at(step: int) -> Training:
            training = now.clone()
            replay(training, history.nearest(step)[1], [each for each in events if each.step <= step], step)
            return training

        return Case(now, start, origin, self.fault, seconds, losses, bool(edited), at)

    def _training_at(self, step: int) -> Training:
        training = self.process.clone()
        replay(training, self.history.nearest(step)[1], self._events_before(step), step)
        return training


def train(
    network: Network,
    data: Any,
    loss: Any,
    optimizer: Optimizer,
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
    probes: Iterable[Probe] | None = None,
    snapshot_budget: int = 256 * 2**20,
) -> TrainingSession:
    """Set up a training and return its session, at step 0.

    Parameters
    ----------
    network
        The network to train, in place.
    data
        A Dataset (its training rows are used), or a pair (inputs, targets) of arrays.
    loss
        A loss or its name, such as "softmax_cross_entropy" or "mean_squared_error"; a dict by output name if
        there are several.
    optimizer
        Such as `Adam(1e-3)`; its learning rate may be a schedule.
    batch_size
        Rows of a batch; the last batch of an epoch may be smaller.
    seed
        Keys the order of the rows and everything drawn at random.
    validation
        The name of one of the dataset's splits, a Dataset, a pair of arrays, or None. A dataset without the
        split of that name simply is not validated.
    validate_every
        Steps between validations; None is once per epoch.
    metrics
        What else to measure of the validation rows, recorded as "validation_<name>": names of scikit-learn's
        scorers such as "f1_macro", "roc_auc_ovr" or "r2", functions (y_true, y_pred), or scorers; a dict of
        those by output name if there are several. See `cortex_lab.nn.metrics.Metrics`.
    loss_weights
        By output name, the weight of its loss in the total.
    class_weight
        Weights by class, by name or number, or "balanced".
    sample_weight
        (rows,): how much each row of the data counts.
    penalties
        Such as {"*/kernel": L2(1e-4)}; see `Penalties`.
    frozen
        Names of nodes, or patterns such as "conv2d_*", that do not learn; `session.edit("frozen", [...])`
        freezes others, or none. See `cortex_lab.nn.freezing.Frozen`.
    augment
        Such as `Augmentation(horizontal_flip=True, shift_range=0.1)`: changes the pictures that are trained
        on a little, anew in every epoch. A dict of them by input name if there are several.
    resume_from
        A file that `session.save` wrote, of a training set up as this one: the session begins at its step and
        goes on as that one would have.
    """
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"the optimizer must be one such as Adam(1e-3), got {optimizer!r}")
    dataset, batches = _batches(data, batch_size, seed)
    frozen = [frozen] if isinstance(frozen, str) else list(frozen)
    training = Training(
        network,
        batches,
        loss,
        optimizer,
        loss_weights=loss_weights,
        row_weights=_row_weights(data, dataset, class_weight, sample_weight),
        penalties=penalties,
        frozen=frozen,
        augment=augment,
        validation=_validation(dataset, validation),
        validate_every=validate_every,
        metrics=metrics,
        seed=seed,
    )
    if resume_from is not None:
        load_training(training, resume_from)
    recipe = Recipe.of(
        data, loss, optimizer, batch_size=batch_size, seed=seed, validation=validation,
        validate_every=validate_every, metrics=metrics, loss_weights=loss_weights,
        class_weight=class_weight, sample_weight=sample_weight, penalties=penalties, frozen=frozen or None,
        augment=augment,
    )  # fmt: skip
    return TrainingSession(training, dataset, probes, snapshot_budget, recipe)


def _batches(data: Any, batch_size: int, seed: int) -> tuple[Any, Any]:
    if hasattr(data, "fetch"):
        return None, data
    if hasattr(data, "batches"):
        rows = data.train if data.splits else data
        return data, rows.batches(batch_size, seed=seed)
    from cortex_lab.data import Batches

    inputs, targets = data
    return None, Batches(inputs, targets, batch_size=batch_size, seed=seed)


def _row_weights(data: Any, dataset: Any, class_weight: Any, sample_weight: Any) -> np.ndarray | None:
    """The weight of each row, by its position as batches name it."""
    if class_weight is None and sample_weight is None:
        return None
    if hasattr(data, "fetch"):
        raise ValueError("batches of your own bring their weights themselves, as batch.weights")
    if dataset is None:
        return row_weights(np.asarray(data[1]), class_weight, sample_weight)
    train = dataset.train if dataset.splits else dataset
    if isinstance(class_weight, Mapping) and dataset.classes is not None:
        numbers = {name: number for number, name in enumerate(dataset.classes)}
        class_weight = {numbers.get(name, name): weight for name, weight in class_weight.items()}
    if sample_weight is not None:
        sample_weight = np.asarray(sample_weight)
        if len(sample_weight) != len(dataset):
            given, rows = len(sample_weight), len(dataset)
            raise ValueError(f"sample_weight needs one weight for each of {rows} rows, got {given}")
        sample_weight = sample_weight[np.searchsorted(dataset.rows, train.rows)]
    weights = np.zeros(int(train.rows.max()) + 1)
    weights[train.rows] = row_weights(train.arrays()[1], class_weight, sample_weight)
    return weights


def _loaded_as(dataset: Any) -> str | None:
    """The name by which `cortex_lab.data.load` gives exactly this data set; None if it does not."""
    from cortex_lab.data import available, load

    if dataset is None or dataset.name not in available():
        return None
    same = load(dataset.name)
    alike = np.array_equal(same.rows, dataset.rows) and same.splits.keys() == dataset.splits.keys()
    alike = alike and all(np.array_equal(same.splits[part], dataset.splits[part]) for part in same.splits)
    arrays = zip(same.arrays(), dataset.arrays(), strict=True) if alike else [(0, 1)]
    return dataset.name if all(np.array_equal(ours, theirs) for ours, theirs in arrays) else None


def _validation(dataset: Any, validation: Any) -> tuple[Any, Any] | None:
    if validation is None:
        return None
    if isinstance(validation, str):
        if dataset is None or validation not in (dataset.splits or ()):
            if validation != "validation":
                raise KeyError(f"there is no split {validation!r} to validate on")
            return None
        validation = getattr(dataset, validation)
    return validation.arrays() if hasattr(validation, "arrays") else tuple(validation)
