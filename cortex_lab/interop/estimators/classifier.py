"""A network that tells classes apart."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import ClassifierMixin
from sklearn.callback import with_callbacks
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from cortex_lab.interop.estimators.base import NetworkEstimator
from cortex_lab.interop.estimators.kinds import (
    Augmentations,
    ClassWeights,
    Folder,
    Layers,
    Losses,
    Optimizers,
    PenaltiesOf,
    Rows,
    Seed,
    Targets,
    Until,
)
from cortex_lab.nn import Layer
from cortex_lab.nn.layers.dense import Dense


class NetworkClassifier(ClassifierMixin, NetworkEstimator):
    """A network that tells classes apart, as one of scikit-learn's estimators.

        NetworkClassifier([64, 64], optimizer=cl.Adam(3e-3), epochs=50).fit(X, y).predict(X)

    Targets are labels (rows,) of any kind, or yes or no for several at once, (rows, labels) of 0 and 1.

    Parameters
    ----------
    layers
        What lies between the inputs and the last layer, which is added: whole numbers, each a `Dense` of so
        many units, and layers such as `Conv2D(16, 3)`.
    activation
        Of the layers that are given as numbers.
    loss
        None is the cross-entropy that fits the targets.
    optimizer
        Such as `Adam(1e-3)`, or "adam". `optimizer__learning_rate` and its other settings can be searched.
    epochs
        How often each row is learned from in a fit.
    batch_size
        Rows of a batch; "auto" are 200, or all if there are fewer.
    until
        Ends a fit sooner, such as "loss < 0.01" or `stalled("validation_loss", patience=5)`.
    validation
        A share of the rows to hold out, such as 0.1, or None.
    class_weight
        {label: weight}, or "balanced".
    penalties, augment
        As in `cortex_lab.train`.
    memory
        A folder where fits are kept, so that a fit of the same rows with more epochs goes on from there, as
        in a halving search with `resource="epochs"`; equal bit for bit to one that began anew. It needs a
        whole number as `random_state`.
    warm_start
        Whether another `fit` goes on; see `cortex_lab.interop.estimators`.
    random_state
        Keys the first weights and the order of the rows.

    Attributes
    ----------
    classes_
        The labels, in order; of several labels at once their numbers.
    network_, session_
        The Network, and the TrainingSession: step on, look inside, rewind.
    rows_
        Positions in `X` of the session's rows.
    n_iter_
        Epochs that fits took, those that this one went on from included; the last may not be whole.
    """

    def __init__(
        self,
        layers: Layers = (64,),
        activation: str | Layer = "relu",
        *,
        loss: Losses = None,
        optimizer: Optimizers = "adam",
        epochs: int = 100,
        batch_size: int | str = "auto",
        until: Until = None,
        validation: float | None = None,
        class_weight: ClassWeights = None,
        penalties: PenaltiesOf = None,
        augment: Augmentations = None,
        memory: Folder = None,
        warm_start: bool = False,
        random_state: Seed = None,
    ) -> None:
        super().__init__(
            layers,
            activation,
            loss=loss,
            optimizer=optimizer,
            epochs=epochs,
            batch_size=batch_size,
            until=until,
            validation=validation,
            penalties=penalties,
            augment=augment,
            memory=memory,
            warm_start=warm_start,
            random_state=random_state,
        )
        self.class_weight = class_weight

    @with_callbacks
    def partial_fit(
        self, X: Rows, y: Targets, classes: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> NetworkClassifier:
        """Go on for one epoch of these rows. `classes` at first: all labels there will ever be."""
        if not self.__sklearn_is_fitted__():
            self._all_classes = None if classes is None else np.unique(np.asarray(classes))
        elif classes is not None and not np.array_equal(np.unique(np.asarray(classes)), self.classes_):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was: "
                f"{self.classes_!r}"
            )
        try:
            return self._partial_fit(X, y, sample_weight)
        finally:
            self.__dict__.pop("_all_classes", None)

    def predict_proba(self, X: Rows) -> np.ndarray:
        """(rows, classes): how likely each class is; of several labels at once how likely each is a yes."""
        scores = np.asarray(self._outputs(X), dtype=np.float64)
        return expit(scores) if self._several else softmax(scores, axis=1)

    def predict_log_proba(self, X: Rows) -> np.ndarray:
        """The logarithm of `predict_proba`, exact also where that is 0."""
        scores = np.asarray(self._outputs(X), dtype=np.float64)
        return log_expit(scores) if self._several else log_softmax(scores, axis=1)

    def predict(self, X: Rows) -> np.ndarray:
        """(rows,) labels, or (rows, labels) of 0 and 1."""
        scores = self._outputs(X)
        return (scores > 0).astype(int) if self._several else self.classes_[scores.argmax(axis=1)]

    def _targets(self, y: Targets, first: bool) -> np.ndarray:
        try:
            check_classification_targets(y)
            kind = type_of_target(y, input_name="y")
        except TypeError:
            kinds = sorted({type(label).__name__ for label in np.asarray(y, dtype=object).ravel()})
            raise TypeError(f"labels are of one kind, and these are {', '.join(kinds)}") from None
        if kind == "multiclass-multioutput":
            raise ValueError(
                "y has several columns of classes; one network for each: "
                "sklearn.multioutput.MultiOutputClassifier(NetworkClassifier())"
            )
        several = kind == "multilabel-indicator"
        labels: Any = y.toarray() if hasattr(y, "toarray") else np.asarray(y)  # type: ignore[union-attr]
        labels = labels if several else column_or_1d(labels, warn=True)
        if first:
            self._several = several
            self.classes_ = self._labels(labels)
        if several != self._several or (several and labels.shape[1] != len(self.classes_)):
            raise ValueError("y is of another kind than at the first fit: the same labels, in the same form")
        if several:
            return labels.astype(np.float32)
        if len(self.classes_) < 2:
            only = self.classes_[0]
            raise ValueError(
                f"a classifier needs at least 2 classes, and the rows have one class only, {only}"
            )
        places = np.searchsorted(self.classes_, labels).clip(max=len(self.classes_) - 1)
        if (unknown := self.classes_[places] != labels).any():
            raise ValueError(
                f"y has the label {labels[unknown][0]!r}, and the classes are {self.classes_}; "
                "give them all: partial_fit(X, y, classes=...)"
            )
        return places

    def _labels(self, labels: np.ndarray) -> np.ndarray:
        """All there will be, in order."""
        if self._several:
            return np.arange(labels.shape[1])
        known = getattr(self, "_all_classes", None)
        return np.unique(labels) if known is None else known

    def _head(self) -> tuple[Sequence[Any], Any]:
        loss = "sigmoid_cross_entropy" if self._several else "softmax_cross_entropy"
        return [Dense(len(self.classes_))], loss

    def _options(self) -> dict[str, Any]:
        weights: Any = self.class_weight
        if isinstance(weights, Mapping) and not self._several:
            places = {label: place for place, label in enumerate(self.classes_.tolist())}
            for label in weights:
                if label not in places:
                    # As in a fold that lacks one.
                    told = f"class_weight has {label!r}, and the classes of these rows are {self.classes_}"
                    warnings.warn(told, UserWarning, stacklevel=2)
            weights = {places[label]: weight for label, weight in weights.items() if label in places}
        return {"class_weight": weights}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
