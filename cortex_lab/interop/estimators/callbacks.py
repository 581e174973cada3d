"""scikit-learn's callbacks, told of each epoch; and the live bench as one of them."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator
from sklearn.callback import CallbackContext

from cortex_lab.interop.estimators.kinds import Rows, Targets
from cortex_lab.lab import TrainingSession
from cortex_lab.study import Condition, Stop, epochs


def each_epoch(
    estimator: BaseEstimator,
    session: TrainingSession,
    passes: int,
    until: Condition | None,
    X: Rows,
    y: Targets,
) -> Stop:
    """Run so many epochs, or until the condition is met or a callback asks for the end; why it ended.

    Without callbacks it is one run.
    """
    context = estimator._init_callback_context(max_subtasks=passes)
    context.call_on_fit_task_begin(estimator=estimator, X=X, y=y)
    if not getattr(estimator, "_skl_callbacks", []):
        whole = epochs(passes) if until is None else epochs(passes) | until
        return session.run(whole, progress=False)
    of_an_epoch = epochs(1) if until is None else epochs(1) | until
    last = session.step_number + passes * session.process.batches.steps_per_epoch
    while True:
        part = context.subcontext(task_name="epoch")
        part.call_on_fit_task_begin(estimator=estimator, X=X, y=y)
        stop = session.run(of_an_epoch, progress=False)
        ended = part.call_on_fit_task_end(
            estimator=estimator, X=X, y=y, reconstruction_attributes=lambda: _fitted(estimator)
        )
        whole = session.step_number % session.process.batches.steps_per_epoch == 0
        if ended or stop.kind != "condition" or session.step_number >= last or not whole:
            break
        if until is not None and "epoch" not in stop.reason:
            break
    context.call_on_fit_task_end(
        estimator=estimator, X=X, y=y, reconstruction_attributes=lambda: _fitted(estimator)
    )
    return stop


def _fitted(estimator: BaseEstimator) -> dict[str, Any]:
    """What an estimator fitted so far has, with a network of its own."""
    there = {
        name: value
        for name, value in vars(estimator).items()
        if (name.endswith("_") and not name.startswith("_")) or name.startswith("_n_")
    }
    there.pop("session_", None)
    return there | {"network_": estimator.network_.copy()}


class LiveBench:
    """A callback that shows the lab bench on the session of each fit, as it goes.

        NetworkClassifier(epochs=50).set_callbacks(LiveBench()).fit(X, y)

    Options are those of `cortex_lab.widgets.Bench`.
    """

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.benches: list[Any] = []

    def setup(self, estimator: BaseEstimator, context: CallbackContext) -> None:
        pass

    def on_fit_task_begin(self, estimator: BaseEstimator, context: CallbackContext) -> None:
        if context.task_name == "fit" and context.max_subtasks:
            self.benches.append(estimator.session_.bench(**self.options))

    def on_fit_task_end(self, estimator: BaseEstimator, context: CallbackContext) -> None:
        pass

    def teardown(self, estimator: BaseEstimator, context: CallbackContext) -> None:
        pass
