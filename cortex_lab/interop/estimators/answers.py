"""What people tell an estimator, and ask it for, that is called otherwise here."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar

from cortex_lab.ground import checks
from cortex_lab.ground.habits import Answering, remedy
from cortex_lab.ground.spelling import squeezed

Function = TypeVar("Function", bound=Callable[..., Any])

TYPED: dict[str, tuple[str, ...]] = {
    "layers=[64, 64]": (
        "hidden_layer_sizes", "hidden_layers", "hidden_sizes", "hidden_dims", "hidden", "units", "n_hidden",
        "hidden_units", "hidden_size", "architecture", "num_units", "n_layers", "num_layers",
    ),
    "layers=[64, cl.Dropout(0.2)]": ("dropout", "dropout_rate", "batch_norm"),
    "optimizer=cl.Adam(learning_rate=1e-3)": (
        "lr", "learning_rate", "learning_rate_init", "eta", "eta0", "rate", "alpha_init", "step_size",
    ),
    "optimizer=cl.Adam(cl.CosineDecay(1e-3, 1000))": (
        "power_t", "schedule", "scheduler", "lr_scheduler", "lr_schedule", "decay", "warmup",
    ),
    "optimizer=cl.SGD(0.01, momentum=0.9)": ("momentum", "nesterovs_momentum", "nesterov"),
    "optimizer=cl.Adam(1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7)": (
        "beta_1", "beta_2", "betas", "epsilon", "eps",
    ),
    "optimizer=cl.Adam(1e-3, clip_norm=1.0)": ("clip_norm", "clipnorm", "gradient_clip_val", "max_grad_norm"),
    "penalties={'*/kernel': cl.L2(1e-4)}": (
        "alpha", "l2", "l2_reg", "reg", "regularization", "weight_decay", "kernel_regularizer", "penalty",
    ),
    "penalties={'*/kernel': cl.L1(1e-4)}": ("l1", "l1_reg", "l1_ratio"),
    "epochs=100": (
        "max_iter", "max_epochs", "n_epochs", "num_epochs", "n_iter", "nb_epoch", "iterations",
        "n_iterations", "n_estimators", "max_fun", "steps",
    ),
    "until=cl.stalled('validation_loss', patience=10, min_delta=1e-4), validation=0.1": (
        "tol", "min_delta", "early_stopping", "n_iter_no_change", "patience", "callbacks", "callback",
        "monitor", "restore_best_weights",
    ),
    "validation=0.1": (
        "validation_fraction", "validation_split", "train_split", "validation_data", "eval_set", "val_size",
        "validation_size", "test_size", "eval_fraction", "val",
    ),
    "loss='mean_squared_error'": ("criterion", "loss_fn", "loss_function", "objective"),
    "optimizer='adam'": ("solver", "algorithm", "optim", "opt"),
    "random_state=0": ("seed", "random_seed"),
    "batch_size=32": ("bs", "minibatch_size", "batch"),
}  # fmt: skip
"""What to type, which every estimator takes, and what that is called elsewhere."""

_OWN_NETWORK = (
    "layers=[64, cl.Dropout(0.2)] lists the layers; of a network of your own, cl.train(network, data)"
)
_METRICS = "a score is asked for: sklearn.model_selection.cross_validate(estimator, X, y, scoring='f1_macro')"
_SHAPE = "fit finds out the shapes; leave it out"
_SILENT = "a fit is silent; estimator.set_callbacks(sklearn.callback.ProgressBar()) shows it; leave it out"
SAID: dict[str, tuple[str, ...]] = {
    _OWN_NETWORK: ("module", "model", "build_fn", "network", "net", "estimator", "base_estimator"),
    _METRICS: ("metrics", "metric", "scoring", "eval_metric"),
    _SHAPE: ("input_shape", "input_dim", "n_features", "n_features_in", "in_features", "n_inputs", "dataset"),
    _SILENT: ("verbose", "progress", "progress_bar", "verbosity"),
    "the targets say what the last layer is; leave it out": (
        "classes", "n_classes", "num_classes", "n_outputs", "out_activation", "output_activation",
        "predict_nonlinearity", "output_dim",
    ),
    "rows are shuffled anew in every epoch, by random_state=; leave it out": ("shuffle",),
    "rows are taken in batches of batch_size=; leave it out": (
        "iterator_train", "iterator_valid", "validation_batch_size", "steps_per_epoch",
    ),
    "rows have weights in fit(X, y, sample_weight=...)": ("sample_weight", "weights"),
    "classes are weighed by NetworkClassifier(class_weight='balanced')": ("class_weight",),
    "numbers live on the CPU, in float32; for the GPU, cl.train(cl.Network(..., ops='gpu'), data)": (
        "device", "dtype", "ops", "cuda", "gpu",
    ),
    "the engine sees to it; leave it out": ("compile", "run_eagerly", "use_caching", "torch_load_kwargs"),
}  # fmt: skip
"""What to say of what has no parameter, and what that is called."""
OWN = {squeezed(name): f"say {typed}" for typed, names in TYPED.items() for name in names} | {
    squeezed(name): said for said, names in SAID.items() for name in names
}

OF_FIT = {
    **OWN,
    **dict.fromkeys(("x", "xtrain", "data", "inputs"), "rows go first, without a name: fit(X, y)"),
    **dict.fromkeys(("target", "targets", "ytrain", "labels"), "it is called y= here"),
    "classweight": "NetworkClassifier(class_weight='balanced') has it",
    **dict.fromkeys(("sampleweights", "weights", "weight"), "it is called sample_weight= here"),
}
_SAID_BEFORE = ", said when the estimator is made, or by set_params"
METHODS = ("fit", "partial_fit")

_TRACE = "estimator.session_.trace"
_WEIGHTS = "estimator.network_.parameters['dense_1/kernel'], and so on by name, once it is fitted"
_KEPT = "joblib.dump(estimator, 'it.joblib') keeps all, estimator.network_.save('it.h5') the network"
_EPOCHS = f"{_TRACE}.frame().groupby('epoch')['loss'].mean() of each epoch, {_TRACE}['loss'] of each step"
ANSWERS = {
    **dict.fromkeys(("loss_curve_", "train_losses_", "losses_"), _EPOCHS),
    **dict.fromkeys(("history_", "history", "cv_results_"), f"{_TRACE}.frame(), a row for every step"),
    **dict.fromkeys(("loss_", "train_loss_"), f"{_TRACE}['loss'][-1]"),
    **dict.fromkeys(("best_loss_", "best_score_", "best_epoch_"), "estimator.session_.best()"),
    "best_validation_score_": "estimator.session_.best('validation_loss'), with validation=0.1",
    "validation_scores_": f"{_TRACE}['validation_loss'], with validation=0.1",
    **dict.fromkeys(("coefs_", "coef_", "intercepts_", "intercept_", "weights_", "get_weights"), _WEIGHTS),
    **dict.fromkeys(
        ("module_", "model_", "module", "model", "net_"), "estimator.network_, once it is fitted"
    ),
    **dict.fromkeys(("optimizer_", "solver_"), "estimator.session_.process.optimizer"),
    **dict.fromkeys(("criterion_", "_optimizer"), "estimator.session_.process.losses"),
    "n_layers_": "len(estimator.network_.layers) + 1, the inputs counted too",
    "n_outputs_": "estimator.network_.graph.shape(estimator.network_.graph.outputs[0])[-1]",
    "out_activation_": "the last layer gives raw outputs; predict and predict_proba read them as they say",
    "t_": "estimator.session_.step_number, in steps of batch_size rows",
    **dict.fromkeys(
        ("classes_", "n_iter_", "session_", "network_", "rows_"), "estimator.fit(X, y) finds it out"
    ),
    "decision_function": "estimator.predict_log_proba(X), or estimator.network_.predict(X), its raw outputs",
    "n_iterations_": "estimator.n_iter_",
    "n_classes_": "len(estimator.classes_)",
    "target_encoder_": "estimator.classes_",
    "feature_importances_": "sklearn.inspection.permutation_importance(estimator, X, y)",
    **dict.fromkeys(
        ("initialized_", "initialize"), "fit makes the network; partial_fit(X, y) goes on with it"
    ),
    **dict.fromkeys(("save", "save_params", "save_weights", "dump", "save_model"), _KEPT),
    **dict.fromkeys(
        ("load", "load_params", "load_model"), "joblib.load('it.joblib'), of what joblib.dump kept"
    ),
    **dict.fromkeys(("evaluate", "test"), "estimator.score(X, y)"),
    "summary": "estimator.network_.summary()",
    **dict.fromkeys(("forward", "infer", "forward_iter", "call"), "estimator.network_.predict(X)"),
    "train": "estimator.fit(X, y)",
    "fit_predict": "estimator.fit(X, y).predict(X)",
    "fit_transform": "NetworkTransformer(...).fit_transform(X)",
    "transform": "estimator.network_.activations(X, ['dense_1']) are what a layer gives",
    "bench": "estimator.session_.bench()",
    "session": "estimator.session_, once it is fitted",
    "network": "estimator.network_, once it is fitted",
    "callbacks_": "estimator.set_callbacks(...), or estimator.session_.subscribe(function)",
    "predict": "a NetworkTransformer says no targets: transform(X) is what it gives",
    "score": "a NetworkTransformer has no score: estimator.session_.trace['loss'][-1]",
}
"""What to type instead of asking an estimator."""
OF_CLASSES = (
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "classes_",
    "n_classes_",
    "target_encoder_",
)
"""What is asked about classes, which a network of numbers has none of."""
_COPIED = (
    "this estimator was copied or read from a file, and the session, which holds the rows, stayed behind; "
    "fit it, or cl.train(estimator.network_, (X, y))"
)


def instead(name: str, known: Iterable[str]) -> str:
    """What to type instead of the parameter `name`, of those that are `known`; nothing if nobody can tell."""
    known, (owner, nested, setting) = list(known), name.partition("__")
    if nested and owner == "optimizer":
        setting = "learning_rate" if squeezed(setting) == "lr" else setting
        return (
            f"an optimizer has its own settings: optimizer=cl.Adam({setting}=...), or later "
            f"set_params(optimizer__{setting}=...)"
        )
    if nested:
        said = remedy(owner, known, OWN)
        return said or "a layer, a loss or an optimizer is given with its settings: optimizer=cl.Adam(1e-3)"
    return remedy(name, known, OWN)


class EstimatorAnswers(Answering):
    """Base of the estimators: what to type for what they have not, and for what they do not take."""

    answers = ANSWERS

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__init__" in cls.__dict__:
            cls.__init__ = _made_with(cls.__dict__["__init__"])
        for name in METHODS:
            if name in cls.__dict__:
                setattr(cls, name, _told(cls.__dict__[name]))

    def _answer(self, name: str) -> str | None:
        if name == "session_" and "network_" in self.__dict__:
            return _COPIED
        if name in OF_CLASSES and not hasattr(type(self), "predict_proba"):
            return "it is of classes, which NetworkClassifier tells apart"
        return self.answers.get(name)


def _made_with(function: Function) -> Function:
    known = [name for name in inspect.signature(function).parameters if name != "self"]

    @wraps(function)
    def called(self: Any, *args: Any, **options: Any) -> None:
        for name in options:
            if name not in known:
                there = f"it takes {', '.join(known)}"
                raise checks.WrongArgument(
                    f"{type(self).__name__} takes no {name}=: {instead(name, known) or there}"
                )
        function(self, *args, **options)

    return called  # type: ignore[return-value]


def _told(function: Function) -> Function:
    """A method that learns, which is not told how: that is what parameters are for."""
    known = [name for name in inspect.signature(function).parameters if name != "self"]

    @wraps(function)
    def called(self: Any, *args: Any, **options: Any) -> Any:
        for name in options:
            if name not in known:
                own = name in self.get_params(deep=False)
                said = f"say set_params({name}=...)" if own else remedy(name, known, OF_FIT)
                if squeezed(name) in OWN and said.startswith("say ") and not own:
                    said += _SAID_BEFORE
                there = said or f"it takes {', '.join(known)}"
                raise checks.WrongArgument(
                    f"{type(self).__name__}.{function.__name__} takes no {name}=: {there}"
                )
        return function(self, *args, **options)

    return called  # type: ignore[return-value]
