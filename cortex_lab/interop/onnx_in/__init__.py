"""ONNX in: the file (`model`), numbers that follow from it (`folding`), and a function per operator."""
