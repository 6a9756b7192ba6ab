"""Rows that are new: which predictions stay whatever is added or put in place of others (D11)."""
