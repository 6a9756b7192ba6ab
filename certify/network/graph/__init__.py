"""Networks given by a graph of operations."""
