"""Verbs about data that stay on disk."""
