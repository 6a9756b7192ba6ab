"""Readers of PyTorch's files, and factories of modules."""
