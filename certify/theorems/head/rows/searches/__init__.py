"""Searches for changes that flip predictions."""
