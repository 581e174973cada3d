"""Overrides of kernels for the GPU, by family; each file registers its own."""
