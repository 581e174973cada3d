"""The innermost loops of products and convolutions, written in LLVM's vectors."""
