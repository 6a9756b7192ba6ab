"""Finders for perturbation sets: dual weights, worst changes, and cvxpy's optimum to hold them against.

Nothing here is trusted: :mod:`certify.bounds.row_budgets` proves what comes of it.
"""
