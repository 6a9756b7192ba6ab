"""Rows of features that are read some at a time, from memory or from a file."""
