"""What scikit-learn's metrics are called, what they compare, and which way is better."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from cortex_lab.ground import checks
from cortex_lab.ground.spelling import squeezed

Scorer = Callable[[Any, np.ndarray, np.ndarray], Any]
USUAL = {
    "acc": ["accuracy"], "auc": ["roc_auc", "roc_auc_ovr"], "mae": ["neg_mean_absolute_error"],
    "mse": ["neg_mean_squared_error"], "rmse": ["neg_root_mean_squared_error"],
    "mape": ["neg_mean_absolute_percentage_error"], "medae": ["neg_median_absolute_error"],
    "msle": ["neg_mean_squared_log_error"], "rmsle": ["neg_root_mean_squared_log_error"],
    "rsquared": ["r2"], "mcc": ["matthews_corrcoef"], "f1score": ["f1", "f1_macro"], "f": ["f1", "f1_macro"],
    "fscore": ["f1", "f1_macro"], "bac": ["balanced_accuracy"], "logloss": ["neg_log_loss"],
    "crossentropy": ["neg_log_loss"], "brier": ["neg_brier_score"], "rocauc": ["roc_auc", "roc_auc_ovr"],
    "prauc": ["average_precision"], "ap": ["average_precision"], "sensitivity": ["recall"],
    "iou": ["jaccard", "jaccard_macro"], "topk": ["top_k_accuracy"],
}  # fmt: skip
"""What metrics are called elsewhere, squeezed, and scikit-learn's scorers of the same."""
FUNCTIONS = {"kappa": "cohen_kappa_score", "cohenkappa": "cohen_kappa_score"}
"""Of those that have no scorer, scikit-learn's functions, which will do as well."""
_ARGUMENTS = {"y_true": "y_pred", "labels_true": "labels_pred", "y1": "y2"}
"""How those call targets and what was predicted; by another name the second is a probability or a score."""
_INSTEAD = {
    "classes": "of those there are 'accuracy', 'balanced_accuracy', 'f1_macro' and others, of their ids as "
    "numbers a function (y_true, y_pred) of your own",
    "values": "of those there are 'r2', 'neg_mean_absolute_error' and others; a function (y_true, y_pred) of "
    "your own may make classes of them",
}
"""What else there is for an output of classes, and for one of values."""


def resolve_metric(metric: object) -> tuple[str, Scorer]:
    """The name of a metric, and what computes it from (estimator, outputs, targets)."""
    if isinstance(metric, str):
        from sklearn.metrics import get_scorer, get_scorer_names

        if metric not in get_scorer_names():
            raise ValueError(f"scikit-learn has no scorer {metric!r}; {_other_names(metric)}")
        return metric, get_scorer(metric)
    function = getattr(metric, "_score_func", metric)
    name = getattr(function, "__name__", "")
    if not callable(metric) or not name.isidentifier():
        raise ValueError(
            "a metric is the name of one of scikit-learn's scorers, or a function (y_true, y_pred) with a "
            f"name of its own, made with def; got {checks.shown(metric)}"
        )
    _refuse_other_arguments(function, name)
    if function is not metric:
        return name, metric
    return name, lambda estimator, y, y_true: metric(y_true, estimator.predict(y))


def _scorers_of(function: str) -> list[str]:
    """The names of scikit-learn's scorers that call this function."""
    from sklearn.metrics import get_scorer, get_scorer_names

    return [name for name in get_scorer_names() if get_scorer(name)._score_func.__name__ == function]


def _other_names(metric: str) -> str:
    """What to say instead of the name of a metric that no scorer has."""
    import sklearn.metrics as all_metrics
    from sklearn.metrics import get_scorer_names

    names = get_scorer_names()
    found = _scorers_of(metric.lower()) or USUAL.get(squeezed(metric))
    function = FUNCTIONS.get(squeezed(metric), metric)
    one_number = function.endswith(("_score", "_loss", "_error", "_coef")) and hasattr(all_metrics, function)
    if not found and one_number and _are_known(getattr(all_metrics, function)):
        return f"it has a function: metrics=[sklearn.metrics.{function}]"
    found = found or difflib.get_close_matches(metric, names, n=4, cutoff=0.5)
    return f"it has {', '.join(found)}" if found else "sklearn.metrics.get_scorer_names() lists them"


def compares(metric: object) -> str | None:
    """What a metric of scikit-learn's compares: "values", "classes", or as a function "scores" of classes.

    "order" is a function of scores that values are, too, and None compares whatever it is given: one of
    one's own, or a scorer of an order.
    """
    if isinstance(metric, str):
        _, metric = resolve_metric(metric)
    function = getattr(metric, "_score_func", metric)
    module = str(getattr(function, "__module__", ""))
    if not module.startswith("sklearn.metrics."):
        return None
    room = module.split(".")[2]
    if room == "_regression":
        return "values"
    of_scores = _arguments_of(function)[1] not in _ARGUMENTS.values()
    if of_scores and getattr(metric, "_response_method", "predict") == "predict":
        return "scores" if room != "_ranking" else "order"
    of_order = room == "_ranking" and function.__name__ != "top_k_accuracy_score"
    return None if of_order else "classes"


def refuse_unfit(key: str, output: str, compared: str | None, of_classes: bool) -> None:
    """ValueError for a metric that compares something else than an output says: classes, or values."""
    says = "classes" if of_classes else "values"
    if of_classes and compared in ("scores", "order"):
        name = key.partition("[")[0]
        made = f"sklearn.metrics.make_scorer({name}, response_method='predict_proba')"
        raise ValueError(
            f"the metric {key!r} is of probabilities, and a function is given the classes that output "
            f"{output!r} says; say {' or '.join(map(repr, _scorers_of(name))) or made}"
        )
    if compared in (None, "order", says):
        return
    compared = "classes" if compared == "scores" else compared
    raise ValueError(
        f"the metric {key!r} is of {compared}, and output {output!r} says {says}; {_INSTEAD[says]}"
    )


def _refuse_other_arguments(function: Any, name: str) -> None:
    """ValueError for a function of scikit-learn's that does not take targets and what was predicted."""
    if not str(getattr(function, "__module__", "")).startswith("sklearn."):
        return
    taken = _arguments_of(function)
    if len(taken) < 2 or taken[0] not in _ARGUMENTS:
        raise ValueError(
            f"sklearn's {name} takes {' and '.join(taken) or 'nothing'}, and a metric takes y_true and "
            "y_pred: make a function of your own of it, def metric(y_true, y_pred)"
        )


def _are_known(function: Any) -> bool:
    return _arguments_of(function)[-1] in _ARGUMENTS.values()


def _arguments_of(function: Any) -> list[str]:
    """How the first two are called."""
    return list(inspect.signature(function).parameters)[:2]


def rises(metric: Any) -> bool | None:
    """Whether more of a metric is better; None for a function of which only its author knows."""
    if isinstance(metric, str) or hasattr(metric, "_score_func"):
        # A scorer negates what is better when lower.
        return True
    if not str(getattr(metric, "__module__", "")).startswith("sklearn."):
        return None
    from sklearn.metrics import get_scorer, get_scorer_names

    for scorer in map(get_scorer, get_scorer_names()):
        if scorer._score_func is metric:
            return scorer._sign > 0
    return False if metric.__name__.endswith(("_loss", "_error")) else None
