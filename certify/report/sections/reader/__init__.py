"""Sections for readers who are no engineers: at a glance, who changes what, and where it maps to."""
