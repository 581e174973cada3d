"""What rows are to a network, as numbers to lay out in a map."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cortex_lab.ground import checks
from cortex_lab.lab.looking import index_of
from cortex_lab.nn import Network, Training
from cortex_lab.nn.train.by_row import gradients_by_row

_OF_PARAMETER = re.compile(r"(weights|gradient)\['(.+)'\]")


class Features:
    """What a map is of, checked: "inputs" or the name of one, a layer, a parameter's weights or gradients.

    `told` says it in words. `of_rows` is whether there is a point for each row of the data; of weights there
    is one for each unit, or for each id of an embedding.
    """

    def __init__(self, network: Network, of: str) -> None:
        self.of = checks.text("of", of, "dense_1")
        inputs, found = list(network.graph.inputs), _OF_PARAMETER.fullmatch(of)
        self.kind, self.name = found.groups() if found else ("activations", of)
        if of == "inputs" and "inputs" not in network.layers:
            if len(inputs) > 1:
                raise ValueError(f"a map is of one input; say which, of={inputs[0]!r}; there are {inputs}")
            self.kind, self.name = "inputs", inputs[0]
        elif of in inputs:
            self.kind = "inputs"
        elif found and self.name not in self._differed(network):
            raise KeyError(f"there is no {self.name!r}; there are {', '.join(self._differed(network))}")
        elif not found and of not in network.layers:
            near = checks.near(of, network.layers) or "."
            raise KeyError(
                f"there is no {of!r} to map{near} There are 'inputs', the layers "
                f"{', '.join(network.layers)}, and of a parameter \"weights['{_first(network)}']\" and "
                f"\"gradient['{_first(network)}']\""
            )
        self.of_rows = self.kind != "weights"
        self.told = {
            "inputs": f"{self.name!r}, as it is given",
            "activations": f"what {self.name!r} makes of rows",
            "weights": f"the weights {self.name!r}, a point for each unit",
            "gradient": f"the gradient of each row's loss by {self.name!r}",
        }[self.kind]

    def _differed(self, network: Network) -> list[str]:
        nodes = [] if self.kind == "weights" else network.layers
        return [*network.parameters, *nodes]

    def weights(self, network: Network) -> np.ndarray:
        """(units, numbers): what each unit multiplies; of a table of embeddings, each id's vector."""
        array = np.asarray(network.ops.to_numpy(network.parameters[self.name]))
        if self.name.endswith("/embeddings"):
            return array
        return array.reshape(-1, array.shape[-1]).T.copy()

    def read(
        self,
        training: Training,
        inputs: Mapping[str, np.ndarray],
        targets: Mapping[str, np.ndarray],
    ) -> np.ndarray:
        """(rows, numbers) of checked rows, with the weights that the training has now."""
        network = training.network
        if self.kind == "inputs":
            found = np.asarray(network.seen(self.name, inputs[self.name]))
            if found.dtype.kind in "iu":
                raise ValueError(
                    f"the input {self.name!r} is of ids, no nearer to one another for being near as "
                    f"numbers; map what a layer makes of them: of={network.layers[0]!r}"
                )
        elif self.kind == "gradient":
            found = gradients_by_row(training.objective, inputs, targets, self.name)
        else:
            given = dict(inputs) if len(inputs) > 1 else next(iter(inputs.values()))
            found = network.activations(given, [self.name])[self.name]
        return np.asarray(found).reshape(len(found), -1)


@dataclass(frozen=True, eq=False)
class _Kept:
    """A network as it was."""

    network: Network


@dataclass(frozen=True, eq=False)
class RowReader:
    """Reads the `features` of other rows by the weights of then; the `session` knows the data.

    Called with what is given to `session.score`, or with inputs alone, it returns (rows, numbers) and the
    index of the rows.
    """

    features: Features
    training: Any
    session: Any

    @classmethod
    def of(cls, features: Features, session: Any) -> RowReader:
        """By the weights of now, whatever the session does later."""
        training = session.process
        # Only gradients need the loss.
        kept = training.clone() if features.kind == "gradient" else _Kept(training.network.copy())
        return cls(features, kept, session)

    def __call__(self, data: Any) -> tuple[np.ndarray, pd.Index]:
        session, features = self.session, self.features
        if isinstance(data, np.ndarray) and features.kind != "gradient":
            inputs, targets = self.training.network.checked_inputs(data), {}
        else:
            data = session._split(data) if isinstance(data, str) else data
            inputs, targets = session._rows_to_score(data)
        found = features.read(self.training, inputs, targets)
        return found, index_of(data, len(found))


def _first(network: Network) -> str:
    return next(iter(network.parameters), "dense_1/kernel")
