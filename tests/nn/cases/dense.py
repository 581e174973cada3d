"""Dense and flatten."""

from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.layers.flatten import Flatten
from tests.nn.cases import Case


def _dense(xs, parameters):
    return xs[0] @ parameters["kernel"] + parameters.get("bias", 0)


def _silu(x):
    return x * x.sigmoid()


CASES = [
    Case(Dense(4), ((3,),), "linear", oracle=_dense),
    Case(Dense(1), ((1,),), "one-by-one", oracle=_dense),
    Case(Dense(4, activation="tanh"), ((3, 5),), "steps", oracle=lambda xs, p: _dense(xs, p).tanh()),
    Case(Dense(4), ((2, 3, 5),), "grid", oracle=_dense),
    Case(
        Dense(4, activation="swish"), ((1, 2, 3, 5),), "four-axes", oracle=lambda xs, p: _silu(_dense(xs, p))
    ),
    Case(Dense(7, use_bias=False), ((5,),), "no-bias", oracle=_dense),
    Case(Dense(6, activation="relu"), ((5,),), "relu", oracle=lambda xs, p: _dense(xs, p).relu()),
    Case(Dense(6, activation="tanh"), ((5,),), "tanh", oracle=lambda xs, p: _dense(xs, p).tanh()),
    Case(Dense(6, activation="softmax"), ((5,),), "softmax", oracle=lambda xs, p: _dense(xs, p).softmax(-1)),
    Case(
        Dense(6, activation="swish"),
        ((5,),),
        "swish",
        oracle=lambda xs, p: _silu(_dense(xs, p)),
    ),
    Case(Flatten(), ((2, 3, 4),), oracle=lambda xs, p: xs[0].flatten(1)),
]
