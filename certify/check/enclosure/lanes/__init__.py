"""Graphs of linear maps and relu in whole numbers, the rows of data side by side (proofs/certificate-format.md, 9)."""
