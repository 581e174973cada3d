"""The reference of every kernel, by family; each file registers its own."""
