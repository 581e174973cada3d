"""scikit-learn's metrics of a network's outputs.

Not every metric is a mean over batches. So the outputs of all rows are gathered batch by batch into one
array, and the metric is called once, on all of them: it is exact, and the outputs are all that is kept.
"""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from cortex_lab.ground import checks
from cortex_lab.nn.contract.loss import Loss
from cortex_lab.nn.run.network import Network
from cortex_lab.nn.train.metric_kinds import Scorer, compares, refuse_unfit, resolve_metric, rises
from cortex_lab.study.missing import MISSING

_TAKEN = ("loss",)
SOME = 3
"""As many classes are more than two, which some metrics are for."""


class Scored(Protocol):
    """Outputs of a network that have a loss: a `TotalLoss`."""

    @property
    def losses(self) -> Mapping[str, Loss]: ...

    @property
    def network(self) -> Network: ...


class Metrics:
    """Metrics by output, under the keys they are recorded by: "f1_macro", or "f1_macro['digit']" if several
    outputs have a loss.

    Parameters
    ----------
    metrics
        A metric or a list of them: names of scikit-learn's scorers ("f1_macro", "roc_auc_ovr", "r2",
        "neg_mean_absolute_error"), functions (y_true, y_pred), or what `sklearn.metrics.make_scorer` made.
        For several outputs, a dict of those by output name.
    objective
        Its losses say what the outputs are: classes, yes or no, or values.

    Class metrics see class ids: the highest output, or a probability over 1/2. Those that want probabilities
    get them: softmax or sigmoid is applied if it is part of the loss. Functions get class ids or values; one
    that wants probabilities is made a scorer by make_scorer(f, response_method="predict_proba"). Every step
    of a sequence counts as a row; unknown targets are left out. ValueError for what does not exist or fit.
    """

    def __init__(self, metrics: object, objective: Scored) -> None:
        self.given = _by_output(metrics, objective.losses)
        self._objective = objective
        self._scorers: dict[str, tuple[str, Scorer]] = {}
        self._compares: dict[str, str | None] = {}
        self.directions: dict[str, bool | None] = {}
        for output, several in self.given.items():
            for metric in several:
                name, scorer = resolve_metric(metric)
                key = f"{name}[{output!r}]" if len(objective.losses) > 1 else name
                if key in self._scorers or name in _TAKEN:
                    raise ValueError(
                        f"two measures would be called {key!r}; a function goes by its name: give it another"
                    )
                self._scorers[key] = (output, scorer)
                self.directions[key] = rises(metric)
                self._compares[key] = compares(metric)

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(self._scorers)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The outputs that have a metric, and so are gathered."""
        return tuple(dict.fromkeys(output for output, _ in self._scorers.values()))

    def check(self, targets: Mapping[str, np.ndarray]) -> None:
        """ValueError for a metric that cannot be taken of such outputs and these checked targets."""
        losses, graph = self._objective.losses, self._objective.network.graph
        shapes = {output: graph.shape(output) for output in self.outputs}
        # What no row is of may be predicted all the same.
        more = {name: _with_others(losses[name], shape, targets[name]) for name, shape in shapes.items()}
        some_absent = any(len(more[name]) > len(targets[name]) for name in shapes)
        for asked in (targets, more) if some_absent else (targets,):
            perfect = {name: _perfect(losses[name], shape, asked[name]) for name, shape in shapes.items()}
            self.measure(perfect, asked)

    def measure(
        self, outputs: Mapping[str, np.ndarray], targets: Mapping[str, np.ndarray]
    ) -> dict[str, float]:
        """Each metric by its key; NaN where an output is not a finite number, or no target is known.

        ValueError for the first that cannot be taken.
        """
        found = self.attempt(outputs, targets)
        for value in found.values():
            if isinstance(value, Exception):
                raise value
        return found

    def attempt(self, outputs: Mapping[str, np.ndarray], targets: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """What `measure` gives, with the error in the place of a metric that cannot be taken."""
        classes = self._objective.network.classes
        named = classes if isinstance(classes, Mapping) else dict.fromkeys(self.outputs, classes)
        answers = {
            name: _answers(self._objective.losses[name], outputs[name], targets[name], named.get(name))
            for name in self.outputs
        }
        return {
            key: self._value_or_error(key, output, scorer, *answers[output])
            for key, (output, scorer) in self._scorers.items()
        }

    def _value_or_error(self, *asked: Any) -> float | Exception:
        try:
            return self._measure(*asked)
        except Exception as error:
            return error

    def _measure(
        self,
        key: str,
        output: str,
        scorer: Scorer,
        estimator: Any,
        y: np.ndarray,
        y_true: np.ndarray,
    ) -> float:
        refuse_unfit(key, output, self._compares[key], isinstance(estimator, _Classes))
        if not len(y):
            return MISSING
        if not np.isfinite(y).all():
            return float("nan")
        absent = estimator.absent(y_true)
        try:
            value = _of_all_classes(scorer, estimator, y, y_true) if absent else scorer(estimator, y, y_true)
        except Exception as error:
            rows = f", and {len(y)} rows without {', '.join(absent)} in them" if absent else ""
            raise ValueError(
                f"the metric {key!r} cannot be taken of output {output!r}, {estimator.says}{rows}: {error}"
            ) from error
        try:
            found = None if isinstance(value, str) or np.ndim(value) else float(value)
        except (TypeError, ValueError):
            found = None
        if found is None:
            raise ValueError(f"the metric {key!r} must give one number, got {checks.shown(value)}")
        return found


@dataclass(frozen=True)
class _Values:
    """Outputs as scikit-learn's scorers ask a fitted regressor for them."""

    says = "which are values"

    def absent(self, y_true: np.ndarray) -> list[str]:
        return []

    def predict(self, y: np.ndarray) -> np.ndarray:
        return y

    def __sklearn_tags__(self) -> Any:
        return _tags("regressor")


@dataclass(frozen=True)
class _Classes:
    """Probabilities (rows, classes), or (rows, labels) of several yes-or-no labels, as scorers ask a fitted
    classifier for them."""

    classes_: np.ndarray
    names: Sequence[str] | None = None

    def absent(self, y_true: np.ndarray) -> list[str]:
        """The classes that no row is of, in words."""
        if self.classes_.ndim == 2:
            return []
        ids = np.setdiff1d(self.classes_, y_true)
        named = self.names if self.names and len(self.names) == len(self.classes_) else self.classes_.tolist()
        return [f"class {named[each]!r}" for each in ids]

    @property
    def says(self) -> str:
        several = self.classes_.ndim == 2
        return f"which has {self.classes_.shape[-1]} {'yes-or-no labels' if several else 'classes'}"

    def predict(self, y: np.ndarray) -> np.ndarray:
        return (y > 0.5).astype(np.int64) if self.classes_.ndim == 2 else y.argmax(axis=1)

    def predict_proba(self, y: np.ndarray) -> np.ndarray:
        return y

    def __sklearn_tags__(self) -> Any:
        return _tags("classifier")


def _tags(kind: str) -> Any:
    from sklearn.utils import Tags, TargetTags

    return Tags(estimator_type=kind, target_tags=TargetTags(required=True))


def _of_all_classes(scorer: Any, estimator: _Classes, y: np.ndarray, y_true: np.ndarray) -> Any:
    """The score where rows of some class are absent, which scikit-learn is told to be there.

    ValueError where it then has no answer but NaN.
    """
    function, given = getattr(scorer, "_score_func", None), getattr(scorer, "_kwargs", {})
    # A score of predicted classes is that of the classes it meets, as scikit-learn has it.
    of_probabilities = getattr(scorer, "_response_method", "predict") != "predict"
    if function and of_probabilities and "labels" in inspect.signature(function).parameters:
        scorer = copy.copy(scorer)
        scorer._kwargs = {"labels": estimator.classes_, **given}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=RuntimeWarning, module="sklearn")
        warnings.filterwarnings("ignore", ".*(ROC AUC|[Oo]nly one class).*")
        value = scorer(estimator, y, y_true)
    if of_probabilities and np.ndim(value) == 0 and np.isnan(value):
        raise ValueError("it is not defined without them; score rows of every class")
    return value


def _by_output(metrics: object, losses: Mapping[str, Loss]) -> dict[str, list[Any]]:
    if not isinstance(metrics, Mapping):
        listed = _listed(metrics)
        if listed and len(losses) > 1:
            raise ValueError(
                f"the losses are on {', '.join(losses)}; give metrics for each: metrics={{name: [...]}}"
            )
        metrics = {next(iter(losses)): listed}
    for name in metrics:
        if name not in losses:
            raise ValueError(f"metrics are asked for {name!r}, but the losses are on {', '.join(losses)}")
    found = {name: _listed(several) for name, several in metrics.items()}
    for name, several in found.items():
        if several and losses[name].predicts == "features":
            raise ValueError(f"output {name!r} gives features, not its targets, so it has no metrics")
    return found


def _listed(metrics: object) -> list[Any]:
    if metrics is None:
        return []
    alone = isinstance(metrics, str) or callable(metrics) or not isinstance(metrics, Iterable)
    return [metrics] if alone else checks.listed("metrics", metrics, "a metric or a list of them")


# An output that is not finite makes a metric NaN, which is warning enough.
@np.errstate(invalid="ignore", over="ignore")
def _answers(
    loss: Loss, y: np.ndarray, targets: np.ndarray, names: Sequence[str] | None
) -> tuple[Any, np.ndarray, np.ndarray]:
    """(estimator, its answers, true answers) for the rows whose targets are known, a row each."""
    y = _linked(loss, np.asarray(y, dtype=np.float64))
    if loss.predicts == "classes":
        y = y.reshape(-1, y.shape[-1])
        # What a softmax rounds off in float32 is enough for scikit-learn to warn of.
        y /= np.maximum(y.sum(axis=1, keepdims=True), 1e-30)
        ids = targets if loss.of_classes else targets.argmax(axis=-1)
        known = ids.ravel() >= 0
        return _Classes(np.arange(y.shape[1]), names), y[known], ids.ravel()[known]
    two = loss.predicts == "yes or no" and bool(np.isin(targets[~np.isnan(targets)], (0, 1)).all())
    # A step is an answer of its own, as it is of classes; of values, a whole row is.
    answers = (-1, y.shape[-1]) if two else (len(y), -1)
    y, targets = y.reshape(answers), targets.reshape(answers)
    known = ~np.isnan(targets).any(axis=1)
    y, targets = y[known], targets[known]
    if two:
        labels = targets.astype(np.int64)
        if y.shape[1] == 1:
            return _Classes(np.arange(2), names), np.concatenate([1 - y, y], axis=1), labels[:, 0]
        return _Classes(np.tile([[0], [1]], y.shape[1])), y, labels
    return _Values(), *((y[:, 0], targets[:, 0]) if y.shape[1] == 1 else (y, targets))


def _linked(loss: Loss, y: np.ndarray) -> np.ndarray:
    if loss.link == "softmax":
        powers = np.exp(y - y.max(axis=-1, keepdims=True))
        return powers / powers.sum(axis=-1, keepdims=True)
    return 0.5 + 0.5 * np.tanh(0.5 * y) if loss.link == "sigmoid" else y


def _with_others(loss: Loss, shape: tuple[int, ...], targets: np.ndarray) -> np.ndarray:
    """The checked targets, and behind them rows of some classes that none of them is of, if there are any."""
    if loss.predicts != "classes" or not len(targets):
        return targets
    ids = targets if loss.of_classes else targets.argmax(axis=-1)
    absent = np.setdiff1d(np.arange(shape[-1]), ids)[:SOME]
    others = np.repeat(absent, ids[0].size).reshape(len(absent), *ids.shape[1:])
    return np.concatenate([targets, others if loss.of_classes else np.eye(shape[-1])[others]])


def _perfect(loss: Loss, shape: tuple[int, ...], targets: np.ndarray) -> np.ndarray:
    """Outputs, of row shape `shape`, that a metric should have no reason to refuse."""
    if loss.predicts == "classes":
        return np.eye(shape[-1])[np.maximum(targets, 0)] if loss.of_classes else targets
    # Off by a fraction, as whole numbers could be taken for classes.
    off = 0.25 if loss.predicts == "values" else 0.0
    return np.where(np.isnan(targets), 0.5, targets + off)
