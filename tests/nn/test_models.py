"""The ready architectures are what their papers say, and fit in the memory they need."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cortex_lab.nn import Graph, Network, Plan, models
from cortex_lab.nn.run.plan import assign_offsets


def parameters(graph):
    return sum(
        math.prod(spec.shape)
        for node in graph.nodes.values()
        for spec in node.layer.parameters(*node.in_shapes).values()
    )


@pytest.mark.parametrize(
    ("graph", "count"),
    [
        # Counts as torchvision states them for the same networks.
        (models.resnet_imagenet(50), 25_557_032),
        (models.resnet_imagenet(18), 11_689_512),
        (models.vgg(16), 138_357_544),
        (models.vgg(11, batch_normalization=True), 132_868_840),
        # Huang et al. 2017, table 2: 0.8 million.
        (models.densenet(100, 12), 769_162),
        # GPT-2 small, whose scores come by the table of its embedding: here by a layer of their own.
        (models.transformer(50_257, 1024, 12, 12, 768), 124_439_808 + 50_257 * 769),
        # 5*5*20+20, 5*5*20*50+50, two per channel of 50, 800*500+500, 500*10+10.
        (models.cortex_mnist(), 520 + 25_050 + 100 + 400_500 + 5_010),
    ],
)
def test_parameters_are_as_published(graph, count):
    assert parameters(graph) == count


def test_the_cifar_resnet_has_its_depth_and_size():
    graph = models.resnet(20)
    main_path = [name for name in graph.nodes if "conv2d" in name and "shortcut" not in name]
    assert len(main_path) + 1 == 20
    # He et al. 2016 give 0.27 million.
    assert parameters(graph) == 272_474
    plain = models.plain(20)
    assert not any("add" in name or "shortcut" in name for name in plain.nodes)
    assert parameters(graph) - parameters(plain) == 16 * 32 + 32 * 64 + 2 * (32 + 64)


def test_multiply_adds_of_resnet_50_are_as_published():
    graph = models.resnet_imagenet(50)
    total = sum(node.layer.multiply_adds(*node.in_shapes) for node in graph.nodes.values())
    assert total == pytest.approx(4.1e9, rel=0.02)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: models.resnet(21), r"6 n \+ 2"),
        (lambda: models.resnet_imagenet(51), "18, 34, 50, 101, 152"),
        (lambda: models.vgg(12), "11, 13, 16, 19"),
        (lambda: models.densenet(41), r"6 n \+ 4"),
        (lambda: models.densenet(40, compression=0), "compression"),
        (lambda: models.autoencoder((8,), units=()), "at least one layer"),
        (lambda: models.transformer(9, 4, heads=3, width=32), "32 is no multiple of 3"),
    ],
)
def test_depths_that_do_not_exist_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "graph",
    [
        models.resnet(8, (12, 12, 3)),
        models.plain(8, (12, 12, 3)),
        models.densenet(10, 4, (12, 12, 3)),
        models.vgg(11, (32, 32, 3), 10, units=16),
        models.cortex_mnist(dropout=0.3),
        models.autoencoder((5, 4), (8, 3), noise=0.1, dropout=0.2, k=2),
        models.transformer(7, 5, heads=2, width=8, dropout=0.1, causal=False),
    ],
    ids=["resnet", "plain", "densenet", "vgg", "cortex_mnist", "autoencoder", "transformer"],
)
def test_they_run_and_describe_themselves(graph):
    assert Graph.from_dict(graph.to_dict()) == graph
    network = Network(graph)
    (name, shape), *_ = graph.inputs.items()
    ids = any(node.layer.input_dtype == "int32" for node in graph.nodes.values())
    random = np.random.default_rng(0)
    x = random.integers(0, 7, (2, *shape)) if ids else random.normal(size=(2, *shape))
    y = network.predict(x)
    assert y.shape == (2, *graph.shape(graph.outputs[0])) and np.isfinite(y).all()


def test_inference_of_resnet_50_needs_little_more_than_two_activations():
    graph = models.resnet_imagenet(50)
    plan = Plan.inference(graph)
    owners = [b for b in plan.buffers.values() if b.alias is None and b.per_row]
    _, arena = assign_offsets((b.name, math.prod(b.shape), b.first, b.last) for b in owners)
    sizes = {name: math.prod(graph.shape(name)) for name in (*graph.inputs, *graph.nodes)}
    # A pair is an output with an input it is computed from: both must be there at once.
    largest_pair = max(
        sizes[node.name] + sizes[source] for node in graph.nodes.values() for source in node.inputs
    )
    scratch = max(
        (
            sum(math.prod(b.shape) for b in node.layer.scratch(*node.in_shapes).values() if b.per_row)
            for node in graph.nodes.values()
            if not node.layer.activation
        ),
        default=0,
    )
    assert arena + scratch <= 1.3 * largest_pair


@pytest.mark.parametrize("causal", [True, False])
def test_a_transformer_sees_what_comes_later_only_if_it_may(causal):
    network = Network(models.transformer(7, 5, heads=2, width=8, causal=causal))
    scores, others = network.predict(np.array([[1, 2, 3, 4, 5], [1, 2, 3, 6, 0]]))
    assert (scores[:3] == others[:3]).all() == causal
    assert (scores[3:] != others[3:]).any()


@pytest.mark.oracle
def test_a_transformer_is_what_pytorch_makes_of_its_parts():
    import torch

    network = Network(models.transformer(7, 5, heads=2, width=8), seed=3)
    network.params[...] += np.random.default_rng(0).normal(scale=0.2, size=network.params.shape)
    of = {name: torch.tensor(array) for name, array in network.parameters.items()}
    norm = torch.nn.functional.layer_norm

    def normalized(x, name):
        return norm(x, (8,), of[f"{name}/gamma"], of[f"{name}/beta"], 1e-5)

    def dense(x, name):
        return x @ of[f"{name}/kernel"] + of[f"{name}/bias"]

    ids = np.array([[1, 2, 3, 4, 5], [0, 0, 6, 1, 2]])
    x = of["ids/embeddings"][torch.tensor(ids)] + of["positions/embeddings"]
    for block in ("block_1", "block_2"):
        name, heads = f"{block}.looking.attention", []
        y = normalized(x, f"{block}.looking.layer_normalization_1")
        for part in ("query", "key", "value"):
            heads.append(torch.einsum("nsf,fhk->nhsk", y, of[f"{name}/{part}_kernel"]))
            heads[-1] += of[f"{name}/{part}_bias"][:, None]
        mixed = torch.nn.functional.scaled_dot_product_attention(*heads, is_causal=True)
        x = x + torch.einsum("nhsk,hkf->nsf", mixed, of[f"{name}/output_kernel"]) + of[f"{name}/output_bias"]
        y = dense(normalized(x, f"{block}.thinking.layer_normalization_1"), f"{block}.thinking.dense_1")
        x = x + dense(torch.nn.functional.gelu(y, approximate="tanh"), f"{block}.thinking.dense_2")
    wanted = dense(normalized(x, "layer_normalization_1"), "scores")
    np.testing.assert_allclose(network.predict(ids), wanted, rtol=1e-4, atol=1e-5)
