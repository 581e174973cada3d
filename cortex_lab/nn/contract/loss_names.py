"""Losses by the names that they have in Keras, PyTorch and scikit-learn."""

from __future__ import annotations

from collections.abc import Iterable

from cortex_lab.ground import checks
from cortex_lab.ground.spelling import spelled, squeezed
from cortex_lab.nn.contract.layer import Shape

SAME = {
    "mse": "mean_squared_error",
    "l2": "mean_squared_error",
    "squarederror": "mean_squared_error",
    "leastsquares": "mean_squared_error",
    "mae": "mean_absolute_error",
    "l1": "mean_absolute_error",
    "absoluteerror": "mean_absolute_error",
    "leastabsolutedeviation": "mean_absolute_error",
    "smoothl1": "huber",
    "center": "center_loss",
    "censor": "censor_loss",
}
"""Other names, squeezed and without "loss" at the end."""

CATEGORICAL = ("categoricalcrossentropy", "sparsecategoricalcrossentropy", "cce", "scce", "nll")
BINARY = ("binarycrossentropy", "bce", "bcewithlogits", "binarycrossentropywithlogits", "logistic")
EITHER = ("crossentropy", "ce", "log", "xent", "softmaxcrossentropywithlogits", "deviance")
"""Names of cross-entropies, of which the last layer tells which one is meant."""

WITHOUT = {
    "hinge": "'cross_entropy' separates classes",
    "squaredhinge": "'cross_entropy' separates classes",
    "categoricalhinge": "'cross_entropy' separates classes",
    "multimargin": "'cross_entropy' separates classes",
    "logcosh": "'huber' bounds the pull of outliers as well",
    "kld": "CategoricalCrossEntropy(one_hot=True) has the same gradient",
    "kldiv": "CategoricalCrossEntropy(one_hot=True) has the same gradient",
    "kldivergence": "CategoricalCrossEntropy(one_hot=True) has the same gradient",
    "kullbackleiblerdivergence": "CategoricalCrossEntropy(one_hot=True) has the same gradient",
    "msle": "learn numpy.log1p(y) with 'mean_squared_error'",
    "meansquaredlogarithmicerror": "learn numpy.log1p(y) with 'mean_squared_error'",
    "mape": "learn numpy.log(y) with 'mean_absolute_error'",
    "meanabsolutepercentageerror": "learn numpy.log(y) with 'mean_absolute_error'",
    "rmse": "'mean_squared_error' has its minimum at the same place",
    "poisson": "learn numpy.log1p(y) with 'mean_squared_error'",
    "poissonnll": "learn numpy.log1p(y) with 'mean_squared_error'",
    "cosinesimilarity": "a loss of your own is one class, see cortex_lab.Loss",
    "focal": "train(..., class_weight='balanced') is for rare classes",
    "binaryfocalcrossentropy": "train(..., class_weight='balanced') is for rare classes",
    **dict.fromkeys(("accuracy", "acc"), "it is recorded of classes anyway; leave it out"),
    **dict.fromkeys(("f1", "auc", "rocauc", "r2"), "a metric is measured: train(..., metrics=['f1_macro'])"),
}
"""What is not here, and what to type instead."""

_UNKNOWN = "what the last layer ends in"


def is_loss_name(name: str, known: Iterable[str]) -> bool:
    """Whether somebody calls a loss so, here or elsewhere."""
    short = squeezed(name)
    short = short.removesuffix("loss") or short
    others = (*CATEGORICAL, *BINARY, *EITHER, *WITHOUT)
    return short in others or spelled(short, known, SAME) is not None or spelled(name, known) is not None


def loss_name(
    name: str, known: Iterable[str], activation: str | None = _UNKNOWN, shape: Shape = ()
) -> str:
    """What a loss is called here; `name` itself if nobody can tell.

    A cross-entropy is that of the output's `activation` and row `shape`; ValueError where these are unknown,
    and for a loss that is not here but elsewhere.
    """
    known = list(known)
    if name in known:
        return name
    short = squeezed(name)
    short = short.removesuffix("loss") or short
    if short in (*CATEGORICAL, *BINARY, *EITHER):
        if activation == _UNKNOWN:
            raise ValueError(
                f"which loss {name!r} is depends on the last layer; say 'softmax_cross_entropy' or "
                "'sigmoid_cross_entropy' for raw outputs, else 'categorical_cross_entropy' or "
                "'binary_cross_entropy'"
            )
        return _cross_entropy(short, activation, shape)
    if short in WITHOUT:
        raise ValueError(f"there is no loss {checks.shown(name)} here: {WITHOUT[short]}")
    return spelled(name, known) or spelled(short, known, SAME) or name


def _cross_entropy(short: str, activation: str | None, shape: Shape) -> str:
    alone = not shape or shape[-1] == 1
    if activation in ("sigmoid", "hard_sigmoid"):
        return "categorical_cross_entropy" if short in CATEGORICAL and not alone else "binary_cross_entropy"
    if activation == "softmax":
        return "binary_cross_entropy" if short in BINARY else "categorical_cross_entropy"
    if short in BINARY or (alone and short not in CATEGORICAL):
        return "sigmoid_cross_entropy"
    return "softmax_cross_entropy"
