"""What people ask a session for that is called otherwise here."""

from __future__ import annotations

_TRACE = "session.trace.frame() has a row for every step, session.trace['loss'] a column"
_RUN = "session.run(cl.epochs(5)), or session.run(500) for 500 steps"
_PREDICT = "session.network.predict(x)"

ANSWERS = {
    "fit": _RUN,
    "train": _RUN,
    "start": _RUN,
    "run_epoch": _RUN,
    "fit_one_cycle": _RUN,
    "train_step": "session.step()",
    "compile": "loss and optimizer are arguments of cl.train(network, data, loss, optimizer)",
    "predict": _PREDICT,
    "evaluate": "session.score() of the test rows, session.score((inputs, targets)) of others",
    "test": "session.score() of the test rows, session.score((inputs, targets)) of others",
    "validate": "session.score('validation'); each epoch's is in session.trace['validation_loss']",
    "classes_": "session.network.classes",
    "confusion_matrix": "sklearn.metrics.confusion_matrix(y, session.network.predict(x).argmax(axis=-1))",
    "accuracy": "session.score((inputs, targets))['accuracy']",
    "validation_loss": "session.trace['validation_loss']",
    "best_score_": "session.best().value",
    "coef_": "session.network.parameters",
    "n_iter_": "session.step_number",
    "summary": "session.network.summary()",
    "model": "session.network",
    "net": "session.network",
    "optimizer": "session.process.optimizer; session.edit('learning_rate', 1e-4) changes one",
    "loss": _TRACE,
    "losses": _TRACE,
    "metrics": _TRACE,
    "log": _TRACE,
    "logs": _TRACE,
    "loss_curve_": _TRACE,
    "epoch": "session.trace['epoch'][-1]",
    "steps": "session.step_number",
    "plot": "session.trace.frame().plot(y='loss'), or session.bench()",
    "stop": "session.pause()",
    "weights": "session.network.parameters",
    "parameters": "session.network.parameters",
    "params": "session.network.params",
    "state_dict": "session.save('it.h5'), and cl.train(..., resume_from='it.h5')",
    "save_weights": "session.network.save('it.h5')",
    "load": "cl.train(..., resume_from='it.h5')",
    "callbacks": "session.subscribe(function)",
    "lr": "session.trace['learning_rate'][-1]; session.edit('learning_rate', 1e-4) changes it",
    "learning_rate": "session.trace['learning_rate'][-1]; session.edit('learning_rate', 1e-4) changes it",
    "shards": "session.process.shards; another number is for another training: train(..., shards=4)",
    "cluster": "session.team, the workers that compute; session.use_cluster(client) takes others",
    "workers": "session.team, the workers that compute; session.use_cluster(client) takes others",
    "undo": "session.rewind(step=session.step_number - 1)",
    "reset": "session.rewind(step=0)",
    "data": "session.dataset",
    "grads": "session.gradients",
    "backward": "session.step(to='update') is after it; session.gradients are what it found",
}

_ANEW = "it is said when a session is made: train(..., {name}=...)"
ASSIGNING = {
    **{
        name: _ANEW.format(name=name)
        for name in (
            "data", "loss", "optimizer", "batch_size", "seed", "validation", "validate_every",
            "metrics", "loss_weights", "sample_weight", "class_weight", "penalties", "augment",
            "resume_from", "new_optimizer", "probes", "snapshot_budget", "shards",
        )
    },
    **{
        name: f"session.edit({name!r}, ...) changes it"
        for name in ("learning_rate", "frozen", "excluded_rows", "labels", "row_weights", "dropout_rate")
    },
    "cluster": "session.use_cluster(client) changes it; so does train(..., cluster=...)",
    "lr": "session.edit('learning_rate', ...) changes it",
    "momentum": "session.edit(\"optimizer['momentum']\", ...) changes it",
    "weight_decay": "session.edit(\"optimizer['weight_decay']\", ...) changes it",
    "network": "a session trains what it was made with: train(network, data)",
    "dataset": "a session trains on what it was made with: train(network, dataset)",
    "model": "a session trains what it was made with: train(network, data)",
    "weights": "session.edit(\"weights['dense_1/kernel']\", array) changes some",
    "gradients": "session.edit(\"gradient['dense_1/kernel']\", array) changes one, inside a step",
    "step_number": "session.rewind(step=...) goes back, session.run(500) on",
    "epochs": "session.run(cl.epochs(5)) trains for so long",
    "callbacks": "session.subscribe(function) calls it",
}  # fmt: skip
"""What to type instead of assigning to a session."""

KEPT_BY = (
    "session.save('it.h5') keeps it, and cl.train(..., resume_from='it.h5') goes on; session.fork()[0] is "
    "another session"
)
"""What to type instead of pickling a session."""
