"""Specs as text: written from tables, and written anew with other file names."""
