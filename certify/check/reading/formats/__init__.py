"""Readers of file formats, one a file; each is imported when a file of its format is read."""
