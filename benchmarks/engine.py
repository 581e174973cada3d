"""What planning costs and what it saves: ResNet-50 described, planned, and run in little memory."""

from __future__ import annotations

import math
from types import SimpleNamespace

import cortex_lab as cl
from benchmarks import Row, measure, say
from cortex_lab.nn import Plan
from cortex_lab.nn.run.plan import assign_offsets

OPTIONS = {"rounds": 5}


def run(options: SimpleNamespace) -> list[Row]:
    """Time to build and plan ResNet-50 at 224 x 224, and the memory its inference needs."""

    def build_and_plan() -> None:
        graph = cl.models.resnet_imagenet(50)
        Plan.inference(graph)
        Plan.training_step(graph, graph.outputs)

    say("ResNet-50 described and planned")
    planned = measure(build_and_plan, rounds=options.rounds, warmup=1)
    say("its memory")
    graph = cl.models.resnet_imagenet(50)
    sizes = {name: math.prod(graph.shape(name)) for name in (*graph.inputs, *graph.nodes)}
    pair = max(sizes[node.name] + sizes[source] for node in graph.nodes.values() for source in node.inputs)
    network = cl.Network(graph)
    executor = network.executor(Plan.inference(graph), 1)
    owners = [b for b in executor.plan.buffers.values() if b.alias is None and b.per_row]
    _, arena = assign_offsets((b.name, math.prod(b.shape), b.first, b.last) for b in owners)
    return [
        Row(what="ResNet-50 described and planned", value=planned.median, unit="s", bar=0.5),
        Row(
            what="ResNet-50 inference, one image: buffers over the largest pair of live activations",
            value=executor.nbytes / (4 * pair),
            unit="times",
            bar=1.3,
        ),
        Row(what="the same without scratch", value=arena / pair, unit="times", bar=1.3),
    ]
