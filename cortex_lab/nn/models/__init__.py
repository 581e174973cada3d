"""Well-known architectures as graphs, ready for `Network(graph)`.

| builder               | what it describes                                                      |
|-----------------------|------------------------------------------------------------------------|
| `cortex_mnist`        | Cortex's convolutional net for MNIST                                   |
| `vgg`                 | plain stacks of 3 x 3 convolutions                                     |
| `resnet`, `plain`     | residual networks for small images, and the same without shortcuts     |
| `resnet_imagenet`     | residual networks for 224 x 224 images, ResNet-18 to ResNet-152        |
| `densenet`            | densely connected networks with bottlenecks and compression            |
| `autoencoder`         | linear, deep, sparse and denoising autoencoders                        |
| `transformer`         | attention over characters: which comes next                            |
| `mlp_for`             | dense layers for a Dataset: its columns in, its targets out            |
"""

from cortex_lab.ground.habits import answers_for
from cortex_lab.nn.models.autoencoder import autoencoder
from cortex_lab.nn.models.densenet import densenet
from cortex_lab.nn.models.mlp import mlp_for
from cortex_lab.nn.models.plain import cortex_mnist, vgg
from cortex_lab.nn.models.resnet import plain, resnet, resnet_imagenet
from cortex_lab.nn.models.transformer import transformer

__all__ = [
    "autoencoder",
    "cortex_mnist",
    "densenet",
    "mlp_for",
    "plain",
    "resnet",
    "resnet_imagenet",
    "transformer",
    "vgg",
]

__getattr__ = answers_for(__name__)
