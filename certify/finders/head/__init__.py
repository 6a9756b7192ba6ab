"""Finders for heads on fixed features whose rows are deleted or relabelled. Nothing here is trusted."""
