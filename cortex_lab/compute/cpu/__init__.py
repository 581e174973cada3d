"""Everything of Numba, LLVM, threads and tiles: how kernels run fast on the CPU."""
