"""The module as estimates see it: layers, losses, chunks, probes."""
