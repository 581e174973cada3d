"""Vectors for ids."""

from cortex_lab.nn.layers.embedding import Embedding
from cortex_lab.nn.layers.position_embedding import PositionEmbedding
from tests.nn.cases import Case


def _ids(below, *shape):
    def draw(random, rows):
        return [random.integers(0, below, size=(rows, *shape))]

    return draw


def _embedding(xs, parameters):
    import torch

    return torch.nn.functional.embedding(xs[0].long(), parameters["embeddings"])


CASES = [
    Case(Embedding(7, 3), ((5,),), "steps", _ids(7, 5), _embedding, differentiable_input=False),
    Case(Embedding(3, 4), ((20,),), "repeated", _ids(3, 20), _embedding, differentiable_input=False),
    Case(Embedding(1, 1), ((1,),), "one-by-one", _ids(1, 1), _embedding, differentiable_input=False),
    Case(Embedding(9, 2), ((2, 3),), "grid", _ids(9, 2, 3), _embedding, differentiable_input=False),
    Case(PositionEmbedding(), ((3, 4),), oracle=lambda xs, p: xs[0] + p["embeddings"]),
    Case(PositionEmbedding(), ((1, 1),), "one-step", oracle=lambda xs, p: xs[0] + p["embeddings"]),
]
