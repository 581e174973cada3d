"""Faster versions of the kernels for the "cpu" backend, by family; they need Numba, and SciPy for its BLAS.

Each takes C-contiguous float32 arrays, as networks have them, and returns NotImplemented for anything else.
"""
