"""Networks: descriptions as data, planned, bound to memory, trained.

| type          | what it is                                                               |
|---------------|--------------------------------------------------------------------------|
| `Layer`       | frozen hyper-parameters with pure rules: shapes, forward, backward       |
| `Node`        | a layer with a name and what it reads, for graphs that are not chains    |
| `Block`       | a piece of a network to be used again                                    |
| `Graph`       | named nodes, edges and inferred shapes; JSON-able                        |
| `GraphError`  | a node that does not fit, with the graph up to it                        |
| `Plan`        | ordered forward and backward steps over named buffers with lifetimes     |
| `Executor`    | a plan bound to memory: the only allocator of activations                |
| `Network`     | a graph with flat parameters on a backend; predicts                      |
| `Loss`        | frozen description that scores outputs row by row                        |
| `Training`    | a Process: fetch, forward, loss, backward, update                        |

Its rooms, from the ground up: each imports from those before it, none from those after it.

| room                 | what is in it                                                     |
|----------------------|-------------------------------------------------------------------|
| `contract`           | what a layer, a loss, an initializer, a penalty, a batch is       |
| `layers`, `losses`   | one small file each, found by scanning                            |
| `graph`              | nodes and edges as data, their shapes, and how they are shown     |
| `models`, `run`      | ready graphs; plans bound to memory, and networks that predict    |
| `examine`            | the record of a step, what is measured of it, where a NaN is from |
| `train`              | the parts of a training and the order of its phases; its file     |
| `diagnosis`          | experiments on copies of a training                               |
"""

from cortex_lab.ground.habits import answers_for
from cortex_lab.nn import layers, losses
from cortex_lab.nn.contract import initializers
from cortex_lab.nn.contract.layer import LAYERS, Layer, Parameter
from cortex_lab.nn.contract.loss import LOSSES, Loss
from cortex_lab.nn.graph.description import Block, Node
from cortex_lab.nn.graph.graph import Graph, GraphError
from cortex_lab.nn.run.network import Network
from cortex_lab.nn.run.plan import Plan
from cortex_lab.nn.train.training import Training

__all__ = [
    "LAYERS",
    "LOSSES",
    "Block",
    "Graph",
    "GraphError",
    "Layer",
    "Loss",
    "Network",
    "Node",
    "Parameter",
    "Plan",
    "Training",
    "initializers",
    "layers",
    "losses",
]

__getattr__ = answers_for(__name__)
