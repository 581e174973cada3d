"""scikit-learn's callbacks, told of each epoch; and the live bench as one of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.callback import CallbackContext

from cortex_lab.interop.estimators.kinds import Rows, Targets
from cortex_lab.lab import TrainingSession
from cortex_lab.study import Condition, Notice, Stop, epochs


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
    whole = epochs(passes) if until is None else epochs(passes) | until
    if not getattr(estimator, "_skl_callbacks", []):
        return session.run(whole, progress=False)
    length = session.process.batches.steps_per_epoch
    begun = [_begin(context, estimator, X, y)]
    errors: list[BaseException] = []

    def tell(notice: Notice) -> None:
        if notice.kind != "step" or notice.step % length or not begun:
            return
        try:
            ended = begun.pop().call_on_fit_task_end(
                estimator=estimator, X=X, y=y, reconstruction_attributes=lambda: _fitted(estimator)
            )
            if ended:
                session.pause()
            elif notice.step < last:
                begun.append(_begin(context, estimator, X, y))
        except BaseException as error:
            # A session goes on without a subscriber that failed; a fit does not.
            errors.append(error)
            session.pause()

    last = session.step_number + passes * length
    unsubscribe = session.subscribe(tell)
    try:
        stop = session.run(whole, progress=False)
    finally:
        unsubscribe()
    if errors:
        raise errors[0]
    if stop.kind == "pause" and not begun:
        stop = replace(stop, kind="condition")
    context.call_on_fit_task_end(
        estimator=estimator, X=X, y=y, reconstruction_attributes=lambda: _fitted(estimator)
    )
    return stop


def _begin(context: CallbackContext, estimator: BaseEstimator, X: Rows, y: Targets) -> CallbackContext:
    part = context.subcontext(task_name="epoch")
    part.call_on_fit_task_begin(estimator=estimator, X=X, y=y)
    return part


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
