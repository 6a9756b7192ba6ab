"""Perturbation sets, one file a set, named by its word; it is loaded where a problem has it."""
