"""Rows or groups left out one by one: enclosures of outputs, and what they say of each evaluation row."""
