"""D25 for softmax heads: any three rows deleted, by sums of single steps, their pairs, and what three add."""
