"""Networks as ONNX: what each layer becomes, the graph of them, and the certificate that it is the same."""
