"""Refits of many choices at once from weights near by: the last rows that change."""
