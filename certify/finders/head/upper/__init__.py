"""Finder: parts of the search for rows whose change flips predictions."""
