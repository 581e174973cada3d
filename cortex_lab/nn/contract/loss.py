"""What a loss is: a frozen description that scores outputs against targets, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.ground import checks
from cortex_lab.ground.described import Described, Registry, replays_own_only
from cortex_lab.nn.contract.layer import Parameter, Shape, Slots, snake_case
from cortex_lab.nn.contract.loss_names import loss_name

LOSSES = Registry("loss", snake_case)
SIGNED = (
    "Number the classes from 0: labels, ids = numpy.unique(targets, return_inverse=True); or say -100 for "
    "unknown, numpy.where(y < 0, -100, y)"
)


class Loss(Described):
    """Base of all losses: subclasses are frozen dataclasses.

    The total is the weighted mean of the losses of all known targets: a row counts by its weight, 1 unless
    the batch brings others, times the share of its targets that is known. Of a batch in which no row counts
    the mean is NaN, and nothing is learned.
    A new loss is one file and a row in the case table; defining it registers it under its name in snake case,
    one of your own under its module's name too.
    """

    of_classes: ClassVar[bool] | bool = False
    """Whether targets are class ids."""
    link: ClassVar[str | None] | str | None = None
    """What makes probabilities of the outputs: "softmax", "sigmoid", or None where nothing has to."""
    replays: ClassVar[bool] = False
    """Whether `evaluate` only calls kernels, each time with the same arrays and numbers.

    It is then run once for each number of rows; after that the calls it made are made again. A class of one's
    own that brings an `evaluate` says so itself.
    """

    @property
    def predicts(self) -> str:
        """What the outputs say of the targets: "classes", "yes or no", "values", or "features" (nothing)."""
        return "classes" if self.of_classes else "values"

    @property
    def reads(self) -> str:
        """How it reads a column of a table: as "classes", "yes or no", "values" or "one column per class"."""
        return self.predicts if self.of_classes or self.predicts == "yes or no" else "values"

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        replays_own_only(cls, "evaluate")
        LOSSES.add(cls)

    def check_output(self, name: str, shape: Shape, activation: str | None) -> None:
        """ValueError if the output `name`, of row shape `shape` and made by `activation`, does not fit."""

    def target_shape(self, shape: Shape) -> Shape:
        """Row shape of the targets for outputs of row shape `shape`."""
        return () if self.of_classes else shape

    def check_targets(self, targets: np.ndarray, shape: Shape) -> np.ndarray:
        """`targets` in the form `evaluate` takes; ValueError naming the first rows that do not fit."""
        wanted = self.target_shape(shape)
        if self.of_classes:
            return check_class_ids(targets, wanted, shape[-1])
        targets = checks.array("targets", targets)
        if targets.dtype.kind not in "biuf":
            raise ValueError(f"{type(self).__name__} wants targets that are numbers, got {targets.dtype}")
        targets = targets.astype(np.float64, copy=False)
        if targets.ndim == 1 and wanted == (1,):
            targets = targets[:, None]
        if targets.shape[1:] != wanted:
            raise ValueError(
                f"{type(self).__name__} wants targets of row shape {wanted}, got {targets.shape[1:]}"
                + _of_whole_rows(wanted, targets)
            )
        _refuse_holes(targets, "targets")
        return targets

    def known(self, targets: np.ndarray) -> Any | None:
        """Which of checked `targets` are known, as booleans of their shape; None if all always are.

        A row counts in means by the share of it that is known; one of which nothing is has no loss.
        """
        return targets >= 0 if self.of_classes else None

    def of_mixtures(self) -> Loss | None:
        """This loss of targets between those of two rows, one column for each class; None if it has none."""
        return None if self.of_classes or self.predicts == "features" else self

    def state(self, shape: Shape) -> dict[str, Parameter]:
        """Arrays that persist between steps but are not trained, by name; `evaluate` finds them in `at`."""
        return {}

    def evaluate(self, ops: Ops, at: Slots) -> tuple[Any, Any] | None:
        """From `at.y`, `at.target` and `at.weights` (rows,) fill `at.rows` (rows,) with each row's loss.

        Where `at.dy` is not None, also fill it with the gradient of sum(weights * rows) with respect to y.
        A loss that comes by them on its way returns sum(weights * rows) and how many targets are where y is
        highest; one that `replays` has a kernel leave them in `at.found` (2,) float64, NaN before.
        """
        raise TypeError(f"{type(self).__name__} must define evaluate(ops, at)")

    def settle(self, ops: Ops, at: Slots) -> None:
        """Fold what the step saw into the loss's state; runs in the update phase of a training step."""

    def to_dict(self) -> dict[str, Any]:
        """The description as JSON-able data; `loss_from_dict` reads it back."""
        return LOSSES.to_dict(self)


class WrongRows(ValueError):
    """Targets that do not fit in some `rows` of those given; `text` says "{rows}" where it names them."""

    def __init__(self, text: str, rows: np.ndarray) -> None:
        super().__init__(text.replace("{rows}", str(rows[:5].tolist())))
        self.text, self.rows = text, rows

    def at(self, places: np.ndarray) -> WrongRows:
        """The same of the data, in which the rows given are at `places`."""
        return type(self)(self.text, np.asarray(places)[self.rows])


class TooFewClasses(WrongRows):
    """Class ids that are in order, but not below the number of classes."""


def resolve_loss(loss: Any, *output: Any) -> Loss:
    """The loss called so, also as others call it, or the object itself if it is one.

    `output` are the activation and row shape of what it is on, which say which cross-entropy is meant.
    ValueError for a name that a built-in loss and one of your own share: give the loss itself then.
    """
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, str) and not LOSSES.has(loss):
        loss = loss_name(loss, LOSSES, *output)
    elif isinstance(loss, type) and issubclass(loss, Loss):
        loss = LOSSES.kind_of(loss)
    elif callable(loss) and not isinstance(loss, Described):
        name = getattr(loss, "__name__", type(loss).__name__)
        known = name if LOSSES.has(loss_name(name, LOSSES, None)) else "mean_squared_error"
        raise checks.WrongArgument(
            f"the loss must be a loss or its name, such as {known!r}, got a function; one of your own is a "
            "class, see cortex_lab.Loss"
        )
    own = LOSSES.named(loss)
    if own and loss in LOSSES:
        name = LOSSES[loss].__name__
        raise ValueError(
            f"{loss!r} may be the built-in cortex_lab.{name} or {', '.join(own)}; give the loss itself, "
            f"such as cortex_lab.{name}(...)"
        )
    kind = LOSSES.find(loss)
    try:
        return kind()
    except TypeError:
        name = kind.__name__
        raise ValueError(
            f"{loss!r} has settings without a default; give the loss itself: {name}(...)"
        ) from None


def reading_of(loss: object) -> tuple[str, str]:
    """How a loss, or all of several by output name, reads a column of targets, and what it is called."""
    losses = [resolve_loss(each) for each in (loss.values() if isinstance(loss, Mapping) else [loss])]
    if not losses:
        raise ValueError("there is no loss; give one for each output: loss={name: ...}")
    readings = {each.reads: snake_case(type(each).__name__) for each in losses}
    return " and ".join(readings), " and ".join(readings.values())


loss_from_dict = LOSSES.from_dict


def check_class_ids(targets: object, shape: Shape, classes: int) -> np.ndarray:
    """`targets` as int64 class ids (rows, *shape); ValueError naming the first not below `classes`.

    A negative id says that a class is unknown, and there is one for that, -1 or -100: ValueError for others,
    which are labels.
    """
    targets = checks.array("targets", targets)
    wanted = "(rows, {})".format(", ".join(map(str, shape))) if shape else "(rows,)"
    if targets.shape[1:] == (*shape, 1):
        targets = targets[..., 0]
    if targets.ndim == len(shape) + 2 and targets.shape[-1] > 1:
        raise ValueError(f"this loss wants class ids {wanted}, got {_several_columns(targets, classes)}")
    if targets.dtype.kind == "f" and targets.ndim:
        _refuse_holes(targets, "labels")
        targets = _whole(targets)
    if targets.dtype == bool:
        targets = targets.astype(np.int64)
    if targets.dtype.kind not in "iu" or targets.shape[1:] != shape or targets.ndim != len(shape) + 1:
        raise ValueError(
            f"this loss wants class ids {wanted}, got {targets.dtype} of shape {targets.shape}"
            + _of_whole_rows(shape, targets)
        )
    found = np.unique(targets[targets < 0]).tolist() if targets.size and targets.min() < 0 else []
    if found and found not in ([-1], [-100]):
        raise ValueError(
            f"the targets hold {', '.join(map(str, found[:5]))}, and a negative class id means that the "
            "class is unknown, which is said by one number, -1 or -100: those rows would teach nothing. "
            f"{SIGNED}"
        )
    if targets.size and targets.max() >= classes:
        bad = np.flatnonzero((targets >= classes).reshape(len(targets), -1).any(axis=1))
        raise TooFewClasses(
            f"labels go up to {int(targets.max())} but there are {classes} classes (0 to {classes - 1}); "
            "first such rows {rows}. Give the last layer more units",
            bad,
        )
    return targets.astype(np.int64)


def _of_whole_rows(wanted: Shape, targets: np.ndarray) -> str:
    """What to do about outputs that answer for many places of a row, where targets are of the whole of it."""
    many = len(wanted) > max(targets.ndim - 1, 1)
    return "; for one answer about a whole row, put a Flatten before the last Dense" if many else ""


def _whole(targets: np.ndarray) -> np.ndarray:
    """Class ids given as floats, as int64."""
    flat = targets.reshape(len(targets), -1)
    broken = (flat != np.floor(flat)).any(axis=1)
    if broken.any():
        first = flat[broken][0]
        raise WrongRows(
            f"class ids are whole numbers, and there is {first[first != np.floor(first)][0]:g}; predict the "
            "values with 'mean_squared_error', or make classes of them: numpy.digitize(y, edges); first such "
            "rows {rows}",
            np.flatnonzero(broken),
        )
    beyond = (np.abs(flat) >= 2.0**63).any(axis=1)
    if beyond.any():
        worst = flat[beyond][0]
        raise WrongRows(
            f"class ids are numbered from 0, and there is {worst[np.abs(worst) >= 2.0**63][0]:g}, beyond "
            "int64; labels, ids = numpy.unique(targets, return_inverse=True) numbers them; first such rows "
            "{rows}",
            np.flatnonzero(beyond),
        )
    return targets.astype(np.int64)


def _several_columns(targets: np.ndarray, classes: int) -> str:
    """What targets of several columns are, and what to do about it."""
    columns = targets.shape[-1]
    shares = ((targets >= 0) & (targets <= 1)).all() and np.allclose(targets.sum(axis=-1), 1, atol=1e-4)
    if columns == classes and shares:
        return "one column per class; pass targets.argmax(axis=-1), or say one_hot=True to the loss"
    return (
        f"{columns} columns, which are not the {classes} classes (0 or 1, with one 1 in each row); give one, "
        "target='y' or y[..., 0], or each an output and a loss of its own, by name"
    )


def _refuse_holes(targets: np.ndarray, called: str) -> None:
    finite = np.isfinite(targets)
    if not finite.all():
        bad = np.flatnonzero(~finite.reshape(len(targets), -1).all(axis=1))
        unknown = "CensorLoss(...) takes NaN for unknown" if called == "targets" else "say -1 for unknown"
        raise WrongRows(
            f"{called} are missing or infinite in {len(bad)} rows, the first {{rows}}; leave those rows out, "
            f"y[numpy.isfinite(y)] and their inputs, or {unknown}",
            bad,
        )


def row_weights(
    targets: object, class_weight: object = None, sample_weight: object = None, classes: int | None = None
) -> np.ndarray | None:
    """Weights (rows,) of the rows: the weight of a row's class times its own; None if neither is given.

    `targets` are class ids (rows,), negative where unknown, or one column per class. `class_weight` maps
    class ids, below `classes` if given, to weights (1 where it says nothing), or is "balanced":
    rows / (classes * rows of the class), as in scikit-learn. `sample_weight` is (rows,).
    """
    if class_weight is None and sample_weight is None:
        return None
    targets = np.asarray(targets)
    weights = np.ones(len(targets))
    if class_weight is not None:
        weights *= _weights_by_class(targets, class_weight, classes)
    if sample_weight is not None:
        sample_weight = np.asarray(sample_weight, dtype=np.float64)
        if sample_weight.shape != weights.shape:
            raise ValueError(f"sample_weight must be ({len(weights)},), got {sample_weight.shape}")
        weights *= sample_weight
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(bad):
        raise ValueError(f"weights must be finite and at least 0; rows {bad[:5].tolist()} are not")
    if not weights.any():
        raise ValueError("every row has the weight 0, so there is nothing to learn from")
    return weights


def _weights_by_class(targets: np.ndarray, class_weight: object, classes: int | None) -> np.ndarray:
    ids = _one_id_per_row(targets)
    found, counts = np.unique(ids[ids >= 0], return_counts=True)
    if isinstance(class_weight, str) and class_weight == "balanced":
        class_weight = dict(zip(found.tolist(), counts.sum() / (len(found) * counts), strict=True))
    if not isinstance(class_weight, Mapping):
        say = "; give class_weight.to_dict()" if hasattr(class_weight, "to_dict") else ""
        given = checks.shown(class_weight)
        raise TypeError(f"class_weight is a dict of weights by class or 'balanced', got {given}{say}")
    known = found if classes is None else np.arange(classes)
    weights = np.ones(len(ids))
    for class_id, weight in class_weight.items():
        truth = isinstance(class_id, (bool, np.bool_))
        number = isinstance(class_id, (int, float, np.integer, np.floating, np.bool_))
        if not number or (truth and targets.dtype != bool) or class_id not in known:
            there = ", ".join(map(str, known[:20].tolist()))
            raise ValueError(f"class_weight is by class id, and {class_id!r} is none; there are {there}")
        weights[ids == class_id] = checks.number(f"the weight of class {class_id!r}", weight, least=0)
    return weights


def _one_id_per_row(targets: np.ndarray) -> np.ndarray:
    ids = targets
    if targets.ndim == 2 and targets.shape[1] > 1 and np.allclose(targets.sum(axis=1), 1, atol=1e-4):
        ids = targets.argmax(axis=1)
    elif targets.ndim == 2 and targets.shape[1] == 1:
        ids = targets[:, 0]
    whole = ids.dtype.kind in "biu"
    if ids.dtype.kind == "f":
        whole = ((ids == np.floor(ids)) & (np.abs(ids) < 2.0**63)).all()
    if ids.ndim != 1 or not whole:
        raise ValueError(
            f"class_weight needs one class id per row, got targets of {targets.dtype} {targets.shape}; "
            "use sample_weight"
        )
    return ids.astype(np.int64)
