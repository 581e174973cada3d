"""The second phase of a training step: the pictures of the batch, changed a little."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from cortex_lab.ground.described import is_built_in
from cortex_lab.nn.executor import Bound
from cortex_lab.nn.feeding import named_inputs
from cortex_lab.nn.network import Network

if TYPE_CHECKING:
    from cortex_lab.nn.training import Training


class Augmenter:
    """Augmentations by input name; what is drawn is a function of (seed, epoch, row) alone.

    `given` is a `cortex_lab.data.Augmentation` for all inputs that are pictures, a dict of them by input
    name, or None. Targets stay as they are. KeyError for an unknown input, ValueError for one that is no
    picture.
    """

    def __init__(self, network: Network, given: Any) -> None:
        shapes = network.graph.inputs
        pictures = [name for name, shape in shapes.items() if len(shape) == 3]
        self.by_input: dict[str, Any] = {}
        if isinstance(given, Mapping):
            self.by_input |= given
        elif given is not None:
            self.by_input |= dict.fromkeys(pictures, given)
            if not pictures:
                raise ValueError(f"augment wants pictures (height, width, channels); the inputs are {shapes}")
        for name, each in self.by_input.items():
            if name not in shapes:
                raise KeyError(f"there is no input {name!r} to augment, only {', '.join(shapes)}")
            if name not in pictures:
                raise ValueError(f"augment wants pictures; rows of the input {name!r} are {shapes[name]}")
            if not hasattr(each, "matrices"):
                raise TypeError(
                    f"augment is an Augmentation such as Augmentation(shift_range=0.1), got {each!r}"
                )

    def __bool__(self) -> bool:
        return bool(self.by_input)

    def apply(self, training: Training, bound: Bound) -> None:
        """Put the batch last fetched into its buffers once more, changed."""
        ops, batch = training.network.ops, training.batch
        rows, values = np.asarray(batch.rows), named_inputs(training, batch)
        drawn = training.seed, training.step_number // training.batches.steps_per_epoch
        for name, each in self.by_input.items():
            x, out = ops.asarray(values[name]), bound.buffers[name]
            means = np.zeros(len(rows))
            if each.contrast_range:
                means = ops.to_numpy(x.mean(axis=(1, 2, 3)))
            matrices = ops.asarray(each.matrices(rows, *drawn, *x.shape[1:3]), "float64")
            tones = ops.asarray(each.tones(rows, *drawn, means), "float64")
            ops.warp_affine(x, matrices, tones, each.fill_mode == "nearest", out)

    def to_dict(self) -> dict[str, Any]:
        """The augmentations as JSON-able data."""
        return {name: _described(each) for name, each in self.by_input.items()}


def _described(augmentation: Any) -> dict[str, Any]:
    kind = type(augmentation)
    own = {} if is_built_in(kind) else {"kind": f"{kind.__module__}:{kind.__qualname__}"}
    return own | asdict(augmentation)
