"""Certificates about rows that stay on disk: the rows are read some at a time, and never held together."""
