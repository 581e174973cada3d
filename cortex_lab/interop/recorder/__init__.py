"""Records what Keras or PyTorch gives, layer by layer: the only part that needs them."""

from cortex_lab.interop.recorder.recorder import record, write_recording

__all__ = ["record", "write_recording"]
