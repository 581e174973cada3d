"""Networks as files of Keras: what each layer becomes (`settings`), the graph of them (`model`), the file."""

from cortex_lab.interop.keras_out.file import write_keras
from cortex_lab.interop.keras_out.settings import WRITTEN

__all__ = ["WRITTEN", "write_keras"]
