"""What is given as other libraries want it, first or in another form, is answered by what to type."""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import classification_report, precision_recall_curve

import cortex_lab as cl

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(60, 3)).astype(np.float32)
Y = X[:, 0] - X[:, 1]
FRAME = pd.DataFrame(X, columns=list("abc")).assign(price=Y)


def net(units=1):
    return cl.Network([cl.Dense(units)], 3)


PARAMETERS = {
    "a network": lambda network: network,
    "parameters": lambda network: network.parameters,
    "their names": lambda network: list(network.parameters),
    "arrays": lambda network: list(network.parameters.values()),
    "values": lambda network: network.parameters.values(),
    "items": lambda network: network.parameters.items(),
    "a generator": lambda network: (each for each in network.parameters.values()),
    "groups": lambda network: [{"params": network.parameters, "lr": 1e-3}],
    "one vector": lambda network: network.params,
}


@pytest.mark.parametrize("given", PARAMETERS)
@pytest.mark.parametrize("kind", cl.optimize.OPTIMIZERS.values(), ids=lambda kind: kind.__name__)
def test_no_optimizer_takes_parameters(kind, given):
    name = kind.__name__
    told = rf"{name} takes no parameters, .*optimizer=cl.{name}\(1e-3\)\)$"
    for others in ((), (1e-2,)):
        with pytest.raises(ValueError, match=told):
            kind(PARAMETERS[given](net()), *others)
    with pytest.raises(ValueError, match="takes no parameters"):
        kind().replace(learning_rate=PARAMETERS[given](net()))


class Session:
    def rate(self, step, *, other=1):
        return "fast"


NO_SCHEDULES = {
    "a layer": cl.Dense(1),
    "a layer's class": cl.Dense,
    "a loss": cl.Huber(),
    "an optimizer": cl.Adam(),
    "an augmentation": cl.Augmentation(horizontal_flip=True),
    "an initializer": cl.nn.initializers.Constant(0.1),
    "a network": net(),
    "a method of a network": net().predict,
    "ours": cl.train,
    "a ufunc": np.sin,
    "a function of NumPy": np.mean,
    "a method of NumPy": RANDOM.normal,
    "of the standard library": math.sin,
    "built in": abs,
    "a class": float,
    "another class": Session,
    "a text of it": lambda step: "fast",
    "an array of them": lambda step: np.array([0.1]),
    "below 0": lambda step: -0.1,
    "not finite": lambda step: float("nan"),
    "a yes": lambda step: True,
    "nothing": print,
    "of nothing": lambda: 0.1,
    "of two": lambda step, epoch: 0.1,
    "what raises": {}.__getitem__,
    "a method that gives none": Session().rate,
    "a description": {"kind": "CosineDecay", "initial": 0.1, "steps": 10},
    "a name": "cosine",
}


@pytest.mark.parametrize("given", NO_SCHEDULES)
@pytest.mark.parametrize("kind", cl.optimize.OPTIMIZERS.values(), ids=lambda kind: kind.__name__)
def test_no_setting_of_an_optimizer_takes_what_is_none(kind, given):
    value = NO_SCHEDULES[given]
    for setting in dataclasses.fields(kind):
        if given == "a name" and setting.name == "weight_decay_excludes":
            continue
        for typed in (lambda name: kind(**{name: value}), lambda name: kind().replace(**{name: value})):
            with pytest.raises((ValueError, TypeError)) as told:
                typed(setting.name)
            said = (setting.name, "takes no parameters", "the factor of 'kind'")
            assert any(each in str(told.value) for each in said)
    session = trained((X, Y), optimizer=kind())
    with pytest.raises((ValueError, TypeError)):
        session.edit("learning_rate", value)


SCHEDULES = {
    "one of ours": cl.CosineDecay(0.1, 10),
    "its method": cl.CosineDecay(0.1, 10).__call__,
    "a function": lambda step: 0.1 / (1 + step),
    "a NumPy number": lambda step: np.float32(0.1),
    "an array without axes": lambda step: np.array(0.1),
    "part of one": functools.partial(max, 0.1),
    "a table": [0.1, 0.05, 0.01].__getitem__,
}


@pytest.mark.parametrize("given", SCHEDULES)
@pytest.mark.parametrize("kind", cl.optimize.OPTIMIZERS.values(), ids=lambda kind: kind.__name__)
def test_every_optimizer_takes_schedules(kind, given):
    assert kind(SCHEDULES[given]).rate(0) == pytest.approx(0.1)
    assert kind(cl.optimize.Warmup(1, SCHEDULES[given])).rate(1) == pytest.approx(0.1)


@pytest.mark.parametrize("given", [name for name, each in NO_SCHEDULES.items() if callable(each)])
def test_no_schedule_follows_a_warmup(given):
    with pytest.raises(ValueError, match="then must be a number or a schedule"):
        cl.optimize.Warmup(5, NO_SCHEDULES[given])


def test_who_asks_for_parameters_is_told_that_an_optimizer_takes_none():
    with pytest.raises(TypeError, match=r"an optimizer takes none: cl.Adam\(1e-3\)"):
        cl.Adam(net().parameters())


WORDS = np.array(["no", "yes"])[(Y > 0).astype(int)]
IRIS = {"data": X, "target": Y, "feature_names": ["a", "b", "c"]}
PRICES = {
    "dollars": [f"${value:,.2f}" for value in np.arange(60) * 1234.5],
    "one gap": ["?", *(f"{value:.1f}" for value in np.arange(59) * 1.5)],
    "kilometers": [f"{value} km" for value in np.arange(60)],
}


class Fold(dict):
    """As what scikit-learn loads: a dict whose entries are attributes too."""

    data, target = X, Y


def trained(*given, units=1, **options):
    return cl.train(net(units), *given, **options)


def stopped():
    session = trained((X, Y))
    return session.run(1, progress=False)


# What is typed, and what is said of it, which is of one line and no traceback of Python's or NumPy's own.
ANSWERED = {
    "an optimizer for a loss": (lambda: trained((X, Y), "adam"), "say optimizer='adam'"),
    "one made": (lambda: trained((X, Y), cl.Adam(0.1)), r"say optimizer=Adam\(0.1\)"),
    "its class": (lambda: trained((X, Y), cl.Adam), "say optimizer=cl.Adam$"),
    "one of an output": (lambda: trained((X, Y), {"dense_1": "sgd"}), "say optimizer='sgd'"),
    "a loss for an optimizer": (lambda: trained((X, Y), optimizer="mse"), "say loss='mse'"),
    "a cross-entropy": (lambda: trained((X, Y), optimizer="crossentropy"), "say loss='crossentropy'"),
    "one made for an optimizer": (lambda: trained((X, Y), None, cl.Huber()), r"say loss=Huber\("),
    "a metric for a loss": (lambda: trained((X, WORDS), "accuracy"), "recorded of classes anyway"),
    "a frame for a shape": (
        lambda: cl.Network([cl.Dense(1)], FRAME),
        r"Dataset\(frame, target=...\).input_shape",
    ),
    "a frame and a column": (
        lambda: cl.Network([cl.Dense(1)], (FRAME, "price")),
        r"target='price'\).input_shape",
    ),
    "rows for a shape": (lambda: cl.Network([cl.Dense(1)], X), r"say x.shape\[1:\]"),
    "a pair for a shape": (lambda: cl.Network([cl.Dense(1)], (X, Y)), r"say x.shape\[1:\]"),
    "a generator": (lambda: trained(((row for row in X), Y)), r"numpy.array\(list\(it\)\)"),
    "a map": (lambda: trained((map(list, X), Y)), r"numpy.array\(list\(it\)\)"),
    "an iterator": (lambda: trained((X, iter(Y))), r"numpy.array\(list\(it\)\)"),
    "a view": (lambda: trained((X, dict(enumerate(Y)).values())), r"numpy.array\(list\(it\)\)"),
    "a generator by name": (lambda: trained((X, {"dense_1": iter(Y)})), r"numpy.array\(list\(it\)\)"),
    "a set": (lambda: trained((FRAME, {"price"})), "says no order: give a list, or one name"),
    "a slice": (lambda: trained((FRAME, slice(-1))), r"frame.columns\[...\].tolist\(\)"),
    "two targets": (lambda: trained((FRAME, (Y, Y))), "numpy.column_stack.*by the name of an output"),
    "two targets beside an array": (lambda: trained((X, [Y, Y])), "numpy.column_stack.*name of an output"),
    "two inputs": (lambda: trained(([X, X], Y)), "by the name of an input, {name: array"),
    "tags in a column": (
        lambda: trained((X, pd.Series([["a"], ["a", "b"]] * 30))),
        r"MultiLabelBinarizer\(\)",
    ),
    "no targets of an output": (lambda: trained((X, {"dense_1": None})), "targets of 'dense_1' are missing"),
    "targets by no name": (lambda: trained((X, {})), "targets are missing"),
    "inputs by no name": (lambda: trained(({}, Y)), "inputs are missing"),
    "the network behind": (lambda: cl.train((X, Y), net()), r"say cl.train\(network, data\)"),
    "rows and targets to score": (
        lambda: trained((X, Y)).score(X, Y),
        r"session.score\(\(inputs, targets\)\)",
    ),
    "lists to score": (
        lambda: trained((X, Y)).score(X.tolist(), [[0], [1]]),
        r"score\(\(inputs, targets\)\)",
    ),
    "a fold to score": (
        lambda: trained((X, Y)).score(next(iter(cl.data.Dataset(FRAME, target="price").folds(3)))),
        "say fold.data$",
    ),
    "iris to score": (lambda: trained((X, Y)).score(Fold(IRIS)), r"say \(data.data, data.target\)"),
    "stratify by a column": (
        lambda: cl.data.Dataset(FRAME, target="price").split(test=0.2, stratify="a"),
        "by the classes of the target",
    ),
    "folds stratified by values": (
        lambda: cl.data.Dataset(FRAME, target="price").folds(3, stratify=WORDS),
        "by the classes of the target",
    ),
    "rows as dicts to predict": (lambda: net().predict([{"a": 1, "b": 2, "c": 3}]), r"pandas.DataFrame\(x\)"),
    "a column to predict": (
        lambda: cl.Network([cl.Dense(1)], 1).predict(FRAME["a"]),
        r"x\[..., None\], or a column as frame\[\[name\]\]",
    ),
    "a report for a metric": (
        lambda: trained((X, WORDS), units=2, validation=0.3, metrics=[classification_report]),
        "must give one number, got '",
    ),
    "curves for a metric": (
        lambda: trained((X, np.abs(Y).round()), validation=0.3, metrics=[precision_recall_curve]),
        "must give one number|cannot be taken",
    ),
    "a generator to predict": (lambda: net().predict(row for row in X), "got <generator"),
    "nothing to predict": (lambda: net().predict(None), "got None"),
    "params by name": (lambda: cl.Adam(params=net().parameters), r"optimizer=cl.Adam\(1e-3\)\)"),
    "no inputs": (lambda: trained((None, Y)), r"give an array or a frame, \(inputs, targets\)"),
    "ragged inputs": (lambda: trained(([[1, 2, 3], [1, 2]], [1, 2])), r"RaggedArray\(x\).padded\(\)\[0\]"),
    "tags": (lambda: trained((X, [["a"], ["a", "b"]] * 30)), r"MultiLabelBinarizer\(\).fit_transform\(y\)"),
    "no tags in some": (
        lambda: trained((X, [[], ["a", "b"]] * 30)),
        r"MultiLabelBinarizer\(\).fit_transform",
    ),
    "to predict from a pair": (
        lambda: net().predict((FRAME, "price")),
        "without their targets: give frame alone",
    ),
    "a pair of arrays": (lambda: net().predict((X, Y)), "without their targets: give x alone"),
    "activations of a pair": (lambda: net().activations((X, Y)), "without their targets: give x alone"),
    "gradients of a pair": (lambda: net().gradient_of(rows=(X, Y)), "without their targets: give x alone"),
    "ragged rows": (lambda: net().predict([[1, 2, 3], [1, 2]]), "lists that make one, all of one length"),
    "columns by name": (
        lambda: trained(({"p": Y, "q": Y}, Y)),
        r"make a frame, \(pandas.DataFrame\(x\), y\)",
    ),
    "inputs by another name": (lambda: trained(({"p": X}, Y)), "the data have 'p'; name them alike"),
    "a name as a keyword": (
        lambda: trained((X, Y)).edit(learning_rate=1),
        r"session.edit\('learning_rate', value\)",
    ),
    "a pattern as a keyword": (lambda: trained((X, Y)).edit(frozen=[]), r"session.edit\('frozen', value\)"),
    "a monitor": (lambda: cl.stalled(monitor="loss"), "called key= here"),
    "best weights": (lambda: cl.stalled("loss", restore_best_weights=True), r"session.restore_best\(\)"),
    "a history": (lambda: stopped().history, r"session.trace.frame\(\)"),
    "what scikit-learn loads": (lambda: trained(Fold(IRIS)), r"say \(data.data, data.target\)"),
    "a dict of that": (lambda: trained(dict(IRIS)), r"say \(data\['data'\], data\['target'\]\)"),
    "a fold": (
        lambda: trained(next(iter(cl.data.Dataset(FRAME, target="price").folds(3)))),
        "say fold.data$",
    ),
    "a column for inputs": (
        lambda: cl.train(cl.Network([cl.Dense(1)], 1), (FRAME["a"], Y)),
        r"frame\[\[name\]\]",
    ),
    "the inputs themselves": (
        lambda: trained((FRAME[list("abc")], FRAME[list("abc")]), units=3),
        r"\(frame, 'inputs'\)",
    ),
    "to adapt to a pair": (
        lambda: cl.Normalization().adapt((FRAME, "price")),
        r"adapt\(frame.drop\(columns='price'\)",
    ),
    "to adapt to targets of it": (
        lambda: cl.Normalization(invert=True).adapt((FRAME, "price")),
        r"adapt\(frame\['price'\]\)",
    ),
    "to adapt to arrays": (lambda: cl.Normalization().adapt((X, Y)), r"adapt\(x\)"),
    "no stratified split": (
        lambda: trained((FRAME, "price"), stratify=False),
        r"split\(validation=0.2, stratify=False",
    ),
    "ids from 1": (
        lambda: trained((X, np.arange(60) % 3 + 1), units=3),
        r"1, 2, 3, .*labels, y = numpy.unique\(",
    ),
    "ids far apart": (lambda: trained((X, (Y > 0) * 100), units=2), r"0, 100, .*labels, y = numpy.unique\("),
    "too many far apart": (
        lambda: trained((X, np.arange(60) % 3 * 5), units=2),
        r"give it 11 units, or number the 3 there are from 0, labels, y = numpy.unique\(",
    ),
    "two values": (lambda: trained((X, np.where(Y > 0, 1, -1))), "of two classes, say which is yes: y == 1$"),
    "two others": (lambda: trained((X, np.where(Y > 0, 2, 1)), "bce"), "say which is yes: y == 2$"),
}


@pytest.mark.parametrize("case", ANSWERED)
def test_what_is_typed_elsewhere_is_answered(case):
    typed, said = ANSWERED[case]
    with pytest.raises((TypeError, ValueError, AttributeError), match=said) as told:
        typed()
    assert "\n" not in str(told.value) and len(str(told.value)) < 400


@pytest.mark.parametrize("kind", cl.optimize.OPTIMIZERS)
def test_every_optimizer_in_the_place_of_the_loss(kind):
    for given in (kind, kind.lower(), cl.optimize.OPTIMIZERS[kind], cl.optimize.OPTIMIZERS[kind]()):
        with pytest.raises(TypeError, match="is an optimizer, and stands where the loss is: say optimizer="):
            trained((X, Y), given)


@pytest.mark.parametrize("kind", cl.nn.LOSSES)
def test_every_loss_in_the_place_of_the_optimizer(kind):
    for given in (kind, kind.replace("_", ""), cl.nn.LOSSES[kind]):
        with pytest.raises(TypeError, match="is a loss, and stands where the optimizer is: say loss="):
            trained((X, Y), optimizer=given)


@pytest.mark.parametrize("validation", [None, 0.2])
@pytest.mark.parametrize("form", ["a frame", "words", "ids"])
def test_too_few_units_are_said_of_the_layer_whatever_is_held_out(form, validation):
    kinds = np.array(["lo", "mid", "hi"])[np.arange(60) % 3]
    data = {
        "a frame": (FRAME[list("abc")], pd.Series(kinds, name="kind")),
        "words": (X, kinds),
        "ids": (X, np.arange(60) % 3),
    }[form]
    with pytest.raises(ValueError, match=r"output 'dense_1', a Dense, has 2 units.* give it 3 units") as told:
        trained(data, units=2, validation=validation)
    assert form != "a frame" or "(column 'kind') hold 3 classes (hi, lo, mid)" in str(told.value)


@pytest.mark.parametrize("written", PRICES)
@pytest.mark.parametrize("form", ["a column", "a list"])
def test_numbers_in_words_to_be_predicted_are_told_from_classes(form, written):
    prices = PRICES[written]
    frame = FRAME.assign(price=prices)
    with pytest.raises(
        ValueError, match="the targets are 60 labels; of what are values, make numbers: "
    ) as told:
        trained((frame, "price") if form == "a column" else (X, prices))
    typed = str(told.value).partition("make numbers: ")[2].partition("; for classes, ")[0]
    names = {"frame": frame, "y": prices, "pandas": pd}
    exec(typed, names)
    made = frame["price"] if form == "a column" else names["y"]
    assert made.dtype.kind in "if" and made.notna().sum() >= 59
    assert "end the network in Dense(60)" in str(told.value)


def test_a_class_of_one_row_is_split_off_beforehand():
    frame = FRAME[list("abc")].assign(kind=["z"] + ["a", "b"] * 29 + ["a"])
    with pytest.raises(ValueError, match=r"Dataset\(...\).split\(validation=0.2, stratify=False\)$"):
        trained((frame, "kind"), units=3, validation=0.2)
    data = cl.data.Dataset(frame, target="kind").split(validation=0.2, stratify=False)
    assert trained(data, units=3).process.validation


STEPS = {
    "LSTM": (cl.LSTM(8), (None, 3), r"\(20, 3\)"),
    "Embedding": (cl.Embedding(10, 3), (None,), r"\(20,\)"),
    "Conv1D": (cl.Conv1D(4, 3), (None, 3), r"\(20, 3\)"),
    "a node": (cl.Node(cl.GRU(8), "it"), (None, 3), r"\(20, 3\)"),
}


@pytest.mark.parametrize("case", STEPS)
def test_none_in_the_place_of_the_steps(case):
    layer, shape, said = STEPS[case]
    with pytest.raises(ValueError, match=f"input_shape={said} for 20; pad shorter rows"):
        cl.Network([layer], shape)
    typed = tuple(20 if length is None else length for length in shape)
    assert cl.Network([layer], typed).graph.inputs["input"] == typed


KEYS = {
    "val_loss": "validation_loss",
    "valid_loss": "validation_loss",
    "val_acc": "validation_accuracy",
    "val_accuracy": "validation_accuracy",
    "f1_macro": "validation_f1_macro",
    "val_f1_macro": "validation_f1_macro",
    "lr": "learning_rate",
    "acc": "accuracy",
    "train_loss": "loss",
}


@pytest.mark.parametrize("key", KEYS)
def test_what_is_recorded_by_another_name(key):
    session = trained((X, WORDS), units=2, validation=0.3, metrics=["f1_macro"])
    for ask in (lambda: session.trace[key], lambda: session.run(cl.stalled(key, mode="max"))):
        with pytest.raises(KeyError, match=f"{KEYS[key]!r}"):
            ask()
    assert KEYS[key] in session.process.keys
    if key.startswith("val"):
        alone = trained((X, WORDS), units=2)
        with pytest.raises(KeyError, match=rf"{KEYS[key]!r}, if asked for: train\(..., validation="):
            alone.run(cl.stalled(key, mode="max"))
