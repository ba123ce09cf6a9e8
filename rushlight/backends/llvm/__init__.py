"""Kernels in machine code, made by LLVM (the `jit` extra): vectors, all cores, no Python between the elements."""
