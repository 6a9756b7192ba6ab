"""Answers about training data that stay on disk."""
