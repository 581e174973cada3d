"""Models in and out, with a certificate.

| name           | what it does                                                                 |
|----------------|------------------------------------------------------------------------------|
| `read_keras`   | the network in a file of Keras 1, 2 or 3                                     |
"""

from cortex_lab.interop.reading import read_keras

__all__ = ["read_keras"]
