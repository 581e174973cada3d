"""Rows mixed with others while they are trained on, and their targets with those of the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cortex_lab.compute import Ops
from cortex_lab.nn.contract.accuracy import over
from cortex_lab.nn.contract.layer import Shape, Slots
from cortex_lab.nn.contract.loss import Loss
from cortex_lab.nn.run.network import Network
from cortex_lab.nn.train.augment import Augmenter


class Mixing:
    """Mixes the batches of a training; what is mixed with what is a function of (seed, epoch, row) alone.

    `losses` are those on the outputs, `pictures` says that targets are an input whose bytes are pictures.
    `mixed` are the losses that take what comes of their targets: of class ids, one column for each class.
    ValueError that names the setting where a network, a loss or a source of batches has nothing to mix.
    """

    def __init__(
        self, network: Network, losses: Mapping[str, Loss], augmenter: Augmenter, pictures: bool
    ) -> None:
        (self._name, self._each), *more = augmenter.by_input.items()
        self._network, self._losses, self._augmenter = network, losses, augmenter
        if more or len(network.graph.inputs) > 1:
            raise ValueError(
                f"{self._setting} mixes the targets, too, and so all that they are told from: it is for "
                f"networks of one input, and this one has {', '.join(network.graph.inputs)}; leave it out"
            )
        self.mixed = {name: _of_mixtures(self._setting, name, loss) for name, loss in losses.items()}
        for name, loss in losses.items():
            shape = loss.target_shape(network.graph.shape(name))
            if self._each.cutmix and (len(shape) > (0 if loss.of_classes else 1) or pictures):
                raise ValueError(
                    f"cutmix mixes a picture's one answer by area, and the targets of output {name!r} are "
                    f"{'pictures' if pictures else f'rows {shape}, with an answer for each place'}; use mixup"
                )

    @property
    def _setting(self) -> str:
        return "mixup" if self._each.mixup else "cutmix"

    def check_source(self, source: object) -> None:
        """TypeError for batches that cannot be asked for other rows."""
        if not (hasattr(source, "at") and hasattr(source, "rows")):
            raise TypeError(
                f"{self._setting} asks for rows beside those of a batch, and {type(source).__name__} has no "
                "at(rows), which gives a batch of them, and `rows`, those that are trained on"
            )

    def inputs(self, values: np.ndarray, rows: np.ndarray, source: Any, seed: int, epoch: int) -> Any:
        """Mix the changed inputs of `rows`, in place; how, and the batch of the others."""
        shape = values.shape[1:]
        mixture = self._each.mixture(rows, seed, epoch, source.rows, shape)
        others = source.at(mixture.others)
        given = others.inputs
        if isinstance(given, Mapping):
            given = given[self._name] if self._name in given else next(iter(given.values()))
        seen = np.asarray(self._network.seen(self._name, given)).reshape(len(rows), *shape)
        changed = self._augmenter.changed(self._name, seen, mixture.others, seed, epoch)
        mixture.of_inputs(values, changed)
        return mixture, others

    def targets(self, mixture: Any, slots: Mapping[str, Slots], others: Mapping[str, np.ndarray]) -> None:
        """Fill the mixed targets of a batch with its own and the checked ones of the others."""
        ops = self._network.ops
        for name, at in slots.items():
            own = self._columns(name, ops.to_numpy(at.target))
            mixture.of_targets(own, self._columns(name, others[name].reshape(at.target.shape)))
            at.mixture.target[...] = ops.asarray(own, at.mixture.target.dtype)

    def _columns(self, name: str, targets: np.ndarray) -> np.ndarray:
        """Targets as numbers that can be mixed: of class ids, one column for each class."""
        loss = self._losses[name]
        known = loss.known(targets)
        if known is not None and not np.asarray(known).all():
            raise ValueError(
                f"{self._setting} mixes targets, and some of output {name!r} are unknown; leave those rows "
                "out: train on data.select(...), or without it"
            )
        if not loss.of_classes:
            return np.array(targets, np.float64)
        classes = self._network.graph.shape(name)[-1]
        return (targets[..., np.newaxis] == np.arange(classes)).astype(np.float64)


def mixture_slots(loss: Loss, ops: Ops, at: Slots, shape: Shape) -> Slots:
    """What a loss of mixtures sees of an output of row `shape`: all that another sees, but other targets."""
    target = ops.zeros((len(at.rows), *loss.target_shape(shape)))
    return Slots(**{**vars(at), "target": target})


def mixed_accuracy(loss: Loss, ops: Ops, at: Slots) -> float:
    """The share of mixed targets that the outputs are right about: of each, by how much of it is there."""
    y, target = ops.to_numpy(at.y), ops.to_numpy(at.target)
    if loss.predicts == "classes":
        found = np.take_along_axis(target, y.argmax(axis=-1)[..., np.newaxis], axis=-1)
    else:
        found = np.where(y > over(loss), target, 1 - target)
    return float(found.mean(dtype=np.float64))


def _of_mixtures(setting: str, name: str, loss: Loss) -> Loss:
    mixed = loss.of_mixtures()
    if mixed is None:
        raise ValueError(
            f"{setting} mixes targets, and {type(loss).__name__} on output {name!r} has no place for what "
            "lies between two of them; leave it out, or use a loss that has, such as softmax_cross_entropy"
        )
    return mixed
