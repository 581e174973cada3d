"""What people type who come from Keras, PyTorch or scikit-learn, and what to type here."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, wraps
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from cortex_lab.ground import checks
from cortex_lab.ground.habits_elsewhere import AROUND
from cortex_lab.ground.spelling import squeezed

Function = TypeVar("Function", bound=Callable[..., Any])

_PENALTY = 'train(..., penalties={"*/kernel": L2(1e-4)}) keeps weights small'
_INPUT = "shapes are found out: Network(layers, input_shape=...) says that of a row, once"
_RATE = "an optimizer has it: train(..., optimizer=Adam(learning_rate=1e-3))"
_RUN = "session.run(cl.epochs(5)) trains for so long"
_SCHEDULE = "an optimizer has it: train(..., optimizer=Adam(CosineDecay(1e-3, 1000)))"
_CLIPS = "an optimizer has it: train(..., optimizer=Adam(1e-3, clip_norm=1.0))"
_CORES = "all cores there are do the work; leave it out"
_GIVEN = "the network is given to train: cl.train(network, data, optimizer=cl.Adam(1e-3))"
_STOPS = "session.run(cl.stalled('validation_loss', patience=5)) stops early"
_VALIDATION = "say validation=0.2, or validation=(inputs, targets)"

KEYWORDS: dict[str, tuple[str, ...]] = {
    "lr": ("learning_rate", _RATE),
    "eta": ("learning_rate", _RATE),
    "eta0": ("learning_rate", _RATE),
    "rate": ("learning_rate", "stddev"),
    "learningrate": ("learning_rate", _RATE),
    "learningrateinit": ("learning_rate", _RATE),
    "momentum": ("beta_1", "train(..., optimizer=SGD(0.01, momentum=0.9)) has it"),
    "betas": ("say beta_1=0.9, beta_2=0.999",),
    "beta": ("say beta_1=0.9, beta_2=0.999",),
    "eps": ("epsilon",),
    "rho": ("decay",),
    "decay": ("weight_decay", "a schedule does it: Adam(cl.StepDecay(...))"),
    "amsgrad": ("there is no AMSGrad; leave it out",),
    "clipnorm": ("clip_norm",),
    "globalclipnorm": ("clip_norm",),
    "maxgradnorm": ("clip_norm",),
    "clipvalue": ("clip_value",),
    "infeatures": (_INPUT,),
    "inchannels": (_INPUT,),
    "inputshape": (_INPUT,),
    "inputdim": ("input_dim", _INPUT),
    "batchinputshape": (_INPUT,),
    "batchshape": (_INPUT,),
    "inputsize": (_INPUT,),
    "numfeatures": (_INPUT,),
    "normalizedshape": ("axis", _INPUT),
    "outfeatures": ("units",),
    "outputdim": ("units", "output_dim"),
    "nhidden": ("units",),
    "hiddensize": ("units",),
    "hiddenunits": ("units",),
    "size": ("units", "kernel_size", "pool_size", "batch_size"),
    "outchannels": ("filters",),
    "nfilters": ("filters",),
    "kernel": ("kernel_size",),
    "numembeddings": ("input_dim",),
    "embeddingdim": ("output_dim",),
    "paddingidx": ("mask_zero",),
    "stride": ("strides",),
    "dilation": ("dilation_rate",),
    "pad": ("padding",),
    "borders": ("padding",),
    "bias": ("use_bias",),
    "inplace": ("memory is planned; leave it out",),
    "p": ("rate",),
    "dropoutrate": ("rate",),
    "drop": ("rate",),
    "alpha": ("negative_slope", "weight_decay"),
    "slope": ("negative_slope",),
    "dim": ("axis",),
    "nonlinearity": ("activation",),
    "act": ("activation",),
    "bidirectional": ("wrap it: Bidirectional(LSTM(32))",),
    "batchfirst": ("rows are (steps, features), always; leave it out",),
    "returnstate": ("return_sequences",),
    "numlayers": ("put as many layers one after another",),
    "dataformat": ("pictures are (height, width, channels), always; leave it out",),
    "dtype": ("numbers are float32, or float64 with Network(..., ops='reference'); leave it out",),
    "device": ("Network(..., ops='gpu') says where numbers live",),
    "trainable": ("train(..., frozen=['dense_1']) lets layers rest",),
    "requiresgrad": ("train(..., frozen=['dense_1']) lets layers rest",),
    "weights": ("assign them: network.parameters['dense_1/kernel'] = array",),
    "kernelregularizer": (_PENALTY,),
    "biasregularizer": (_PENALTY,),
    "activityregularizer": (_PENALTY,),
    "embeddingsregularizer": (_PENALTY,),
    "recurrentregularizer": (_PENALTY,),
    "gammaregularizer": (_PENALTY,),
    "betaregularizer": (_PENALTY,),
    "kernelconstraint": ('train(..., penalties={"*/kernel": MaxNorm(3)}) holds weights down',),
    "weightdecay": ("weight_decay", "train(..., optimizer=AdamW(1e-3, weight_decay=0.01)) has it"),
    "l2": (_PENALTY,),
    "reduction": ("a loss is the mean over rows; leave it out",),
    "fromlogits": ("say 'cross_entropy': the last layer tells whether outputs are logits",),
    "ignoreindex": ("a class id of -1 or -100 is unknown, and does not count; leave it out",),
    "weight": ("train(..., class_weight={label: weight}) weighs classes",),
    "posweight": ("train(..., class_weight={label: weight}) weighs classes",),
    "axis": ("it is the last one, always; leave it out",),
    "epochs": (_RUN,),
    "nepochs": (_RUN,),
    "maxiter": (_RUN,),
    "maxepochs": (_RUN,),
    "niter": (_RUN,),
    "steps": ("session.run(500) takes 500 steps",),
    "stepsperepoch": ("an epoch is all rows; session.run(500) takes 500 steps",),
    "verbose": ("progress", "session.run(..., progress=False) is silent; elsewhere leave it out"),
    "callbacks": ("session.subscribe(function) calls it; " + _STOPS,),
    "earlystopping": (_STOPS,),
    "patience": (_STOPS,),
    "monitor": ("key", _STOPS),
    "baseline": ("a condition of its own says it: \"validation_loss < 0.1\"",),
    "restorebestweights": ("session.restore_best() puts the best weights back",),
    "validationdata": ("validation", _VALIDATION),
    "validationsplit": ("validation", _VALIDATION),
    "validationfraction": ("validation", _VALIDATION),
    "validationfreq": ("validate_every",),
    "evalset": ("validation", _VALIDATION),
    "val": ("validation", _VALIDATION),
    "valdata": ("validation", _VALIDATION),
    "testsize": ("test", "validation"),
    "validationsize": ("validation", _VALIDATION),
    "valsize": ("validation", _VALIDATION),
    "trainsize": ("what the others leave is trained on; say test=0.2",),
    "training": ("network.predict(x) never trains; leave it out",),
    "batchsize": ("rows are taken in pieces that fit; leave it out",),
    "shuffle": ("rows are shuffled anew in every epoch, by seed=; leave it out",),
    "randomstate": ("seed",),
    "randomseed": ("seed",),
    "criterion": ("loss",),
    "lossfn": ("loss",),
    "lossfunction": ("loss",),
    "objective": ("loss",),
    "solver": ("optimizer",),
    "optim": ("optimizer",),
    "opt": ("optimizer",),
    "metric": ("metrics",),
    "scoring": ("metrics",),
    "evalmetric": ("metrics",),
    "batch": ("batch_size",),
    "bs": ("batch_size",),
    "minibatchsize": ("batch_size",),
    "x": ("data", "rows go first, without a name"),
    "y": ("data", "rows go first, without a name"),
    "xtrain": ("data",),
    "ytrain": ("data",),
    "dataset": ("data",),
    "trainingdata": ("data",),
    "model": ("network", _GIVEN),
    "net": ("network", _GIVEN),
    "params": (_GIVEN,),
    "parameters": (_GIVEN,),
    "name": ("name the layers: Dense(10, name='head')",),
    "target": ("it stands beside the inputs: train(network, (frame, 'price'))",),
    "targets": ("target", "they stand beside the inputs: train(network, (inputs, targets))"),
    "inputs": ("they stand before the targets: train(network, (inputs, targets))",),
    "label": ("target",),
    "labels": ("target",),
    "features": ("inputs",),
    "columns": ("inputs",),
    "stratify": ("dataset.split(validation=0.2, stratify=False) deals out without; train on that",),
    "stratifyby": ("stratify",),
    **dict.fromkeys(("scheduler", "lrscheduler", "lrschedule", "schedule", "warmup"), (_SCHEDULE,)),
    **dict.fromkeys(("njobs", "numworkers", "workers", "pinmemory", "usemultiprocessing"), (_CORES,)),
    **dict.fromkeys(("gradientclip", "gradclip", "gradientclipval"), ("clip_norm", _CLIPS)),
    **dict.fromkeys(("dropout", "recurrentdropout"), ("rate", "put cl.Dropout(0.2) before it or behind it")),
}
"""By what a keyword is called elsewhere, squeezed: names it may have here, or what to type if none fits."""

_NETWORK = "cl.Network([layer, ...], input_shape)"
NAMES: dict[str, str] = {
    "sequential": _NETWORK,
    "model": _NETWORK,
    "module": _NETWORK,
    "functional": _NETWORK,
    "mlp": "cl.Network([cl.Dense(64, activation='relu'), cl.Dense(1)], input_shape)",
    "mlpclassifier": "cl.Network([cl.Dense(64, activation='relu'), cl.Dense(classes)], input_shape)",
    "mlpregressor": "cl.Network([cl.Dense(64, activation='relu'), cl.Dense(1)], input_shape)",
    "input": "cl.Network(layers, input_shape=...)",
    "inputlayer": "cl.Network(layers, input_shape=...)",
    "linear": "cl.Dense",
    "fullyconnected": "cl.Dense",
    "conv2d": "cl.Conv2D",
    "convtranspose2d": "cl.Conv2DTranspose",
    "convolution2d": "cl.Conv2D",
    "convolution1d": "cl.Conv1D",
    "maxpool2d": "cl.MaxPooling2D",
    "maxpool1d": "cl.MaxPooling1D",
    "avgpool2d": "cl.AveragePooling2D",
    "avgpool1d": "cl.AveragePooling1D",
    "averagepool2d": "cl.AveragePooling2D",
    "adaptiveavgpool2d": "cl.GlobalAveragePooling2D",
    "globalavgpool2d": "cl.GlobalAveragePooling2D",
    "globalmaxpool2d": "cl.GlobalMaxPooling2D",
    "batchnorm": "cl.BatchNormalization",
    "batchnorm1d": "cl.BatchNormalization",
    "batchnorm2d": "cl.BatchNormalization",
    "layernorm": "cl.LayerNormalization",
    "localresponsenorm": "cl.LocalResponseNormalization",
    "silu": "cl.Swish",
    "rnn": "cl.SimpleRNN",
    "upsample": "cl.UpSampling2D",
    "zeropad2d": "cl.ZeroPadding2D",
    "concat": "cl.Concatenate",
    "cat": "cl.Concatenate",
    "mseloss": "cl.MeanSquaredError",
    "l1loss": "cl.MeanAbsoluteError",
    "smoothl1loss": "cl.Huber",
    "huberloss": "cl.Huber",
    "crossentropyloss": "cl.SoftmaxCrossEntropy",
    "bceloss": "cl.BinaryCrossEntropy",
    "bcewithlogitsloss": "cl.SigmoidCrossEntropy",
    "sparsecategoricalcrossentropy": "cl.CategoricalCrossEntropy, or cl.SoftmaxCrossEntropy of raw outputs",
    "earlystopping": "session.run(cl.stalled('validation_loss', patience=5))",
    "modelcheckpoint": "session.restore_best(); session.save('it.h5')",
    "reducelronplateau": "cl.ReduceOnPlateau",
    "steplr": "cl.StepDecay",
    "cosineannealinglr": "cl.CosineDecay",
    "cosineannealing": "cl.CosineDecay",
    "onecyclelr": "cl.OneCycle",
    "dataset": "cl.data.Dataset",
    "dataloader": "dataset.batches(32), though cl.train(network, dataset, batch_size=32) does without",
    "tensordataset": "cl.train(network, (inputs, targets)) does without",
    "tsne": "cl.embed.TSNE",
    "mse": "cl.MeanSquaredError",
    "mae": "cl.MeanAbsoluteError",
    "standardscaler": "cl.Normalization().adapt(x), as the first layer",
    "minmaxscaler": "cl.Normalization().adapt(x), as the first layer",
    "traintestsplit": "dataset.split(test=0.25), or cl.train(..., validation=0.2)",
    "nograd": "network.predict(x), which never trains; leave it out",
    "inferencemode": "network.predict(x), which never trains; leave it out",
    "cuda": "cl.Network(..., ops='gpu')",
    "device": "cl.Network(..., ops='gpu')",
    "random": "cl.Network(..., seed=0), cl.train(..., seed=0)",
    "transformerencoder": "cl.models.transformer",
    "transformer": "cl.models.transformer",
    "lambda": "cl.Activation, or a cl.nn.Layer of your own",
    "instancenorm2d": "cl.GroupNormalization, with a group for each channel",
    "textvectorization": "cl.Embedding reads ids: pandas.factorize(words)[0] makes them",
    "load": "cl.data.load('digits'), cl.Network.load('it.h5')",
    "loadmodel": "cl.Network.load('it.h5')",
    "save": "network.save('it.h5'), session.save('it.h5')",
    "fit": "cl.train(network, data)",
    "compile": "cl.train(network, data, loss, optimizer)",
    "trainer": "cl.train(network, data)",
    "learner": "cl.train(network, data)",
    "seed": "cl.Network(..., seed=0), cl.train(..., seed=0)",
    "setseed": "cl.Network(..., seed=0), cl.train(..., seed=0)",
    "manualseed": "cl.Network(..., seed=0), cl.train(..., seed=0)",
    "tensor": "arrays are NumPy's",
    "layers": "they are here: cl.Dense, cl.Conv2D, ...; cl.nn.layers is their room",
    "losses": "they are here: cl.MeanSquaredError, ...; cl.nn.losses is their room",
    "optim": "they are here: cl.Adam, cl.SGD, ...; cl.optimize is their room",
    "optimizers": "they are here: cl.Adam, cl.SGD, ...; cl.optimize is their room",
    "initializers": "cl.nn.initializers",
    "callbacks": "session.subscribe(function)",
    "datasets": "cl.data.load('digits')",
    "earlystop": "session.run(cl.stalled('validation_loss', patience=5))",
    **AROUND,
}
"""By what is imported elsewhere, squeezed: what it is here."""


def elsewhere(name: str, known: Iterable[str]) -> str:
    """ "; say ..." with what the class or function `name` of others is here; nothing if nobody can tell."""
    known = [each for each in known if not each.startswith("_")]
    same = [f"cl.{each}" for each in known if squeezed(each) == squeezed(name)]
    found = same[0] if same else NAMES.get(squeezed(name))
    return f"; say {found}" if found else checks.near(name, known)


def answers_for(module: str) -> Callable[[str], Any]:
    """A room's `__getattr__`: of what is not in it, what others have by that name is here."""

    def __getattr__(name: str) -> Any:
        said = f"module {module!r} has no attribute {name!r}"
        if not name.startswith("_"):
            room = f"cl.{module.removeprefix('cortex_lab.').replace('nn.models', 'models')}"
            same = [each for each in dir(sys.modules[module]) if squeezed(each) == squeezed(name)]
            said += f"; say {room}.{same[0]}" if same else elsewhere(name, dir(sys.modules["cortex_lab"]))
        raise AttributeError(said, name=name)

    return __getattr__


def renamed(name: str, known: Iterable[str]) -> str:
    """ "; say ..." with what of `known` is elsewhere called `name`, or is nearest to it; else nothing."""
    known = list(known)
    found = next((each for each in KEYWORDS.get(squeezed(name), ()) if each in known), None)
    return f"; say {found!r}" if found else checks.near(name, known)


def remedy(name: str, known: Iterable[str], own: Mapping[str, str] = MappingProxyType({})) -> str:
    """What to type instead of the keyword `name`, of those that are `known`; nothing if nobody can tell.

    `own` is what the function itself answers, by keywords squeezed.
    """
    known = list(known)
    if squeezed(name) in own:
        return own[squeezed(name)]
    same = [each for each in known if squeezed(each) == squeezed(name)]
    if same:
        return f"it is called {same[0]}= here"
    for each in KEYWORDS.get(squeezed(name), ()):
        if each in known:
            return f"it is called {each}= here"
        if not each.isidentifier():
            return each
    return checks.near(name, known).removeprefix("; ")


def unknown_keyword(
    what: str, name: str, known: Iterable[str], own: Mapping[str, str] = MappingProxyType({})
) -> checks.WrongArgument:
    """The error to raise for an argument that `what` does not take."""
    known = [each for each in known if each != "name"]
    there = f"it takes {', '.join(known)}" if known else "it takes no settings"
    return checks.WrongArgument(f"{what} takes no {name}=: {remedy(name, known, own) or there}")


def refuse_unknown(cls: type, settings: Iterable[str]) -> None:
    """The error to raise for what a class is made with that its `__init__` does not take."""
    code = getattr(cls.__init__, "__code__", None)
    if code is None or code.co_flags & inspect.CO_VARKEYWORDS:
        return
    known = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    for name in settings:
        if name not in known:
            raise unknown_keyword(cls.__name__, name, known)


def told(function: Function, own: Mapping[str, str] = MappingProxyType({})) -> Function:
    """Decorator: an argument that the function does not take is answered by what to type, `own` first."""
    parameters = list(inspect.signature(function).parameters)
    known = [name for name in parameters if name != "self"]

    @wraps(function)
    def called(*args: Any, **options: Any) -> Any:
        for name in options:
            if name not in parameters:
                owner = function.__qualname__
                if "self" in parameters and args:
                    # A method is called by the class that people hold, whichever of its bases has it.
                    owner = f"{type(args[0]).__name__}.{function.__name__}"
                raise unknown_keyword(owner.removesuffix(".__init__"), name, known, own)
        return function(*args, **options)

    return called  # type: ignore[return-value]


def named_first(function: Function) -> Function:
    """Decorator of an `edit(name, value)`: a name that is given as a keyword is answered by what to type."""

    @wraps(function)
    def called(*args: Any, **options: Any) -> Any:
        strange = next((name for name in options if name not in ("name", "value")), None)
        if strange is not None:
            raise checks.WrongArgument(f"the name goes first: session.edit({strange!r}, value)")
        return function(*args, **options)

    return called  # type: ignore[return-value]


class Answering:
    """Base of what people ask for things that it calls by other names: `answers` says what to type."""

    answers: ClassVar[Mapping[str, str]] = {}

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            own = getattr(type(self), name, None)
            if isinstance(own, property) and own.fget is not None:
                # It is there, and raised what it has to say.
                return own.fget(self)
            raise AttributeError(_not_there(type(self), name, self._answer(name)), name=name)

    def _answer(self, name: str) -> str | None:
        """What to type instead of asking this one for `name`; None where nobody can tell."""
        return self.answers.get(name)


@lru_cache(maxsize=256)
def _not_there(owner: type[Answering], name: str, answer: str | None) -> str:
    """Remembered, since libraries ask again and again for what an object may have."""
    said = f"{owner.__name__!r} object has no attribute {name!r}"
    if name.startswith("_"):
        return said
    return said + (f": {answer}" if answer else checks.near(name, dir(owner)))
