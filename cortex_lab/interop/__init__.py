"""Models in and out, with a certificate.

| name             | what it does                                                                      |
|------------------|-----------------------------------------------------------------------------------|
| `read_keras`     | the network in a file of Keras 1, 2 or 3                                          |
| `read_weights`   | the weights of such a file or of safetensors, into a network of one's own         |
| `write_keras`    | a network as a file that Keras 3 loads                                            |
| `write_onnx`     | a network as ONNX, certified node by node                                         |
| `write_weights`  | the weights of a network by name, as safetensors                                  |
| `read_onnx`      | the network in a file of ONNX                                                     |
| `verify`         | compares every layer with what another program gave: a `Report`                   |
| `preprocess`     | pictures as the networks of keras.applications want them                          |
| `top`            | the likeliest classes by name; `read_labels` reads the names from a file          |
| `record`         | what a model of Keras or PyTorch gives at each layer: `RecordedLayers`, for `verify` |

`cortex_lab.interop.estimators` are networks as scikit-learn's.
"""

from cortex_lab.ground.habits import answers_for
from cortex_lab.interop.certificate import Compared, Report, verify
from cortex_lab.interop.imagenet import preprocess, read_labels, top
from cortex_lab.interop.keras_optimizer import Resumable
from cortex_lab.interop.keras_out import write_keras
from cortex_lab.interop.loading import read_weights
from cortex_lab.interop.onnx_files import read_onnx, write_onnx
from cortex_lab.interop.reading import read_keras
from cortex_lab.interop.recorder import record
from cortex_lab.interop.recording import RecordedLayers
from cortex_lab.interop.weights_files import write_weights

__all__ = [
    "Compared",
    "RecordedLayers",
    "Report",
    "Resumable",
    "preprocess",
    "read_keras",
    "read_labels",
    "read_onnx",
    "read_weights",
    "record",
    "top",
    "verify",
    "write_keras",
    "write_onnx",
    "write_weights",
]

__getattr__ = answers_for(__name__)
