"""What is given as other libraries want it, first or in another form, is answered by what to type."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

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


def test_who_asks_for_parameters_is_told_that_an_optimizer_takes_none():
    with pytest.raises(TypeError, match=r"an optimizer takes none: cl.Adam\(1e-3\)"):
        cl.Adam(net().parameters())
