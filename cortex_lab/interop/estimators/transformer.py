"""A network that gives what one of its layers makes of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.callback import with_callbacks
from sklearn.utils.validation import check_is_fitted

from cortex_lab.interop.estimators.base import NetworkEstimator
from cortex_lab.interop.estimators.kinds import (
    Augmentations,
    Folder,
    Layers,
    Losses,
    Optimizers,
    PenaltiesOf,
    Rows,
    Seed,
    Targets,
    Until,
)
from cortex_lab.interop.estimators.rows import by_sixteens
from cortex_lab.nn import Layer, Network
from cortex_lab.nn.layers.dense import Dense
from cortex_lab.nn.layers.reshaping import Reshape


class NetworkTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, NetworkEstimator):
    """What a layer makes of rows: of an autoencoder, or of a network that was trained before.

        NetworkTransformer([64, 2]).fit_transform(X)
        NetworkTransformer(network=session.network, layer="dense_1").fit(X).transform(X)

    Parameters
    ----------
    layers
        The encoder of an autoencoder. Those that are numbers come again in reverse, as its decoder, before a
        last layer that gives the inputs back.
    network
        A trained Network, or a fitted estimator, which learns nothing more; None trains an autoencoder.
    layer
        Whose activations to give; None is the last of the encoder.

    The others, and the attributes, are those of `NetworkClassifier`, but for `class_weight` and `classes_`.
    """

    def __init__(
        self,
        layers: Layers = (64, 16),
        activation: str | Layer = "relu",
        *,
        network: Network | NetworkEstimator | None = None,
        layer: str | None = None,
        loss: Losses = None,
        optimizer: Optimizers = "adam",
        epochs: int = 100,
        batch_size: int | str = "auto",
        until: Until = None,
        validation: float | None = None,
        penalties: PenaltiesOf = None,
        augment: Augmentations = None,
        memory: Folder = None,
        warm_start: bool = False,
        random_state: Seed = None,
    ) -> None:
        super().__init__(
            layers,
            activation,
            loss=loss,
            optimizer=optimizer,
            epochs=epochs,
            batch_size=batch_size,
            until=until,
            validation=validation,
            penalties=penalties,
            augment=augment,
            memory=memory,
            warm_start=warm_start,
            random_state=random_state,
        )
        self.network = network
        self.layer = layer

    def fit(self, X: Rows, y: Targets = None, sample_weight: ArrayLike | None = None) -> NetworkTransformer:
        """Learn to give rows `X` back; `y` is not looked at. With a `network`, learn nothing."""
        if self.network is None:
            return super().fit(X, None, sample_weight)
        self._inputs(X, first=True)
        names = getattr(self.network, "feature_names_in_", None)
        if names is not None and list(names) != list(getattr(self, "feature_names_in_", names)):
            raise ValueError(f"the estimator was fitted on the columns {list(names)}, in that order")
        self.network_ = self._given().copy()
        self._choose_layer(None, self.network_)
        return self

    def _given(self) -> Network:
        found = getattr(self.network, "network_", self.network)
        if not isinstance(found, Network):
            raise ValueError(
                "network= is a Network or a fitted estimator; a clone of an estimator is not fitted, so "
                "where this one is cloned give estimator.network_, or FrozenEstimator(estimator)"
            )
        return found

    @with_callbacks
    def partial_fit(
        self, X: Rows, y: Targets = None, sample_weight: ArrayLike | None = None
    ) -> NetworkTransformer:
        """Go on for one epoch of these rows."""
        if self.network is not None:
            raise ValueError("the network was given, and learns nothing more here; cl.train trains it")
        return self._partial_fit(X, None, sample_weight)

    def transform(self, X: Rows) -> np.ndarray:
        """(rows, values): the activations of the layer, each row as a vector."""
        check_is_fitted(self)
        return self._codes(self._inputs(X))

    def _codes(self, inputs: np.ndarray | pd.DataFrame) -> np.ndarray:
        layer = self._layer
        found = by_sixteens(lambda rows: self.network_.activations(rows, [layer])[layer], inputs)
        return found.reshape(len(found), -1)

    def _rows(self, X: Rows, y: Targets, first: bool) -> tuple[Any, np.ndarray]:
        inputs = self._inputs(X, first=first)
        if not isinstance(inputs, np.ndarray):
            raise ValueError(
                "an autoencoder gives its inputs back, so they are numbers; make words into numbers first, "
                "such as by skrub.TableVectorizer"
            )
        return inputs, inputs

    def _network(self, inputs: np.ndarray | pd.DataFrame, targets: np.ndarray) -> Network:
        encoder, shape = self._hidden(inputs), inputs.shape[1:]
        units = [layer for layer in encoder if isinstance(layer, Dense)]
        mirrored = all(isinstance(layer, (int, np.integer)) for layer in self._listed())
        decoder = units[-2::-1] if mirrored else []
        size = int(np.prod(shape))
        last = [Dense(size)] if len(shape) == 1 else [Dense(size), Reshape(shape)]
        network = Network([*encoder, *decoder, *last], input_shape=shape, seed=self.seed_)
        self._choose_layer(network.layers[len(encoder) - 1], network)
        return network

    def _choose_layer(self, otherwise: str | None, network: Network) -> None:
        layer = otherwise if self.layer is None else self.layer
        if layer not in network.layers:
            asked = "say which layer" if layer is None else f"there is no layer {layer!r}"
            raise ValueError(f"{asked}; there are {', '.join(network.layers)}")
        self._layer = layer

    @property
    def _n_features_out(self) -> int:
        return int(np.prod(self.network_.graph.nodes[self._layer].out_shape))

    def _head(self) -> tuple[list[Any], Any]:
        return [], "mean_squared_error"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
