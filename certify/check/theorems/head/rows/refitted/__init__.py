"""Refits after changes of rows, one by one in balls and many at once in whole numbers."""
