"""Rows deleted and others relabelled at once in a logistic head, by sums of single refits (D33)."""
