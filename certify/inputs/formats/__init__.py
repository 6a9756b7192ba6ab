"""Readers of files of arrays, one a file, and the table that picks one."""
