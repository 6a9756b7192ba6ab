"""The table of methods, and searches for changes that flip predictions."""
